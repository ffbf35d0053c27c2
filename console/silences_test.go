package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond/route"
	"github.com/evenkeel/evenkeel/store"
)

// demoRouting is a tree as teams have it.
const demoRouting = `
route:
  group_wait: 30s
  routes:
    - name: payments
      policy: payments
      matchers: [team="payments"]
      group_by: [alertname, shop]
      routes:
        - name: test shops
          matchers: [environment=~"staging|test"]
          mute_time_intervals: [nights]
          group_by: ["..."]
        - matchers: [severity="info"]
          muted: It is read in the morning.
    - matchers: [team="web"]
      continue: true
      group_by: []
inhibit_rules:
  - name: host down
    source_matchers: [alertname="HostDown"]
    target_matchers: [layer=~"app|web"]
    equal: [host]
time_intervals:
  - name: nights
    time_intervals: [{times: [{start_time: "22:00", end_time: "24:00"}, {start_time: "00:00", end_time: "07:00"}]}]
maintenance:
  - id: racks
    matchers: [rack="r7"]
    from: 2026-01-01T00:00:00Z
    to: 2026-12-31T00:00:00Z
    owner: data centre
    reason: The rack gets new power supplies, one after the other.
`

func demoRoutes(t testing.TB, state *store.Store, now time.Time) *route.Service {
	t.Helper()
	var c route.Config
	if err := yaml.Unmarshal([]byte(demoRouting), &c); err != nil {
		t.Fatal(err)
	}
	c.Maintenance[0].From, c.Maintenance[0].To = now.Add(-time.Hour), now.Add(50*time.Hour)
	plan, err := route.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return route.NewService(state, plan)
}

