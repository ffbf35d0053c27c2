package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/respond/simulate"
)

// Simulation asks what would happen.
type Simulation struct {
	Tenant      string            `json:"tenant,omitempty" maxLength:"80"`
	Environment string            `json:"environment,omitempty" maxLength:"80"`
	Labels      map[string]string `json:"labels" doc:"of the alert, such as severity=critical and service=checkout"`
	Severity    string            `json:"severity,omitempty" enum:"info,warning,critical" doc:"default: the label severity"`
	Title       string            `json:"title,omitempty" maxLength:"1000" doc:"default: the label alertname"`
	At          string            `json:"at,omitempty" maxLength:"100" doc:"RFC 3339, \"2027-03-28 02:30\" or \"Sunday 03:00\" by the zone's clock, or now (default)"`
	Zone        string            `json:"zone,omitempty" maxLength:"80" doc:"such as Europe/Berlin; default: that of the schedules, or UTC"`
	// AcknowledgeAfter and By say that somebody takes it up.
	AcknowledgeAfter string `json:"acknowledgeAfter,omitempty" maxLength:"20" doc:"somebody takes it up so long after they are told, such as 10m; default: nobody does"`
	By               string `json:"by,omitempty" maxLength:"100" doc:"who does, by name or id; default: whoever is told first"`
	Within           string `json:"within,omitempty" maxLength:"20" doc:"how far is looked ahead, such as 72h; default: 7 days"`
	Draft            string `json:"draft,omitempty" maxLength:"262144" doc:"policies, contacts, schedules and routes that stand over those that there are, as YAML in the form of the configuration file; it is not stored"`
}

func (s *server) registerSimulate(h huma.API) {
	o := op(http.MethodPost, "/api/v1/simulate", "simulate", "Routes", "What would happen with an alert at a time: who is paged, when and why. Nothing is stored or sent")
	o.MaxBodyBytes = 2 * simulate.MaxDraft
	huma.Register(h, o, func(ctx context.Context, in *struct{ Body Simulation }) (*body[simulate.Trace], error) {
		b := in.Body
		ask := simulate.Ask{Tenant: Where{Tenant: b.Tenant}.tenant(), Environment: b.Environment, Labels: b.Labels, Severity: b.Severity, Title: b.Title,
			At: b.At, Zone: b.Zone, By: b.By, Acknowledged: b.AcknowledgeAfter != ""}
		for _, x := range []struct {
			where, text string
			to          *time.Duration
		}{{"body.acknowledgeAfter", b.AcknowledgeAfter, &ask.After}, {"body.within", b.Within, &ask.Within}} {
			if x.text == "" {
				continue
			}
			d, err := time.ParseDuration(x.text)
			if err != nil {
				return nil, huma.Error422UnprocessableEntity("a duration cannot be read", &huma.ErrorDetail{Location: x.where, Value: x.text, Message: "write it as 10m or 1h30m"})
			}
			*x.to = d
		}
		t, err := s.Simulate.Simulate(ctx, s.actor(ctx), ask, []byte(b.Draft), time.Now())
		return answer(t), s.problem("simulate", err)
	})
}
