package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/review"
)

type lessonsInput struct {
	Tenant string    `query:"tenant" maxLength:"80"`
	From   time.Time `query:"from" doc:"incidents opened from then on; default: 30 days before the end"`
	To     time.Time `query:"to" doc:"and before then; default: now"`
	Zone   string    `query:"zone" maxLength:"60" default:"UTC" doc:"whose nights and weekends are counted, such as Europe/Berlin"`
}

// lessonsTime is how long before the end is measured where nobody says.
const lessonsTime = 30 * 24 * time.Hour

func (s *server) registerReview(h huma.API) {
	huma.Register(h, op(http.MethodGet, "/api/v1/incidents/{id}/document", "get-document", "Lessons", "What was learnt from an incident: a draft made from its ledger, until somebody saves it"),
		func(ctx context.Context, in *IncidentInput) (*body[review.Document], error) {
			d, err := s.Reviews.Document(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), in.ID, time.Now())
			return s.documentAnswer("get-document", d, err)
		})

	type save struct {
		IncidentInput
		Body struct {
			Revision int64           `json:"revision" minimum:"0" doc:"the one that you read; 0 for the draft"`
			Summary  string          `json:"summary,omitempty" maxLength:"20000"`
			Impact   string          `json:"impact,omitempty" maxLength:"20000"`
			Factors  string          `json:"factors,omitempty" maxLength:"20000"`
			Well     string          `json:"well,omitempty" maxLength:"20000"`
			Badly    string          `json:"badly,omitempty" maxLength:"20000"`
			Timeline []review.Moment `json:"timeline,omitempty" maxItems:"1000"`
			Actions  []review.Action `json:"actions,omitempty" maxItems:"100"`
			Final    bool            `json:"final,omitempty" doc:"its people are done with it"`
		}
	}
	huma.Register(h, op(http.MethodPut, "/api/v1/incidents/{id}/document", "put-document", "Lessons", "Save the document of an incident"),
		func(ctx context.Context, in *save) (*body[review.Document], error) {
			b := in.Body
			d, err := s.Reviews.Save(ctx, s.actor(ctx), review.Document{Tenant: Where{Tenant: in.Tenant}.tenant(), Incident: in.ID, Revision: b.Revision,
				Summary: b.Summary, Impact: b.Impact, Factors: b.Factors, Well: b.Well, Badly: b.Badly, Timeline: b.Timeline, Actions: b.Actions, Final: b.Final}, time.Now())
			return s.documentAnswer("put-document", d, err)
		})

	type markdown struct {
		ContentType string `header:"Content-Type"`
		Body        []byte
	}
	text := op(http.MethodGet, "/api/v1/incidents/{id}/document.md", "get-document-markdown", "Lessons", "The document as Markdown")
	text.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"text/markdown": {Schema: &huma.Schema{Type: "string"}}}}}
	huma.Register(h, text, func(ctx context.Context, in *IncidentInput) (*markdown, error) {
		tenant := Where{Tenant: in.Tenant}.tenant()
		d, err := s.Reviews.Document(ctx, s.actor(ctx), tenant, in.ID, time.Now())
		if err != nil {
			return nil, s.problem("get-document-markdown", err)
		}
		names, err := s.Access.Names(ctx, s.actor(ctx), tenant)
		if err != nil {
			return nil, s.problem("get-document-markdown", err)
		}
		return &markdown{"text/markdown; charset=utf-8", []byte(d.Markdown(names))}, nil
	})

	type list struct {
		Tenant string `query:"tenant" maxLength:"80"`
		Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
		Before int64  `query:"before" minimum:"1" doc:"only of incidents with a lower number: the last one of the page before"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/documents", "list-documents", "Lessons", "The documents that people saved, the newest incident first"),
		func(ctx context.Context, in *list) (*body[[]review.Document], error) {
			docs, err := s.Reviews.Documents(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), in.Before, in.Limit)
			if docs == nil {
				docs = []review.Document{}
			}
			return answer(docs), s.problem("list-documents", err)
		})

	huma.Register(h, op(http.MethodGet, "/api/v1/lessons", "get-lessons", "Lessons", "How fast people responded, how often they were paged, what came back, and which alerts nobody needed"),
		func(ctx context.Context, in *lessonsInput) (*body[review.Figures], error) {
			zone, err := time.LoadLocation(in.Zone)
			if err != nil || in.Zone == "Local" {
				return nil, huma.Error422UnprocessableEntity("there is no such time zone", &huma.ErrorDetail{Location: "query.zone", Value: in.Zone, Message: "give a name such as Europe/Berlin"})
			}
			if in.To.IsZero() {
				in.To = time.Now()
			}
			if in.From.IsZero() {
				in.From = in.To.Add(-lessonsTime)
			}
			f, err := s.Reviews.Figures(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), in.From, in.To, zone)
			return answer(f), s.problem("get-lessons", err)
		})
}

// Records is what became of what each check found.
type Records struct {
	From    time.Time       `json:"from"`
	To      time.Time       `json:"to"`
	Records []review.Record `json:"records"`
	Cut     bool            `json:"cut,omitempty" doc:"there was more than can be counted at once"`
	Rules   []review.Rule   `json:"rules" doc:"all checks that are made, also those that never spoke"`
}

// registerRecords registers what the checks are, and what became of what they
// found.
func (s *server) registerRecords(h huma.API) {
	type recordsInput struct {
		Tenant string    `query:"tenant" maxLength:"80"`
		From   time.Time `query:"from" doc:"default: 28 days before to"`
		To     time.Time `query:"to" doc:"default: now"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/checks/records", "list-check-records", "Checks", "What became of what each check found: how often it spoke, how often that paged somebody, and what people said of it"),
		func(ctx context.Context, in *recordsInput) (*body[Records], error) {
			if in.To.IsZero() {
				in.To = time.Now()
			}
			if in.From.IsZero() {
				in.From = in.To.Add(-review.RecordTime)
			}
			out := Records{From: in.From, To: in.To, Rules: s.Rules()}
			var err error
			out.Records, out.Cut, err = s.Reviews.Records(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), in.From, in.To)
			return answer(out), s.problem("list-check-records", err)
		})
}

// Exemptions is what each exemption does now.
type Exemptions struct {
	Exemptions []review.Exemption `json:"exemptions" doc:"those that need their owner first"`
	Cut        bool               `json:"cut,omitempty" doc:"more stands than can be counted at once"`
}

// registerExemptions registers what is accepted until a date by the
// configuration.
func (s *server) registerExemptions(h huma.API) {
	type exemptionsInput struct {
		Tenant string `query:"tenant" maxLength:"80"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/checks/exemptions", "list-exemptions", "Checks", "What is exempted by the configuration: which checks of what, until when, by whom and why, and what each exemption covers now"),
		func(ctx context.Context, in *exemptionsInput) (*body[Exemptions], error) {
			list, cut, err := s.Reviews.Exemptions(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), s.Rules(), time.Now())
			return answer(Exemptions{list, cut}), s.problem("list-exemptions", err)
		})
}

func (s *server) documentAnswer(what string, d review.Document, err error) (*body[review.Document], error) {
	if err != nil {
		return nil, s.problem(what, err)
	}
	out := answer(d)
	if d.Revision > 0 { // a draft changes with the ledger
		out.ETag = fmt.Sprintf(`"%s.%d"`, d.Incident, d.Revision)
	}
	return out, nil
}
