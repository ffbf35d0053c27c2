package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/detect/slo"
)

// SLO is a service level objective and how it stands.
type SLO struct {
	ID       string        `json:"id"`
	Title    string        `json:"title"`
	Service  string        `json:"service"`
	Target   float64       `json:"target" doc:"per cent of events that are to be good"`
	Window   time.Duration `json:"window" doc:"nanoseconds"`
	State    string        `json:"state" enum:"kept,burning,no-traffic,no-data,pending"`
	Reason   string        `json:"reason,omitempty" doc:"why it cannot be told"`
	Severity string        `json:"severity,omitempty"`
	Burn     float64       `json:"burn,omitempty" doc:"times as fast as the error budget allows"`
	Left     *float64      `json:"budgetLeft,omitempty" doc:"share of the window's error budget that is left, below 0 where it is used up; not there where it cannot be told"`
	Gone     time.Duration `json:"goneIn,omitempty" doc:"nanoseconds until the budget is used up at this rate"`
	At       time.Time     `json:"at,omitzero"`
}

// sloOf is a status as the API tells it.
func sloOf(s slo.Status) SLO {
	o, j := s.Objective, s.Judgement
	out := SLO{ID: o.ID, Title: o.Name(), Service: o.Service, Target: o.Target, Window: o.Over(), State: string(j.Verdict), Reason: j.Reason,
		Burn: j.Burn, Gone: j.Gone, At: s.At}
	if s.At.IsZero() {
		out.State = "pending"
	}
	if j.Verdict == slo.Burning {
		out.Severity = j.Severity.String()
	}
	if j.Known {
		out.Left = &j.Left
	}
	return out
}

func (s *server) registerSLOs(h huma.API) {
	type slos struct {
		SLOs []SLO `json:"slos"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/slos", "list-slos", "Watching", "List the service level objectives with what is left of their error budgets"),
		func(ctx context.Context, _ *struct{}) (*body[slos], error) {
			list := []SLO{}
			for _, x := range s.SLOs() {
				list = append(list, sloOf(x))
			}
			return answer(slos{list}), s.mayReadHere(ctx)
		})
	huma.Register(h, op(http.MethodGet, "/api/v1/slos/suggestions", "suggest-slos", "Watching", "Suggest objectives for services and routes that have none, by what was kept of them, with what each would have meant"),
		func(ctx context.Context, _ *struct{}) (*body[Suggestions], error) {
			if err := s.mayReadHere(ctx); err != nil {
				return nil, err
			}
			list, later, err := s.Suggest(ctx)
			if err != nil && len(list) == 0 {
				return nil, s.problem("suggest-slos", err)
			}
			return answer(Suggestions{append([]slo.Suggestion{}, list...), later}), nil
		})
}

// Suggestions are objectives that history supports.
type Suggestions struct {
	Suggestions []slo.Suggestion `json:"suggestions"`
	Later       int              `json:"later" doc:"for how many there was no time; the next question goes on with them"`
}
