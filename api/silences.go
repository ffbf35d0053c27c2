package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/route"
)

// Silence keeps alerts from paging for a while.
type Silence struct {
	ID          string    `json:"id"`
	Environment string    `json:"environment,omitempty" doc:"empty: all"`
	State       string    `json:"state" enum:"pending,active,expired"`
	Matchers    []string  `json:"matchers"`
	From        time.Time `json:"from"`
	To          time.Time `json:"to"`
	Owner       string    `json:"owner"`
	Reason      string    `json:"reason"`
	CreatedAt   time.Time `json:"createdAt"`
	EndedBy     string    `json:"endedBy,omitempty" doc:"who ended it before its time"`
	Mutes       int       `json:"mutes" doc:"alerts that stand now and that it takes; only in the list"`
	Warning     string    `json:"warning,omitempty" doc:"what is to be minded; only in the list"`
}

// SilenceList is all silences but those that ended long ago.
type SilenceList struct {
	Silences []Silence `json:"silences"`
}

func silenceOf(x route.Listed) Silence {
	return Silence{ID: x.ID, Environment: x.Environment, State: string(x.State), Matchers: x.Matchers.Texts(), From: x.From, To: x.To,
		Owner: x.Owner, Reason: x.Reason, CreatedAt: x.CreatedAt, EndedBy: x.EndedBy, Mutes: x.Mutes, Warning: x.Warning}
}

// SilenceInput says what is to be silenced.
type SilenceInput struct {
	Tenant      string    `json:"tenant,omitempty" maxLength:"80"`
	Environment string    `json:"environment,omitempty" maxLength:"80" doc:"empty: all"`
	Matchers    []string  `json:"matchers" minItems:"1" maxItems:"100" doc:"such as severity=\"warning\" or team=~\"a|b\"; all must hold"`
	From        time.Time `json:"from,omitzero" doc:"default: now"`
	To          time.Time `json:"to"`
	Owner       string    `json:"owner,omitempty" maxLength:"200" doc:"whom to ask about it; default: who makes it"`
	Reason      string    `json:"reason" minLength:"1" maxLength:"4000"`
}

func matchersOf(texts []string) (out route.Matchers, err error) {
	for _, text := range texts {
		some, err := route.ParseMatchers(text)
		if err != nil {
			return nil, huma.Error422UnprocessableEntity(err.Error())
		}
		out = append(out, some...)
	}
	return out, nil
}

