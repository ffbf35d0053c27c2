package correlate

import (
	"cmp"
	"fmt"
	"slices"
)

// mostExcluded bounds the list of what was excluded.
const mostExcluded = 20

// evidence says what speaks for and against entity i as the cause.
func (l *ledger) evidence(c *Case, i, from int, kept, passed []float64) []string {
	e := &l.list[i]
	var out []string
	if e.kpi != nil {
		peak := e.base
		for _, x := range pick(e.kpi.Window, l.after) {
			if finite(x) {
				peak = max(peak, x)
			}
		}
		out = append(out, fmt.Sprintf("%s went from %s to %s, %.1f times its usual spread", e.kpi.Name, figureOf(c.Symptom.Signal, e.base), figureOf(c.Symptom.Signal, peak), e.strong))
	}
	if i != from {
		out = append(out, fmt.Sprintf("%.0f %% of what %s suffers passes through it along the calls", 100*passed[i], l.list[from].name))
	}
	var paid []string
	for _, b := range e.callees {
		if l.list[b].sure > 0 && !l.list[b].newborn {
			paid = append(paid, l.list[b].name)
		}
		if l.list[b].newborn && l.list[b].traffic != nil && mean(pick(l.list[b].traffic.Window, l.after)) > 0 {
			out = append(out, "it began to call "+l.list[b].name+", which nobody called before: its behaviour changed")
		}
	}
	switch {
	case len(e.callees) == 0:
		out = append(out, "it calls nothing that is known, so that nothing below explains it")
	case len(paid) == 0:
		out = append(out, fmt.Sprintf("none of the %d that it calls got worse", len(e.callees)))
	default:
		out = append(out, "against: part of it is explained by "+join(paid))
	}
	if i == from {
		out = append(out, "against: it is where the symptom was seen; whatever cannot be seen below it counts as its own")
	}
	if e.before {
		out = append(out, "against: it was unusual before the symptom already")
	}
	return out
}

func join(names []string) string {
	slices.Sort(names)
	if len(names) > 3 {
		return fmt.Sprintf("%s, %s and %d more", names[0], names[1], len(names)-2)
	}
	s := names[0]
	for _, n := range names[1:] {
		s += ", " + n
	}
	return s
}

func figureOf(s Signal, x float64) string {
	if s == Errors {
		return fmt.Sprintf("%.1f %% failed", 100*x)
	}
	return fmt.Sprintf("%.4g", x)
}

// excluded names what looked suspicious or could not be seen, worst first.
func (l *ledger) excluded(from int, causes []int, reach []bool, passed []float64) []Exclusion {
	type row struct {
		Exclusion
		weight float64
	}
	var rows []row
	for i := range l.list {
		e := &l.list[i]
		if i == from || slices.Contains(causes, i) {
			continue
		}
		say := func(weight float64, reason string) {
			rows = append(rows, row{Exclusion{e.name, reason}, weight})
		}
		busy := e.traffic != nil && mean(pick(e.traffic.Window, l.after)) > 0
		switch {
		case e.newborn && busy && reach[i]:
			say(1e9, "nobody called it before; whoever began to call it changed")
		case e.sure > 0 && !reach[i]:
			say(e.strong, "it got worse, but what shows the symptom does not depend on it")
		case passed[i] >= least:
			say(1e6*passed[i], "it got worse, but those that it calls explain that")
		case e.sure > 0:
			say(e.strong, "it got worse, but too little to account for the symptom")
		case e.better:
			say(-e.strong/10, "it moved, but for the better")
		case reach[i] && e.kpi == nil:
			say(0, "could not be seen: it has no figures of this kind")
		}
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.Entity, b.Entity))
	})
	out := []Exclusion{}
	for _, r := range rows[:min(len(rows), mostExcluded)] {
		out = append(out, r.Exclusion)
	}
	return out
}
