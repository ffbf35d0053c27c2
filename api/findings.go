package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/finding"
)

// FindingWithHistory is a finding and what happened to it, oldest first.
type FindingWithHistory struct {
	finding.Finding
	History []finding.Event `json:"history"`
}

type findingsInput struct {
	Where
	Paged
	State    []string  `query:"state" maxItems:"5" enum:"open,acknowledged,accepted,unknown,resolved"`
	Severity string    `query:"severity" enum:"info,warning,critical" doc:"this one or worse"`
	Practice string    `query:"practice" maxLength:"80"`
	Check    string    `query:"check" maxLength:"200"`
	Entity   string    `query:"entity" maxLength:"500"`
	Host     string    `query:"host" maxLength:"300" doc:"name of a machine: what is on it, or was seen from it"`
	Text     string    `query:"q" maxLength:"200" doc:"part of the title, check, entity or culprit"`
	Since    time.Time `query:"since" doc:"was not resolved at some time from here on"`
	Until    time.Time `query:"until" doc:"was not resolved at some time up to here"`
}

type FindingInput struct {
	ID     string `path:"id" maxLength:"100"`
	Tenant string `query:"tenant" maxLength:"80"`
}

type FindingAnswer struct {
	FindingInput
	IfMatch string `header:"If-Match" maxLength:"100" doc:"ETag of the finding that the answer is about"`
}

func (s *server) registerFindings(h huma.API) {
	huma.Register(h, op(http.MethodGet, "/api/v1/findings", "list-findings", "Findings", "List what is not as it should be, most urgent first"),
		func(ctx context.Context, in *findingsInput) (*body[finding.Page], error) {
			f := finding.Filter{Tenant: in.tenant(), Environments: in.Environment, Practice: in.Practice, Check: in.Check,
				Entity: in.Entity, Host: in.Host, Text: in.Text, Since: in.Since, Until: in.Until, Limit: in.Limit, Cursor: in.Cursor}
			for _, state := range in.State {
				f.States = append(f.States, finding.State(state))
			}
			if in.Severity != "" {
				var err error
				if f.MinSeverity, err = finding.ParseSeverity(in.Severity); err != nil {
					return nil, huma.Error422UnprocessableEntity(err.Error())
				}
			}
			page, err := s.Findings.List(ctx, s.actor(ctx), f)
			return answer(page), s.problem("list-findings", err)
		})

	huma.Register(h, op(http.MethodGet, "/api/v1/findings/{id}", "get-finding", "Findings", "One finding with its evidence and history"),
		func(ctx context.Context, in *FindingInput) (*body[FindingWithHistory], error) {
			f, history, err := s.Findings.Get(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), in.ID)
			if err != nil {
				return nil, s.problem("get-finding", err)
			}
			return &body[FindingWithHistory]{ETag: revision(f), Body: FindingWithHistory{f, history}}, nil
		})

	type acknowledge struct {
		FindingAnswer
		Body struct {
			Note string `json:"note,omitempty" maxLength:"500"`
		}
	}
	huma.Register(h, op(http.MethodPost, "/api/v1/findings/{id}/acknowledge", "acknowledge-finding", "Findings", "Say that somebody looks at it"),
		func(ctx context.Context, in *acknowledge) (*body[finding.Finding], error) {
			return s.answerFinding(ctx, in.FindingAnswer, func(tenant string) (finding.Finding, error) {
				return s.Findings.Acknowledge(ctx, s.actor(ctx), tenant, in.ID, in.Body.Note, time.Now())
			})
		})

	type accept struct {
		FindingAnswer
		Body struct {
			Until  time.Time `json:"until" doc:"when the acceptance ends; at most a year ahead"`
			Reason string    `json:"reason" minLength:"3" maxLength:"500"`
		}
	}
	huma.Register(h, op(http.MethodPost, "/api/v1/findings/{id}/accept", "accept-finding", "Findings", "Accept it until a date, with a reason"),
		func(ctx context.Context, in *accept) (*body[finding.Finding], error) {
			return s.answerFinding(ctx, in.FindingAnswer, func(tenant string) (finding.Finding, error) {
				return s.Findings.Accept(ctx, s.actor(ctx), tenant, in.ID, in.Body.Until, in.Body.Reason, time.Now())
			})
		})

	type reopen struct {
		FindingAnswer
		Body struct {
			Reason string `json:"reason" minLength:"3" maxLength:"500"`
		}
	}
	huma.Register(h, op(http.MethodPost, "/api/v1/findings/{id}/reopen", "reopen-finding", "Findings", "Take an acceptance or an acknowledgement back"),
		func(ctx context.Context, in *reopen) (*body[finding.Finding], error) {
			return s.answerFinding(ctx, in.FindingAnswer, func(tenant string) (finding.Finding, error) {
				return s.Findings.Reopen(ctx, s.actor(ctx), tenant, in.ID, in.Body.Reason, time.Now())
			})
		})
}

// answerFinding changes a finding if it is still the one that the asker saw.
func (s *server) answerFinding(ctx context.Context, in FindingAnswer, change func(tenant string) (finding.Finding, error)) (*body[finding.Finding], error) {
	tenant := Where{Tenant: in.Tenant}.tenant()
	if in.IfMatch != "" && in.IfMatch != "*" {
		seen, _, err := s.Findings.Get(ctx, s.actor(ctx), tenant, in.ID)
		if err != nil {
			return nil, s.problem("answer-finding", err)
		}
		if strings.TrimPrefix(in.IfMatch, "W/") != revision(seen) {
			return nil, huma.Error412PreconditionFailed("the finding has changed since you saw it; read it again")
		}
	}
	f, err := change(tenant)
	if err != nil {
		return nil, s.problem("answer-finding", err)
	}
	return &body[finding.Finding]{ETag: revision(f), Body: f}, nil
}

func revision(f finding.Finding) string { return fmt.Sprintf(`"%s.%d"`, f.ID, f.Revision) }
