// Package lifecycle starts and stops the parts of a process in order.
//
// A Group runs parts. Each part is a function that runs until its context
// ends. Parts stop in the reverse of the order in which they were added, one
// after another, so that a part may rely on everything that was added before
// it until its own function has returned. A part that fails stops the whole
// group: Wait returns its error, with the part's name.
//
// Invariants: Stop may be called any number of times and from any goroutine;
// no part is started after Stop; every started part has returned when Wait
// returns, or its name is in the error.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Group is a set of running parts. The zero value is not usable; see New.
type Group struct {
	grace time.Duration

	mu      sync.Mutex
	parts   []*part
	stopped bool
	first   error
	failed  chan struct{} // closed when a part fails or Stop is called
	once    sync.Once
}

type part struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
}

// New returns an empty group. Each part gets at most grace to return after
// its context has ended; one that does not is named in Wait's error.
func New(grace time.Duration) *Group {
	return &Group{grace: grace, failed: make(chan struct{})}
}

// Go starts a part. Run must return soon after its context has ended, and
// nil then. Go does nothing once the group is stopping.
func (g *Group) Go(name string, run func(context.Context) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &part{name: name, cancel: cancel, done: make(chan struct{})}
	g.parts = append(g.parts, p)
	go func() {
		defer close(p.done)
		if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			g.fail(fmt.Errorf("%s: %w", name, err))
		}
	}()
}

// Defer registers work to be done when the group stops, in its place of the
// order: after all parts that were added later have returned.
func (g *Group) Defer(name string, stop func() error) {
	g.Go(name, func(ctx context.Context) error {
		<-ctx.Done()
		return stop()
	})
}

func (g *Group) fail(err error) {
	g.mu.Lock()
	if g.first == nil {
		g.first = err
	}
	g.mu.Unlock()
	g.Stop()
}

// Stop asks the group to stop and returns at once.
func (g *Group) Stop() { g.once.Do(func() { close(g.failed) }) }

// Stopping is closed when the group begins to stop.
func (g *Group) Stopping() <-chan struct{} { return g.failed }

// Wait blocks until the group is stopped, by Stop, by a failing part or by
// the end of ctx, then stops every part in reverse order and returns the
// first error.
func (g *Group) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		g.Stop()
	case <-g.failed:
	}
	g.mu.Lock()
	g.stopped = true
	parts := g.parts
	g.mu.Unlock()
	for i := len(parts) - 1; i >= 0; i-- {
		p := parts[i]
		p.cancel()
		select {
		case <-p.done:
		case <-time.After(g.grace):
			g.mu.Lock()
			g.first = errors.Join(g.first, fmt.Errorf("%s: did not stop within %s", p.name, g.grace))
			g.mu.Unlock()
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.first
}
