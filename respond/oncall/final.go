package oncall

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// Rota is a schedule with its overrides, ready to be asked. It does not change.
type Rota struct {
	Schedule
	overrides []Override // in the order in which they were made
	zone      *time.Location
	layers    []layer
	holidays  map[time.Time]string // name by midnight on the wall
}

// NewRota makes a schedule ready. Overrides of other schedules are left out.
func NewRota(s Schedule, overrides []Override) (*Rota, error) {
	r, err := compile(s)
	if err != nil {
		return nil, err
	}
	for _, o := range overrides {
		if o.Schedule == s.ID && o.From.Before(o.To) {
			r.overrides = append(r.overrides, o)
		}
	}
	slices.SortStableFunc(r.overrides, func(a, b Override) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	if over := len(r.overrides) - maxOverrides; over > 0 {
		r.overrides = r.overrides[over:]
	}
	return r, nil
}

// Location is the time zone of the schedule.
func (r *Rota) Location() *time.Location { return r.zone }

// Shift is a time during which the same people are on call for the same reason.
type Shift struct {
	Schedule string    `json:"schedule"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	People   []string  `json:"people"`           // on call
	Behind   []string  `json:"behind,omitempty"` // of the same turn, and not paged
	Layer    string    `json:"layer,omitempty"`
	Override string    `json:"override,omitempty"` // id
	Why      string    `json:"why"`
	// Open says that it goes on after End, where the time that was asked for
	// ends.
	Open bool `json:"open,omitempty"`

	over string // what counts where this does not: the layer below an override
}

func (s Shift) span() Span { return Span{s.Start, s.End} }

// part is the shift within a span.
func (s Shift) part(in Span) Shift {
	s.Start, s.End = latest(s.Start, in.From), earliest(s.End, in.To)
	return s
}

// Final returns the shifts between two times, in order and without overlap. It
// fails where the time is not between 2000 and 2099 or longer than MaxRange.
func (r *Rota) Final(from, to time.Time) ([]Shift, error) {
	if from.Year() < firstYear || to.Year() > lastYear || to.Sub(from) > MaxRange || to.Before(from) {
		return nil, invalid("the time must lie between the years %d and %d and may last %d days at most", firstYear, lastYear, MaxRange/oneDay)
	}
	asked := Span{from.UTC(), to.UTC()}
	var out []Shift
	for _, l := range r.layers {
		out = overlay(out, r.shifts(l, asked))
	}
	for _, o := range r.overrides {
		if span := (Span{o.From.UTC(), o.To.UTC()}).and(asked); !span.empty() {
			out = r.override(out, o, span)
		}
	}
	for n := range out {
		out[n].Open = out[n].Open && out[n].End.Equal(asked.To)
	}
	return out, nil
}

// overlay puts shifts over others.
func overlay(under, over []Shift) []Shift {
	taken := make([]Span, len(over))
	for n, s := range over {
		taken[n] = s.span()
	}
	taken = joined(taken)
	out := slices.Clone(over)
	at := 0
	for _, s := range under {
		for at < len(taken) && !taken[at].To.After(s.Start) {
			at++
		}
		for _, span := range without(s.span(), taken[at:]) {
			out = append(out, s.part(span))
			if !span.To.Before(s.End) {
				break
			}
		}
	}
	slices.SortFunc(out, func(a, b Shift) int { return a.Start.Compare(b.Start) })
	return out
}

// override puts an override over shifts.
func (r *Rota) override(under []Shift, o Override, span Span) []Shift {
	whole := Shift{Schedule: r.ID, Start: span.From, End: span.To, People: []string{o.Person}, Override: o.ID, Why: r.whyOverride(o), Open: span.To.Before(o.To)}
	if o.Replaces == "" {
		return overlay(under, []Shift{whole})
	}
	var over []Shift
	for _, s := range under {
		in := s.span().and(span)
		n := slices.Index(s.People, o.Replaces)
		if in.empty() || n < 0 {
			continue
		}
		p := s.part(in)
		p.People = slices.Clone(s.People)
		p.People[n] = o.Person
		if slices.Contains(s.People, o.Person) {
			p.People = slices.Delete(p.People, n, n+1)
		}
		p.Override, p.Why, p.over, p.Open = o.ID, whole.Why, s.Layer, s.Open && whole.Open
		over = append(over, p)
	}
	return overlay(under, over)
}

func (r *Rota) whyOverride(o Override) string {
	kind := "override"
	if o.Swap != "" {
		kind = "swap"
	}
	why := fmt.Sprintf("%s by %s until %s", kind, o.By, said(o.To, r.zone))
	if o.Reason != "" {
		why += " (" + o.Reason + ")"
	}
	return why
}

// shifts are those of one layer.
func (r *Rota) shifts(l layer, asked Span) []Shift {
	from, to := wallOf(asked.From, r.zone), wallOf(asked.To, r.zone)
	open := r.counts(l, asked)
	var out []Shift
	l.handoff.turns(l.start, from.Add(-furthest), to.Add(furthest), func(index int, begin, end time.Time) {
		if !l.end.IsZero() && (end.IsZero() || l.end.Before(end)) {
			end = l.end
		}
		turn := Span{From: instant(begin, r.zone), To: asked.To}
		endless := end.IsZero()
		if !endless {
			turn.To = instant(end, r.zone)
		}
		if turn.and(asked).empty() {
			return
		}
		s := r.turn(l, index, turn, endless)
		for _, span := range common([]Span{turn.and(asked)}, open) {
			p := s
			p.Start, p.End = span.From, span.To
			p.Open = span.To.Equal(asked.To) && (endless || turn.To.After(asked.To))
			out = append(out, p)
		}
	})
	return out
}

// turn is a shift without its times.
func (r *Rota) turn(l layer, index int, turn Span, endless bool) Shift {
	people := l.Turns[index%len(l.Turns)]
	s := Shift{Schedule: r.ID, Layer: l.Name, People: slices.Clone(people)}
	if !l.Everyone {
		s.People, s.Behind = s.People[:1], s.People[1:]
	}
	s.Why = fmt.Sprintf("layer %s, turn of %s to %s", l.Name, said(turn.From, r.zone), said(turn.To, r.zone))
	if endless {
		s.Why = fmt.Sprintf("layer %s, since %s", l.Name, said(turn.From, r.zone))
	}
	return s
}

// counts are the spans in which a layer counts, by hours and holidays.
func (r *Rota) counts(l layer, asked Span) []Span {
	first, last := midnight(wallOf(asked.From, r.zone)).Add(-2*oneDay), wallOf(asked.To, r.zone).Add(oneDay)
	out := []Span{asked}
	if len(l.hours) > 0 {
		var spans []Span
		for day := first; day.Before(last); day = day.Add(oneDay) {
			for _, h := range l.hours {
				if h.days[day.Weekday()] {
					spans = append(spans, Span{instant(day.Add(h.from), r.zone), instant(day.Add(h.to), r.zone)})
				}
			}
		}
		out = common(out, joined(spans))
	}
	if l.Holidays == "" {
		return out
	}
	var days []Span
	for day := first; day.Before(last); day = day.Add(oneDay) {
		if _, is := r.holidays[day]; is {
			days = append(days, Span{instant(day, r.zone), instant(day.Add(oneDay), r.zone)})
		}
	}
	days = joined(days)
	if l.Holidays == "only" {
		return common(out, days)
	}
	var rest []Span
	for _, s := range out {
		rest = append(rest, without(s, days)...)
	}
	return rest
}

// reaches are how far it is looked ahead for the end of a duty, or for the next
// one: most are found within the first.
var reaches = []time.Duration{2 * oneDay, 35 * oneDay, 366 * oneDay}

// OnCall returns who is on call at a time, and where it is nobody, when
// somebody is next (zero: never within a year). It says what Final says.
func (r *Rota) OnCall(at time.Time) (duties []respond.Duty, next time.Time, err error) {
	s, err := r.shiftAt(at)
	if err != nil || s.Schedule == "" {
		return nil, time.Time{}, err
	}
	if s.Start.After(at) {
		return nil, s.Start, nil
	}
	why := s.Why
	if s.over != "" {
		why += ", in place of layer " + s.over
	} else if s.Override != "" {
		why += ", before all layers"
	} else if under := r.under(s, at); len(under) > 0 {
		why += ", before layer " + strings.Join(under, " and layer ")
	}
	for _, p := range s.People {
		d := respond.Duty{Person: p, Until: s.End, Why: why}
		if s.Open {
			d.Until = time.Time{} // it goes on for more than a year
		}
		duties = append(duties, d)
	}
	return duties, time.Time{}, nil
}

// shiftAt is the shift at a time, with its end, or else the next one within a
// year; one without a schedule for none.
func (r *Rota) shiftAt(at time.Time) (Shift, error) {
	for n, reach := range reaches {
		list, err := r.Final(at, at.Add(reach))
		if err != nil {
			return Shift{}, err
		}
		last := n == len(reaches)-1
		if len(list) > 0 && (last || !list[0].Open) {
			return list[0], nil
		}
	}
	return Shift{}, nil
}

// under are the layers that have somebody too at a time, and do not count.
func (r *Rota) under(s Shift, at time.Time) []string {
	var out []string
	for _, step := range r.Explain(at) {
		if step.Active && step.Layer != "" && step.Layer != s.Layer {
			out = append(out, step.Layer)
		}
	}
	return out
}
