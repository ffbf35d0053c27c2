package intake

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var sender = Integration{ID: "one", Tenant: "t", Environment: "home", Severity: "warning", Labels: map[string]string{"site": "here", "job": "overridden"}}

// checksMapping is how testdata/checks.json becomes alerts.
var checksMapping = Mapping{Items: "body.checks", Key: `string(item.id)`, Title: `"Check " + item.name + " of " + body.site + " fails"`,
	Resolved: "item.ok", Severity: `item.?level.orValue("")`, Text: `item.?seen_from.hasValue() ? "Seen from " + item.seen_from.join(", ") : ""`,
	Labels: map[string]string{"service": "body.site", "check": "item.name"}}

// checksMapper is it, compiled once.
var checksMapper = sync.OnceValues(checksMapping.compile)

// parsers are all dialects, as the fuzzing and the tables ask them.
var parsers = map[string]func(b *batch, body []byte) error{
	"prometheus.json":           func(b *batch, body []byte) error { return parseAlerts(b, body, 5*time.Minute) },
	"alertmanager-webhook.json": func(b *batch, body []byte) error { _, err := parseWebhook(b, body); return err },
	"grafana.json":              func(b *batch, body []byte) error { _, err := parseWebhook(b, body); return err },
	"opsgenie.json":             parseOpsgenie,
	"pagerduty.json": func(b *batch, body []byte) error {
		e, err := parsePagerDuty(body)
		if err == nil && len(e.check()) == 0 {
			b.add(e.alert())
		}
		return err
	},
	"checks.json": func(b *batch, body []byte) error {
		m, err := checksMapper()
		if err != nil {
			return err
		}
		return m.parse(context.Background(), b, body)
	},
}

