package correlate

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"time"
)

// suspect is what a panel says of one entity.
type suspect struct {
	name    string
	all     []*Series // that there are of it
	seen    bool      // one of them can be compared before and after
	gone    int64     // when all of them ended, 0 where they did not
	shifts  []shift
	series  []*Series // whose shifts they are
	effect  float64   // worst shift of its latency and errors, in spreads
	inner   float64   // worst shift of anything else
	score   float64
	begun   int64
	callees []string
}

// Rank ranks what began in a panel. With calls, latency and errors that worse
// ones below explain are no evidence against the caller; what happens inside an
// entity (its CPU, memory, disk) always is.
func Rank(p Panel) (Diagnosis, error) {
	if err := p.check(); err != nil {
		return Diagnosis{}, err
	}
	d := Diagnosis{Causes: []Cause{}, Excluded: []Exclusion{}, Verdict: NoSymptom}
	k := sort.Search(len(p.Times), func(i int) bool { return p.Times[i] >= p.Onset })
	if p.Onset == 0 {
		k = findOnset(&p)
	}
	if k < leastBefore || len(p.Times)-k < leastAfter {
		d.Verdict = Unknown
		d.Reason = fmt.Sprintf("%d samples before the onset and %d after it; at least %d and %d are needed.", k, len(p.Times)-k, leastBefore, leastAfter)
		return d, nil
	}
	suspects := p.suspects(k)
	p.judge(suspects, k, &d)
	if p.Symptom >= 0 {
		s := &p.Series[p.Symptom]
		switch sh, ok := shiftOf(s, p.Times, k); {
		case !ok && suspects[s.Entity].gone != 0:
			d.Verdict, d.Reason = Unknown, fmt.Sprintf("%s of %s cannot be judged: it stopped reporting at %s.", s.Name, s.Entity, clock(suspects[s.Entity].gone))
			return d, nil
		case !ok:
			d.Verdict, d.Reason = Unknown, fmt.Sprintf("%s of %s has too few samples about the onset.", s.Name, s.Entity)
			return d, nil
		case sh.ratio < 1:
			return noSymptom(fmt.Sprintf("%s of %s does at %s what it does at other times too.", s.Name, s.Entity, clock(p.Times[k]))), nil
		}
	}
	switch {
	case p.Symptom >= 0 && (len(d.Causes) == 0 || p.alone(suspects, k)):
		d.Verdict, d.Reason = Unknown, "The symptom is real, and nothing that was seen explains it."
	case len(d.Causes) == 0:
		d.Verdict, d.Reason = calm(suspects, k)
	default:
		d.Verdict = CauseFound
		d.Reason = fmt.Sprintf("Something began at about %s; %s changed most in a way that nothing else explains.", clock(p.Times[k]), d.Causes[0].Entity)
	}
	return d, nil
}

// noSymptom is the answer that there is no symptom, so that nothing caused it.
func noSymptom(reason string) Diagnosis {
	return Diagnosis{Verdict: NoSymptom, Causes: []Cause{}, Excluded: []Exclusion{}, Reason: reason}
}

func clock(t int64) string { return time.Unix(t, 0).UTC().Format("2006-01-02 15:04:05 UTC") }

func (p *Panel) suspects(k int) map[string]*suspect {
	all := map[string]*suspect{}
	get := func(name string) *suspect {
		if all[name] == nil {
			all[name] = &suspect{name: name}
		}
		return all[name]
	}
	for i := range p.Series {
		s := &p.Series[i]
		e := get(s.Entity)
		e.all = append(e.all, s)
		sh, ok := shiftOf(s, p.Times, k)
		e.seen = e.seen || ok
		if !ok || sh.ratio < 1 {
			continue
		}
		switch s.Signal {
		case Latency, Errors:
			if !sh.up {
				continue
			}
			e.effect = max(e.effect, sh.size)
		case Traffic:
			// Work that comes or goes is what others did, as often as not.
			e.inner = max(e.inner, math.Sqrt(sh.size))
		default:
			e.inner = max(e.inner, sh.size)
		}
		e.shifts, e.series = append(e.shifts, sh), append(e.series, s)
		if sh.begun != 0 && (e.begun == 0 || sh.begun < e.begun) {
			e.begun = sh.begun
		}
	}
	for _, e := range all {
		e.silence(p.Times, k)
	}
	for _, c := range p.Calls {
		if a := get(c.Caller); c.Caller != c.Callee && !slices.Contains(a.callees, c.Callee) {
			a.callees = append(a.callees, c.Callee)
			get(c.Callee)
		}
	}
	return all
}

