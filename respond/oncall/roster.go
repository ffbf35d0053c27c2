package oncall

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// Roster is the schedules of a tenant; it is a respond.Roster.
type Roster struct {
	rotas  map[string]*Rota
	broken map[string]error
}

// NewRoster makes schedules ready. One that cannot be read is an error when it
// is asked for.
func NewRoster(schedules []Schedule, overrides []Override) Roster {
	r := Roster{rotas: map[string]*Rota{}, broken: map[string]error{}}
	for _, s := range schedules {
		rota, err := NewRota(s, overrides)
		if err != nil {
			r.broken[s.ID] = err
			continue
		}
		r.rotas[s.ID] = rota
	}
	return r
}

// Rota returns a schedule with its overrides, or respond.ErrNotFound.
func (r Roster) Rota(id string) (*Rota, error) {
	if rota := r.rotas[id]; rota != nil {
		return rota, nil
	}
	if err := r.broken[id]; err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%w: there is no schedule %q", respond.ErrNotFound, id)
}

// All are the schedules that can be asked, by name.
func (r Roster) All() []*Rota {
	var out []*Rota
	for _, rota := range r.rotas {
		out = append(out, rota)
	}
	slices.SortFunc(out, func(a, b *Rota) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

// OnCall implements respond.Roster.
func (r Roster) OnCall(schedule string, at time.Time) ([]respond.Duty, time.Time, error) {
	rota, err := r.Rota(schedule)
	if err != nil {
		return nil, time.Time{}, err
	}
	return rota.OnCall(at)
}

// Standing is how a schedule stands at a time.
type Standing struct {
	Schedule string         `json:"schedule"`
	Name     string         `json:"name"`
	Zone     string         `json:"timeZone"`
	PartTime bool           `json:"partTime,omitempty"`
	At       time.Time      `json:"at"`
	Duties   []respond.Duty `json:"duties"`
	// Through is until when the same people are on call without a break, for
	// whatever reason; zero for more than a year.
	Through time.Time `json:"through,omitzero"`
	Behind  []string  `json:"behind,omitempty"`
	Steps   []Step    `json:"steps"` // how it comes, layer by layer
	// NextAt is when other people are on call, and Next who; zero where nothing
	// changes within a year.
	NextAt time.Time `json:"nextAt,omitzero"`
	Next   []string  `json:"next,omitempty"`
	// Names are those of the people of the schedule, by their ids.
	Names map[string]string `json:"names,omitempty"`
}

// Stands tells who is on call at a time, why, until when, and who is next.
func (r *Rota) Stands(at time.Time) (Standing, error) {
	out := Standing{Schedule: r.ID, Name: r.Name, Zone: r.Zone, PartTime: r.PartTime, At: at, Steps: r.Explain(at)}
	duties, _, err := r.OnCall(at)
	if err != nil {
		return out, err
	}
	out.Duties = append([]respond.Duty{}, duties...)
	var now []string
	for _, d := range duties {
		now = append(now, d.Person)
	}
	for _, reach := range reaches {
		list, err := r.Final(at, at.Add(reach))
		if err != nil {
			return out, err
		}
		out.Through = time.Time{}
		for _, s := range list {
			switch {
			case !s.Start.After(at):
				out.Behind, out.Through = s.Behind, s.End
			case slices.Equal(s.People, now) && s.Start.Equal(out.Through):
				out.Through = s.End
			case !slices.Equal(s.People, now):
				out.NextAt, out.Next = s.Start, s.People
				return out, nil
			}
		}
		if len(list) > 0 && list[len(list)-1].Open && list[len(list)-1].End.Equal(out.Through) {
			out.Through = time.Time{}
		}
	}
	return out, nil
}
