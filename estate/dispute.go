package estate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/internal/figure"
)

// What makes a contradiction.
const (
	// looksFor is how long a source must have seen both ends, and the call have
	// been declared, before that it was not seen says something.
	looksFor = time.Hour
	// differs is by what factor two sources may count differently.
	differs = 3
	// leastRate is the calls a second below which amounts are not compared.
	leastRate = .2
)

// observer is one source, with since when it has seen an entity call and be
// called. Entities that it has not seen of late are not in it.
type observer struct{ calls, called map[string]time.Time }

func note(m map[string]time.Time, id string, at time.Time) {
	if had, ok := m[id]; !ok || at.Before(had) {
		m[id] = at
	}
}

// disputes finds what sources do not agree on, and marks the voices whose word
// is worth less for it.
func (in CallEvidence) disputes(voices map[ends][]*voice) map[ends][]Contradiction {
	observers := map[string]*observer{}
	for at, list := range voices {
		for _, v := range list {
			if v.State != Current {
				continue
			}
			o := observers[v.Name]
			if o == nil {
				o = &observer{map[string]time.Time{}, map[string]time.Time{}}
				observers[v.Name] = o
			}
			note(o.calls, at[0], v.First)
			note(o.called, at[1], v.First)
		}
	}
	out := map[ends][]Contradiction{}
	for at, list := range voices {
		back := voices[ends{at[1], at[0]}]
		if c, ok := reversed(at, list, back); ok {
			out[at] = append(out[at], c)
		} else if c, ok := in.missed(at, list, observers); ok {
			out[at] = append(out[at], c)
		}
		if c, ok := in.apart(list); ok {
			out[at] = append(out[at], c)
		}
	}
	return out
}

// current are the voices that see calls now.
func current(list []*voice) (out []*voice) {
	for _, v := range list {
		if v.State == Current {
			out = append(out, v)
		}
	}
	return out
}

// said is an id as a part of a sentence: "service shop:front".
func said(id string) string { return strings.Replace(id, ":", " ", 1) }

func namesOf(list []*voice) string {
	names := make([]string, len(list))
	for i, v := range list {
		names[i] = v.Name
	}
	slices.Sort(names)
	return listedOf(names)
}

// reversed says that sources have the call in opposite directions: those who
// see it now do so one way only, and others have it the other way only.
func reversed(at ends, list, back []*voice) (Contradiction, bool) {
	here, there := current(list), current(back)
	sees := func(in []*voice, name string) bool {
		return slices.ContainsFunc(in, func(v *voice) bool { return v.Name == name })
	}
	one := slices.DeleteFunc(slices.Clone(here), func(v *voice) bool { return sees(there, v.Name) })
	other := slices.DeleteFunc(slices.Clone(there), func(v *voice) bool { return sees(here, v.Name) })
	// Who is sure of both directions settles it.
	if len(one) < len(here) {
		return Contradiction{}, false
	}
	declared := slices.IndexFunc(list, func(v *voice) bool { return v.Source == Declared })
	declaredBack := slices.ContainsFunc(back, func(v *voice) bool { return v.Source == Declared })
	from, to := said(at[0]), said(at[1])
	switch {
	case len(one) > 0 && len(other) > 0:
		for _, v := range one {
			v.disputed = true
		}
		return Contradiction{Reversed, fmt.Sprintf("%s sees calls from %s to %s, and %s only from %s to %s.", namesOf(one), from, to, namesOf(other), to, from)}, true
	case len(here) == 0 && len(other) > 0 && declared >= 0 && !declaredBack:
		list[declared].disputed = true
		return Contradiction{Reversed, fmt.Sprintf("It is declared from %s to %s, and %s sees calls only from %s to %s. It may be declared the wrong way round.", from, to, namesOf(other), to, from)}, true
	}
	return Contradiction{}, false
}

// missed says that a call is declared and somebody would see it who does not:
// one who has seen the caller call, and the callee be called, for looksFor.
func (in CallEvidence) missed(at ends, list []*voice, observers map[string]*observer) (Contradiction, bool) {
	declared := slices.IndexFunc(list, func(v *voice) bool { return v.Source == Declared && v.State == Unseen })
	if declared < 0 {
		return Contradiction{}, false
	}
	v := list[declared]
	before := in.Now.Add(-looksFor)
	if v.Since.After(before) {
		return Contradiction{}, false
	}
	var names []string
	since := v.Since
	for name, o := range observers {
		calls, ok := o.calls[at[0]]
		called, okay := o.called[at[1]]
		if ok && okay && !calls.After(before) && !called.After(before) {
			names = append(names, name)
			since = later(since, later(calls, called))
		}
	}
	if len(names) == 0 {
		return Contradiction{}, false
	}
	slices.Sort(names)
	v.disputed = true
	return Contradiction{NobodySees, fmt.Sprintf("It is declared, and has not been seen for %s, though %s: others that %s calls, and others that call %s.",
		figure.Span(in.Now.Sub(since).Truncate(time.Minute)), sees(names), said(at[0]), said(at[1]))}, true
}

func sees(names []string) string {
	if len(names) == 1 {
		return names[0] + " sees both ends"
	}
	return listedOf(names) + " see both ends"
}

// apart says that two sources which count the same have counted very different
// amounts over the same minutes: of all pairs, the two farthest apart.
func (in CallEvidence) apart(list []*voice) (Contradiction, bool) {
	byCount := map[string][]*voice{}
	for _, v := range list {
		if v.Counts != "" && v.State != Silent && !v.rated.IsZero() && in.Now.Sub(v.rated) >= RateOver {
			byCount[v.Counts] = append(byCount[v.Counts], v)
		}
	}
	for _, counts := range slices.Sorted(maps.Keys(byCount)) {
		same := byCount[counts]
		slices.SortFunc(same, func(a, b *voice) int { return cmp.Or(cmp.Compare(b.Rate, a.Rate), strings.Compare(a.Name, b.Name)) })
		most, least := same[0], same[len(same)-1]
		if most.Rate >= leastRate && most.Rate > differs*least.Rate {
			return Contradiction{Amounts, fmt.Sprintf("%s counts %s %s a second, and %s counts %s, over the same minutes. One of them does not see all; traces may be sampled.",
				most.Name, figure.Number(most.Rate), counts, least.Name, figure.Number(least.Rate))}, true
		}
	}
	return Contradiction{}, false
}
