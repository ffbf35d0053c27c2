package app

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/config"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/review/replay"
)

// atRest is an Evenkeel that does nothing by itself, over figures of the past:
// front calls checkout, which calls payment; from broke on payment fails, and
// those that call it with it, for ten minutes.
func atRest(t *testing.T, broke time.Time) *App {
	t.Helper()
	var objectives strings.Builder
	services := []string{"front", "checkout", "payment"}
	for _, s := range services {
		count := func(name string) string {
			return fmt.Sprintf("sum(increase(traces_service_graph_%s_total{server=%q}[$window]))", name, s)
		}
		fmt.Fprintf(&objectives, "  - {id: %s, title: %q, service: %s, target: 99.9, bad: '%s', total: '%s'}\n", s, upper(s)+" answers", s, count("request_failed"), count("request"))
	}
	cfg, err := config.Parse([]byte("environment: home\nslos:\n" + objectives.String() + `
notify: {network: {allow_loopback: true}}
respond:
  policies: [{id: default, rounds: 1, steps: [{wait: 5m, notify: [{kind: channel, id: room}]}]}]
  contacts: [{id: room, channel: webhook, address: "http://127.0.0.1:9/"}]
`))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Data, cfg.Listen, cfg.DiscoverProbes = t.TempDir(), "127.0.0.1:0", false
	a, err := New(t.Context(), cfg, Options{Log: slog.New(slog.DiscardHandler), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.close(); err != nil {
			t.Error(err)
		}
	})
	<-a.local.db.Opened()
	total := map[string]float64{}
	for at := broke.Add(-2 * time.Hour); at.Before(broke.Add(30 * time.Minute)); at = at.Add(15 * time.Second) {
		var batch []metric.Sample
		for n, client := range []string{"user", "front", "checkout"} {
			failing := .0005
			if !at.Before(broke) && at.Before(broke.Add(10*time.Minute)) {
				failing = []float64{.5, .85, .9}[n]
			}
			for what, rate := range map[string]float64{"request": 10, "request_failed": 10 * failing} {
				name := "traces_service_graph_" + what + "_total"
				key := name + client
				total[key] += 15 * rate
				batch = append(batch, metric.Sample{Labels: labels.FromStrings("__name__", name, "client", client, "server", services[n]), Point: metric.Point{T: at, V: total[key]}})
			}
		}
		if err := a.local.db.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// A time that has passed is run again: the same case of the same cause, and who
// would have been paged; nothing real is touched.
func TestATimeThatHasPassedIsRunAgain(t *testing.T) {
	t.Parallel()
	broke := time.Now().Add(-40 * time.Minute).Truncate(15 * time.Second)
	a := atRest(t, broke)
	who := access.Evenkeel(a.tenant)
	// It was found at the time that checkout fails, and that something did that nobody sees now.
	seen := func(check, entity, name string) finding.Observation {
		return finding.Observation{Key: finding.Key{Tenant: a.tenant, Environment: "home", Practice: "slo", Check: check, Entity: entity}, At: broke.Add(2 * time.Minute), Since: broke.Add(2 * time.Minute),
			Sign: finding.Firing, Report: finding.Report{Severity: finding.Critical, Title: name + " fails", EntityKind: "service", EntityName: name, Evidence: []finding.Evidence{{Text: "seen"}}}}
	}
	if err := a.findings.Record(t.Context(), []finding.Observation{seen("slo:checkout", "service:checkout", "checkout"), seen("slo:gone", "service:gone", "gone")}); err != nil {
		t.Fatal(err)
	}
	ask := replay.Ask{Tenant: a.tenant, Environment: "home", From: broke.Add(-10 * time.Minute), To: broke.Add(28 * time.Minute), Learn: 90 * time.Minute}
	var told []float64
	r, err := a.replay.Run(t.Context(), who, ask, time.Now(), func(done float64) { told = append(told, done) })
	if err != nil {
		t.Fatal(err)
	}
	if want := int(38*time.Minute/(15*time.Second)) + 1; r.Rounds != want || r.Failed != 0 {
		t.Errorf("%d rounds, %d failed: %s; not %d and 0", r.Rounds, r.Failed, r.Why, want)
	}
	found := map[string]replay.Found{}
	for _, f := range r.Findings {
		found[f.Check] = f
	}
	for _, service := range []string{"front", "checkout", "payment"} {
		f := found["slo:"+service]
		if f.Since.Before(broke) || f.Since.After(broke.Add(3*time.Minute)) || f.Recorded != (service == "checkout") || f.Before {
			t.Errorf("%s: %+v", service, f)
		}
	}
	if len(r.Missed) != 1 || r.Missed[0].Check != "slo:gone" {
		t.Errorf("missed: %+v", r.Missed)
	}
	if len(r.Cases) != 1 || !strings.Contains(r.Cases[0].Story, "payment") || r.Cases[0].Cause == "" {
		t.Errorf("the cases: %+v", r.Cases)
	}
	paged := 0
	for _, i := range r.Incidents {
		if !i.PagedAt.IsZero() {
			if paged++; i.Who != "room" || i.PagedAt.Before(broke) || i.Pages < 1 {
				t.Errorf("%+v", i)
			}
		}
	}
	if paged != 1 || r.PagedAWeek != nil {
		t.Errorf("%d incidents page, %v a week: %+v", paged, r.PagedAWeek, r.Incidents)
	}
	if len(told) > 0 && (told[0] <= 0 || told[len(told)-1] > 1) {
		t.Errorf("progress: %v", told)
	}
	// What is real knows nothing of it.
	page, err := a.findings.List(t.Context(), who, finding.Filter{Tenant: a.tenant})
	if err != nil || len(page.Findings) != 2 {
		t.Errorf("%+v, %v", page.Findings, err)
	}
	if list, err := a.respond.List(t.Context(), who, respond.IncidentFilter{Tenant: a.tenant}); err != nil || len(list.Incidents) != 0 {
		t.Errorf("%+v, %v", list.Incidents, err)
	}
}

// An exemption holds in a replay as of the time that is run: what it covers is
// told as exempted and pages nobody, and pages once it has ended.
func TestAReplayHonoursExemptions(t *testing.T) {
	t.Parallel()
	broke := time.Now().Add(-40 * time.Minute).Truncate(15 * time.Second)
	a := atRest(t, broke)
	ask := replay.Ask{Tenant: a.tenant, Environment: "home", From: broke.Add(-10 * time.Minute), To: broke.Add(8 * time.Minute), Learn: 10 * time.Minute}
	run := func(until time.Time) (r replay.Result, paged []time.Time) {
		t.Helper()
		a.cfg.Detect.Exemptions = finding.Exemptions{{ID: "shop-moves", Checks: []string{"*"}, Entities: []string{"service:*"}, Until: until, Owner: "shop", Reason: "it is moved"}}
		r, err := a.replay.Run(t.Context(), access.Evenkeel(a.tenant), ask, time.Now(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range r.Incidents {
			if !i.PagedAt.IsZero() {
				paged = append(paged, i.PagedAt)
			}
		}
		return r, paged
	}
	r, _ := run(broke.Add(time.Hour))
	if r.Exempted == 0 || r.Exempted != len(r.Findings) || len(r.Incidents) != 0 || len(r.Cases) != 0 || !strings.Contains(r.Summary, "exempted: they page nobody") || r.Findings[0].Exemption != "shop-moves" {
		t.Errorf("while it holds: %+v", r)
	}
	ended := broke.Add(5 * time.Minute)
	if r, paged := run(ended); r.Exempted != 0 || len(paged) != 1 || paged[0].Before(ended) || len(r.Findings) == 0 || !r.Findings[0].Since.Before(ended) {
		t.Errorf("when it ends meanwhile, pages at %v: %+v", paged, r)
	}
}

// A check is tried on the past before it pages anybody.
func TestADraftOfACheckIsTriedOnThePast(t *testing.T) {
	t.Parallel()
	broke := time.Now().Add(-40 * time.Minute).Truncate(15 * time.Second)
	a := atRest(t, broke)
	who := access.Evenkeel(a.tenant)
	ask := replay.Ask{Tenant: a.tenant, Environment: "home", From: broke.Add(-10 * time.Minute), To: broke.Add(5 * time.Minute), Learn: 5 * time.Minute, Only: []string{"half-fails"}, Draft: `
checks:
  - id: half-fails
    entity: service
    about: Most of what it answers are errors.
    requires: [errors]
    limits: {share: 0.7}
    fire: errors > limit.share
    clear: errors < 0.5 * limit.share
    for: 1m
    severity:
      - {is: warning}
    title: "{{.name}} fails most of the time"
    effect: Users of {{.name}} cannot do what they came for.
    remedy:
      - Look at what it calls.
    evidence:
      - {signal: errors, text: "{{percent .errors}} of what it answers are errors"}
`}
	r, err := a.replay.Run(t.Context(), who, ask, time.Now(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range r.Findings {
		names = append(names, f.EntityName)
	}
	if strings.Join(names, " ") != "checkout payment" && strings.Join(names, " ") != "payment checkout" {
		t.Errorf("the draft finds %+v", r.Findings)
	}
	ask.Draft = "checks:\n  - id: broken\n    entity: service\n    fire: nonsense >\n"
	if _, err := a.replay.Run(t.Context(), who, ask, time.Now(), nil); !errors.Is(err, respond.ErrInvalid) || !strings.Contains(err.Error(), "draft.yaml:2") {
		t.Errorf("a broken draft: %v", err)
	}
}
