package cases

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

const (
	// Lingers is how long a finding that is resolved still holds its case
	// together and can explain others.
	Lingers = 30 * time.Minute
	// looseFor is how long a finding stays in a case that nothing holds it in
	// any more: relations come and go.
	looseFor = 10 * time.Minute
	// mostMembers bounds a case.
	mostMembers = 1000
)

// system is who does what nobody asked for.
const system = "Evenkeel"

// Input is what cases of one environment are gathered from.
type Input struct {
	Tenant, Environment string
	// Findings are those that stand and those that were resolved within
	// Lingers.
	Findings  []finding.Finding
	Relations []estate.Relation
	// Changes are those of the last hours.
	Changes []estate.Change
	// Courses are how the signals of the environment go, as of now: of all that
	// left what is usual, and of what is called and answers.
	Courses []detect.Course
	// Record is what people said of earlier cases, by the check that was held
	// to be the cause.
	Record map[string]Record
	Now    time.Time
}

// Record counts what people said.
type Record struct{ Useful, Noise int }

// Outcome is one case as it is now, with what is new in its history. Changed
// tells that there is something to store.
type Outcome struct {
	Case    Case
	Events  []Event
	Changed bool
}

func (o *Outcome) say(in *Input, kind EventKind, text string) {
	o.Events = append(o.Events, Event{Case: o.Case.ID, At: in.Now, Kind: kind, By: system, Text: text})
}

// Gather makes the cases of now from those before (the open ones, and those
// that were over within finding.ReopenWithin) and what there is. Events carry no ids.
func Gather(prev []Case, in Input) []Outcome {
	w := newGathering(prev, &in)
	w.linkUp()
	w.keepTogether()
	return w.outcomes()
}

// gathering is the work of one Gather.
type gathering struct {
	in      *Input
	prev    []*Case // open ones and recent ones, oldest first
	g       *graph
	nodes   []node
	place   map[string]int // of a finding in nodes
	seed    []bool         // stands and needs somebody
	parent  []int          // union-find over nodes
	commons []common
	home    map[string]int // the component that goes on as a case
	split   map[int]string // why a component left its case, by root
	loose   map[string]bool
	// Courses on their bad side by entity, and of who takes more than before by
	// machine; nil until they are asked for.
	wrong, takers map[string][]*detect.Course
	names         map[string]string // of what answers, where its id does not end in it
}

func newGathering(prev []Case, in *Input) *gathering {
	w := &gathering{in: in, place: map[string]int{}, home: map[string]int{}, split: map[int]string{}, loose: map[string]bool{}, names: map[string]string{}}
	for _, c := range in.Courses {
		if answers(c.Kind) && c.Name != "" && !strings.HasSuffix(c.Entity, ":"+c.Name) {
			w.names[c.Entity] = c.Name
		}
	}
	for n := range prev {
		if prev[n].State != Merged {
			w.prev = append(w.prev, &prev[n])
		}
	}
	slices.SortFunc(w.prev, func(a, b *Case) int { return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), cmp.Compare(a.ID, b.ID)) })
	list := make([]*finding.Finding, 0, len(in.Findings))
	for n := range in.Findings {
		f := &in.Findings[n]
		if f.State != finding.Resolved || in.Now.Sub(f.ResolvedAt) <= Lingers {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b *finding.Finding) int {
		return cmp.Or(a.FirstSeen.Compare(b.FirstSeen), cmp.Compare(a.ID, b.ID))
	})
	list = slices.CompactFunc(list, func(a, b *finding.Finding) bool { return a.ID == b.ID })
	w.g = newGraph(append(asked(in.Courses, list), in.Relations...))
	w.nodes = w.g.nodes(list)
	for n, f := range list {
		w.place[f.ID] = n
		w.parent = append(w.parent, n)
		w.seed = append(w.seed, f.State != finding.Resolved && f.Severity >= finding.Warning && !f.IsAccepted())
	}
	return w
}

