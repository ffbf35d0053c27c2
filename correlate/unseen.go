package correlate

import (
	"fmt"
	"math"
	"slices"
)

// silence is where some series, taken together, begin and where they have ended;
// end is 0 where they go on, or are too few to tell.
func silence(n int, series []*Series) (begin, end int) {
	count, last, gap := 0, -1, 0
	for i := range n {
		if !slices.ContainsFunc(series, func(s *Series) bool { return !math.IsNaN(s.Window[i]) }) {
			continue
		}
		if count++; count == 1 {
			begin = i
		} else {
			gap = max(gap, i-last)
		}
		last = i
	}
	// What is asked seldom is silent between two samples as well.
	if count < leastBefore/2 || n-1-last < max(leastAfter, 2*gap) {
		return begin, 0
	}
	return begin, last + 1
}

// fallSilent finds out whether an entity stopped reporting. About the onset, that
// is as strong a change as there is; but not of what came shortly before as well,
// such as a batch job.
func (e *suspect) fallSilent(times []int64, k int) {
	begin, end := silence(len(times), e.all)
	if end == 0 {
		return
	}
	e.gone = times[end]
	if away := end - k; begin <= k/2 && away >= -leastAfter && away <= leastAfter {
		e.inner, e.begun = strongest, e.gone
	}
}

// unseen says why nothing can be told of an entity, "" where something can.
func (e *suspect) unseen(k int) string {
	if e.gone != 0 {
		return "could not be seen: it stopped reporting at " + clock(e.gone)
	}
	if e.seen {
		return ""
	}
	before, after := 0, 0
	for _, s := range e.all {
		if b, a := len(present(s.Window[:k])), len(present(s.Window[k:])); b+a > before+after {
			before, after = b, a
		}
	}
	switch {
	case len(e.all) == 0:
		return "could not be seen: there are no figures of it"
	case before+after == 0:
		return "could not be seen: its figures are all empty"
	}
	return fmt.Sprintf("could not be seen: it has %d samples before the onset and %d after it; at least %d and %d are needed", before, after, leastBefore/2, leastAfter)
}

// calm is the verdict where nothing changed: that all is well can only be said
// where somebody was seen, and nobody fell silent.
func calm(all map[string]*suspect, k int) (Verdict, string) {
	var gone []string
	unseen := 0
	for name, e := range all {
		if e.gone != 0 {
			gone = append(gone, name)
		}
		if e.unseen(k) != "" {
			unseen++
		}
	}
	const nothing = "Nothing changed more than it does at other times."
	switch {
	case unseen == len(all):
		return Unknown, "Nothing could be seen: no series has enough samples before and after the onset."
	case len(gone) > 0:
		return Unknown, "Nothing that was seen changed more than it does at other times; " + join(gone) + " stopped reporting."
	case unseen > 0:
		return NoSymptom, fmt.Sprintf("%s %d of %d could not be seen.", nothing, unseen, len(all))
	}
	return NoSymptom, nothing
}

// alone tells that there are others beside the symptom, none of which could be
// seen: then the symptom is all that speaks against its own entity.
func (p *Panel) alone(all map[string]*suspect, k int) bool {
	for name, e := range all {
		if own := name == p.Series[p.Symptom].Entity; own && !p.symptomOnly(e) || !own && (e.inner > 0 || e.unseen(k) == "") {
			return false
		}
	}
	return len(all) > 1
}
