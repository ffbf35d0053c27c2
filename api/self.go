package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/sse"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/access/httpauth"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/health"
)

// Health is how Evenkeel itself does.
type Health struct {
	Ready   bool            `json:"ready"`
	Missing string          `json:"missing,omitempty" doc:"what it waits for"`
	Version string          `json:"version"`
	Parts   []health.Status `json:"parts"`
}

// Lost says that the listener was too slow and must read everything again.
type Lost struct {
	Text string `json:"text"`
}

// Alive is sent when nothing else is, so that a broken line is noticed.
type Alive struct {
	At time.Time `json:"at"`
}

const (
	keepAlive  = 15 * time.Second
	maxNotices = 64
)

func (s *server) registerSelf(h huma.API) {
	huma.Register(h, op(http.MethodGet, "/api/v1/health", "health", "Evenkeel itself", "How each part of Evenkeel does"),
		func(ctx context.Context, _ *struct{}) (*body[Health], error) {
			ready, missing := s.Ready()
			return answer(Health{ready, missing, s.Version, s.Board.Statuses(time.Now())}), s.mayReadHere(ctx)
		})

	backup := op(http.MethodPost, "/api/v1/backups", "make-backup", "Evenkeel itself", "Write a backup of state and metrics; the answer is the archive")
	backup.Responses = map[string]*huma.Response{"200": {Description: "the archive", Content: map[string]*huma.MediaType{"application/zstd": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}}
	huma.Register(h, backup, s.backup)

	events := op(http.MethodGet, "/api/v1/events", "events", "Evenkeel itself", "Hear of changed findings at once (server-sent events); each is a hint to read again")
	sse.Register(h, events, map[string]any{"finding": finding.Notice{}, "lost": Lost{}, "alive": Alive{}}, s.events)
}

func (s *server) backup(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
	actor := s.actor(ctx)
	if err := access.Can(actor, access.Operate, access.Scope{Tenant: access.DefaultTenant}); err != nil {
		return nil, s.problem("make-backup", err)
	}
	if err := s.Figures(); err != nil {
		return nil, s.problem("make-backup", err)
	}
	if err := s.Access.RecordAudit(ctx, actor, "backup.make", "everything", ""); err != nil {
		return nil, s.problem("make-backup", err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", "application/zstd")
		hc.SetHeader("Content-Disposition", `attachment; filename="evenkeel-`+time.Now().UTC().Format("20060102-150405")+`.backup"`)
		if err := s.Backup(ctx, hc.BodyWriter()); err != nil {
			s.Log.Error("a backup failed", "error", err)
			// The status is out; a cut connection tells the asker that the
			// archive is not whole.
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// events tells of changed findings that the actor may see, until the asker
// goes away.
func (s *server) events(ctx context.Context, in *struct{ One }, send sse.Sender) {
	tenant, _ := s.place(in.One)
	actor := s.actor(ctx)
	l := s.Findings.Listen(maxNotices)
	defer l.Close()
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	if send.Data(Alive{time.Now()}) != nil {
		return
	}
	for {
		var event any
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			// Whoever was logged out or locked out meanwhile hears no more.
			if !s.Still(ctx) {
				return
			}
			event = Alive{now}
		case n := <-l.C():
			if n.Tenant != tenant || access.Can(actor, access.Read, access.Scope{Tenant: n.Tenant, Environment: n.Environment}) != nil {
				continue
			}
			event = n
		}
		if l.Lost() && send.Data(Lost{"some changes were not told; read everything again"}) != nil {
			return
		}
		if send.Data(event) != nil {
			return
		}
	}
}

// healthz says that the process answers, and nothing else.
func (s *server) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte("ok\n"))
}

// readyz says whether the first figures are there. Which parts are missing is
// told only to who is logged in.
func (s *server) readyz(w http.ResponseWriter, r *http.Request) {
	ready, missing := s.Ready()
	status := http.StatusOK
	if !ready {
		status = http.StatusServiceUnavailable
	}
	answer := map[string]any{"ready": ready}
	if _, ok := s.Actor(r.Context()); ok && missing != "" {
		answer["missing"] = missing
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(answer)
}

func (s *server) metrics(w http.ResponseWriter, r *http.Request) {
	if err := access.Can(s.actor(r.Context()), access.Read, s.here()); err != nil {
		httpauth.Problem(w, r, http.StatusForbidden, "Not allowed", err.Error())
		return
	}
	s.Metrics.ServeHTTP(w, r)
}
