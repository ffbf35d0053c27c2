package alertmanager

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel/evenkeel/config"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/notify"
	"github.com/evenkeel/evenkeel/respond/route"
)

func shop(t testing.TB) []byte {
	t.Helper()
	raw, err := os.ReadFile("testdata/shop.yml")
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// reread reads what an import writes as the program's configuration does.
func reread(t testing.TB, in *Import) (c struct {
	Respond config.Respond `yaml:"respond"`
	Notify  notify.Config  `yaml:"notify"`
}) {
	t.Helper()
	text, err := in.YAML()
	if err != nil {
		t.Fatal(err)
	}
	c.Respond = config.Default().Respond
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for what, err := range map[string]error{"respond": c.Respond.Config.Validate(), "intake": c.Respond.Intake.Validate(), "notify": c.Notify.Validate(), "routing": c.Respond.Routing.Validate()} {
		if err != nil {
			t.Errorf("%s: %v\n%s", what, err, text)
		}
	}
	return c
}

func TestAFileIsCarriedOverWithoutItsSecrets(t *testing.T) {
	in, err := Read(shop(t))
	if err != nil {
		t.Fatal(err)
	}
	text, err := in.YAML()
	if err != nil {
		t.Fatal(err)
	}
	told := string(text)
	for _, n := range append(in.Lost, in.Set...) {
		told += "\n" + n.Text
	}
	if strings.Contains(told, "hunter2") {
		t.Errorf("a secret was carried over:\n%s", told)
	}
	c := reread(t, in)
	contacts := map[string]respond.Contact{}
	for _, k := range c.Respond.Contacts {
		contacts[k.ID] = k
	}
	policies := map[string]respond.Policy{}
	for _, p := range c.Respond.Policies {
		policies[p.ID] = p
		for _, r := range p.Steps[0].Notify {
			if _, ok := contacts[r.ID]; !ok {
				t.Errorf("policy %s names the contact %s, which is not there", p.ID, r.ID)
			}
		}
	}
	for id, want := range map[string]string{"mail-email-1": "email ops@example.org", "mail-email-1-2": "email night@example.org", "pager-pagerduty-1": "pagerduty pagerduty",
		"database-slack-1": "slack #db", "payments-webhook-1": "webhook http://127.0.0.1:5001/", "payments-hook-webhook-1": "webhook SET-THE-URL",
		"telegram-telegram-1": "telegram -1001", "telegram-discord-2": "shoutrrr Discord", "teams-msteamsv2-1": "teams Microsoft Teams"} {
		if k := contacts[id]; string(k.Channel)+" "+k.Address != want {
			t.Errorf("contact %s: %+v", id, k)
		}
	}
	if len(policies["mail"].Steps[0].Notify) != 2 || policies["mail"].Steps[0].Wait != 3*time.Hour {
		t.Errorf("%+v", policies["mail"])
	}
	if e := c.Notify.Email; e == nil || e.Host != "mail.example.org" || e.Port != 587 || e.Security != notify.SecurityStartTLS || e.User != "alerts" || e.Password != "env:EVENKEEL_SMTP_PASSWORD" {
		t.Errorf("%+v", e)
	}
	if c.Respond.Intake.ResolveTimeout != 10*time.Minute {
		t.Errorf("resolve_timeout is %s", c.Respond.Intake.ResolveTimeout)
	}
	for line, want := range map[int]string{10: "http_config", 12: "templates", 17: "group_interval", 85: "opsgenie", 76: "send_resolved"} {
		found := false
		for _, n := range in.Lost {
			found = found || n.Line == line && strings.Contains(n.Text, want)
		}
		if !found {
			t.Errorf("line %d: %s is not told in %+v", line, want, in.Lost)
		}
	}
	for _, want := range []string{"EVENKEEL_SLACK_TOKEN", "EVENKEEL_SMTP_PASSWORD", "EVENKEEL_PAGER_PAGERDUTY_1", "payments-hook-webhook-1", `policy "default"`} {
		found := false
		for _, n := range in.Set {
			found = found || strings.Contains(n.Text, want)
		}
		if !found {
			t.Errorf("%s is not told in %+v", want, in.Set)
		}
	}
}

// What the imported rules do, in the words of Alertmanager's documentation.
func TestWhatWasCarriedOverSuppressesAsBefore(t *testing.T) {
	in, err := Read(shop(t))
	if err != nil {
		t.Fatal(err)
	}
	p, err := route.Compile(reread(t, in).Respond.Routing)
	if err != nil {
		t.Fatal(err)
	}
	firing := p.NewFiring()
	r := route.NewRouter(p, nil, firing)
	alert := func(labels ...string) respond.Alert {
		a := respond.Alert{AlertKey: respond.AlertKey{Tenant: "t", Source: "s", Fingerprint: strings.Join(labels, ",")}, Status: respond.Firing,
			Severity: finding.Warning, Title: labels[1], Labels: map[string]string{}}
		for i := 0; i < len(labels); i += 2 {
			a.Labels[labels[i]] = labels[i+1]
		}
		return a
	}
	day := time.Date(2027, 3, 24, 11, 0, 0, 0, time.UTC)
	night := day.Add(12 * time.Hour)
	warning := alert("alertname", "Slow", "cluster", "a", "service", "mysql", "severity", "warning")
	if got := r.Route(warning, day)[0]; got.Policy != "database-slack" || got.Muted != "" {
		t.Errorf("by day: %+v", got)
	}
	if got := r.Route(warning, night)[0]; !strings.Contains(got.Muted, "offhours") || !got.MutedUntil.Equal(time.Date(2027, 3, 25, 7, 0, 0, 0, time.UTC)) {
		t.Errorf("by night: %+v", got)
	}
	if got := r.Route(alert("alertname", "Watchdog"), day); len(got) != 1 || !strings.Contains(got[0].Muted, "null") {
		t.Errorf("the receiver that notifies nobody: %+v", got)
	}
	firing.Put(day, alert("alertname", "Slow", "cluster", "a", "severity", "critical"))
	if got := r.Suppress(warning, day); len(got) != 1 {
		t.Errorf("the same alert fires as critical: %+v", got)
	}
	firing.Put(day, alert("alertname", "ClusterDown", "cluster", "b"))
	if got := r.Suppress(alert("alertname", "Else", "cluster", "b"), day); len(got) != 1 {
		t.Errorf("the cluster is down: %+v", got)
	}
	if got := r.Suppress(alert("alertname", "ClusterDown", "cluster", "b"), day); len(got) != 0 {
		t.Errorf("an alert mutes itself: %+v", got)
	}
}

func TestWhatIsWrongInAFileIsNamedByItsLine(t *testing.T) {
	const good = "route: {receiver: a}\nreceivers: [{name: a}]\n"
	if _, err := Read([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		good + "recievers: []\n": "line 3: unknown key recievers in the file",
		"route:\n  receiver: a\n  routs: []\nreceivers: [{name: a}]\n":                             "line 3: unknown key routs in route",
		good + "global:\n  http_config:\n    basic_auth:\n      user: x\n":                         "line 6: unknown key user in global.http_config.basic_auth",
		"route: {receiver: a}\nreceivers:\n- name: a\n  slack_configs:\n  - chanel: x\n":           "line 5: unknown key chanel in receivers.slack_configs",
		"route: {receiver: a}\nroute: {receiver: a}\nreceivers: [{name: a}]\n":                     "line 2: route is there twice",
		"route: {receiver: b}\nreceivers: [{name: a}]\n":                                           `line 1: there is no receiver "b"`,
		"receivers: [{name: a}]\n":                                                                 "no route",
		"route: {group_by: [x]}\nreceivers: []\n":                                                  "line 1: the root route needs a receiver",
		"route:\n  receiver: a\n  matchers: [x=y]\nreceivers: [{name: a}]\n":                       "line 3: the root route may have no matchers",
		"route:\n  receiver: a\n  routes:\n  - matchers:\n    - 'x=~('\nreceivers: [{name: a}]\n":  "line 5",
		"route:\n  receiver: a\n  routes:\n  - match_re:\n      x: '('\nreceivers: [{name: a}]\n":  "line 4: match_re",
		"route:\n  receiver: a\n  group_wait: soon\nreceivers: [{name: a}]\n":                      "line 3",
		"route:\n  receiver: a\n  routes:\n  - mute_time_intervals: [x]\nreceivers: [{name: a}]\n": `line 4: mute_time_intervals: there is no time interval "x"`,
		good + "time_intervals:\n- name: x\n  time_intervals:\n  - weekdays: [x]\n":                "line 6",
		good + "inhibit_rules:\n- source_matchers: [a]\n":                                          "line 4",
		"route: {receiver: a}\nreceivers:\n- name: a\n- name: a\n":                                 "line 4: two receivers",
		"route: {receiver: a}\nreceivers:\n- name: a\n  email_configs:\n  - to: x@example.org\n":   "line 5: there is no smarthost",
		"- a\n":    "line 1",
		"a: [\n":   "line",
		"":         "line 1",
		"route: x": "line 1",
	} {
		in, err := Read([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q\n got %v, %+v\nwant %s", text, err, in, want)
		}
	}
}

// Any file is refused, or becomes a configuration that Evenkeel takes.
func FuzzRead(f *testing.F) {
	f.Add(shop(f))
	f.Add([]byte("route: &r {receiver: a, routes: [{<<: *r}]}\nreceivers: [{name: a}]"))
	f.Add([]byte("x: &a [*a]"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		in, err := Read(raw)
		if err != nil {
			return
		}
		text, err := in.YAML()
		if err != nil {
			t.Fatal(err)
		}
		var c struct {
			Respond config.Respond `yaml:"respond"`
		}
		if err := yaml.Unmarshal(text, &c); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if err := c.Respond.Routing.Validate(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	})
}
