package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Bounds of all requests together. What one costs in memory is a small multiple
// of its body.
const (
	provenBytes   = 32 << 20 // of bodies at once, of senders that have proven themselves
	strangerBytes = 8 << 20  // of those that prove themselves by their body
	budgetWait    = 2 * time.Second
	readWithin    = 15 * time.Second // a body
	receiveWithin = 30 * time.Second // until it is stored
	// comeAgain is when a sender that was turned away should try again, in
	// seconds.
	comeAgain = "5"
)

var (
	errBusy     = errors.New("too much comes in at once; come again soon")
	errTooLarge = errors.New("the body is too large")
)

// budget bounds the bytes of bodies that are held at once.
type budget struct {
	mu    sync.Mutex
	free  int64
	freed chan struct{} // closed, and made anew, when there is more
}

func newBudget(size int64) *budget { return &budget{free: size, freed: make(chan struct{})} }

// take waits a moment for so many bytes, or fails with errBusy.
func (b *budget) take(ctx context.Context, size int64) error {
	timer := time.NewTimer(budgetWait)
	defer timer.Stop()
	for {
		b.mu.Lock()
		if b.free >= size {
			b.free -= size
			b.mu.Unlock()
			return nil
		}
		freed := b.freed
		b.mu.Unlock()
		select {
		case <-freed:
		case <-timer.C:
			return errBusy
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *budget) give(size int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free += size
	close(b.freed)
	b.freed = make(chan struct{})
}

// read reads a body within its bounds. Done gives back what it takes; call it
// when nothing of the body is held any more.
func (b *budget) read(w http.ResponseWriter, r *http.Request, most int64) (body []byte, done func(), err error) {
	size := r.ContentLength
	if size > most {
		return nil, nil, fmt.Errorf("%w: %d bytes at most are taken", errTooLarge, most)
	}
	if size < 0 {
		size = most
	}
	size++ // an empty body takes its place too
	if err := b.take(r.Context(), size); err != nil {
		return nil, nil, err
	}
	done = sync.OnceFunc(func() { b.give(size) })
	// A sender that dawdles must not hold what others need. Not every
	// connection can have a deadline; the whole request has one too.
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(readWithin)); err == nil {
		defer control.SetReadDeadline(time.Time{})
	}
	body = make([]byte, 0, min(size, 64<<10))
	body, err = appendAll(body, io.LimitReader(r.Body, most+1))
	switch {
	case err != nil:
		err = fmt.Errorf("the body could not be read: %w", err)
	case int64(len(body)) > most:
		err = fmt.Errorf("%w: %d bytes at most are taken", errTooLarge, most)
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return body, done, nil
}

func appendAll(to []byte, from io.Reader) ([]byte, error) {
	for {
		if len(to) == cap(to) {
			to = append(to, 0)[:len(to)]
		}
		n, err := from.Read(to[len(to):cap(to)])
		to = to[:len(to)+n]
		if errors.Is(err, io.EOF) {
			return to, nil
		}
		if err != nil {
			return to, err
		}
	}
}