// hush makes silences of every state.
func (d *demo) hush(t testing.TB) {
	t.Helper()
	for _, x := range []struct {
		matchers, reason string
		from, to         time.Duration
	}{
		{`alertname=~"backup|restore"`, "The target moves to new disks.", 0, 40 * time.Minute},
		{`alertname="DiskFull", entity="filesystem:web-1:/var/lib/postgresql/a-very-long-mount-point-that-somebody-made"`, "Cleaning up.", 0, 3 * time.Hour},
		{`team="payments", severity!="critical"`, "Release of the new checkout.", 12 * time.Hour, 14 * time.Hour},
	} {
		m, err := route.ParseMatchers(x.matchers)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.routes.PutSilence(t.Context(), d.actor, route.Silence{Tenant: access.DefaultTenant, Matchers: m, From: d.now.Add(x.from), To: d.now.Add(x.to), Reason: x.reason}, d.now); err != nil {
			t.Fatal(err)
		}
	}
	m, _ := route.ParseMatchers(`alertname="Typo"`)
	x, err := d.routes.PutSilence(t.Context(), d.actor, route.Silence{Tenant: access.DefaultTenant, Matchers: m, To: d.now.Add(time.Hour), Reason: "Meant something else."}, d.now.Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.routes.ExpireSilence(t.Context(), d.actor, access.DefaultTenant, x.ID, d.now.Add(-30*time.Second)); err != nil {
		t.Fatal(err)
	}
}

func TestAPersonSilencesWhatAnIncidentIsAbout(t *testing.T) {
	d := livedDemo(t)
	_, doc, _ := visit(t, d, "/silences")
	mustRead(t, doc, "Two silences hold, one to come.", `alertname=~"backup|restore"`, "mutes one alert that stands", "Take it back", "pages again then", "It mutes nothing that stands now",
		"Planned maintenance", "data centre", "Over in the last 30 days", "ended by robin")

	// The incident's page leads to a form that says what it takes.
	incident := d.incident(t, "35 times slower")
	_, _, body := visit(t, d, incidentURL(incident.ID))
	start := strings.Index(body, `href="/silences?`)
	if start < 0 {
		t.Fatal("the incident's page does not lead to a silence")
	}
	path, _, _ := strings.Cut(body[start+len(`href="`):], `"`)
	path, _, _ = strings.Cut(strings.ReplaceAll(path, "&amp;", "&"), "#")
	_, doc, _ = visit(t, d, path)
	mustRead(t, doc, `alertname="disk"`, "It would mute one alert of the two that stand:", "35 times slower")

	form := url.Values{"matchers": {`alertname="disk"`}, "environment": {demoEnv}, "begins": {"0s"}, "lasts": {"2h"}, "reason": {"New disks"}}
	with := func(name, value string) url.Values {
		out := url.Values{}
		for k, v := range form {
			out[k] = v
		}
		out.Set(name, value)
		return out
	}
	for _, step := range []struct {
		form url.Values
		code int
		says string
	}{
		{with("do", "preview"), 200, "It would mute one alert"},
		{with("matchers", `alertname=~"("`), 422, "not a regular expression"},
		{with("matchers", `alertname=~".*"`), 422, "whatever their labels are"},
		{with("reason", " "), 422, "needs a reason"},
		{with("lasts", "9999h"), 422, "Choose a time"},
		{form, 303, "Three silences hold"},
	} {
		w := send(t, d, "/silences", step.form)
		if w.Code != step.code {
			t.Errorf("%v gives %d: %s", step.form, w.Code, w.Body)
			continue
		}
		_, doc, _ := parsed(t, w)
		if step.code == http.StatusSeeOther {
			_, doc, _ = visit(t, d, "/silences")
		}
		mustRead(t, doc, step.says)
	}
	list, err := d.routes.List(t.Context(), d.actor, access.DefaultTenant, d.now)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range list {
		if x.Reason == "New disks" {
			if w := send(t, d, "/silences/"+x.ID+"/expire", nil); w.Code != http.StatusSeeOther {
				t.Errorf("ending it gives %d", w.Code)
			}
		}
	}
	_, doc, _ = visit(t, d, "/silences")
	mustRead(t, doc, "Two silences hold")

	// Who only reads sees them, and has nothing to press.
	d.actor.Grants = []access.Grant{{Tenant: access.Any, Environment: access.Any, Role: access.Viewer}}
	_, doc, body = visit(t, d, "/silences")
	mustRead(t, doc, "Two silences hold")
	if strings.Contains(body, "End it now") || strings.Contains(body, "Silence something") {
		t.Error("who only reads is offered to silence")
	}
	if w := send(t, d, "/silences", form); w.Code != http.StatusForbidden {
		t.Errorf("who only reads silences: %d", w.Code)
	}
}

func TestThePageOfRoutesSaysWhereAnAlertGoes(t *testing.T) {
	d := livedDemo(t)
	_, doc, _ := visit(t, d, "/routes")
	mustRead(t, doc, "Every alert", "Goes to the policy default after 30 s. One incident for each alertname, entity.", "payments", "One incident for each alertname, shop.", "test shops", "quiet in nights", "Each label set is an incident.",
		`severity="info"`, "Pages nobody: It is read in the morning.", "the next ones are asked too", "All of it is one incident.", "where host is the same")
	for query, want := range map[string]string{
		"labels=team%3Dpayments%2C+severity%3Dcritical":                      "Pages by the policy payments, after 30 s",
		"labels=team%3Dpayments%2C+severity%3Dinfo":                          "Pages nobody. It is read in the morning. By the route payments",
		"labels=team%3Dpayments%2C+environment%3Dtest&at=2027-03-28+02%3A30": "Pages nobody until",
		"labels=alertname%3Dbackup":                                          "It is silenced by robin",
		"labels=rack%3Dr7":                                                   "There is maintenance by data centre",
	} {
		_, doc, _ := visit(t, d, "/routes?"+query)
		mustRead(t, doc, want)
	}
	for query, want := range map[string]string{"labels=a%3D~b": "not conditions", "labels=a%3D%22": "quote is missing", "labels=a%3Db&at=soon": "is not a time"} {
		code, doc, _ := visit(t, d, "/routes?"+query)
		if code != http.StatusUnprocessableEntity {
			t.Errorf("%s gives %d", query, code)
		}
		mustRead(t, doc, want)
	}
}
