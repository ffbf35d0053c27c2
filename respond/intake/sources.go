package intake

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/access"
)

// Heard is what is kept of a source over starts.
type Heard struct {
	Tenant string    `json:"-"`
	Kind   Kind      `json:"-"`
	ID     string    `json:"-"`
	At     time.Time `json:"at,omitzero"` // when it last proved itself and spoke
	// Alerts counts those that were taken in, repetitions too; of a heartbeat
	// its beats.
	Alerts    int64     `json:"alerts,omitempty"`
	Refused   int64     `json:"refused,omitempty"` // requests that were refused, or in part
	RefusedAt time.Time `json:"refusedAt,omitzero"`
	Refusal   string    `json:"refusal,omitempty"` // the last one's reason
}

// Kind tells integrations from heartbeats.
type Kind string

const (
	IntegrationKind Kind = "integration"
	HeartbeatKind   Kind = "heartbeat"
	// listening is the kind of the row that says until when Evenkeel listened.
	listening Kind = "listening"
)

// Store keeps what was heard.
type Store interface {
	// HeardOf returns all that is kept of a tenant's sources.
	HeardOf(ctx context.Context, tenant string) ([]Heard, error)
	// PutHeard stores them in one transaction, over what was kept.
	PutHeard(ctx context.Context, list []Heard) error
}

// source is an integration or a heartbeat with what was heard of it.
type source struct {
	by           Integration // of an integration
	beat         *Heartbeat  // of a heartbeat
	mapper       *mapper     // of the dialect json
	every, grace time.Duration
	// From and to when Evenkeel was not there to listen, before this start.
	awayFrom, awayTo time.Time

	mu      sync.Mutex
	heard   Heard
	changed bool      // since it was kept
	keptAt  time.Time // of a heartbeat
}

func (x *source) id() string {
	if x.beat != nil {
		return x.beat.ID
	}
	return x.by.ID
}

func (x *source) tenant() string {
	if x.beat != nil {
		return x.beat.Tenant
	}
	return x.by.Tenant
}

func (x *source) environment() string {
	if x.beat != nil {
		return x.beat.Environment
	}
	return x.by.Environment
}

// hear counts what was taken in.
func (x *source) hear(now time.Time, alerts int) Heard {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.heard.At = now
	x.heard.Alerts += int64(alerts)
	x.changed = true
	return x.heard
}

// refused notes why something was not taken in.
func (s *Server) refused(x *source, why string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.heard.Refused++
	x.heard.RefusedAt, x.heard.Refusal = s.now(), cut(oneLine(why), 500)
	x.changed = true
}

const (
	keepEvery   = 10 * time.Second // what was counted
	listenEvery = 30 * time.Second // that Evenkeel listens
)

// keep stores what has changed since it was last kept.
func (s *Server) keep(ctx context.Context, now time.Time) error {
	if since := now.Sub(s.keptAt); since >= 0 && since < keepEvery {
		return nil
	}
	var rows []Heard
	var from []*source
	for _, list := range [][]*source{s.integrations, s.heartbeats} {
		for _, x := range list {
			x.mu.Lock()
			if x.changed {
				rows, from = append(rows, x.heard), append(from, x)
				x.changed = false
			}
			x.mu.Unlock()
		}
	}
	if since := now.Sub(s.listenedAt); len(s.watched()) > 0 && (since < 0 || since >= listenEvery) {
		rows = append(rows, Heard{Tenant: s.tenant, Kind: listening, ID: string(listening), At: now})
	}
	if len(rows) > 0 {
		if err := s.opt.Store.PutHeard(ctx, rows); err != nil {
			for _, x := range from {
				x.mu.Lock()
				x.changed = true
				x.mu.Unlock()
			}
			return fmt.Errorf("keep what was heard: %w", err)
		}
		if rows[len(rows)-1].Kind == listening {
			s.listenedAt = now
		}
	}
	s.keptAt = now
	return nil
}

