package state

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

// Practice is the name under which findings of this package are kept.
const Practice = "state"

// Where is one environment to look at.
type Where struct {
	Tenant, Environment string
	World               World
	// Wrote tells what a pod's containers wrote before they ended, or why that
	// is not known; nil where nobody can tell.
	Wrote func(pod string) []finding.Evidence
	// Exemptions are those under which what is found is kept.
	Exemptions finding.Exemptions
}

// Result of a round.
type Result struct {
	Observations []finding.Observation
	// Coverage is what fires, is about to, or cannot be told. What is fine is
	// not listed: it is everything else.
	Coverage []detect.Coverage
	// Judged is how many checks were made on groups.
	Judged int
	// Next is when the next round is due even if nothing changes.
	Next time.Time
}

// Engine makes rounds. It is safe for concurrent use; rounds of one
// environment wait for each other.
type Engine struct {
	catalogue *Catalogue
	// byKind are the checks that may change when an entity of a kind does.
	byKind map[estate.Kind][]reach

	mu      sync.Mutex
	watches map[[2]string]*watch
}

// reach says how to get from an entity that has changed to the groups of a
// check that read it.
type reach struct {
	check *Check
	way   []step // from the entity to those that are judged
}

// watch is what the engine keeps of one environment.
type watch struct {
	mu       sync.Mutex
	mark     uint64
	started  time.Time
	last     time.Time // of the last round: what was not judged in it had not changed
	cases    map[judged]*instance
	timed    map[judged]time.Time // groups that are fine now, but the time may change that: when to look
	clusters map[string]string    // by id: what could be read at the last round
	blind    map[judged]string    // check and cluster id: why nothing can be told
}

// judged is one check on one group.
type judged struct{ Check, Group string }

// instance is a check on a group that is not simply fine.
type instance struct {
	judged
	check   *Check // nil where the check is not made any more
	memory  Memory
	verdict detect.Verdict
	subject *Subject
	due     time.Time
	gone    string    // why there is nothing left of it
	cause   *instance // what explains it, at the root
	echoes  []*instance
	fresh   bool // judged in this round
	toldAt  time.Time
	told    string // cause and echoes that were told
	report  finding.Report
}

// New returns an engine that has seen nothing yet.
func New(c *Catalogue) *Engine {
	e := &Engine{catalogue: c, byKind: map[estate.Kind][]reach{}, watches: map[[2]string]*watch{}}
	for _, check := range c.checks {
		e.byKind[check.Entity] = append(e.byKind[check.Entity], reach{check: check})
		if check.By == "owner" {
			e.byKind["workload"] = append(e.byKind["workload"], reach{check: check})
		}
		for _, w := range check.With {
			e.byKind[w.To] = append(e.byKind[w.To], reach{check, back(w.way)})
			for i := 1; i < len(w.way); i++ { // what stands between changes the way
				e.byKind[""] = append(e.byKind[""], reach{check, back(w.way[:i])})
			}
		}
	}
	return e
}

func (e *Engine) watch(tenant, environment string) *watch {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := [2]string{tenant, environment}
	w := e.watches[key]
	if w == nil {
		w = &watch{cases: map[judged]*instance{}, timed: map[judged]time.Time{}, clusters: map[string]string{}, blind: map[judged]string{}}
		e.watches[key] = w
	}
	return w
}

// Resume tells the engine which findings of the environment stand, so that
// those that ended while it was away are cleared. Call it before the first
// round.
func (e *Engine) Resume(tenant, environment string, open []finding.Finding) {
	w := e.watch(tenant, environment)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range open {
		if f.Practice != Practice || f.State == finding.Resolved {
			continue
		}
		key := judged{f.Check, f.Entity}
		if w.cases[key] == nil {
			w.cases[key] = &instance{judged: key, check: e.check(f.Check)}
		}
		m := &w.cases[key].memory
		m.Told = true
		if m.State != detect.Firing {
			*m = Memory{State: detect.Firing, Since: f.FirstSeen, Severity: f.Severity, Seen: f.LastSeen, Told: true}
		}
	}
}

