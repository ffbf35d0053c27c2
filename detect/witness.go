package detect

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

// Bounds of what is kept of who saw calls.
const (
	mostCalls     = 20_000 // edges; those that were not seen for longest go first
	mostWitnesses = 8      // exporters that tell of one edge
)

// shown is what one exporter showed of an edge in one round.
type shown struct {
	by     *Mapping
	called bool    // there were calls
	rate   float64 // of them a second; NaN where it counts none
	counts string
}

// show takes in a figure of an edge from a source. A rate or an amount of bytes
// above zero shows that calls are made, and so does any share or duration: of
// no call there is none.
func (e *Entity) show(s *Signal, src *source, v float64) {
	if src.mapping == nil {
		return
	}
	i := slices.IndexFunc(e.shown, func(x shown) bool { return x.by == src.mapping })
	if i < 0 {
		i = len(e.shown)
		e.shown = append(e.shown, shown{by: src.mapping, rate: math.NaN()})
	}
	x := &e.shown[i]
	x.called = x.called || v > 0 || s.Unit == "ratio" || s.Unit == "seconds"
	// The first way in which an exporter tells of traffic is the one that counts.
	if s.Name == trafficSignal && math.IsNaN(x.rate) {
		x.rate, x.counts = v, cmp.Or(src.form.Counts, s.kind.counts())
	}
}

// trafficSignal is the signal that counts what an entity is asked.
const trafficSignal = "traffic"

// counts is what the traffic of an edge counts, where nothing else is said.
func (k *Kind) counts() string {
	if k.Between[1] == serviceKind {
		return "requests"
	}
	return "operations"
}

// callLedger is who has seen calls, when and how many: by the ends of an edge
// and by exporter. It is kept with what was learned, so that it outlives the
// process; the estate is not written for it.
type callLedger struct {
	Began time.Time // since when it is kept
	Seen  map[[2]string]map[string]*witness
	Heard map[string]time.Time // by exporter: when it was last there
}

// witness is what one exporter has shown of an edge.
type witness struct {
	By                 string // the exporter, for people
	Noted, First, Last time.Time
	Shown              time.Time // when it last told of the edge, with calls or without
	Calls              float64
	Counts             string
	Rate               float64
	Rated, At          time.Time // since when Rate is followed, and of its last figure
}

func newCallLedger() callLedger {
	return callLedger{Seen: map[[2]string]map[string]*witness{}, Heard: map[string]time.Time{}}
}

// sound is a ledger that was read back, with what it may lack made whole.
func (l callLedger) sound() callLedger {
	out := newCallLedger()
	out.Began = l.Began
	maps.Copy(out.Heard, l.Heard)
	for at, by := range l.Seen {
		if by = maps.Clone(by); len(out.Seen) < mostCalls {
			maps.DeleteFunc(by, func(_ string, w *witness) bool { return w == nil || math.IsNaN(w.Rate) || math.IsNaN(w.Calls) })
			out.Seen[at] = by
		}
	}
	return out
}

