package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// lastWithin is how long one answer may take, lastAtOnce how many are asked
	// for at the same time, and lastAgain the least time between two questions
	// about the same container.
	lastWithin, lastAtOnce, lastAgain = 5 * time.Second, 4, 3 * time.Minute
	// maxEnded bounds the containers of a cluster of which lines are kept, and
	// maxEndedOf those of one controller: their words are much the same.
	maxEnded, maxEndedOf = 256, 6
	// lastKept is how long lines are kept of a container that runs again.
	lastKept = time.Hour
	// lookEvery is how often it is looked whether a container has ended.
	lookEvery = 250 * time.Millisecond
)

// LastLines is what a container wrote before it ended.
type LastLines struct {
	Pod       string // NAMESPACE/NAME
	Container string
	Reason    string // how it ended: "Error", "OOMKilled"
	Code      int    // its exit code
	At        time.Time
	Lines     []string // without what looks like a secret
	Lack      string   // why there are none, in plain English
}

// lastWords asks for the last lines of containers that crash again and again,
// or were killed for their memory: once for each time that they ended, and not
// more often than each few minutes. It keeps them while the pod is there.
type lastWords struct {
	within, every time.Duration
	limit         *rate.Limiter

	mu     sync.Mutex
	of     map[string]map[string]*ended // by id of the pod, and container
	kept   int
	denied map[string]time.Time // by namespace: until when nothing is asked for
}

// ended is a container that has ended.
type ended struct {
	space, pod, by string    // by whom it is controlled
	is             LastLines // how it ended last; its lines may not be known yet
	told           LastLines // of the last time that it was asked
	restarts       int
	previous       bool // it is another run that is there now
	asked          int  // restarts when it was asked; -1 to ask again
	next           time.Time
	busy           bool
	calm           time.Time // since when it runs again; zero while it does not
}

func newLastWords() *lastWords {
	return &lastWords{within: lastWithin, every: lastAgain, limit: rate.NewLimiter(2*lastAtOnce, lastAtOnce), of: map[string]map[string]*ended{}, denied: map[string]time.Time{}}
}

func (w *Watcher) readsLogs() bool { return w.cfg.Logs == nil || *w.cfg.Logs }

// LastLines returns what the containers of a pod wrote before they ended last,
// by the pod's id in the graph. Nothing is asked for it here.
func (w *Watcher) LastLines(id string) (out []LastLines) {
	l := w.last
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.of[id] {
		if e.told.Pod != "" {
			out = append(out, e.told)
		}
	}
	if l.of[id] == nil && l.kept >= maxEnded {
		return []LastLines{{Lack: fmt.Sprintf("The last lines of its log were not asked for: those of %d other containers of the cluster are kept already.", maxEnded)}}
	}
	slices.SortFunc(out, func(a, b LastLines) int { return cmp.Compare(a.Container, b.Container) })
	return out
}

// ends notes which containers of a pod have ended, or that the pod is gone. It
// needs the watcher's lock.
func (w *Watcher) ends(o *pod, gone bool) {
	if !w.readsLogs() {
		return
	}
	id := w.state.id(Pod, o.Namespace, o.Name)
	if gone {
		w.last.forget(id)
		return
	}
	w.last.saw(id, o, time.Now())
}

func (l *lastWords) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept -= len(l.of[id])
	delete(l.of, id)
}

func (l *lastWords) saw(id string, o *pod, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, list := range [][]containerStatus{o.Status.Init, o.Status.Containers} {
		for i := range list {
			l.look(id, o, &list[i], now)
		}
	}
}

// look notes how one container does. It needs the lock.
func (l *lastWords) look(id string, o *pod, c *containerStatus, now time.Time) {
	last, previous := c.State.Terminated, false
	if last == nil {
		last, previous = c.Last.Terminated, true
	}
	loops := c.State.Waiting != nil && c.State.Waiting.Reason == "CrashLoopBackOff"
	e := l.of[id][c.Name]
	if last == nil || !loops && last.Reason != "OOMKilled" {
		if e != nil && c.State.Running != nil && e.calm.IsZero() {
			e.calm = now
		}
		return
	}
	if e == nil {
		owner, _ := o.controller()
		by := o.Namespace + "/" + cmp.Or(owner.Name, o.Name)
		if !l.room(by) {
			return
		}
		e = &ended{space: o.Namespace, pod: o.Name, by: by, asked: -1}
		if l.of[id] == nil {
			l.of[id] = map[string]*ended{}
		}
		l.of[id][c.Name] = e
		l.kept++
	}
	at, _ := time.Parse(time.RFC3339, last.Finished) // zero where it is not told
	e.is = LastLines{Pod: o.key(), Container: c.Name, Reason: last.Reason, Code: last.Code, At: at}
	e.restarts, e.previous, e.calm = c.Restarts, previous, time.Time{}
	if c.State.Running != nil {
		e.calm = now
	}
}

