package app

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/config"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/route"
)

// The routes of the configuration say who is told, also of what planned
// maintenance mutes, and a silence holds over a restart.
func TestRoutesAndSilencesDecideWhoIsTold(t *testing.T) {
	data, now := t.TempDir(), time.Now()
	yaml := `
respond:
  policies:
    - {id: default, rounds: 1, steps: [{wait: 5m, notify: [{kind: channel, id: room}]}]}
  route: {group_wait: 0s, routes: [{matchers: [team="night"], muted: It is read in the morning.}]}
  maintenance:
    - {id: racks, matchers: [rack="r7"], from: ` + now.Add(-time.Hour).Format(time.RFC3339) + `, to: ` + now.Add(time.Hour).Format(time.RFC3339) + `, owner: Ana, reason: new power supplies}
`
	sent := make(room, 100)
	tell := func(a running, name string, labels map[string]string) {
		t.Helper()
		labels["alertname"] = name
		err := a.respond.Receive(t.Context(), []respond.Alert{{AlertKey: respond.AlertKey{Tenant: access.DefaultTenant, Source: "test", Fingerprint: name}, Environment: "local",
			Status: respond.Firing, Severity: finding.Critical, Title: name, Labels: labels, StartsAt: time.Now()}})
		if err != nil {
			t.Fatal(err)
		}
	}
	a := withRoom(t, data, yaml, sent)
	m, err := route.ParseMatchers(`disk="full"`)
	if err != nil {
		t.Fatal(err)
	}
	x, err := a.routes.PutSilence(t.Context(), access.Evenkeel(access.DefaultTenant), route.Silence{Tenant: access.DefaultTenant, Matchers: m, To: now.Add(time.Hour), Reason: "known"}, now)
	if err != nil {
		t.Fatal(err)
	}
	tell(a, "Night", map[string]string{"team": "night"})
	tell(a, "Rack", map[string]string{"rack": "r7"})
	tell(a, "Disk", map[string]string{"disk": "full"})
	a.stop()
	b := withRoom(t, data, yaml, sent)
	tell(b, "Disk 2", map[string]string{"disk": "full"})
	tell(b, "Loud", map[string]string{"team": "day"})
	if m := heard(t, sent); m.Content.Title != "Loud" {
		t.Errorf("the room is told of %q", m.Content.Title)
	}
	if list, err := b.routes.List(t.Context(), access.Evenkeel(access.DefaultTenant), access.DefaultTenant, time.Now()); err != nil || len(list) != 1 || list[0].ID != x.ID || list[0].Mutes != 2 {
		t.Errorf("after a restart: %+v, %v", list, err)
	}
	select {
	case m := <-sent:
		t.Errorf("the room is told of %q too", m.Content.Title)
	case <-time.After(300 * time.Millisecond):
	}
}

func TestARouteToNowhereIsRefusedAtTheStart(t *testing.T) {
	cfg, err := config.Parse([]byte(paged + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listen, cfg.Data = "127.0.0.1:0", t.TempDir()
	cfg.Respond.Routing.Route = &route.Route{Policy: "web"}
	a, err := New(context.Background(), cfg, Options{Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		t.Fatal("it starts", a.URL())
	}
	if !strings.Contains(err.Error(), `no policy "web"`) {
		t.Error(err)
	}
}