func (s *server) registerSilences(h huma.API) {
	type where struct {
		Tenant string `query:"tenant" maxLength:"80"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/silences", "list-silences", "Incidents", "List silences: those that hold, those to come, then those that ended in the last 30 days"),
		func(ctx context.Context, in *where) (*body[SilenceList], error) {
			list, err := s.Routes.List(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), time.Now())
			out := SilenceList{Silences: []Silence{}}
			for _, x := range list {
				out.Silences = append(out.Silences, silenceOf(x))
			}
			return answer(out), s.problem("list-silences", err)
		})

	type create struct{ Body SilenceInput }
	made := op(http.MethodPost, "/api/v1/silences", "create-silence", "Incidents", "Keep alerts from paging for a while; they are kept and shown")
	made.DefaultStatus = http.StatusCreated
	huma.Register(h, made, func(ctx context.Context, in *create) (*body[Silence], error) {
		m, err := matchersOf(in.Body.Matchers)
		if err != nil {
			return nil, err
		}
		now := time.Now()
		x, err := s.Routes.PutSilence(ctx, s.actor(ctx), route.Silence{Tenant: Where{Tenant: in.Body.Tenant}.tenant(), Environment: in.Body.Environment,
			Matchers: m, From: in.Body.From, To: in.Body.To, Owner: in.Body.Owner, Reason: in.Body.Reason}, now)
		return answer(silenceOf(route.Listed{Silence: x, State: x.State(now)})), s.problem("create-silence", err)
	})

	type one struct {
		ID     string `path:"id" maxLength:"100"`
		Tenant string `query:"tenant" maxLength:"80"`
	}
	huma.Register(h, op(http.MethodPost, "/api/v1/silences/{id}/expire", "expire-silence", "Incidents", "End a silence now; what it muted pages again"),
		func(ctx context.Context, in *one) (*body[Silence], error) {
			now := time.Now()
			x, err := s.Routes.ExpireSilence(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), in.ID, now)
			return answer(silenceOf(route.Listed{Silence: x, State: x.State(now)})), s.problem("expire-silence", err)
		})

	type preview struct {
		Body struct {
			Tenant      string   `json:"tenant,omitempty" maxLength:"80"`
			Environment string   `json:"environment,omitempty" maxLength:"80"`
			Matchers    []string `json:"matchers" minItems:"1" maxItems:"100"`
		}
	}
	huma.Register(h, op(http.MethodPost, "/api/v1/silences/preview", "preview-silence", "Incidents", "Which of the alerts that stand a silence would take; nothing is changed"),
		func(ctx context.Context, in *preview) (*body[route.Match], error) {
			m, err := matchersOf(in.Body.Matchers)
			if err != nil {
				return nil, err
			}
			match, err := s.Routes.Preview(ctx, s.actor(ctx), route.Silence{Tenant: Where{Tenant: in.Body.Tenant}.tenant(), Environment: in.Body.Environment, Matchers: m})
			return answer(match), s.problem("preview-silence", err)
		})
}

// RouteList is how alerts are routed.
type RouteList struct {
	Routes       []route.Row         `json:"routes" doc:"in the order in which they are asked"`
	InhibitRules []route.RuleRow     `json:"inhibitRules"`
	Maintenance  []MaintenanceWindow `json:"maintenance" doc:"planned, and not over"`
}

// MaintenanceWindow is planned maintenance.
type MaintenanceWindow struct {
	ID            string    `json:"id"`
	Environment   string    `json:"environment,omitempty" doc:"empty: all"`
	Matchers      []string  `json:"matchers"`
	From          time.Time `json:"from"`
	To            time.Time `json:"to"`
	TimeIntervals []string  `json:"timeIntervals,omitempty" doc:"when within its time it holds; empty: always"`
	Owner         string    `json:"owner"`
	Reason        string    `json:"reason"`
}

// RouteExplanation says where an alert goes and why.
type RouteExplanation struct {
	Visits     []route.Visit       `json:"visits" doc:"routes in the order in which they were asked"`
	Targets    []RouteTarget       `json:"targets"`
	Suppressed []route.Suppression `json:"suppressed,omitempty" doc:"what keeps it from paging, by whichever route"`
	Lines      []string            `json:"lines" doc:"all of it for a terminal"`
}

// RouteTarget is where a route sends an alert.
type RouteTarget struct {
	Route      string            `json:"route"`
	Policy     string            `json:"policy"`
	Labels     map[string]string `json:"labels,omitempty" doc:"what the alerts of its incident share"`
	Wait       time.Duration     `json:"wait" doc:"nanoseconds"`
	Muted      string            `json:"muted,omitempty" doc:"why it pages nobody"`
	MutedUntil time.Time         `json:"mutedUntil,omitzero"`
}

func (s *server) registerRoutes(h huma.API) {
	type where struct {
		Tenant string `query:"tenant" maxLength:"80"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/routes", "list-routes", "Incidents", "How alerts are routed, as the configuration says"),
		func(ctx context.Context, in *where) (*body[RouteList], error) {
			plan, err := s.Routes.Configured(s.actor(ctx), Where{Tenant: in.Tenant}.tenant())
			if err != nil {
				return nil, s.problem("list-routes", err)
			}
			out := RouteList{Routes: plan.Tree.Rows(), InhibitRules: plan.Rules(), Maintenance: []MaintenanceWindow{}}
			for _, w := range plan.Maintenance(time.Now()) {
				out.Maintenance = append(out.Maintenance, MaintenanceWindow{w.ID, w.Environment, w.Matchers.Texts(), w.From, w.To, w.TimeIntervals, w.Owner, w.Reason})
			}
			return answer(out), nil
		})

	type explain struct {
		Body struct {
			Tenant      string            `json:"tenant,omitempty" maxLength:"80"`
			Environment string            `json:"environment,omitempty" maxLength:"80"`
			Labels      map[string]string `json:"labels" maxProperties:"100"`
			At          time.Time         `json:"at,omitzero" doc:"default: now. Silences are those of now"`
		}
	}
	huma.Register(h, op(http.MethodPost, "/api/v1/routes/explain", "explain-route", "Incidents", "Where an alert with these labels goes at a time, and why"),
		func(ctx context.Context, in *explain) (*body[RouteExplanation], error) {
			at := in.Body.At
			if at.IsZero() {
				at = time.Now()
			}
			e, err := s.Routes.Explain(ctx, s.actor(ctx), respond.Alert{AlertKey: respond.AlertKey{Tenant: Where{Tenant: in.Body.Tenant}.tenant()},
				Environment: in.Body.Environment, Status: respond.Firing, Labels: in.Body.Labels}, at)
			out := RouteExplanation{Visits: e.Visits, Suppressed: e.Suppressed, Lines: e.Lines()}
			for _, t := range e.Targets {
				out.Targets = append(out.Targets, RouteTarget{t.Route, t.Policy, t.GroupLabels, t.Wait, t.Muted, t.MutedUntil})
			}
			return answer(out), s.problem("explain-route", err)
		})
}