// witness takes in what the round showed of who calls whom. What it returns are
// calls that the estate was told of under names that are better known now.
func (w *watch) witness(interval time.Duration, now time.Time) (parted []estate.Relation) {
	if w.calls.Began.IsZero() {
		w.calls.Began = now
	}
	p := w.picture
	for m, there := range p.present.there {
		if there {
			w.calls.Heard[m.Exporter] = now
		}
	}
	round := map[[2]string][]shown{}
	renamed := map[[2]string]bool{}
	for _, e := range p.entities {
		if len(e.Kind.Between) != 2 || !e.seen.Equal(now) {
			continue
		}
		caller, callee := p.endsOf(e)
		at := [2]string{caller, callee}
		if e.between != at {
			if e.between != ([2]string{}) {
				renamed[e.between] = true
				w.calls.rename(e.between, at)
			}
			e.between, e.told = at, false
		}
		if caller != callee {
			round[at] = addShown(round[at], e.shown)
		}
	}
	for at := range renamed {
		if round[at] == nil && at[0] != at[1] {
			parted = append(parted, estate.Relation{From: at[0], Kind: estate.Calls, To: at[1]})
		}
	}
	slices.SortFunc(parted, func(a, b estate.Relation) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	w.calls.take(round, interval, now)
	return parted
}

// addShown adds what is shown of an edge under another of its names.
func addShown(list, more []shown) []shown {
	for _, x := range more {
		i := slices.IndexFunc(list, func(y shown) bool { return y.by == x.by })
		switch {
		case i < 0:
			list = append(list, x)
		case math.IsNaN(list[i].rate):
			list[i].rate, list[i].counts, list[i].called = x.rate, x.counts, list[i].called || x.called
		case !math.IsNaN(x.rate) && list[i].counts == x.counts:
			list[i].rate += x.rate
			list[i].called = list[i].called || x.called
		default:
			list[i].called = list[i].called || x.called
		}
	}
	return list
}

// rename moves what was seen of an edge to where its ends are better known.
func (l *callLedger) rename(from, to [2]string) {
	by := l.Seen[from]
	if by == nil {
		return
	}
	delete(l.Seen, from)
	if l.Seen[to] == nil {
		l.Seen[to] = by
		return
	}
	for exporter, x := range by {
		if l.Seen[to][exporter] == nil {
			l.Seen[to][exporter] = x
		}
	}
}

// take brings the ledger up to a round.
func (l *callLedger) take(round map[[2]string][]shown, interval time.Duration, now time.Time) {
	for at, list := range round {
		by := l.Seen[at]
		if by == nil {
			by = map[string]*witness{}
			l.Seen[at] = by
		}
		for _, x := range list {
			v := by[x.by.Exporter]
			if v == nil {
				if len(by) >= mostWitnesses {
					continue
				}
				v = &witness{Noted: now}
				by[x.by.Exporter] = v
			}
			v.take(x, interval, now)
		}
	}
	for at, by := range l.Seen {
		for exporter, v := range by {
			switch {
			case v.Shown.Equal(now):
			case now.Sub(v.Shown) > estate.LapsesAfter:
				delete(by, exporter)
			case now.Sub(v.Shown) > estate.RateOver:
				v.Rate, v.Rated = 0, time.Time{} // it has nothing to say of it any more
			case l.Heard[exporter].Equal(now): // it is there, and tells of no such calls
				v.rate(0, interval, now)
			}
		}
		if len(by) == 0 {
			delete(l.Seen, at)
		}
	}
	if over := len(l.Seen) - mostCalls; over > 0 {
		l.evict(over)
	}
}

// evict forgets the edges that were not shown for longest.
func (l *callLedger) evict(n int) {
	newest := make(map[[2]string]time.Time, len(l.Seen))
	for at, by := range l.Seen {
		for _, v := range by {
			if v.Shown.After(newest[at]) {
				newest[at] = v.Shown
			}
		}
	}
	order := slices.SortedFunc(maps.Keys(newest), func(a, b [2]string) int {
		return cmp.Or(newest[a].Compare(newest[b]), cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
	for _, at := range order[:n] {
		delete(l.Seen, at)
	}
}

// take brings a witness up to what was shown.
func (v *witness) take(x shown, interval time.Duration, now time.Time) {
	v.By = cmp.Or(x.by.Short, x.by.Title)
	passed := min(now.Sub(v.Shown), 2*interval).Seconds()
	if v.Shown.IsZero() {
		passed = interval.Seconds()
	}
	v.Shown = now
	if x.called {
		if v.First.IsZero() {
			v.First = now
		}
		v.Last = now
		if math.IsNaN(x.rate) {
			v.Calls++
		} else {
			v.Calls += x.rate * passed
		}
	}
	if math.IsNaN(x.rate) {
		return
	}
	if v.Counts != x.counts {
		v.Counts, v.Rated = x.counts, time.Time{}
	}
	v.rate(x.rate, interval, now)
}

// rate takes a figure into the mean, or begins it anew after a gap.
func (v *witness) rate(rate float64, interval time.Duration, now time.Time) {
	if v.Counts == "" {
		return
	}
	passed := now.Sub(v.At)
	v.At = now
	if v.Rated.IsZero() || passed > 4*interval || passed < 0 {
		v.Rate, v.Rated = rate, now
		return
	}
	// The plain mean while it is younger than what it is to be over.
	share := float64(passed) / float64(max(now.Sub(v.Rated), passed, 1))
	v.Rate += (rate - v.Rate) * max(share, 1-math.Exp(-float64(passed)/float64(estate.RateOver)))
}

// Sightings are who has seen which calls in an environment, by the ends of an
// edge and by exporter, and since when that is remembered: over restarts, as
// what was learned is. It waits for a round that is under way.
func (e *Engine) Sightings(tenant, environment string) (list []estate.Sighting, began time.Time) {
	w := e.watch(tenant, environment)
	w.mu.Lock()
	defer w.mu.Unlock()
	for at, by := range w.calls.Seen {
		for exporter, v := range by {
			list = append(list, estate.Sighting{From: at[0], To: at[1], Source: Source, By: v.By, Noted: v.Noted, First: v.First, Last: v.Last,
				Heard: w.calls.Heard[exporter], Calls: v.Calls, Counts: v.Counts, Rate: v.Rate, Rated: v.Rated})
		}
	}
	slices.SortFunc(list, func(a, b estate.Sighting) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.By, b.By))
	})
	return list, w.calls.Began
}
