package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/correlate/cases"
)

// CaseWithHistory is a case in one sentence and in full, and what happened to
// it, oldest first.
type CaseWithHistory struct {
	Sentence string `json:"sentence" doc:"the case in one sentence; times are UTC"`
	cases.Case
	History []cases.Event `json:"history"`
}

type casesInput struct {
	Where
	Paged
	Open    bool   `query:"open" doc:"only those that are open"`
	Finding string `query:"finding" maxLength:"100" doc:"id of a finding that is or was part of it"`
}

// CaseInput names a case.
type CaseInput struct {
	ID     string `path:"id" maxLength:"100"`
	Tenant string `query:"tenant" maxLength:"80"`
}

// CaseFeedback is what a person says of a case.
type CaseFeedback struct {
	Useful bool   `json:"useful" doc:"false: it was noise"`
	Note   string `json:"note,omitempty" maxLength:"500"`
}

func (s *server) registerCases(h huma.API) {
	huma.Register(h, op(http.MethodGet, "/api/v1/cases", "list-cases", "Cases", "List cases: what belongs to one trouble, and its most likely cause; open ones first, then the worst"),
		func(ctx context.Context, in *casesInput) (*body[cases.Page], error) {
			page, err := s.Cases.List(ctx, s.actor(ctx), cases.Filter{Tenant: in.tenant(), Environments: in.Environment, Open: in.Open,
				Finding: in.Finding, Limit: in.Limit, Cursor: in.Cursor})
			return answer(page), s.problem("list-cases", err)
		})

	huma.Register(h, op(http.MethodGet, "/api/v1/cases/{id}", "get-case", "Cases", "One case: symptoms, what users felt of it, ranked hypotheses with evidence, what was excluded and what could not be seen, and its history"),
		func(ctx context.Context, in *CaseInput) (*body[CaseWithHistory], error) {
			c, history, err := s.Cases.Get(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), in.ID)
			if err != nil {
				return nil, s.problem("get-case", err)
			}
			c.Impact = s.Cases.Impact(ctx, c, time.Now())
			return answer(CaseWithHistory{Sentence: c.Story.Text(time.UTC), Case: c, History: history}), nil
		})

	type feedback struct {
		CaseInput
		Body CaseFeedback
	}
	huma.Register(h, op(http.MethodPost, "/api/v1/cases/{id}/feedback", "judge-case", "Cases", "Say that a case was useful, or noise; it counts in the record of its checks, and later cases with the same finding as their cause are ranked by it"),
		func(ctx context.Context, in *feedback) (*body[cases.Case], error) {
			c, err := s.Cases.Judge(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), in.ID, in.Body.Useful, in.Body.Note, time.Now())
			return answer(c), s.problem("judge-case", err)
		})
}
