package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/respond"
)

// LedgerReport is what was found in the whole page ledger.
type LedgerReport respond.Report

func (s *server) registerLedger(h huma.API) {
	type input struct {
		Tenant string `query:"tenant" maxLength:"80"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/ledger/report", "verify-ledger", "Incidents", "Read the whole page ledger and find what is lost or stuck"),
		func(ctx context.Context, in *input) (*body[LedgerReport], error) {
			r, err := s.Incidents.Verify(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), time.Now())
			return answer(LedgerReport(r)), s.problem("verify-ledger", err)
		})
}
