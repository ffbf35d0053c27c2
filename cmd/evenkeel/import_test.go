package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/config"
)

// What is imported is a configuration that is taken, and what was lost is said.
func TestObjectivesAreImported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sloth.yml")
	text := `{version: prometheus/v1, service: shop, slos: [{name: answers, objective: 99.9, sli: {events: {
  error_query: 'sum(rate(bad[{{.window}}]))', total_query: 'sum(rate(all[{{.window}}]))'}}}, {name: raw, objective: 99, sli: {raw: {error_ratio_query: x}}}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, wrong strings.Builder
	if code := run(t.Context(), []string{"import", "sloth", path}, &out, &wrong); code != exitFound || !strings.Contains(out.String(), "# "+path+": raw: it tells a ratio") {
		t.Fatalf("%d: %s%s", code, out.String(), wrong.String())
	}
	cfg, err := config.Parse([]byte(out.String()))
	if err != nil || len(cfg.SLOs) != 1 || cfg.SLOs[0].ID != "shop-answers" {
		t.Errorf("%+v, %v\n%s", cfg.SLOs, err, out.String())
	}
}