func (w *gathering) find(n int) int {
	for w.parent[n] != n {
		w.parent[n] = w.parent[w.parent[n]]
		n = w.parent[n]
	}
	return n
}

// union joins two components; the lower place is the root, so that the order of
// joining does not matter.
func (w *gathering) union(a, b int) {
	a, b = w.find(a), w.find(b)
	w.parent[max(a, b)] = min(a, b)
}

// linkUp joins what belongs together by itself.
func (w *gathering) linkUp() {
	for n := range w.nodes {
		for _, l := range w.nodes[n].below {
			if l.strength >= linked {
				w.union(n, l.by)
			}
		}
	}
	w.commons = w.g.commons(w.nodes)
	for _, c := range w.commons {
		for _, n := range c.sufferer[1:] {
			w.union(c.sufferer[0], n)
		}
	}
}

// keepTogether finds the component in which each case goes on, and keeps in it
// for a while what nothing else holds there.
func (w *gathering) keepTogether() {
	owner := map[int]*Case{}
	for _, c := range w.prev {
		if c.State != Open {
			continue
		}
		count := map[int]int{}
		best := -1
		for _, m := range c.Members {
			n, ok := w.place[m.Finding]
			if !ok {
				continue
			}
			k := w.find(n)
			count[k]++
			if w.seed[n] {
				count[k] += mostMembers
			}
			if best < 0 || count[k] > count[best] || count[k] == count[best] && k < best {
				best = k
			}
		}
		if best < 0 {
			continue
		}
		w.home[c.ID] = best
		if owner[best] == nil {
			owner[best] = c
		}
	}
	// Judged by what links hold together, and joined after that, so that the
	// order of members does not matter.
	joins := map[int]int{}
	for _, c := range w.prev {
		home, ok := w.home[c.ID]
		if !ok || c.State != Open {
			continue
		}
		for _, m := range c.Members {
			n, ok := w.place[m.Finding]
			if !ok || !w.seed[n] || w.find(n) == w.find(home) || owner[w.find(n)] != nil {
				continue
			}
			if m.LooseSince.IsZero() || w.in.Now.Sub(m.LooseSince) < looseFor {
				w.loose[m.Finding] = true
				if _, is := joins[w.find(n)]; !is {
					joins[w.find(n)] = home
				}
				continue
			}
			w.split[w.find(n)] = fmt.Sprintf("Split off from the case %q: for %d minutes nothing has joined them any more.", c.Title, int(w.in.Now.Sub(m.LooseSince).Minutes()))
		}
	}
	for n := range w.nodes {
		// What came in with them is held by no more than they are.
		if _, is := joins[w.find(n)]; is && w.seed[n] {
			w.loose[w.nodes[n].f.ID] = true
		}
	}
	for from, to := range joins {
		w.union(from, to)
	}
	for id, k := range w.home {
		w.home[id] = w.find(k)
	}
}

// outcomes makes the cases.
func (w *gathering) outcomes() []Outcome {
	members, seeds := map[int][]int{}, map[int]bool{}
	var roots []int
	for n := range w.nodes {
		k := w.find(n)
		if members[k] == nil {
			roots = append(roots, k)
		}
		members[k] = append(members[k], n)
		seeds[k] = seeds[k] || w.seed[n]
	}
	var out []Outcome
	owned := map[int][]*Case{}
	for _, c := range w.prev {
		if k, ok := w.home[c.ID]; ok && c.State == Open && seeds[k] {
			owned[k] = append(owned[k], c)
		} else if c.State == Open {
			out = append(out, w.end(c))
		}
	}
	for _, k := range roots {
		if !seeds[k] {
			continue
		}
		mine := owned[k]
		if len(mine) == 0 {
			if c := w.returned(members[k]); c != nil {
				mine = []*Case{c}
			}
		}
		var o Outcome
		var before *Case
		if len(mine) > 0 {
			before = mine[0]
			o = w.refine(before, members[k], mine)
		} else {
			o = w.begin(k, members[k])
		}
		for n := 1; n < len(mine); n++ {
			out = append(out, w.merge(mine[n], &o))
		}
		o.Changed = before == nil || !same(before, &o.Case)
		if !o.Changed {
			o.Case = *before
		}
		out = append(out, o)
	}
	for n := range out {
		if out[n].Changed {
			out[n].Case.ChangedAt = w.in.Now
			out[n].Case.Revision++
		}
	}
	slices.SortFunc(out, func(a, b Outcome) int { return cmp.Compare(a.Case.ID, b.Case.ID) })
	return out
}

