package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	pageSize = 500
	// A watch is asked for anew after a random time between these.
	watchAtLeast, watchAtMost = 5 * time.Minute, 10 * time.Minute
	// What fails is tried again after a wait that doubles between these.
	waitAtLeast, waitAtMost = 500 * time.Millisecond, 30 * time.Second
	// What the cluster does not have, or does not let us read, is asked for
	// again at this pace: a resource may be installed, a right granted.
	askAgain = 2 * time.Minute
	// servedWithin is how long after its definition is established a resource
	// may still not be served.
	servedWithin = time.Second
	// listWithin is how long one page may take.
	listWithin = time.Minute
)

// errStale says that a watch cannot go on from where it was: list anew.
var errStale = errors.New("the watch is too old")

// misshapen says that an object has not the form that it should have. Its
// resource then counts as one that may not be read; the rest of the cluster can
// be seen all the same.
type misshapen struct{ err error }

func (m *misshapen) Error() string {
	return "an object has a form that is not understood: " + m.err.Error()
}

// closed tells that a resource cannot be read until somebody does something.
func closed(err error) bool {
	var m *misshapen
	return refused(err) == http.StatusForbidden || errors.As(err, &m)
}

// watcher follows one resource.
type watcher struct {
	resource *resource
	client   *client
	to       receiver
}

// receiver takes what a watcher learns. What it is handed is its own.
type receiver interface {
	// put takes in an object as it is now; gone takes one out.
	put(r *resource, o object)
	gone(r *resource, key string)
	// listed ends a list: what is not among keys does not exist any more.
	listed(r *resource, keys map[string]bool)
	// failing tells that the resource cannot be read now.
	failing(r *resource, err error)
	// there waits while it is known that nobody would answer.
	there(ctx context.Context)
}

// run follows until ctx ends.
func (w *watcher) run(ctx context.Context) {
	version, wait := "", waitAtLeast
	denied := askAgain // how soon what is denied is asked for again
	for ctx.Err() == nil {
		var err error
		if version == "" {
			version, err = w.list(ctx)
		}
		began := time.Now()
		if err == nil {
			version, err = w.watch(ctx, version)
			if !closed(err) {
				// An API server that starts denies for a moment what it allows.
				denied = waitAtLeast
			}
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > 10*time.Second {
			wait = waitAtLeast
		}
		var pause time.Duration
		var r *refusal
		switch {
		case err == nil:
			// The server ended the watch in its time.
			if time.Since(began) < time.Second {
				pause = jitter(wait)
			}
		case errors.Is(err, errStale) || refused(err) == http.StatusGone:
			version = ""
			pause = jitter(waitAtLeast)
		case closed(err) || refused(err) == http.StatusNotFound:
			version = ""
			w.to.failing(w.resource, err)
			pause = jitter(askAgain)
			if closed(err) {
				pause, denied = jitter(denied), min(2*denied, askAgain)
			}
		default:
			w.to.failing(w.resource, err)
			pause = jitter(wait)
			if errors.As(err, &r) {
				pause = max(pause, r.after)
			}
			wait = min(2*wait, waitAtMost)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
			w.to.there(ctx)
		case <-w.resource.news:
			time.Sleep(servedWithin)
		}
	}
}

func (r *resource) query(q url.Values) url.Values {
	if r.fields != "" {
		q.Set("fieldSelector", r.fields)
	}
	return q
}

// jitter is a random time from half of d to one and a half, so that many
// watchers do not all come at once.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d) }

// list reads all objects page by page and returns from where to watch.
func (w *watcher) list(ctx context.Context) (version string, err error) {
	keys := map[string]bool{}
	query := w.resource.query(url.Values{"limit": {strconv.Itoa(cmp.Or(w.resource.atOnce, pageSize))}})
	for {
		next, at, err := w.page(ctx, query, keys)
		if err != nil {
			return "", fmt.Errorf("list %s: %w", w.resource.name, err)
		}
		if next == "" {
			w.to.listed(w.resource, keys)
			return at, nil
		}
		query.Set("continue", next)
	}
}

func (w *watcher) page(ctx context.Context, query url.Values, keys map[string]bool) (next, version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, listWithin)
	defer cancel()
	body, err := w.client.get(ctx, w.resource.path, query)
	if err != nil {
		return "", "", err
	}
	defer body.Close()
	var list struct {
		Meta struct {
			Version  string `json:"resourceVersion"`
			Continue string `json:"continue"`
		} `json:"metadata"`
		Items []json.RawMessage `json:"items"`
	}
	if err := json.NewDecoder(body).Decode(&list); err != nil {
		return "", "", fmt.Errorf("read a page: %w", err)
	}
	for i, raw := range list.Items {
		o, err := w.resource.decode(raw)
		if err != nil {
			return "", "", &misshapen{err}
		}
		list.Items[i] = nil
		keys[o.meta().key()] = true
		w.to.put(w.resource, o)
	}
	return list.Meta.Continue, list.Meta.Version, nil
}

// watch follows from a version on, and returns from where to go on.
func (w *watcher) watch(ctx context.Context, version string) (string, error) {
	seconds := int((watchAtLeast + rand.N(watchAtMost-watchAtLeast)) / time.Second)
	// The server ends it; a connection that died in silence is not waited for.
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second+listWithin)
	defer cancel()
	body, err := w.client.get(ctx, w.resource.path, w.resource.query(url.Values{"watch": {"1"}, "resourceVersion": {version},
		"allowWatchBookmarks": {"true"}, "timeoutSeconds": {strconv.Itoa(seconds)}}))
	if err != nil {
		return version, fmt.Errorf("watch %s: %w", w.resource.name, err)
	}
	defer body.Close()
	w.client.watches.Add(1)
	defer w.client.watches.Add(-1)
	w.to.failing(w.resource, nil)
	dec := json.NewDecoder(body)
	for {
		var e struct {
			Type   string          `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		if err := dec.Decode(&e); err != nil {
			if errors.Is(err, io.EOF) {
				return version, nil
			}
			return version, fmt.Errorf("watch %s: %w", w.resource.name, err)
		}
		if e.Type == "ERROR" {
			var status struct {
				Code    int    `json:"code"`
				Message string `json:"message"`
			}
			if err := json.Unmarshal(e.Object, &status); err != nil || status.Code == http.StatusGone {
				return "", errStale
			}
			return version, fmt.Errorf("watch %s: %w", w.resource.name, &refusal{code: status.Code, text: status.Message})
		}
		if e.Type == "BOOKMARK" {
			var mark named
			if err := json.Unmarshal(e.Object, &mark); err != nil {
				return "", fmt.Errorf("watch %s: %w", w.resource.name, err)
			}
			version = mark.ResourceVersion
			continue
		}
		o, err := w.resource.decode(e.Object)
		if err != nil {
			return "", fmt.Errorf("watch %s: %w", w.resource.name, &misshapen{err})
		}
		version = o.meta().ResourceVersion
		if e.Type == "DELETED" {
			w.to.gone(w.resource, o.meta().key())
		} else {
			w.to.put(w.resource, o)
		}
	}
}
