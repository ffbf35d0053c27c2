package respond

import (
	"context"
	"slices"

	"github.com/evenkeel/evenkeel/access"
)

// FindingSource is the source of alerts that Evenkeel's own findings make; the
// fingerprint of each is the finding's id.
const FindingSource = "findings"

// aboutAtMost is how many standing incidents are looked through for what a
// person declared; the most urgent come first.
const aboutAtMost = 500

// About returns the incidents that are not over and that a finding stands in, or
// that a person declared from it, as far as the actor may see them.
func (s *Service) About(ctx context.Context, actor access.Actor, tenant, finding string) ([]Incident, error) {
	alerts, err := s.store.AlertsByID(ctx, []string{AlertKey{Tenant: tenant, Source: FindingSource, Fingerprint: finding}.ID()})
	if err != nil {
		return nil, err
	}
	var in []string
	for _, a := range alerts {
		in = append(in, a.Incidents...)
	}
	page, err := s.List(ctx, actor, IncidentFilter{Tenant: tenant, States: []State{Triggered, Acknowledged, Snoozed}, Limit: aboutAtMost})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(page.Incidents, func(i Incident) bool { return i.Finding != finding && !slices.Contains(in, i.ID) }), nil
}
