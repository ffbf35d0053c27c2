package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

const (
	source = "kubernetes"
	// flushEvery is how often what has changed is told.
	flushEvery = 250 * time.Millisecond
	// pulseEvery is how often the API server is asked whether it is there, and
	// pulseWithin how long it may take to answer.
	pulseEvery, pulseWithin = 5 * time.Second, 4 * time.Second
	// tickEvery is how often what depends on the time alone is looked at.
	tickEvery = 5 * time.Second
	// maxChanges bounds the changes that wait to be stored, maxEvents the
	// events that are kept of a namespace.
	maxChanges = 10_000
	// storeAgain is the wait after the estate could not be stored.
	storeAgain = 5 * time.Second
	maxEvents  = 5_000
)

// Sink takes in what the cluster looks like.
type Sink interface {
	Observe(ctx context.Context, o estate.Observation) error
}

// Options are what a Watcher is given beside its configuration.
type Options struct {
	Tenant string
	Sink   Sink
	// Deltas, where it is set, is told of each change of the graph as soon as
	// it is seen, in order, before it is stored. The first one of a start
	// comes when all that can be read has been listed. It must not block.
	Deltas func(estate.Delta)
	// Salt keeps the hashes of secrets from being guessed. It must stay the
	// same over restarts.
	Salt []byte
	Log  *slog.Logger
}

// Watcher watches one cluster. Make it with New and call Run once.
type Watcher struct {
	cfg    Config
	o      Options
	client *client
	list   []*resource
	last   *lastWords
	doubt  chan struct{} // something failed: ask now whether the API server is there

	mu       sync.Mutex // guards everything below
	state    *state
	graph    *graph
	errs     map[string]error // by resource; those that cannot be read now
	answered map[string]bool  // resources whose first list has ended, or was refused
	complete bool             // all were answered once
	told     bool             // the whole was stored once
	version  string
	down     error         // the API server does not answer
	back     chan struct{} // closed when it answers again; nil while it does
	flips    map[string][]time.Time
	changes  []estate.Change
	lost     int // changes beyond maxChanges
	dirty    dirty
	moves    uint64    // rises with what targets are made of
	manyPods bool      // too many for their state to be written unasked
	notUntil time.Time // of Run's goroutine alone: what could not be stored is not tried again before
}

// dirty is what must be mapped anew.
type dirty struct {
	pods, spaces, nodes map[string]bool
	shared              bool
}

func newDirty() dirty {
	return dirty{pods: map[string]bool{}, spaces: map[string]bool{}, nodes: map[string]bool{}}
}

// New reads how to reach the cluster. The cluster itself need not be there.
func New(cfg Config, o Options) (*Watcher, error) {
	c, err := connect(cfg)
	if err != nil {
		return nil, err
	}
	list := resources(o.Salt)
	for _, r := range list {
		r.news = make(chan struct{}, 1)
	}
	return &Watcher{cfg: cfg, o: o, client: c, list: list, last: newLastWords(), state: newState(cfg.Name), graph: newGraph(), doubt: make(chan struct{}, 1),
		errs: map[string]error{}, answered: map[string]bool{}, flips: map[string][]time.Time{}, dirty: newDirty(), down: errNotAsked}, nil
}

var errNotAsked = errors.New("it was not asked yet")

// Name is the cluster's name and its environment.
func (w *Watcher) Name() string { return w.cfg.Name }

// Run watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, r := range w.list {
		all.Go(func() { (&watcher{resource: r, client: w.client, to: w}).run(ctx) })
	}
	all.Go(func() { w.pulse(ctx) })
	if w.readsLogs() {
		all.Go(func() { w.readLogs(ctx) })
	}
	flush, tick := time.NewTicker(flushEvery), time.NewTicker(tickEvery)
	defer flush.Stop()
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			all.Wait()
			w.client.http.CloseIdleConnections()
			return nil
		case now := <-tick.C:
			w.tick(now)
		case now := <-flush.C:
			if err := w.flush(ctx, now); err != nil && ctx.Err() == nil {
				w.o.Log.Warn("what a cluster looks like could not be stored; it is tried again", "cluster", w.cfg.Name, "error", err)
			}
		}
	}
}

