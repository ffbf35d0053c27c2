package respond

import (
	"context"
	"time"

	"github.com/evenkeel/evenkeel/access"
)

// List returns the incidents that the actor may see.
func (s *Service) List(ctx context.Context, actor access.Actor, f IncidentFilter) (IncidentPage, error) {
	names, any, err := access.Narrow(actor, access.Read, f.Tenant, f.Environments)
	if err != nil || !any {
		return IncidentPage{}, err
	}
	f.Environments = names
	return s.store.Incidents(ctx, f)
}

// Story is an incident with all that happened.
type Story struct {
	Incident Incident   `json:"incident"`
	Alerts   []Standing `json:"alerts"`   // newest first, the first 500
	Tasks    []Task     `json:"tasks"`    // in the order in which they were added
	Pages    []Page     `json:"pages"`    // in the order in which they began
	Messages []Message  `json:"messages"` // of its pages, and news of it
	Entries  []Entry    `json:"entries"`  // oldest first, the first 5,000
}

const (
	storyAlerts  = 500
	storyEntries = 5000
)

// Get returns an incident with its story. What the actor may not see is not
// found.
func (s *Service) Get(ctx context.Context, actor access.Actor, tenant, id string) (st Story, err error) {
	if st.Incident, err = s.visible(ctx, actor, tenant, id); err != nil {
		return Story{}, err
	}
	ids := []string{st.Incident.ID}
	if st.Alerts, err = s.store.IncidentAlerts(ctx, tenant, id, false, storyAlerts); err != nil {
		return Story{}, err
	}
	if st.Tasks, err = s.store.TasksOf(ctx, tenant, id); err != nil {
		return Story{}, err
	}
	if st.Pages, err = s.store.PagesOf(ctx, ids, false); err != nil {
		return Story{}, err
	}
	if st.Messages, err = s.store.MessagesOf(ctx, ids, false); err != nil {
		return Story{}, err
	}
	st.Entries, err = s.store.Ledger(ctx, LedgerFilter{Tenant: tenant, Incident: id, Limit: storyEntries})
	return st, err
}

// Verify reads the tenant's whole ledger and finds what is lost or stuck. It
// needs the permission to operate, for it reads everything.
func (s *Service) Verify(ctx context.Context, actor access.Actor, tenant string, now time.Time) (Report, error) {
	if err := access.Can(actor, access.Operate, access.Scope{Tenant: tenant}); err != nil {
		return Report{}, err
	}
	return Verify(ctx, s.store, tenant, now)
}

// Ready tells whether there is anybody to escalate to: a policy.
func (s *Service) Ready(ctx context.Context, tenant string) (bool, error) {
	list, err := s.store.Policies(ctx, tenant)
	return len(list) > 0, err
}

// Orphans returns, as ended, the alerts of a source that stand though the
// source, which can be asked for all, does not know of them any more.
func (s *Service) Orphans(ctx context.Context, tenant, source string, known func(fingerprint string) bool) (ended []Alert, err error) {
	for after := ""; ; {
		list, err := s.store.Alerts(ctx, tenant, after, verifyAtOnce)
		if err != nil || len(list) == 0 {
			return ended, err
		}
		after = list[len(list)-1].ID
		for _, st := range list {
			if st.Source == source && st.Fate != Over && !known(st.Fingerprint) {
				st.Status = Ended
				ended = append(ended, st.Alert)
			}
		}
	}
}
