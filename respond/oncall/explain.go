package oncall

import (
	"fmt"
	"slices"
	"time"
)

// Step is what one layer, or one override, says of a time. Steps stand in the
// order in which they are asked; the last that is active counts.
type Step struct {
	Layer    string   `json:"layer,omitempty"`
	Override string   `json:"override,omitempty"` // id
	Active   bool     `json:"active"`
	People   []string `json:"people,omitempty"`
	Text     string   `json:"text"`
}

// Explain tells layer by layer how it comes that somebody is on call at a time.
// Outside of the years of schedules there are no steps.
func (r *Rota) Explain(at time.Time) []Step {
	if at.Year() < firstYear || at.Year() > lastYear {
		return nil
	}
	asked := Span{at.UTC(), at.UTC().Add(time.Nanosecond)}
	var out []Step
	for _, l := range r.layers {
		s := Step{Layer: l.Name}
		if list := r.shifts(l, asked); len(list) > 0 {
			s.Active, s.People, s.Text = true, list[0].People, list[0].Why
		} else {
			s.Text = r.whyNot(l, asked)
		}
		out = append(out, s)
	}
	for _, o := range r.overrides {
		if !(Span{o.From, o.To}).has(at) {
			continue
		}
		s := Step{Override: o.ID, Active: true, People: []string{o.Person}, Text: r.whyOverride(o)}
		if o.Replaces != "" {
			s.Active = slices.ContainsFunc(out, func(x Step) bool { return slices.Contains(x.People, o.Replaces) })
			if !s.Active {
				s.Text += ": whom it replaces is not on call then"
			}
		}
		out = append(out, s)
	}
	return out
}

// whyNot says why a layer has nobody.
func (r *Rota) whyNot(l layer, asked Span) string {
	wall := wallOf(asked.From, r.zone)
	name, holiday := r.holidays[midnight(wall)]
	if name == "" {
		name = "a holiday"
	}
	switch {
	case asked.From.Before(instant(l.start, r.zone)):
		return fmt.Sprintf("layer %s begins on %s", l.Name, said(instant(l.start, r.zone), r.zone))
	case !l.end.IsZero() && !asked.From.Before(instant(l.end, r.zone)):
		return fmt.Sprintf("layer %s has ended on %s", l.Name, said(instant(l.end, r.zone), r.zone))
	case l.Holidays == "never" && holiday:
		return fmt.Sprintf("layer %s does not count on holidays, and it is %s", l.Name, name)
	case l.Holidays == "only" && !holiday:
		return fmt.Sprintf("layer %s counts on holidays only", l.Name)
	}
	return fmt.Sprintf("layer %s: it is outside of its hours", l.Name)
}
