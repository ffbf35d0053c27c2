package correlate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Bounds of the answer.
const (
	rare         = .02 // a symptom that this share of normal windows shows as well is none by itself
	faint        = .2  // up to this it is one where its cause is rare
	ordinary     = .1  // a cause that this share of normal windows shows as well is none
	least        = .05 // a claim below this share is no cause
	symptomShare = .5  // what a claim of the symptom's own entity counts
	mostCauses   = 10
)

// Diagnose ranks what caused the symptom.
func Diagnose(c Case) (Diagnosis, error) {
	if err := c.check(); err != nil {
		return Diagnosis{}, err
	}
	l := open(&c)
	d := Diagnosis{Causes: []Cause{}, Excluded: []Exclusion{}}
	from := l.index[c.Symptom.Entity]
	s := &l.list[from]
	if len(l.after) == 0 {
		d.Verdict, d.Reason = Unknown, "The window ends before the symptom was seen."
		return d, nil
	}
	now, before := pick(s.kpi.Window, l.after), pick(s.kpi.Window, l.before)
	if s.usual.n < enough || len(present(now)) == 0 {
		d.Verdict = Unknown
		d.Reason = fmt.Sprintf("%s of %s has %d samples of normal operation and %d of the incident; at least %d and 1 are needed.", s.kpi.Name, s.name, s.usual.n, len(present(now)), enough)
		return d, nil
	}
	p, height := rarity(s.kpi.Normal, before, now, s.usual.median)
	if p > faint || height <= 0 {
		return d.none(s, p), nil
	}
	kept, passed := l.blame(from)
	reach := l.reachable(from)
	kept[from] *= symptomShare
	order := make([]int, 0, len(l.list))
	for i := range l.list {
		if kept[i] >= least {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(kept[b], kept[a]), cmp.Compare(l.list[a].name, l.list[b].name))
	})
	for _, i := range order[:min(len(order), mostCauses)] {
		d.Causes = append(d.Causes, Cause{Entity: l.list[i].name, Score: round2(kept[i]), Evidence: l.evidence(&c, i, from, kept, passed)})
	}
	own := 1.0
	if len(order) > 0 {
		own = l.rarityOf(order[0])
	}
	if !real(p, own, len(order) > 0 && order[0] == from) {
		return Diagnosis{Causes: []Cause{}, Excluded: []Exclusion{}}.none(s, p), nil
	}
	d.Excluded = l.excluded(from, order, reach, passed)
	d.Verdict = CauseFound
	if len(d.Causes) == 0 {
		d.Verdict = Unknown
		d.Reason = "The symptom is real, and nothing that was seen explains it."
		return d, nil
	}
	d.Reason = fmt.Sprintf("%s of %s rose as only %.1f %% of normal windows do; %s explains more of it than anything else.", s.kpi.Name, s.name, 100*p, d.Causes[0].Entity)
	return d, nil
}

// real weighs the symptom and its best cause together. p and own say how rare
// each is in normal operation. A clear symptom needs a cause that is not
// ordinary itself; a faint one counts where its cause has hardly ever been seen
// so. A symptom that nothing but its own entity explains has a single witness,
// which must then be rarer.
func real(p, own float64, alone bool) bool {
	if alone {
		return p <= rare/2
	}
	return p <= rare && own <= ordinary || p <= faint && own <= rare/2
}

// rarityOf says how often normal operation shows entity i rise as it does now; 0
// where too little of normal operation is known of it to say.
func (l *ledger) rarityOf(i int) float64 {
	e := &l.list[i]
	if e.kpi == nil || e.usual.n < enough*5 {
		return 0
	}
	p, _ := rarity(e.kpi.Normal, pick(e.kpi.Window, l.before), pick(e.kpi.Window, l.after), e.usual.median)
	return p
}

// none is the answer that there is no symptom.
func (d Diagnosis) none(s *entity, p float64) Diagnosis {
	d.Verdict = NoSymptom
	d.Reason = fmt.Sprintf("%s of %s is within what is usual: %.0f %% of the windows in normal operation rise as much.", s.kpi.Name, s.name, 100*p)
	return d
}

func round2(x float64) float64 { return math.Round(100*x) / 100 }
