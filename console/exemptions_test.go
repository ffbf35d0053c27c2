package console

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/matcher"
)

// exempt gives the demo an exemption of each sort: one that ends soon while it
// covers a finding, one that has ended with a finding that stands, one that
// covers nothing, one that speaks of no check, and one that may go.
func (d *demo) exempt(t testing.TB) {
	t.Helper()
	day := 24 * time.Hour
	only, err := matcher.Parse(`environment="production"`)
	if err != nil {
		t.Fatal(err)
	}
	d.findings.Exempt(finding.Exemptions{
		{ID: "slow-disks", Checks: []string{"disk-*"}, Entities: []string{"disk:web-1:*"}, Until: d.now.Add(5 * day), Owner: "storage team", Reason: "The disks of web-1 are replaced in the first week of December."},
		{ID: "old-certificates", Checks: []string{"certificate-*", "endpoint-*"}, Matchers: only, Until: d.now.Add(-2 * day), Owner: "kim", Reason: "The shop moves to a new name."},
		{ID: "checkout-promise", Checks: []string{"slo:checkout"}, Entities: []string{"service:checkout"}, Until: d.now.Add(100 * day), Owner: "checkout team", Reason: "The target is being renegotiated with the business."},
		{ID: "typing-error", Checks: []string{"dsk-slow"}, Entities: []string{"*"}, Until: d.now.Add(40 * day), Owner: "kim", Reason: "Written in a hurry."},
		{ID: "moved-house", Checks: []string{"memory-*"}, Entities: []string{"host:attic"}, Until: d.now.Add(-30 * day), Owner: "robin", Reason: "The attic was emptied."},
	})
	for _, check := range []string{"disk-latency", "certificate-expiring"} {
		f := d.byCheck(t, check)
		d.record(t, finding.Observation{Key: f.Key, At: d.now, Sign: finding.Firing, Report: f.Report})
	}
}

// The page of the checks says what is exempted, by whom and until when, what that
// covers, and what its owner should look at; Now leads there. A finding says which
// exemption accepts it, and asks for no answer.
func TestExemptionsAreToldToTheirOwners(t *testing.T) {
	d := livedDemo(t)
	d.exempt(t)
	_, doc, _ := visit(t, d, "/checks")
	all := text(doc)
	for _, want := range []string{
		"slow-disks", "storage team", "replaced in the first week", "covers one finding now", "It ends in 5 d", "disk-*", "disk:web-1:*",
		"old-certificates", `environment="production"`, "It has ended, and", "pages like any other",
		"covers nothing now", "is there a slip of the pen?", "take it out of the configuration", "with findings that stand",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("the page of the checks does not say %q:\n%s", want, all)
		}
	}
	if strings.Index(all, "old-certificates") > strings.Index(all, "checkout-promise") {
		t.Error("what needs its owner does not come first")
	}
	f := d.byCheck(t, "disk-latency")
	if f.Exempted() != "slow-disks" {
		t.Fatalf("the finding is %s by %q", f.State, f.Exempted())
	}
	_, doc, _ = visit(t, d, "/findings/"+f.ID)
	all = text(doc)
	for _, want := range []string{"exempted", "It is exempted until", "by storage team (slow-disks)", "replaced in the first week", "detect: exemptions:"} {
		if !strings.Contains(all, want) {
			t.Errorf("the finding does not say %q:\n%s", want, all)
		}
	}
	if strings.Contains(all, "I look after it") || strings.Contains(all, "End the acceptance") {
		t.Error("it asks for an answer that would be refused")
	}
	if w := send(t, d, findingURL(f.ID)+"/acknowledge", url.Values{}); w.Code < 400 || !strings.Contains(w.Body.String(), "detect: exemptions:") {
		t.Errorf("an answer all the same: %d", w.Code)
	}
	_, doc, _ = visit(t, d, "/")
	if all = text(doc); !strings.Contains(all, "Two exemptions end within 14 days, or have ended, with findings that stand") {
		t.Errorf("Now does not lead there:\n%s", all)
	}
}