// judge scores the suspects and writes causes and exclusions.
func (p *Panel) judge(all map[string]*suspect, k int, d *Diagnosis) {
	reach := p.reach(all)
	var list []*suspect
	earliest := int64(math.MaxInt64)
	for _, e := range all {
		if e.begun != 0 && (reach == nil || reach[e.name]) {
			earliest = min(earliest, e.begun)
		}
	}
	total := 0.
	exclude := func(e *suspect, reason string) { d.Excluded = append(d.Excluded, Exclusion{e.name, reason}) }
	for _, name := range slices.Sorted(maps.Keys(all)) {
		e := all[name]
		asked := reach == nil || reach[e.name]
		if e.effect+e.inner == 0 {
			if why := e.unseen(k); why != "" && asked {
				exclude(e, why)
			}
			continue
		}
		if !asked {
			exclude(e, "it changed, but what shows the symptom does not depend on it")
			continue
		}
		below := 0.
		for _, b := range e.callees {
			below = max(below, all[b].effect)
		}
		own := e.effect
		if below > 0 {
			own *= max(0, 1-below/max(e.effect, 1e-9))
		}
		big, small := max(own, e.inner), min(own, e.inner)
		e.score = math.Log1p(big) + .3*math.Log1p(small)
		if lag := float64(e.begun - earliest); e.begun == 0 {
			e.score *= .7
		} else if lag > 0 { // others were first
			e.score *= .9 - .2*min(1, 10*lag/float64(p.Times[len(p.Times)-1]-p.Times[0]))
		}
		if big < 1 {
			exclude(e, "it changed, but those that it calls explain that")
			continue
		}
		e.score *= e.score * e.score
		total += e.score
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b *suspect) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.name, b.name))
	})
	for i, e := range list {
		if i >= mostCauses {
			exclude(e, "it changed, but less than others did")
			continue
		}
		d.Causes = append(d.Causes, Cause{Entity: e.name, Score: round2(e.score / total), Evidence: e.evidence(earliest, all)})
	}
	// What stopped reporting is told first, what was never there last.
	slices.SortStableFunc(d.Excluded, func(a, b Exclusion) int {
		x, y := all[a.Entity], all[b.Entity]
		return cmp.Or(cmp.Compare(min(y.gone, 1), min(x.gone, 1)), cmp.Compare(y.effect+y.inner, x.effect+x.inner), cmp.Compare(a.Entity, b.Entity))
	})
	d.Excluded = d.Excluded[:min(len(d.Excluded), mostExcluded)]
}

// reach is what the symptom's entity depends on; nil where that is not known.
func (p *Panel) reach(all map[string]*suspect) map[string]bool {
	if p.Symptom < 0 || len(p.Calls) == 0 {
		return nil
	}
	start := p.Series[p.Symptom].Entity
	seen, queue := map[string]bool{start: true}, []string{start}
	for len(queue) > 0 {
		e := all[queue[0]]
		queue = queue[1:]
		for _, b := range e.callees {
			if !seen[b] {
				seen[b] = true
				queue = append(queue, b)
			}
		}
	}
	return seen
}

func (e *suspect) evidence(earliest int64, all map[string]*suspect) []string {
	order := make([]int, len(e.shifts))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(e.shifts[b].size, e.shifts[a].size), cmp.Compare(e.series[a].Name, e.series[b].Name))
	})
	var out []string
	for _, i := range order[:min(len(order), 4)] {
		sh := e.shifts[i]
		out = append(out, fmt.Sprintf("%s went from %.4g to %.4g, %.0f times its usual spread", e.series[i].Name, sh.from, sh.to, sh.size))
	}
	if e.gone != 0 {
		out = append(out, "it stopped reporting at "+clock(e.gone))
	}
	switch {
	case e.begun == 0:
		out = append(out, "against: it did not stay outside its usual range")
	case e.begun == earliest:
		out = append(out, "it was the first to change, at "+clock(e.begun))
	default:
		out = append(out, fmt.Sprintf("it changed %d s after the first", e.begun-earliest))
	}
	var worse []string
	for _, b := range e.callees {
		if all[b].effect > 0 {
			worse = append(worse, b)
		}
	}
	if len(worse) > 0 {
		out = append(out, "against: part of it is explained by "+join(worse))
	}
	return out
}
