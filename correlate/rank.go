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
	shifts  []shift
	series  []*Series
	effect  float64 // worst shift of its latency and errors, in spreads
	inner   float64 // worst shift of anything else
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
	if p.Symptom >= 0 {
		s := &p.Series[p.Symptom]
		if sh, ok := shiftOf(s, p.Times, k); !ok {
			d.Verdict, d.Reason = Unknown, fmt.Sprintf("%s of %s has too few samples about the onset.", s.Name, s.Entity)
			return d, nil
		} else if sh.ratio < 1 {
			d.Reason = fmt.Sprintf("%s of %s does at %s what it does at other times too.", s.Name, s.Entity, clock(p.Times[k]))
			return d, nil
		}
	}
	suspects := p.suspects(k)
	p.judge(suspects, &d)
	if len(d.Causes) == 0 {
		d.Reason = "Nothing changed more than it does at other times."
		if p.Symptom >= 0 {
			d.Verdict, d.Reason = Unknown, "The symptom is real, and nothing that was seen explains it."
		}
		return d, nil
	}
	d.Verdict = CauseFound
	d.Reason = fmt.Sprintf("Something began at about %s; %s changed most in a way that nothing else explains.", clock(p.Times[k]), d.Causes[0].Entity)
	return d, nil
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
		sh, ok := shiftOf(s, p.Times, k)
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
	for _, c := range p.Calls {
		if a := get(c.Caller); c.Caller != c.Callee && !slices.Contains(a.callees, c.Callee) {
			a.callees = append(a.callees, c.Callee)
			get(c.Callee)
		}
	}
	return all
}

// judge scores the suspects and writes causes and exclusions.
func (p *Panel) judge(all map[string]*suspect, d *Diagnosis) {
	reach := p.reach(all)
	var list []*suspect
	earliest := int64(math.MaxInt64)
	for _, e := range all {
		if e.begun != 0 && (reach == nil || reach[e.name]) {
			earliest = min(earliest, e.begun)
		}
	}
	total := 0.
	for _, name := range slices.Sorted(maps.Keys(all)) {
		e := all[name]
		if e.effect+e.inner == 0 {
			continue
		}
		if reach != nil && !reach[e.name] {
			d.Excluded = append(d.Excluded, Exclusion{e.name, "it changed, but what shows the symptom does not depend on it"})
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
			d.Excluded = append(d.Excluded, Exclusion{e.name, "it changed, but those that it calls explain that"})
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
			d.Excluded = append(d.Excluded, Exclusion{e.name, "it changed, but less than others did"})
			continue
		}
		d.Causes = append(d.Causes, Cause{Entity: e.name, Score: round2(e.score / total), Evidence: e.evidence(earliest, all)})
	}
	slices.SortFunc(d.Excluded, func(a, b Exclusion) int { return cmp.Compare(a.Entity, b.Entity) })
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