// room tells whether one more of a controller may be kept. It needs the lock.
func (l *lastWords) room(by string) bool {
	if l.kept >= maxEnded {
		return false
	}
	n := 0
	for _, containers := range l.of {
		for _, e := range containers {
			if e.by == by {
				n++
			}
		}
	}
	return n < maxEndedOf
}

// due are at most so many containers whose lines are to be asked for now. What
// has run again for long is forgotten.
func (l *lastWords) due(now time.Time, most int) (out []*ended) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for space, until := range l.denied {
		if !now.Before(until) {
			delete(l.denied, space)
		}
	}
	for id, containers := range l.of {
		for name, e := range containers {
			switch {
			case e.busy || len(out) == most:
			case !e.calm.IsZero() && now.Sub(e.calm) > lastKept:
				delete(containers, name)
				l.kept--
			case e.asked == e.restarts || now.Before(e.next):
			case !l.denied[e.space].IsZero():
				e.told, e.next = e.is, l.denied[e.space]
				e.told.Lack = lastDenied
			default:
				e.busy, e.asked, e.next = true, e.restarts, now.Add(l.every)
				out = append(out, e)
			}
		}
		if len(containers) == 0 {
			delete(l.of, id)
		}
	}
	return out
}

// lastDenied is said where the rights do not let us read logs.
const lastDenied = "The last lines of its log may not be read; deploy/kubernetes/logs.yaml would allow it."

// readLogs asks for what is due until ctx ends. While the API server does not
// answer, nobody is asked.
func (w *Watcher) readLogs(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	places := make(chan struct{}, lastAtOnce)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			w.mu.Lock()
			down := w.down != nil
			w.mu.Unlock()
			if down {
				continue
			}
			for _, e := range w.last.due(now, lastAtOnce-len(places)) {
				places <- struct{}{}
				running.Go(func() {
					defer func() { <-places }()
					w.last.read(ctx, w.client, e)
				})
			}
		}
	}
}

// read asks for the last lines of a container and keeps what comes.
func (l *lastWords) read(ctx context.Context, c *client, e *ended) {
	l.mu.Lock()
	told, previous := e.is, e.previous
	l.mu.Unlock()
	within, cancel := context.WithTimeout(ctx, l.within)
	defer cancel()
	lines, err := l.ask(within, c, e.space, e.pod, told.Container, previous)
	l.mu.Lock()
	defer l.mu.Unlock()
	e.busy = false
	switch {
	case ctx.Err() != nil:
		return
	case refused(err) == http.StatusForbidden:
		e.next = time.Now().Add(deniedFor)
		l.denied[e.space] = e.next
		told.Lack = lastDenied
	case err != nil && len(e.told.Lines) > 0:
		e.asked = -1
		return // what it wrote the time before is better than nothing
	case errors.Is(err, context.DeadlineExceeded):
		told.Lack = fmt.Sprintf("The last lines of container %s of %s could not be read: the cluster did not answer within %s.", told.Container, told.Pod, l.within)
	case err != nil:
		told.Lack = fmt.Sprintf("The last lines of container %s of %s could not be read: %s", told.Container, told.Pod, tidyLine(err.Error()))
	case len(lines) == 0:
		told.Lack = fmt.Sprintf("Container %s of %s wrote nothing before it ended.", told.Container, told.Pod)
	}
	if err != nil {
		e.asked = -1
	}
	told.Lines = lines
	e.told = told
}

// ask asks for the last lines of the run that has ended.
func (l *lastWords) ask(ctx context.Context, c *client, space, pod, container string, previous bool) ([]string, error) {
	body, err := c.fetch(ctx, l.limit, "/api/v1/namespaces/"+url.PathEscape(space)+"/pods/"+url.PathEscape(pod)+"/log", url.Values{
		"container": {container}, "previous": {strconv.FormatBool(previous)}, "tailLines": {strconv.Itoa(lastAsked)}, "limitBytes": {strconv.Itoa(lastBytes)},
	}, "text/plain, */*")
	if err != nil {
		return nil, err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, lastBytes))
	if err != nil {
		return nil, err
	}
	return tidyLines(text), nil
}