// pulse asks again and again whether the API server is there. While it is not,
// nobody else asks, and the wait between two questions grows to what it is in
// good times: a server that comes back is not met by a crowd.
func (w *Watcher) pulse(ctx context.Context) {
	again := waitAtLeast
	for {
		version, err := w.client.version(ctx)
		if ctx.Err() != nil {
			return
		}
		w.mu.Lock()
		w.down = err
		if err == nil {
			if old := w.version; old != "" && old != version {
				w.note(estate.Change{At: time.Now(), Entity: w.state.id(Cluster), Kind: "cluster-upgrade", Before: old, After: version,
					Summary: fmt.Sprintf("The control plane of %s runs %s instead of %s", w.cfg.Name, version, old)})
			}
			w.version = version
		}
		// One that refuses is there; each resource then has an answer of its own.
		switch there := err == nil || refused(err) != 0; {
		case there && w.back != nil:
			close(w.back)
			w.back = nil
		case !there && w.back == nil:
			w.back = make(chan struct{})
		}
		w.mu.Unlock()
		wait, doubt := pulseEvery, w.doubt
		if err != nil {
			wait, again, doubt = jitter(again), min(2*again, pulseEvery), nil
		} else {
			again = waitAtLeast
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		case <-doubt:
		}
	}
}

// there waits until the API server answers, where it does not.
func (w *Watcher) there(ctx context.Context) {
	w.mu.Lock()
	back := w.back
	w.mu.Unlock()
	if back == nil {
		return
	}
	select {
	case <-ctx.Done():
		return
	case <-back:
	}
	select { // not all at once
	case <-ctx.Done():
	case <-time.After(jitter(waitAtLeast)):
	}
}

// explains names the reasons of events that are kept: those that explain what
// waits.
var explains = map[string]bool{"FailedMount": true, "FailedAttachVolume": true, "ProvisioningFailed": true, "FailedCreate": true, "FailedBinding": true}

func (w *Watcher) put(r *resource, o object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e, ok := o.(*event); ok {
		if !explains[e.Reason] || w.state.count(events, e.Namespace) >= maxEvents {
			return
		}
	}
	if m := o.meta(); r.atOnce == reportsAtOnce && w.state.objects[r.name][m.Namespace][m.Name] == nil && w.state.count(r.name, m.Namespace) >= maxReports {
		return
	}
	old := w.state.put(r.name, o)
	if old != nil && old.meta().ResourceVersion == o.meta().ResourceVersion {
		return // it was listed anew
	}
	w.moved(r)
	w.changed(r, old, o)
}

func (w *Watcher) gone(r *resource, key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old := w.state.take(r.name, key); old != nil {
		w.moved(r)
		w.changed(r, old, nil)
	}
}

// moved notes that what targets are made of is another. It needs the lock.
func (w *Watcher) moved(r *resource) {
	switch r.name {
	case leases, events, configMaps, secrets, vulnerabilityReports, auditReports, policyReports:
	default:
		w.moves++
	}
}

func (w *Watcher) listed(r *resource, keys map[string]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keepOnly(r, keys)
	delete(w.errs, r.name)
	if !w.state.readable[r.name] {
		w.state.readable[r.name] = true
		w.answer(r.name)
	}
}

// keepOnly takes out what is not among keys. It needs the lock.
func (w *Watcher) keepOnly(r *resource, keys map[string]bool) {
	var stale []string
	for _, shelf := range w.state.objects[r.name] {
		for _, o := range shelf {
			if key := o.meta().key(); !keys[key] {
				stale = append(stale, key)
			}
		}
	}
	slices.Sort(stale)
	for _, key := range stale {
		if old := w.state.take(r.name, key); old != nil {
			w.moved(r)
			w.changed(r, old, nil)
		}
	}
}

func (w *Watcher) failing(r *resource, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.errs, r.name)
	switch code := refused(err); {
	case err == nil:
	case code == http.StatusNotFound || closed(err):
		// A server that has just started may not know yet what it has, so
		// only the second 404, minutes later, says that all of it is gone.
		if code == http.StatusNotFound && w.answered[r.name] && !w.state.readable[r.name] {
			w.keepOnly(r, nil)
		}
		if closed(err) {
			w.errs[r.name] = err
		}
		if w.state.readable[r.name] || !w.answered[r.name] {
			delete(w.state.readable, r.name)
			w.answer(r.name)
		}
	default:
		w.errs[r.name] = err
		if code == 0 {
			select {
			case w.doubt <- struct{}{}:
			default: // it is asked already
			}
		}
	}
}

// answer notes that it is known by now what there is of a resource, or that it
// cannot be known; what hangs on it is mapped anew. It needs the lock.
func (w *Watcher) answer(name string) {
	w.answered[name] = true
	if len(w.answered) == len(w.list) {
		w.complete = true
		w.everything()
	}
}

