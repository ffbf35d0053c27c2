package correlate

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
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
	called  bool // some call names it
	need    need
}

// need says whether what shows the symptom depends on an entity.
type need int

const (
	needed   need = iota // or nobody said who calls whom, or what the symptom is
	unsure               // no call names the one or the other
	unneeded             // by the calls that are known
)

// A cause is named where its share of all scores is at least plain, and no rival
// has more than rival of its score: of four that changed alike, none is the
// cause, whatever speaks for each.
const (
	plain = .1
	rival = .85
)

// strangerShare is what one counts of whom it is not known whether the symptom's
// entity depends on it.
const strangerShare = .8

// Rank ranks what began in a panel. With calls, latency and errors that worse
// ones below explain are no evidence against the caller; what happens inside an
// entity (its CPU, memory, disk) always is.
func Rank(p Panel) (Diagnosis, error) {
	if err := p.check(); err != nil {
		return Diagnosis{}, err
	}
	notes := p.unnamed()
	d := Diagnosis{Causes: []Cause{}, Excluded: []Exclusion{}, Notes: notes, Verdict: NoSymptom}
	if n := len(p.Times); n < leastBefore+leastAfter {
		d.Verdict, d.Reason = Unknown, fmt.Sprintf("There are %d samples; at least %d are needed.", n, leastBefore+leastAfter)
		return d, nil
	}
	k := p.onset()
	if k < leastBefore || len(p.Times)-k < leastAfter {
		d.Verdict = Unknown
		d.Reason = fmt.Sprintf("%d samples before the onset and %d after it; at least %d and %d are needed.", k, len(p.Times)-k, leastBefore, leastAfter)
		return d, nil
	}
	suspects := p.suspects(k)
	others := p.judge(suspects, k, &d)
	if p.Symptom >= 0 {
		switch v, why := p.noticed(k); v {
		case NoSymptom:
			return Diagnosis{Verdict: v, Causes: []Cause{}, Excluded: []Exclusion{}, Reason: why, Notes: notes}, nil
		case Unknown:
			d.Verdict, d.Reason = v, why
			return d, nil
		}
	}
	switch {
	case p.Symptom >= 0 && (len(d.Causes) == 0 || p.alone(suspects, k)):
		d.Verdict, d.Reason = Unknown, "The symptom is real, and nothing that was seen explains it."
	case len(d.Causes) == 0:
		d.Verdict, d.Reason = calm(suspects, k)
	case len(others) > 0:
		d.Verdict = Unknown
		d.Reason = fmt.Sprintf("Something began at about %s; no single cause was found: it may be %s as well as %s.", clock(p.Times[k]), d.Causes[0].Entity, join(others))
	default:
		d.Verdict = CauseFound
		d.Reason = fmt.Sprintf("Something began at about %s; %s changed most in a way that nothing else explains.", clock(p.Times[k]), d.Causes[0].Entity)
	}
	return d, nil
}

// noticed judges the symptom by itself, and says why it is none or cannot be
// told. There is no verdict where it is real.
func (p *Panel) noticed(k int) (Verdict, string) {
	s := &p.Series[p.Symptom]
	sh, ok := shiftOf(s, p.Times, k)
	_, end := silence(len(p.Times), []*Series{s})
	switch worse := ok && sh.ratio >= 1 && !s.better(sh); {
	case end != 0 && !worse:
		return Unknown, fmt.Sprintf("%s of %s stopped reporting at %s, and was not seen to be unusual until then.", s.Name, s.Entity, clock(p.Times[end]))
	case !ok:
		return Unknown, fmt.Sprintf("%s of %s has too few samples about the onset.", s.Name, s.Entity)
	case sh.ratio < 1:
		return NoSymptom, fmt.Sprintf("%s of %s does at %s what it does at other times too.", s.Name, s.Entity, clock(p.Times[k]))
	case s.better(sh):
		return NoSymptom, fmt.Sprintf("%s of %s got better: it went from %.4g to %.4g.", s.Name, s.Entity, sh.from, sh.to)
	}
	return "", ""
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
		switch {
		case s.better(sh):
			continue
		case s.Signal == Latency || s.Signal == Errors:
			e.effect = max(e.effect, sh.size)
		case s.Signal == Traffic:
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
		e.fallSilent(p.Times, k)
	}
	for _, c := range p.Calls {
		a, b := get(c.Caller), get(c.Callee)
		if a != b && !slices.Contains(a.callees, c.Callee) {
			a.callees = append(a.callees, c.Callee)
			a.called, b.called = true, true
		}
	}
	p.relate(all)
	return all
}