// returned is a case that is over and of which a finding has come back.
func (w *gathering) returned(members []int) *Case {
	for n := len(w.prev) - 1; n >= 0; n-- {
		c := w.prev[n]
		if c.State != Over || w.in.Now.Sub(c.EndedAt) > finding.ReopenWithin {
			continue
		}
		for _, m := range c.Members {
			if at, ok := w.place[m.Finding]; ok && w.seed[at] && slices.Contains(members, at) {
				return c
			}
		}
	}
	return nil
}

func (w *gathering) begin(root int, members []int) Outcome {
	lead := w.nodes[members[0]].f
	sum := sha256.Sum256([]byte(w.in.Tenant + "\x00" + w.in.Environment + "\x00" + lead.ID + "\x00" + w.in.Now.UTC().Format(time.RFC3339Nano)))
	id := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:10]))
	o := Outcome{Case: Case{ID: id, Tenant: w.in.Tenant, Environment: w.in.Environment, State: Open, OpenedAt: w.in.Now}}
	w.fill(&o, members, nil)
	text := o.Case.Story.Text(time.UTC)
	if why := w.split[root]; why != "" {
		text = why + " " + text
		o.say(w.in, SplitOff, text)
	} else {
		o.say(w.in, Opened, text)
	}
	return o
}

// refine takes a case on with what there is now; mine are the cases that are
// one with it from now on.
func (w *gathering) refine(before *Case, members []int, mine []*Case) Outcome {
	o := Outcome{Case: *before}
	o.Case.Members = nil
	if before.State == Over {
		o.Case.State, o.Case.EndedAt, o.Case.Impact = Open, time.Time{}, nil
		o.say(w.in, Reopened, "It has come back.")
	}
	var old []Member
	stood := map[string]bool{}
	for _, c := range mine {
		for _, m := range c.Members {
			if !stood[m.Finding] {
				stood[m.Finding] = true
				old = append(old, m)
			}
		}
	}
	w.fill(&o, members, old)
	ended := map[string]bool{}
	for _, m := range old {
		ended[m.Finding] = !m.EndedAt.IsZero()
	}
	for _, m := range o.Case.Members {
		switch {
		case !stood[m.Finding]:
			o.say(w.in, Joined, m.Title+": "+m.Why)
		case !m.EndedAt.IsZero() && !ended[m.Finding]:
			o.say(w.in, Ended, "Resolved: "+m.Title)
		}
	}
	if was, is := before.Best(), o.Case.Best(); is == nil && was != nil {
		o.say(w.in, Thought, "No single cause is held to be the one any more; it was: "+was.Text)
	} else if is != nil && (was == nil || was.Entity != is.Entity || was.Finding != is.Finding) {
		o.say(w.in, Thought, "Held to be the cause now: "+is.Text)
	}
	return o
}

func (w *gathering) merge(c *Case, into *Outcome) Outcome {
	o := Outcome{Case: *c, Changed: true}
	o.Case.State, o.Case.MergedInto, o.Case.EndedAt = Merged, into.Case.ID, w.in.Now
	o.say(w.in, MergedCase, "One cause is behind both: it is part now of the case "+into.Case.Title)
	into.say(w.in, MergedCase, "One cause is behind both: it takes in the case "+c.Title)
	return o
}

