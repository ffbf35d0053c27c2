package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/intake"
)

// testSources are a heartbeat that has beaten and an integration that nobody
// may see who may not see its environment.
func testSources(t testing.TB) *intake.Server {
	t.Helper()
	cfg := intake.Defaults()
	cfg.Integrations = []intake.Integration{{ID: "shop", Environment: "secret", Dialect: intake.Opsgenie, Secret: "env:NONE"}}
	cfg.Heartbeats = []intake.Heartbeat{{ID: "backup", Environment: "local", Every: time.Hour}}
	s, err := intake.New(context.Background(), access.DefaultTenant, cfg, intake.Options{Receiver: ears{}, Store: ears{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	s.Register(mux)
	mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/heartbeat/backup", nil))
	return s
}

// ears keep nothing of what they hear.
type ears struct{}

func (ears) Receive(context.Context, []respond.Alert) error          { return nil }
func (ears) HeardOf(context.Context, string) ([]intake.Heard, error) { return nil, nil }
func (ears) PutHeard(context.Context, []intake.Heard) error          { return nil }

func TestSourcesAreListedForThoseWhoMaySeeThem(t *testing.T) {
	s := serve(t)
	all := s.ask(t, http.MethodGet, "/api/v1/sources", admin, "")
	if all.status != http.StatusOK || !strings.Contains(all.body, `"id":"shop"`) || !strings.Contains(all.body, `"id":"backup"`) || strings.Contains(all.body, "NONE") {
		t.Errorf("%d %s", all.status, all.body)
	}
	if first := strings.Index(all.body, `"known":false`); first < 0 || first > strings.Index(all.body, `"known":true`) {
		t.Errorf("what is unknown is not first: %s", all.body)
	}
}
