package route

import (
	"context"
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/internal/figure"
	"github.com/evenkeel/evenkeel/respond"
)

// Listed is a silence with what people should know of it.
type Listed struct {
	Silence
	State SilenceState `json:"state"`
	// Mutes counts the alerts that stand now and that its matchers take.
	Mutes int `json:"mutes"`
	// Warning says what is to be minded; empty for nothing.
	Warning string `json:"warning,omitempty"`
}

// endsSoon is how long before its end a silence is said to end.
const endsSoon = time.Hour

// warning says what is to be minded of a silence that takes so many of the
// alerts that stand.
func warning(x Silence, mutes int, now time.Time) string {
	switch state := x.State(now); {
	case state == Expired:
		return ""
	case state == Active && mutes > 0 && x.To.Sub(now) <= endsSoon:
		return fmt.Sprintf("It ends in %s; what it mutes pages again then.", figure.Span(x.To.Sub(now)))
	case state == Active && mutes == 0 && now.Sub(x.From) >= endsSoon:
		return "It mutes nothing that stands. If the work is done, end it."
	case state == Active && mutes == 0:
		return "It mutes nothing that stands now. Look whether its matchers are right."
	}
	return ""
}

// List is Silences, with what each of them mutes.
func (s *Service) List(ctx context.Context, actor access.Actor, tenant string, now time.Time) ([]Listed, error) {
	list, err := s.Silences(ctx, actor, tenant, now)
	if err != nil {
		return nil, err
	}
	out := make([]Listed, 0, len(list))
	live := 0
	for _, x := range list {
		out = append(out, Listed{Silence: x, State: x.State(now)})
		if x.State(now) != Expired {
			live++
		}
	}
	if live == 0 {
		return out, nil
	}
	err = s.standing(ctx, tenant, func(alerts []respond.Standing) {
		for _, st := range alerts {
			for n := range out {
				x := &out[n]
				if x.State != Expired && x.covers(st.Alert) {
					x.Mutes++
				}
			}
		}
	})
	for n := range out {
		out[n].Warning = warning(out[n].Silence, out[n].Mutes, now)
	}
	return out, err
}

// Match is what a silence would take of what stands.
type Match struct {
	Count  int                `json:"count"`
	Of     int                `json:"of"`     // alerts that stand
	Alerts []respond.Standing `json:"alerts"` // the first 50
}

// maxMatch is how many alerts a Match shows.
const maxMatch = 50

// Preview says which of the alerts that stand, and that the actor may see, a
// silence would take. Only its tenant, environment and matchers are looked at.
func (s *Service) Preview(ctx context.Context, actor access.Actor, x Silence) (Match, error) {
	out := Match{Alerts: []respond.Standing{}}
	if err := reads(actor, x.Tenant); err != nil {
		return out, err
	}
	if err := checkMatchers(x.Matchers); err != nil {
		return out, fmt.Errorf("%w: the silence %w", respond.ErrInvalid, err)
	}
	may := map[string]bool{}
	return out, s.standing(ctx, x.Tenant, func(alerts []respond.Standing) {
		for _, st := range alerts {
			ok, known := may[st.Environment]
			if !known {
				ok = access.Can(actor, access.Read, access.Scope{Tenant: x.Tenant, Environment: st.Environment}) == nil
				may[st.Environment] = ok
			}
			if !ok {
				continue
			}
			out.Of++
			if !x.covers(st.Alert) {
				continue
			}
			if out.Count++; len(out.Alerts) < maxMatch {
				out.Alerts = append(out.Alerts, st)
			}
		}
	})
}
