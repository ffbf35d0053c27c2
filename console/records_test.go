package console

import (
	"net/http"
	"strings"
	"testing"
)

// How a check has done stands on a page of its own: what it found, whom that
// woke, and how to try it on the past. What never spoke is told as such.
func TestHowACheckHasDone(t *testing.T) {
	d := livedDemo(t)
	_, doc, _ := visit(t, d, "/checks")
	all := text(doc)
	for _, want := range []string{"Three checks are made here", "disk-latency", "One check has not spoken in this time", "slo:checkout"} {
		if !strings.Contains(all, want) {
			t.Errorf("the list does not say %q:\n%s", want, all)
		}
	}
	_, doc, _ = visit(t, d, "/checks/disk-latency")
	all = text(doc)
	for _, want := range []string{"How it has done", "It takes several times as long as usual", "floor 0.02, times 3", "Nobody has said yet", "evenkeel replay --from -24h --only disk-latency", "35 times slower"} {
		if !strings.Contains(all, want) {
			t.Errorf("the page does not say %q:\n%s", want, all)
		}
	}
	_, doc, _ = visit(t, d, "/checks/slo:checkout")
	if all := text(doc); !strings.Contains(all, "It has not spoken") || strings.Contains(all, "--checks") {
		t.Errorf("an objective: %s", all)
	}
	if status, _, _ := visit(t, d, "/checks/none"); status != http.StatusNotFound {
		t.Errorf("a check that there is none of: %d", status)
	}
}
