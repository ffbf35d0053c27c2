package app

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/config"
	"github.com/evenkeel/evenkeel/respond"
)

const scheduled = `
respond:
  schedules:
    - id: shop
      name: Shop
      time_zone: Europe/Berlin
      holidays: [2026-12-25, {date: 2026-12-26, name: Boxing Day}]
      layers: [{name: All, start: 2026-01-05T09:00, handoff: weekly, turns: [admin, [admin]]}]
  policies: [{id: default, rounds: 1, hours: shop, steps: [{wait: 5m, notify: [{kind: schedule, id: shop}]}]}]
  contacts: [{id: hook, person: admin, channel: webhook, address: "http://127.0.0.1:9"}]`

// The configuration alone leads from a finding to whoever is on call, with the
// reason; and their calendar is served to whoever has its address, alone.
func TestAFindingReachesWhoIsOnCall(t *testing.T) {
	sent := make(room, 100)
	a := startWith(t, t.TempDir(), certificateProbe(expiredServer(t))+scheduled, map[respond.Channel]respond.Sender{respond.Webhook: sent})
	m := heard(t, sent)
	who := access.Evenkeel(access.DefaultTenant)
	story, err := a.respond.Get(t.Context(), who, access.DefaultTenant, m.Incident)
	if err != nil || len(story.Pages) != 1 || !strings.HasPrefix(story.Pages[0].Why, "layer All, turn of ") || story.Pages[0].Person == "" {
		t.Fatalf("paged: %+v, %v", story.Pages, err)
	}
	address, err := a.oncall.RenewFeed(t.Context(), who, access.DefaultTenant, "shop", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]int{address: 200, strings.TrimSuffix(address, ".ics"): 404, strings.Replace(address, ".ics", "A.ics", 1): 404} {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != want || (want == 200) != strings.Contains(string(body), "SUMMARY:admin\\, on call in Shop") {
			t.Errorf("%s: %d, %v\n%.300s", url, resp.StatusCode, err, body)
		}
	}
}

// A schedule that is not there, or is not right, is told with its place.
func TestSchedulesOfTheConfigurationAreChecked(t *testing.T) {
	for yaml, want := range map[string]string{
		strings.Replace(scheduled, "kind: schedule, id: shop", "kind: schedule, id: shoe", 1): `there is no schedule "shoe"`,
		strings.Replace(scheduled, "hours: shop", "hours: desk", 1):                           `there is no schedule "desk"`,
		strings.Replace(scheduled, "[admin, [admin]]", "[admin, zoe]", 1):                     `turn 2: there is no person "zoe"`,
		strings.Replace(scheduled, "Europe/Berlin", "Berlin", 1):                              `there is no time zone "Berlin"`,
		strings.Replace(scheduled, "[admin, [admin]]", "[{a: b}]", 1):                         "a turn is a person or a list",
		strings.Replace(scheduled, "handoff: weekly", "handover: weekly", 1):                  "handover",
	} {
		err := refused(t, yaml)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func refused(t *testing.T, yaml string) error {
	t.Helper()
	cfg, err := config.Parse([]byte(yaml))
	if err != nil {
		return err
	}
	cfg.Data, cfg.Listen = t.TempDir(), "127.0.0.1:0"
	a, err := New(t.Context(), cfg, Options{Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		_ = a.close()
	}
	return err
}
