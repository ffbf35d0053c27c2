package console

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

func demoCases(d *demo, log *slog.Logger) *cases.Service {
	return cases.NewService(d.state, cases.Options{Graph: func(ctx context.Context, tenant, environment string) ([]estate.Relation, error) {
		return d.state.Graph(ctx, tenant, environment, time.Time{})
	},
		Changes: func(ctx context.Context, tenant, environment string, since time.Time, limit int) ([]estate.Change, error) {
			page, err := d.estate.Changes(ctx, access.Evenkeel(tenant), estate.ChangeFilter{Tenant: tenant, Environments: []string{environment}, From: since, Limit: limit})
			return page.Changes, err
		},
		Impact: d.impact.Assess}, log)
}

// gather adds what users feel of the slow disk of web-1, and makes cases.
func (d *demo) gather(t testing.TB) {
	t.Helper()
	ago := func(m int) time.Time { return d.now.Add(-time.Duration(m) * time.Minute) }
	answer := func(probe string) string { return `evenkeel_probe_duration_seconds{probe="` + probe + `"}` }
	d.fire(t, "slo:checkout", "service:checkout", ago(36), finding.Report{Severity: finding.Critical, EntityKind: "service", EntityName: "checkout", Title: "Checkout is slow",
		Effect: "2.1 % of what was asked of checkout took longer than 0.5 s; 0.1 % may.", Evidence: []finding.Evidence{{Text: "Checkout answers in up to 0.7 s", Query: answer("checkout"), Value: ptr(.7), Usual: ptr(.12), Unit: "seconds"}}})
	d.fire(t, "endpoint-slow", "endpoint:shop", ago(35), finding.Report{Severity: finding.Warning, EntityKind: "endpoint", EntityName: "shop", Host: "web-1", Title: "The shop answers slowly",
		Effect: "Pages take up to 0.6 s instead of 0.1.", Evidence: []finding.Evidence{{Text: "It answers in up to 0.6 s", Query: answer("shop"), Value: ptr(.6), Usual: ptr(.1), Unit: "seconds"}}})
	err := d.estate.Observe(t.Context(), estate.Observation{Tenant: access.DefaultTenant, Environment: demoEnv, Source: "declared", At: ago(60), Relations: []estate.Relation{
		{From: "service:checkout", Kind: "routes-to", To: "endpoint:checkout", Confidence: 1}, {From: "service:search", Kind: "routes-to", To: "listener:db-1:tcp/443", Confidence: 1}},
		Changes: []estate.Change{{At: ago(39), Entity: "unit:web-1:backup.service", Kind: "unit-start", Summary: "backup.service was started by hand", Who: "kim", Key: "backup"}}})
	if err != nil {
		t.Fatal(err)
	}
	page, err := d.findings.List(t.Context(), d.actor, finding.Filter{Tenant: access.DefaultTenant, Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cases.Round(t.Context(), access.DefaultTenant, page.Findings, d.now); err != nil {
		t.Fatal(err)
	}
	x := d.theCase(t)
	err = d.respond.Receive(t.Context(), []respond.Alert{{AlertKey: respond.AlertKey{Tenant: access.DefaultTenant, Source: "findings", Fingerprint: "checkout"}, Environment: demoEnv, Status: respond.Firing,
		Severity: finding.Critical, Title: "Checkout is slow", StartsAt: ago(36), Explanation: respond.Explanation{Case: x.ID}}})
	if err != nil {
		t.Fatal(err)
	}
}

// theCase is the one of the slow disk.
func (d *demo) theCase(t testing.TB) cases.Case {
	t.Helper()
	page, err := d.cases.List(t.Context(), d.actor, cases.Filter{Tenant: access.DefaultTenant, Open: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range page.Cases {
		if x.Title == "Checkout is slow" {
			return x
		}
	}
	t.Fatalf("there is no case of checkout: %+v", page.Cases)
	return cases.Case{}
}

// A tired person reads what is felt, why, and what to do; and comes there from
// wherever they are.
func TestTheCaseIsToldInOneSentence(t *testing.T) {
	d := livedDemo(t)
	d.gather(t)
	x := d.theCase(t)
	path := caseURL(x.ID)
	_, doc, _ := visit(t, d, path)
	mustRead(t, doc, "Checkout is slow (and 1 more), since", "Most likely because", "answers 35 times slower than usual", "backup.service was started by hand", "fits in time",
		"How it hangs together", "likely cause", "Pause the backup", "both that need it suffer", "Was this useful?",
		"What users felt", "Checkout answers", "the error budget of 30 days", "requests failed (1.7 %; usually 0.1 %); an answer took", "Customers whose requests failed: Nordwind (", "until now.")
	for _, from := range []string{"/", "/cases", findingURL(d.byCheck(t, "disk-latency").ID), incidentURL(d.incident(t, "Checkout").ID)} {
		if _, _, raw := visit(t, d, from); !strings.Contains(raw, `href="`+path+`"`) {
			t.Errorf("%s does not lead to the case", from)
		}
	}
	if _, _, marks := visit(t, d, path+"/marks"); !strings.Contains(marks, "backup.service was started") || !strings.Contains(marks, "Checkout is slow") {
		t.Errorf("the marks: %s", marks)
	}
	if got := send(t, d, path+"/feedback", url.Values{"word": {"useful"}, "note": {"at once"}}); got.Code != http.StatusSeeOther {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	_, doc, _ = visit(t, d, path)
	mustRead(t, doc, "robin called it useful.")
}