// everything is to be mapped anew. It needs the lock.
func (w *Watcher) everything() {
	for space, shelf := range w.state.objects[pods] {
		for name, o := range shelf {
			w.dirty.pods[space+"/"+name] = true
			if o, ok := o.(*pod); ok {
				w.ends(o, false)
			}
		}
	}
	for space := range w.state.spaces() {
		w.dirty.spaces[space] = true
	}
	for name := range w.state.objects[nodes][""] {
		w.dirty.nodes[name] = true
	}
	w.dirty.shared = true
}

func (w *Watcher) note(c estate.Change) {
	if len(w.changes) == maxChanges {
		w.lost++
		return
	}
	w.changes = append(w.changes, c)
}

// maxFlips bounds what is remembered of a node that flaps.
const maxFlips = 64

func (w *Watcher) flipped(old, now *node, at time.Time) {
	switch {
	case now == nil:
		delete(w.flips, old.Name)
	case old != nil && find(old.Status.Conditions, "Ready").Status != find(now.Status.Conditions, "Ready").Status:
		list := append(w.flips[now.Name], at)
		w.flips[now.Name] = list[max(0, len(list)-maxFlips):]
	}
}

// tick looks at what changes by time alone: leases that get old, flaps that
// are forgotten.
func (w *Watcher) tick(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.complete || len(w.unreachable()) > 0 {
		return // what is stale is our own knowledge, not a node's lease
	}
	if o, ok := one[*content](w.state, configMaps, scalerSpace, scalerMap); ok && o.scaler != nil {
		if e := w.graph.entities[w.state.id(ClusterAutoscaler, scalerSpace, "cluster-autoscaler")]; e.Attributes["report"] != o.scaler.age(now) {
			w.dirty.spaces[scalerSpace] = true
		}
	}
	for name := range w.state.objects[nodes][""] {
		w.flips[name] = slices.DeleteFunc(w.flips[name], func(at time.Time) bool { return now.Sub(at) > time.Hour })
		if len(w.flips[name]) == 0 {
			delete(w.flips, name)
		}
		e, ok := w.graph.entities[w.state.id(Node, name)]
		if !ok || e.Attributes["lease_age_state"] != w.state.leaseState(name, now) || e.Attributes["flaps"] != fmt.Sprint(len(w.flips[name])) {
			w.dirty.nodes[name] = true
		}
	}
}

// unreachable says what keeps the cluster from being seen; empty for nothing.
// What is refused for lack of rights does not. It needs the lock.
func (w *Watcher) unreachable() string {
	if w.down != nil {
		return w.down.Error()
	}
	for _, r := range w.list {
		if err := w.errs[r.name]; err != nil && !closed(err) {
			return err.Error()
		}
	}
	return ""
}

// unreadable names, sorted, what the rights do not let us read, or what is not
// understood.
func (w *Watcher) unreadable() (names []string) {
	for name, err := range w.errs {
		if closed(err) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Health is nil while the cluster is seen in full; else it says what is not.
func (w *Watcher) Health() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if why := w.unreachable(); why != "" {
		return fmt.Errorf("the cluster %s cannot be seen, and what is known of it may be old: %s", w.cfg.Name, why)
	}
	if !w.complete {
		return fmt.Errorf("the cluster %s is being read for the first time: %d of %d resources are there", w.cfg.Name, len(w.answered), len(w.list))
	}
	for _, r := range w.list {
		if err := w.errs[r.name]; err != nil && refused(err) == 0 {
			return fmt.Errorf("%s of the cluster %s cannot be read, and what depends on them is unknown: %w; mend the object, or report this", r.name, w.cfg.Name, err)
		}
	}
	if names := w.unreadable(); len(names) > 0 {
		return fmt.Errorf("the cluster %s does not let us read %s; what depends on them is unknown. deploy/kubernetes has the rights that are needed", w.cfg.Name, strings.Join(names, ", "))
	}
	if w.lost > 0 {
		return fmt.Errorf("%d changes of the cluster %s were lost: the state could not be written for too long", w.lost, w.cfg.Name)
	}
	return nil
}

// Stats are figures of the connection.
type Stats struct {
	Requests, Watches, Refused int64 // asked, open now, and answered with 429
	Objects, Entities          int
}

// Stats returns the figures of now.
func (w *Watcher) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := Stats{Requests: w.client.requests.Load(), Watches: w.client.watches.Load(), Refused: w.client.refused.Load(), Entities: len(w.graph.entities)}
	for _, shelves := range w.state.objects {
		for _, shelf := range shelves {
			s.Objects += len(shelf)
		}
	}
	return s
}
