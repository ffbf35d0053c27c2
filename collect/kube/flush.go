package kube

import (
	"context"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

// flush maps what has changed and tells of it.
func (w *Watcher) flush(ctx context.Context, now time.Time) error {
	if now.Before(w.notUntil) {
		return nil
	}
	o, any := w.take(now)
	if !any {
		return nil
	}
	if err := w.o.Sink.Observe(ctx, o); err != nil {
		w.giveBack(o)
		w.notUntil = now.Add(storeAgain)
		return err
	}
	return nil
}

// take brings the graph up to date and returns what has not been told. What
// it returns counts as told from then on.
func (w *Watcher) take(now time.Time) (o estate.Observation, any bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delta := estate.Delta{Tenant: w.o.Tenant, Environment: w.cfg.Name, Source: source, At: now}
	set := func(part string, p picture) {
		d := w.graph.set(part, p)
		delta.Appear, delta.Vanish = append(delta.Appear, d.Appear...), append(delta.Vanish, d.Vanish...)
		delta.Join, delta.Part = append(delta.Join, d.Join...), append(delta.Part, d.Part...)
	}
	if w.complete {
		w.remap(now, set)
	}
	set("cluster", w.state.mapCluster(w.reach()))
	if w.o.Deltas != nil && len(delta.Appear)+len(delta.Vanish)+len(delta.Join)+len(delta.Part) > 0 {
		w.o.Deltas(delta)
	}
	if len(w.graph.untold)+len(w.graph.untoldLinks)+len(w.changes) == 0 {
		return o, false
	}
	if w.complete && !w.told {
		o, w.told = w.graph.whole(), true
	} else {
		o = w.graph.news()
	}
	clear(w.graph.untold)
	clear(w.graph.untoldLinks)
	o.Tenant, o.Environment, o.Source, o.At, o.Changes = w.o.Tenant, w.cfg.Name, source, now, w.changes
	w.changes = nil
	return o, true
}

// giveBack takes back what could not be stored: it is told again.
func (w *Watcher) giveBack(o estate.Observation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if o.Complete {
		w.told = false
	}
	for _, e := range o.Entities {
		w.graph.untold[e.ID] = true
	}
	for _, id := range o.Gone {
		w.graph.untold[id] = true
	}
	for _, list := range [][]estate.Relation{o.Relations, o.Ended} {
		for _, r := range list {
			w.graph.untoldLinks[link{r.From, r.Kind, r.To}] = true
		}
	}
	newer := w.changes
	w.changes = nil
	for _, c := range append(o.Changes, newer...) {
		w.note(c)
	}
}

// remap maps what is dirty. It needs the lock.
func (w *Watcher) remap(now time.Time, set func(part string, p picture)) {
	for key := range w.dirty.pods {
		space, name := cutKey(key)
		var p picture
		if o, ok := one[*pod](w.state, pods, space, name); ok {
			p = w.state.mapPod(o)
		}
		set("pod "+key, p)
	}
	for name := range w.dirty.nodes {
		var p picture
		if n, ok := one[*node](w.state, nodes, "", name); ok {
			p = w.state.mapNode(n, len(w.flips[name]), now)
		}
		set("node "+name, p)
	}
	for space := range w.dirty.spaces {
		set("namespace "+space, w.state.mapSpace(space, now))
	}
	if w.dirty.shared {
		set("shared", w.state.mapShared())
	}
	w.dirty = newDirty()
}

// reach says how the cluster can be seen now. It needs the lock.
func (w *Watcher) reach() reach {
	r := reach{version: w.version, reachable: "true", unreadable: w.unreadable()}
	switch {
	case w.unreachable() != "" && w.down != errNotAsked:
		r.reachable = "false"
	case !w.complete || w.down != nil:
		r.reachable = "unknown"
	}
	return r
}
