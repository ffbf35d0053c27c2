package oncall

import (
	"cmp"
	"slices"
	"time"
)

// Load is what being on call has been, or will be, for one person. All hours are
// those that pass, whatever the clock on the wall does; nights, weekends and
// holidays are those of each schedule's own place. Time in two schedules at once
// counts twice. How often they were paged is told by review.
type Load struct {
	Person       string  `json:"person"`
	Hours        float64 `json:"hours"`
	NightHours   float64 `json:"nightHours"` // between 22:00 and 07:00
	Nights       int     `json:"nights"`     // of which they had a part
	WeekendHours float64 `json:"weekendHours"`
	HolidayHours float64 `json:"holidayHours"`
}

const nightFrom, nightTo = 22 * time.Hour, 31 * time.Hour // since midnight

// Fairness adds up everybody's load between two times, the most hours first.
// Schedules in part time do not count.
func (r Roster) Fairness(from, to time.Time) ([]Load, error) {
	loads := map[string]*Load{}
	of := func(person string) *Load {
		if loads[person] == nil {
			loads[person] = &Load{Person: person}
		}
		return loads[person]
	}
	for _, rota := range r.All() {
		if rota.PartTime {
			continue
		}
		list, err := rota.Final(from, to)
		if err != nil {
			return nil, err
		}
		spans := map[string][]Span{}
		for _, s := range list {
			for _, p := range s.People {
				spans[p] = append(spans[p], s.span())
			}
		}
		days := rota.days(Span{from, to})
		for person, list := range spans {
			rota.add(of(person), joined(list), days)
		}
	}
	out := make([]Load, 0, len(loads))
	for _, l := range loads {
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b Load) int { return cmp.Or(cmp.Compare(b.Hours, a.Hours), cmp.Compare(a.Person, b.Person)) })
	return out, nil
}

// calendar is the days of a place, by what counts apart.
type calendar struct {
	nights             []Span // one each, not joined
	weekends, holidays []Span
}

func (r *Rota) days(asked Span) (c calendar) {
	last := wallOf(asked.To, r.zone)
	for day := midnight(wallOf(asked.From, r.zone)).Add(-oneDay); day.Before(last); day = day.Add(oneDay) {
		whole := Span{instant(day, r.zone), instant(day.Add(oneDay), r.zone)}
		c.nights = append(c.nights, Span{instant(day.Add(nightFrom), r.zone), instant(day.Add(nightTo), r.zone)})
		if d := day.Weekday(); d == time.Saturday || d == time.Sunday {
			c.weekends = append(c.weekends, whole)
		}
		if _, is := r.holidays[day]; is {
			c.holidays = append(c.holidays, whole)
		}
	}
	c.weekends, c.holidays = joined(c.weekends), joined(c.holidays)
	return c
}

func (r *Rota) add(l *Load, on []Span, c calendar) {
	l.Hours += hoursIn(on)
	nights := common(on, c.nights)
	l.NightHours += hoursIn(nights)
	last := -1
	for _, s := range nights {
		n := slices.IndexFunc(c.nights, func(x Span) bool { return x.has(s.From) })
		if n != last {
			l.Nights++
			last = n
		}
	}
	l.WeekendHours += hoursIn(common(on, c.weekends))
	l.HolidayHours += hoursIn(common(on, c.holidays))
}

func hoursIn(spans []Span) (sum float64) {
	for _, s := range spans {
		sum += s.To.Sub(s.From).Hours()
	}
	return sum
}