// end closes a case of which nothing is left that needs somebody.
func (w *gathering) end(c *Case) Outcome {
	o := Outcome{Case: *c, Changed: true}
	o.Case.Members = slices.Clone(c.Members)
	left := 0
	for n := range o.Case.Members {
		m := &o.Case.Members[n]
		m.ExplainedBy, m.LooseSince = "", time.Time{}
		at, ok := w.place[m.Finding]
		switch {
		case m.EndedAt.IsZero() && (!ok || w.nodes[at].f.State == finding.Resolved):
			m.EndedAt = w.in.Now
			if ok {
				m.EndedAt = w.nodes[at].f.ResolvedAt
			}
		case ok && w.nodes[at].f.State != finding.Resolved:
			left++
		}
	}
	o.Case.State, o.Case.EndedAt = Over, w.in.Now
	text := "All its findings are resolved."
	if left > 0 {
		text = fmt.Sprintf("What is left of it (%d findings) is accepted, or hurts nobody.", left)
	}
	o.say(w.in, Closed, text)
	return o
}

// fill writes what a case is made of: its members, and what is thought of them.
func (w *gathering) fill(o *Outcome, members []int, old []Member) {
	c := &o.Case
	were := map[string]Member{}
	for _, m := range old {
		were[m.Finding] = m
	}
	c.Members, c.More, c.Severity, c.Since = nil, 0, 0, w.nodes[members[0]].f.FirstSeen
	for _, n := range members {
		f := w.nodes[n].f
		m := Member{Finding: f.ID, Check: f.Check, Entity: f.Entity, Name: f.EntityName, Title: f.Title, Severity: f.Severity,
			Since: f.FirstSeen, EndedAt: f.ResolvedAt, JoinedAt: w.in.Now, Accepted: f.IsAccepted(), Exemption: f.Exempted()}
		if was, ok := were[f.ID]; ok {
			m.JoinedAt, m.LooseSince = was.JoinedAt, was.LooseSince
			delete(were, f.ID)
		}
		if !w.loose[f.ID] {
			m.LooseSince = time.Time{}
		} else if m.LooseSince.IsZero() {
			m.LooseSince = w.in.Now
		}
		c.Members = append(c.Members, m)
		if f.State != finding.Resolved && !f.IsAccepted() {
			c.Severity = max(c.Severity, f.Severity)
		}
	}
	w.think(c, members)
	// What ended long ago stays in the record; what stands is in another case
	// by now.
	for _, m := range old {
		if _, ok := were[m.Finding]; ok {
			if n, ok := w.place[m.Finding]; ok && w.nodes[n].f.State != finding.Resolved {
				o.say(w.in, SplitOff, m.Title+" is a case of its own now, or part of another one: nothing joins it to this any more.")
				continue
			}
			m.ExplainedBy, m.LooseSince = "", time.Time{}
			if m.EndedAt.IsZero() {
				m.EndedAt = w.in.Now
			}
			c.Members = append(c.Members, m)
		}
	}
	slices.SortStableFunc(c.Members, func(a, b Member) int {
		gone := func(m Member) int {
			if m.EndedAt.IsZero() {
				return 0
			}
			return 1
		}
		return cmp.Or(gone(a)-gone(b), cmp.Compare(rank[a.Role], rank[b.Role]), cmp.Compare(b.Severity, a.Severity),
			a.Since.Compare(b.Since), cmp.Compare(a.Finding, b.Finding))
	})
	if len(c.Members) > mostMembers {
		c.More = len(c.Members) - mostMembers
		c.Members = c.Members[:mostMembers]
	}
}

var rank = map[Role]int{Symptom: 0, Cause: 1, Effect: 2, Beside: 3}

// same tells whether two cases say the same.
func same(a, b *Case) bool {
	x, y := *a, *b
	x.ChangedAt, y.ChangedAt, x.Revision, y.Revision = time.Time{}, time.Time{}, 0, 0
	p, err1 := json.Marshal(x)
	q, err2 := json.Marshal(y)
	return err1 == nil && err2 == nil && string(p) == string(q)
}
