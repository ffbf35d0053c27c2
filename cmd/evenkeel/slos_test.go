package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/api"
	"github.com/evenkeel/evenkeel/config"
	"github.com/evenkeel/evenkeel/detect/slo"
)

// What is printed as a configuration is one that can be read.
func TestSuggestionsAreListedWithTheirConfiguration(t *testing.T) {
	yaml := "- id: cart-answers\n  service: cart\n  target: 99.5\n  window: 30d\n  bad: sum(increase(a[$window]))\n  total: sum(increase(b[$window]))\n"
	answer := api.Suggestions{Later: 2, Suggestions: []slo.Suggestion{
		{Entity: "service:cart", About: "answers", Title: "cart answers", Target: 99.5, YAML: yaml, Backtest: &slo.Backtest{Days: 20, Kept: 19, Left: .4}},
		{Entity: "service:cart", About: "latency", Reason: "Too little is known."}}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/slos/suggestions" {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer s.Close()
	t.Setenv("EVENKEEL_TOKEN", "token")
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"slos", "--suggest", "--server", s.URL}, &out, &errs)
	for _, want := range []string{"99.5 %", "nobody would have been told anything. 40 % of the budget would be left.", "nothing", "Too little is known.", "no time for 2 more"} {
		if code != exitFound || !strings.Contains(out.String(), want) {
			t.Errorf("%d, %q is not in\n%s%s", code, want, out.String(), errs.String())
		}
	}
	_, text, _ := strings.Cut(out.String(), "\nslos:\n")
	path := filepath.Join(t.TempDir(), "evenkeel.yaml")
	if err := os.WriteFile(path, []byte("slos:\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	if cfg, err := config.Load(path); err != nil || len(cfg.SLOs) != 1 || cfg.SLOs[0].ID != "cart-answers" {
		t.Errorf("%+v, %v\n%s", cfg.SLOs, err, text)
	}
	out.Reset()
	answer = api.Suggestions{}
	if code := run(t.Context(), []string{"slos", "--suggest", "--server", s.URL}, &out, &errs); code != exitOK || !strings.Contains(out.String(), "has an objective") {
		t.Errorf("%d %s%s", code, out.String(), errs.String())
	}
}

// An objective of which it is not known what is left of its budget is no good
// news.
func TestABudgetThatIsNotKnownIsUnsure(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"slos": []api.SLO{{ID: "cart", State: "kept", Reason: "Over 30 days it cannot be counted."}}})
	}))
	defer s.Close()
	t.Setenv("EVENKEEL_TOKEN", "token")
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"slos", "--server", s.URL}, &out, &errs); code != exitUnsure || !strings.Contains(out.String(), "cannot be counted") {
		t.Errorf("%d %s%s", code, out.String(), errs.String())
	}
}