func recorded(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// line is what people see first of an alert.
type line struct {
	Status   respond.Status
	Severity finding.Severity
	Title    string
	Text     string
	Labels   string
	Links    int
	Starts   string
	Ends     string
}

func TestEachDialectSaysTheSame(t *testing.T) {
	clock := func(at time.Time) string {
		if at.IsZero() {
			return ""
		}
		return at.UTC().Format("15:04:05")
	}
	for name, want := range map[string][]line{
		"prometheus.json": {
			{respond.Firing, finding.Critical, "One of ten payments fails", "The error ratio is 0.11 since 10 minutes.", "alertname=HighErrorRate cluster=eu-1 job=checkout severity=critical site=here", 2, "11:50:00", "12:04:00"},
			{respond.Ended, finding.Warning, "DiskFull", "", "alertname=DiskFull instance=web-1:9100 job=overridden severity=warning site=here", 0, "11:00:00", "11:58:00"},
			{respond.Firing, finding.Warning, "ByHand", "", "alertname=ByHand job=overridden site=here", 0, "12:00:00", "12:05:00"},
		},
		"alertmanager-webhook.json": {
			{respond.Firing, finding.Critical, "One of ten payments fails", "", "alertname=HighErrorRate cluster=eu-1 job=checkout severity=critical site=here", 1, "11:50:00", ""},
			{respond.Ended, finding.Critical, "HighErrorRate", "", "alertname=HighErrorRate cluster=eu-2 job=checkout severity=critical site=here", 0, "10:50:00", "11:40:00"},
		},
		"grafana.json": {{respond.Firing, finding.Warning, "Logins are slow", "The 95th percentile is above 2 s", "alertname=Slow logins job=overridden site=here team=identity zone=us-1", 4, "11:46:40", ""}},
		"opsgenie.json": {{respond.Firing, finding.Critical, "The queue of mails grows", "12,000 mails wait; the oldest for 40 minutes",
			"entity=mail-2 job=overridden priority=P1 region=eu-1 site=here tags=OverwriteQuietHours,Critical", 0, "12:00:00", ""}},
		"pagerduty.json": {{respond.Firing, finding.Critical, "DISK at 99% on machine prod-datapipe03.example.com", "free space: 1%\nload avg: 0.75\nping time: 1500ms",
			"class=disk component=mysql group=prod-datapipe job=overridden severity=critical site=here source=prod-datapipe03.example.com", 2, "11:06:48", ""}},
		"checks.json": {
			{respond.Firing, finding.Critical, "Check cart of shop fails", "Seen from fra, iad", "check=cart job=overridden service=shop site=here", 0, "12:00:00", ""},
			{respond.Ended, finding.Warning, "Check search of shop fails", "", "check=search job=overridden service=shop site=here", 0, "12:00:00", "12:00:00"},
		},
	} {
		b := &batch{by: sender, now: noon}
		if err := parsers[name](b, recorded(t, name)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []line
		for _, a := range b.alerts {
			var labels []string
			for name, value := range a.Labels {
				labels = append(labels, name+"="+value)
			}
			got = append(got, line{a.Status, a.Severity, a.Title, a.Text, sorted(labels), len(a.Links), clock(a.StartsAt), clock(a.EndsAt)})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	b := &batch{by: sender, now: noon}
	if err := parsers["checks.json"](b, recorded(t, "checks.json")); err != nil || len(b.refused) != 1 || !strings.Contains(refusals(b.refused).Error(), "alert 2: key: no such key: id") {
		t.Errorf("what has no id: %v, %v", b.refused, err)
	}
	change, err := parsePagerDuty(recorded(t, "pagerduty-change.json"))
	if err != nil {
		t.Fatal(err)
	}
	o, faults := change.change(sender, recorded(t, "pagerduty-change.json"), noon)
	if len(faults) > 0 || len(o.Changes) != 1 || o.Changes[0].Entity != "service:checkout" || o.Changes[0].Who != "ana" || clock(o.Changes[0].At) != "11:53:28" {
		t.Errorf("the change is %+v, %v", o, faults)
	}
}

func sorted(list []string) string {
	slices.Sort(list)
	return strings.Join(list, " ")
}

// Whatever is too much of one alert is said with its index, and the others are
// kept.
func TestBoundsNameTheAlert(t *testing.T) {
	long := strings.Repeat("x", maxLabelValue+1)
	many := map[string]string{}
	for n := range maxLabels + 1 {
		many[strings.Repeat("a", n+1)] = "x"
	}
	encode := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	for why, bad := range map[string]string{
		"longer than 2048 bytes":   `{"labels":{"a":` + encode(long) + `}}`,
		"64 at most":               `{"labels":` + encode(many) + `}`,
		"at least one label":       `{"labels":{}}`,
		"labels is a string":       `{"labels":"a"}`,
		"ahead of the clock here":  `{"labels":{"a":"b"},"startsAt":"2026-11-23T14:00:00Z"}`,
		"before it begins":         `{"labels":{"a":"b"},"startsAt":"2026-11-23T11:00:00Z","endsAt":"2026-11-23T10:00:00Z"}`,
		"a label has no name":      `{"labels":{"":"b"}}`,
		"it cannot be read":        `{"labels":{"a":"b"},"startsAt":"yesterday"}`,
		"the whole is a number":    `7`,
		"longer than 256 bytes":    `{"labels":{"` + strings.Repeat("n", 300) + `":"b"}}`,
		"an annotation must be UT": `{"labels":{"a":"b"},"annotations":{"` + strings.Repeat("n", 300) + `":"b"}}`,
	} {
		b := &batch{by: Integration{ID: "one", Tenant: "t"}, now: noon}
		err := parseAlerts(b, []byte(`[{"labels":{"good":"1"}},`+bad+`,{"labels":{"good":"2"}}]`), time.Minute)
		if err != nil || len(b.alerts) != 2 || len(b.refused) != 1 {
			t.Errorf("%s: %d alerts, %d refused, %v", why, len(b.alerts), len(b.refused), err)
			continue
		}
		if text := refusals(b.refused).Error(); !strings.HasPrefix(text, "alert 1: ") || !strings.Contains(text, why) {
			t.Errorf("%q does not say %q", text, why)
		}
	}
	b := &batch{by: Integration{ID: "one", Tenant: "t"}, now: noon}
	if err := parseAlerts(b, []byte("["+strings.Repeat("7,", maxAlerts)+"7]"), time.Minute); err == nil {
		t.Error("more alerts than may be in a request were taken")
	}
	// A clock that is a little ahead is no reason to lose a page.
	b = &batch{by: Integration{ID: "one", Tenant: "t"}, now: noon}
	if err := parseAlerts(b, []byte(`[{"labels":{"a":"b"},"startsAt":"2026-11-23T12:30:00Z","endsAt":"2099-11-23T12:34:00Z"}]`), time.Minute); err != nil || len(b.alerts) != 1 {
		t.Fatal(b.refused, err)
	}
	if a := b.alerts[0]; !a.StartsAt.Equal(noon) || !a.EndsAt.Equal(noon.Add(maxStand)) || a.Status != respond.Firing {
		t.Errorf("it stands from %s to %s", a.StartsAt, a.EndsAt)
	}
}

// What an expression may cost is bounded, however the body looks.
func TestAMappingCannotRunAway(t *testing.T) {
	m, err := Mapping{Title: `"x"`, Key: `body.map(a, body.map(b, body.map(c, c))).size() > 0 ? "a" : "b"`}.compile()
	if err != nil {
		t.Fatal(err)
	}
	body := "[" + strings.Repeat("1,", 5000) + "1]"
	b := &batch{by: sender, now: noon}
	began := time.Now()
	if err := m.parse(t.Context(), b, []byte(body)); err != nil {
		t.Fatal(err)
	}
	if len(b.refused) != 1 || time.Since(began) > 2*mapWithin {
		t.Errorf("%d were taken and %d refused after %s", len(b.alerts), len(b.refused), time.Since(began))
	}
	for field, bad := range map[string]Mapping{
		"title:":      {Key: "item.x"},
		"key:":        {Title: "item.x"},
		"items:":      {Title: "item.x", Key: "item.x", Items: "body."},
		"labels.a:":   {Title: "item.x", Labels: map[string]string{"a": "nothing"}},
		"ends_after:": {Title: "item.x", Key: "item.x", EndsAfter: time.Second},
	} {
		if _, err := bad.compile(); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// Whatever comes in, what is taken is within bounds and is what the receiver
// takes; nothing panics.
func FuzzParse(f *testing.F) {
	names := []string{"prometheus.json", "alertmanager-webhook.json", "grafana.json", "opsgenie.json", "pagerduty.json", "checks.json"}
	for n, name := range names {
		f.Add(n, recorded(f, name))
	}
	f.Add(0, []byte(`[{"labels":{"a":"\ud800"},"startsAt":"","endsAt":null}]`))
	f.Add(5, []byte(`{"site":{},"checks":{"a":[1,2]}}`))
	f.Fuzz(func(t *testing.T, which int, body []byte) {
		if which < 0 || which >= len(names) {
			return
		}
		b := &batch{by: sender, now: noon}
		if err := parsers[names[which]](b, body); err != nil && !utf8.ValidString(err.Error()) {
			t.Errorf("the error is no text: %q", err)
		}
		for _, a := range b.alerts {
			within(t, a)
		}
		if err := refusals(b.refused); err != nil && len(err.Error()) > 64<<10 {
			t.Errorf("the refusal has %d bytes", len(err.Error()))
		}
	})
}

func within(t *testing.T, a respond.Alert) {
	t.Helper()
	texts := []string{a.Fingerprint, a.Title, a.Text}
	for name, value := range a.Labels {
		texts = append(texts, name, value)
		if len(name) > maxLabelName || len(value) > maxLabelValue {
			t.Errorf("the label %q has %d bytes", name, len(value))
		}
	}
	for name, value := range a.Annotations {
		texts = append(texts, name, value)
		if len(value) > maxAnnotation {
			t.Errorf("the annotation %q has %d bytes", name, len(value))
		}
	}
	for _, l := range a.Links {
		texts = append(texts, l.Text, l.URL)
		if !strings.HasPrefix(l.URL, "http") {
			t.Errorf("the link %q", l.URL)
		}
	}
	for _, text := range texts {
		if !utf8.ValidString(text) {
			t.Errorf("%q is no text", text)
		}
	}
	switch {
	case a.Tenant != "t" || a.Source != "one" || a.Fingerprint == "" || len(a.Fingerprint) > maxKey:
		t.Errorf("its key is %+v", a.AlertKey)
	case a.Title == "" || len(a.Title) > maxTitle || strings.ContainsAny(a.Title, "\n\r") || len(a.Text) > maxText:
		t.Errorf("its title is %q", a.Title)
	case a.Severity.String() == "" || a.Status != respond.Firing && a.Status != respond.Ended:
		t.Errorf("it is %s, %s", a.Severity, a.Status)
	case a.Status == respond.Firing && !a.EndsAt.IsZero() && (!a.EndsAt.After(noon) || a.EndsAt.After(noon.Add(maxStand))):
		t.Errorf("it fires and ends at %s", a.EndsAt)
	case a.StartsAt.After(noon) || len(a.Labels) > 2*maxLabels || len(a.Annotations) > maxAnnotations || len(a.Links) > maxLinks:
		t.Errorf("it is out of bounds: %+v", a)
	}
}
