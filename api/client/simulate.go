package client

import (
	"context"
	"net/http"

	"github.com/evenkeel/evenkeel/api"
	"github.com/evenkeel/evenkeel/respond/simulate"
)

// Simulate asks what would happen with an alert.
func (c *Client) Simulate(ctx context.Context, ask api.Simulation) (t simulate.Trace, err error) {
	return t, c.call(ctx, http.MethodPost, "/api/v1/simulate", nil, ask, &t)
}
