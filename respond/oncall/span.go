package oncall

import (
	"slices"
	"time"
)

// Span is a stretch of time; its end does not belong to it.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

func (s Span) empty() bool { return !s.From.Before(s.To) }

func (s Span) has(t time.Time) bool { return !t.Before(s.From) && t.Before(s.To) }

// and is what both have in common.
func (s Span) and(o Span) Span { return Span{From: latest(s.From, o.From), To: earliest(s.To, o.To)} }

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// joined sorts spans and makes one of those that meet or overlap.
func joined(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int { return a.From.Compare(b.From) })
	var out []Span
	for _, s := range spans {
		switch last := len(out) - 1; {
		case s.empty():
		case last >= 0 && !s.From.After(out[last].To):
			out[last].To = latest(out[last].To, s.To)
		default:
			out = append(out, s)
		}
	}
	return out
}

// common is what is in both lists, which are joined.
func common(a, b []Span) []Span {
	var out []Span
	for i, j := 0, 0; i < len(a) && j < len(b); {
		if s := a[i].and(b[j]); !s.empty() {
			out = append(out, s)
		}
		if a[i].To.Before(b[j].To) {
			i++
		} else {
			j++
		}
	}
	return out
}

// without is what is in whole and in none of the parts, which are joined.
func without(whole Span, parts []Span) []Span {
	var out []Span
	for _, p := range parts {
		if p = p.and(whole); p.empty() {
			continue
		}
		if whole.From.Before(p.From) {
			out = append(out, Span{whole.From, p.From})
		}
		whole.From = p.To
	}
	if !whole.empty() {
		out = append(out, whole)
	}
	return out
}