// recall reads what was kept before this start.
func (s *Server) recall(ctx context.Context) error {
	rows, err := s.opt.Store.HeardOf(ctx, s.tenant)
	if err != nil {
		return fmt.Errorf("read what was heard: %w", err)
	}
	now := s.now()
	byKey := map[Kind]map[string]Heard{}
	for _, h := range rows {
		if byKey[h.Kind] == nil {
			byKey[h.Kind] = map[string]Heard{}
		}
		byKey[h.Kind][h.ID] = h
	}
	for kind, list := range map[Kind][]*source{IntegrationKind: s.integrations, HeartbeatKind: s.heartbeats} {
		for _, x := range list {
			x.heard = byKey[kind][x.id()]
			x.heard.Tenant, x.heard.Kind, x.heard.ID = x.tenant(), kind, x.id()
			if x.heard.At.After(now) {
				x.heard.At = now // the clock was set back
			}
			x.awayFrom, x.awayTo = byKey[listening][string(listening)].At, now
		}
	}
	return nil
}

// Source is an integration or a heartbeat, as people see it.
type Source struct {
	ID          string        `json:"id"`
	Kind        Kind          `json:"kind" enum:"integration,heartbeat"`
	Name        string        `json:"name"`
	Dialect     Dialect       `json:"dialect,omitempty"`
	Environment string        `json:"environment"`
	Path        string        `json:"path" doc:"where it sends to"`
	Known       bool          `json:"known" doc:"whether it is known to be there; false: unknown, which is not fine"`
	Reason      string        `json:"reason" doc:"why it is known to be there or not"`
	Every       time.Duration `json:"every,omitempty" doc:"nanoseconds; how often it must speak"`
	HeardAt     time.Time     `json:"heardAt,omitzero"`
	DueAt       time.Time     `json:"dueAt,omitzero" doc:"when its silence becomes an alert"`
	Alerts      int64         `json:"alerts" doc:"taken in so far, repetitions too; of a heartbeat its beats"`
	Refused     int64         `json:"refused" doc:"requests that were refused, at least in part"`
	RefusedAt   time.Time     `json:"refusedAt,omitzero"`
	Refusal     string        `json:"refusal,omitempty" doc:"why the last one was"`
}

// recent is how long a source that need not speak counts as there.
const recent = 24 * time.Hour

// Sources lists a tenant's sources that the actor may see: what is unknown
// first, then by name.
func (s *Server) Sources(actor access.Actor, tenant string, now time.Time) ([]Source, error) {
	names, all := access.Environments(actor, access.Read, tenant)
	if !all && len(names) == 0 {
		return nil, access.Can(actor, access.Read, access.Scope{Tenant: tenant})
	}
	out := []Source{}
	for _, list := range [][]*source{s.integrations, s.heartbeats} {
		for _, x := range list {
			if x.tenant() == tenant && (all || slices.Contains(names, x.environment())) {
				out = append(out, x.show(now))
			}
		}
	}
	slices.SortFunc(out, func(a, b Source) int {
		if a.Known != b.Known {
			if b.Known {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// paths are where a dialect sends to.
var paths = map[Dialect]string{Alertmanager: "/alertmanager", PagerDuty: "/pagerduty/v2/enqueue", Opsgenie: "/opsgenie/v2/alerts"}

// show says what is known of a source.
func (x *source) show(now time.Time) Source {
	due := x.due()
	x.mu.Lock()
	h := x.heard
	x.mu.Unlock()
	out := Source{ID: x.id(), Kind: IntegrationKind, Environment: x.environment(), Name: cmp.Or(x.by.Name, x.by.ID), Dialect: x.by.Dialect,
		Path: cmp.Or(paths[x.by.Dialect], "/webhook/"+string(x.by.Dialect)+"/"+x.by.ID), Every: x.every,
		HeardAt: h.At, Alerts: h.Alerts, Refused: h.Refused, RefusedAt: h.RefusedAt, Refusal: h.Refusal}
	if x.beat != nil {
		out.Kind, out.Name, out.Dialect, out.Path = HeartbeatKind, cmp.Or(x.beat.Name, x.beat.ID), "", "/heartbeat/"+x.beat.ID
	}
	if x.every > 0 {
		out.DueAt = due
	}
	switch age := now.Sub(h.At); {
	case h.At.IsZero():
		out.Reason = "Nothing has been heard of it yet, so its silence raises no alert. Let it send something to " + out.Path + "."
	case x.every > 0 && now.After(due):
		out.Reason = "It has fallen silent; what it watches or does is unknown."
	case x.every > 0:
		out.Known, out.Reason = true, "It speaks as often as it should."
	case age <= recent:
		out.Known, out.Reason = true, "It has spoken within a day."
	default:
		out.Reason = "It has not spoken for more than a day. It speaks only when there is news, so all may be quiet, or it may be cut off. Set every, and let it send a steady alert, to be told."
	}
	return out
}