// judge scores the suspects and writes causes and exclusions. It returns those
// that may as well be the cause as the first.
func (p *Panel) judge(all map[string]*suspect, k int, d *Diagnosis) (others []string) {
	var list []*suspect
	earliest := int64(math.MaxInt64)
	for _, e := range all {
		if e.begun != 0 && e.need != unneeded {
			earliest = min(earliest, e.begun)
		}
	}
	total := 0.
	exclude := func(e *suspect, reason string) { d.Excluded = append(d.Excluded, Exclusion{e.name, reason}) }
	for _, name := range slices.Sorted(maps.Keys(all)) {
		e := all[name]
		if e.effect+e.inner == 0 {
			if why := e.unseen(k); why != "" && e.need != unneeded {
				exclude(e, why)
			}
			continue
		}
		if e.need == unneeded {
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
		if e.need == unsure {
			e.score *= strangerShare
		}
		if p.symptomOnly(e) {
			e.score *= symptomShare
		}
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
		d.Causes = append(d.Causes, Cause{Entity: e.name, Score: round2(e.score / total), Evidence: p.evidence(e, earliest, all)})
	}
	// What stopped reporting is told first, what was never there last.
	slices.SortStableFunc(d.Excluded, func(a, b Exclusion) int {
		x, y := all[a.Entity], all[b.Entity]
		return cmp.Or(cmp.Compare(min(y.gone, 1), min(x.gone, 1)), cmp.Compare(y.effect+y.inner, x.effect+x.inner), cmp.Compare(a.Entity, b.Entity))
	})
	if more := len(d.Excluded) - mostExcluded; more > 0 {
		d.Excluded = d.Excluded[:mostExcluded]
		d.Notes = append(d.Notes, fmt.Sprintf("%d more were excluded or could not be seen.", more))
	}
	return p.rivals(list, total, all)
}

// rivals are those beside whom the first of the suspects does not stand out.
// Whoever depends on it is none, for what it shows may come from there, nor is
// what shows the symptom and nothing else.
func (p *Panel) rivals(list []*suspect, total float64, all map[string]*suspect) (names []string) {
	if len(list) == 0 {
		return nil
	}
	first := list[0]
	most := rival * first.score
	if first.score < plain*total {
		most = 0
	}
	for _, e := range list[1:] {
		if e.score > most && !reachable(e, all)[first.name] && !p.symptomOnly(e) {
			names = append(names, e.name)
		}
	}
	return names
}

// symptomOnly tells that an entity shows the symptom, and nothing inside it that
// would be a reason.
func (p *Panel) symptomOnly(e *suspect) bool {
	return p.Symptom >= 0 && p.Series[p.Symptom].Entity == e.name && e.inner == 0
}

// relate finds out whom the symptom's entity depends on. Calls speak only of
// those whom they name: the machines below services are often in none.
func (p *Panel) relate(all map[string]*suspect) {
	if p.Symptom < 0 || len(p.Calls) == 0 {
		return
	}
	from := all[p.Series[p.Symptom].Entity]
	reach := reachable(from, all)
	for _, e := range all {
		switch {
		case reach[e.name]:
		case e.called && from.called:
			e.need = unneeded
		default:
			e.need = unsure
		}
	}
}

// reachable are an entity and all whom it depends on.
func reachable(from *suspect, all map[string]*suspect) map[string]bool {
	seen, queue := map[string]bool{from.name: true}, []*suspect{from}
	for len(queue) > 0 {
		e := queue[0]
		queue = queue[1:]
		for _, b := range e.callees {
			if !seen[b] {
				seen[b] = true
				queue = append(queue, all[b])
			}
		}
	}
	return seen
}

// unnamed tells of calls that name what there are no figures of, which a slip in
// a name makes of every call.
func (p *Panel) unnamed() []string {
	known := map[string]bool{}
	for i := range p.Series {
		known[p.Series[i].Entity] = true
	}
	calls, names := 0, map[string]bool{}
	for _, c := range p.Calls {
		if known[c.Caller] && known[c.Callee] {
			continue
		}
		calls++
		for _, n := range []string{c.Caller, c.Callee} {
			if !known[n] {
				names[n] = true
			}
		}
	}
	if calls == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d of %d calls name something that there are no figures of (%s); look at how it is written.", calls, len(p.Calls), join(slices.Collect(maps.Keys(names))))}
}

func (p *Panel) evidence(e *suspect, earliest int64, all map[string]*suspect) []string {
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
	if p.symptomOnly(e) {
		out = append(out, "against: it is where the symptom was seen; whatever cannot be seen below it counts as its own")
	}
	if e.need == unsure {
		out = append(out, "against: it is not known whether "+p.Series[p.Symptom].Entity+" depends on it; no call tells")
	}
	return out
}