func (e *Engine) check(id string) *Check {
	for _, c := range e.catalogue.checks {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// timedEvery is how often what the time alone may change is looked at.
const timedEvery = 30 * time.Second

// Round judges what has changed since the last one, and what is due. It costs
// next to nothing where nothing has.
func (e *Engine) Round(where Where, now time.Time) Result {
	w := e.watch(where.Tenant, where.Environment)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.started.IsZero() {
		w.started = now
	}
	r := &round{watch: w, engine: e, where: where, now: now, todo: map[judged]*Check{}}
	ids, mark, all := where.World.Changed(w.mark)
	if r.sight() {
		all = true // what can be read decides about every check
	}
	w.mark = mark
	if all {
		r.everything()
	} else {
		for _, id := range ids {
			r.changed(id)
		}
	}
	r.dues()
	for _, key := range slices.SortedFunc(maps.Keys(r.todo), compareJudged) {
		r.judge(r.todo[key], key)
	}
	if len(r.todo) > 0 {
		r.explain()
	}
	r.result.Judged = len(r.todo)
	r.tell()
	r.sweep()
	w.last = now
	return r.result
}

func compareJudged(a, b judged) int {
	return cmp.Or(cmp.Compare(a.Check, b.Check), cmp.Compare(a.Group, b.Group))
}

// round is one look at one environment.
type round struct {
	*watch
	engine *Engine
	where  Where
	now    time.Time
	todo   map[judged]*Check
	result Result
}

// sight notes what can be read of each cluster, and says whether that changed.
func (r *round) sight() (changed bool) {
	seen := map[string]string{}
	r.where.World.Each(clusterKind, func(c estate.Entity) bool {
		seen[c.ID] = c.Attributes["reachable"] + " " + c.Attributes["unreadable"] + " " + c.Attributes["version"]
		return true
	})
	if maps.Equal(seen, r.clusters) {
		return false
	}
	r.clusters = seen
	clear(r.blind)
	for id := range seen {
		for _, c := range r.engine.catalogue.checks {
			if reason := blind(c, r.where.World, id); reason != "" {
				r.blind[judged{c.ID, id}] = reason
			}
		}
	}
	return true
}

// group is the id under which a check judges an entity.
func (r *round) group(c *Check, id string) string {
	if c.By == "owner" {
		return owner(r.where.World, id)
	}
	return id
}

func (r *round) add(c *Check, id string) {
	kind, cluster := kindOf(id)
	if kind != c.Entity && (c.By != "owner" || kind != "workload") {
		return
	}
	if r.blind[judged{c.ID, estate.ID(clusterKind, cluster)}] != "" {
		return // what stands is judged all the same: see dues
	}
	r.todo[judged{c.ID, r.group(c, id)}] = c
}

func (r *round) everything() {
	clear(r.timed)
	for _, c := range r.engine.catalogue.checks {
		r.where.World.Each(c.Entity, func(e estate.Entity) bool {
			r.add(c, e.ID)
			return true
		})
	}
	for key, v := range r.cases {
		if v.check != nil {
			r.todo[key] = v.check
		}
	}
}

func (r *round) changed(id string) {
	kind, _ := kindOf(id)
	for _, of := range []estate.Kind{kind, ""} {
		for _, reach := range r.engine.byKind[of] {
			if len(reach.way) == 0 {
				r.add(reach.check, id)
				continue
			}
			for _, to := range walk(r.where.World, []string{id}, reach.way) {
				r.add(reach.check, to)
			}
		}
	}
	for _, c := range r.engine.catalogue.checks {
		if v := r.cases[judged{c.ID, id}]; v != nil {
			r.todo[v.judged] = c // it may have lost its owner, or its kind's last fact
		}
	}
}

// dues adds what the time alone may have changed.
func (r *round) dues() {
	for key, v := range r.cases {
		if v.check != nil && !v.due.IsZero() && !v.due.After(r.now) {
			r.todo[key] = v.check
		}
	}
	for key, at := range r.timed {
		if !at.After(r.now) {
			r.todo[key] = r.engine.check(key.Check)
		}
	}
}

// judge judges one check on one group.
func (r *round) judge(c *Check, key judged) {
	v := r.cases[key]
	if v == nil {
		v = &instance{judged: key, check: c}
	}
	v.fresh = true
	v.watched(r.last)
	v.subject = newSubject(c, r.where.World, key.Group, r.now)
	delete(r.timed, key)
	if len(v.subject.members) == 0 && v.subject.Lost == "" {
		v.gone = "there is nothing left of it"
		if _, ok := r.where.World.Entity(key.Group); ok {
			v.gone = "the check is not about it any more"
		}
		v.verdict = detect.Verdict{State: detect.OK}
		v.memory = Memory{Told: v.memory.Told, Fired: v.memory.Fired}
	} else {
		v.gone = ""
		v.verdict, v.memory, v.due = Judge(v.subject, v.memory, r.now)
	}
	if v.verdict.State == detect.OK {
		v.due = time.Time{}
		if c.Poll > 0 && v.gone == "" {
			r.timed[key] = r.now.Add(c.Poll)
		} else if v.subject.timed() {
			r.timed[key] = r.now.Add(timedEvery)
		}
	}
	if v.verdict.State != detect.OK || v.memory.Told || len(recent(v.memory.Fired, r.now)) > 0 {
		r.cases[key] = v
	} else {
		delete(r.cases, key)
	}
}

// watched notes that it was in sight up to a time, if only in that nothing of
// it changed.
func (v *instance) watched(until time.Time) {
	if v.verdict.State != detect.Unknown && v.verdict.State != "" {
		v.memory.Seen = until
	}
}

// goneAfter is how long a finding may stand that nothing can be said of.
const goneAfter = 7 * 24 * time.Hour

// sweep forgets what is fine and has not flapped for an hour.
func (r *round) sweep() {
	for key, v := range r.cases {
		if !v.memory.Told && v.verdict.State == detect.OK && len(recent(v.memory.Fired, r.now)) == 0 {
			delete(r.cases, key)
		}
	}
	next := r.now.Add(timedEvery)
	for _, v := range r.cases {
		if !v.due.IsZero() && v.due.Before(next) {
			next = v.due
		}
	}
	for _, at := range r.timed {
		if at.Before(next) {
			next = at
		}
	}
	r.result.Next = next
}

// String names it for people.
func (v *instance) String() string {
	if v.subject == nil {
		return fmt.Sprintf("%s of %s", v.Check, v.Group)
	}
	return fmt.Sprintf("%s of %s", v.Check, v.subject.Name)
}
