package console

import (
	"net/http"

	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/respond"
)

// incidentImpact counts what users felt of an incident. Note says what stands in
// its place where it could not be had.
func (c *Console) incidentImpact(r *http.Request, story respond.Story) (m *impact.Impact, note string) {
	got, err := c.Evidence.Impact(r.Context(), c.actor(r), c.opt.Tenant, story.Incident.ID, c.opt.Now())
	if err != nil {
		return nil, c.partError(r, "What users felt", err)
	}
	return &got, ""
}

// requestsMark is how what was asked of an entity went.
func requestsMark(q impact.Requests, live bool) string {
	switch {
	case q.Total == nil:
		return "unknown"
	case q.Worse() && live:
		return "now"
	case q.Worse():
		return "risk"
	case q.Failed == nil:
		return "unknown"
	}
	return "steady"
}

// harmMark is how much a stretch of time cost an objective that was not kept.
func harmMark(h slo.Harm) string {
	switch {
	case h.Bad == nil:
		return "unknown"
	case h.Left != nil && *h.Left <= 0:
		return "now"
	case h.Gone > 0:
		return "soon"
	}
	return "risk"
}
