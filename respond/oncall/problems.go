package oncall

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// ProblemKind says what is wrong.
type ProblemKind string

const (
	Gap         ProblemKind = "gap"         // nobody is on call
	Twice       ProblemKind = "twice"       // one person is on call in two schedules at once
	Unreachable ProblemKind = "unreachable" // no contact of theirs can be used
	Gone        ProblemKind = "gone"        // they cannot log in any more
	Broken      ProblemKind = "broken"      // the schedule cannot be read
)

// Problem is what will go wrong if nobody acts.
type Problem struct {
	Kind     ProblemKind `json:"kind"`
	Schedule string      `json:"schedule"`
	Other    string      `json:"other,omitempty"` // the other schedule, where one is on call twice
	Person   string      `json:"person,omitempty"`
	From     time.Time   `json:"from"`
	To       time.Time   `json:"to"`
	Text     string      `json:"text"`   // what is wrong
	Remedy   string      `json:"remedy"` // what to do
}

// maxProblems bounds a list of problems; more of them say the same.
const maxProblems = 200

// Known is what is known of people. What is nil is not looked at.
type Known struct {
	// Name is how people call a person; ok is false for one who has left.
	Name func(person string) (name string, ok bool)
	// Reachable says whether a page would reach a person, and else why not.
	Reachable func(person string) (ok bool, why []string)
}

func (k Known) name(person string) string {
	if k.Name != nil {
		if name, ok := k.Name(person); ok {
			return name
		}
	}
	return person
}

// Problems finds what will go wrong between two times, the first first.
func (r Roster) Problems(from, to time.Time, known Known) ([]Problem, error) {
	var out []Problem
	for id, err := range r.broken {
		out = append(out, Problem{Kind: Broken, Schedule: id, From: from, To: to,
			Text: fmt.Sprintf("The schedule %s cannot be read: %v.", id, err), Remedy: "Correct it, or delete it."})
	}
	duties := map[string][]Shift{} // by person
	for _, rota := range r.All() {
		list, err := rota.Final(from, to)
		if err != nil {
			return nil, err
		}
		if !rota.PartTime {
			out = append(out, rota.gaps(list, Span{from, to})...)
		}
		for _, s := range list {
			for _, p := range s.People {
				if !rota.PartTime {
					duties[p] = append(duties[p], s)
				}
			}
		}
		out = append(out, rota.people(list, known)...)
	}
	for person, list := range duties {
		out = append(out, r.twice(person, list, known)...)
	}
	slices.SortFunc(out, func(a, b Problem) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Schedule, b.Schedule), cmp.Compare(a.Person, b.Person))
	})
	return out[:min(len(out), maxProblems)], nil
}

// gaps are the times at which nobody is on call.
func (r *Rota) gaps(list []Shift, asked Span) []Problem {
	var out []Problem
	for _, s := range gapsOf(list, asked) {
		out = append(out, Problem{Kind: Gap, Schedule: r.ID, From: s.From, To: s.To,
			Text:   fmt.Sprintf("Nobody is on call in %s from %s to %s.", r.Title(), said(s.From, r.zone), said(s.To, r.zone)),
			Remedy: "Put somebody there by an override, or close the gap in the layers. If it is meant, say part_time in the schedule."})
	}
	return out
}

func gapsOf(list []Shift, asked Span) []Span {
	spans := make([]Span, len(list))
	for n, s := range list {
		spans[n] = s.span()
	}
	return without(asked, joined(spans))
}

// Title is the name that people read.
func (s Schedule) Title() string { return cmp.Or(s.Name, s.ID) }

// people finds those who are on call and cannot be reached, or have left.
func (r *Rota) people(list []Shift, known Known) []Problem {
	var out []Problem
	seen := map[string]bool{}
	for _, s := range list {
		for _, person := range s.People {
			if seen[person] {
				continue
			}
			seen[person] = true
			p := Problem{Schedule: r.ID, Person: person, From: s.Start, To: s.End}
			if known.Name != nil {
				if _, ok := known.Name(person); !ok {
					p.Kind, p.Text = Gone, fmt.Sprintf("%s is on call in %s from %s, and cannot log in any more.", person, r.Title(), said(s.Start, r.zone))
					p.Remedy = "Take them out of the layers and overrides of " + r.Title() + "."
					out = append(out, p)
					continue
				}
			}
			if known.Reachable == nil {
				continue
			}
			if ok, why := known.Reachable(person); !ok {
				p.Kind, p.Text = Unreachable, fmt.Sprintf("No page would reach %s, who is on call in %s from %s: %s.", known.name(person), r.Title(), said(s.Start, r.zone), sentence(why))
				p.Remedy = "Have them add a contact and prove it, or put somebody else there."
				out = append(out, p)
			}
		}
	}
	return out
}

func sentence(why []string) string {
	text := ""
	for n, w := range why {
		if n > 0 {
			text += ", "
		}
		text += w
	}
	return text
}

// twice finds a person who is on call in two schedules at once, each pair once.
func (r Roster) twice(person string, list []Shift, known Known) []Problem {
	slices.SortStableFunc(list, func(a, b Shift) int { return a.Start.Compare(b.Start) })
	type pair struct{ a, b string }
	seen := map[pair]bool{}
	var out []Problem
	for n, a := range list {
		for _, b := range list[n+1:] {
			if !b.Start.Before(a.End) {
				break
			}
			of := pair{min(a.Schedule, b.Schedule), max(a.Schedule, b.Schedule)}
			in := a.span().and(b.span())
			if of.a == of.b || in.empty() || seen[of] {
				continue
			}
			seen[of] = true
			one, other := r.rotas[of.a], r.rotas[of.b]
			out = append(out, Problem{Kind: Twice, Schedule: of.a, Other: of.b, Person: person, From: in.From, To: in.To,
				Text:   fmt.Sprintf("%s is on call in %s and in %s at once, the first time from %s to %s.", known.name(person), one.Title(), other.Title(), said(in.From, one.zone), said(in.To, one.zone)),
				Remedy: "Put somebody else there in one of them by an override, or change the turns, if it is not meant."})
		}
	}
	return out
}
