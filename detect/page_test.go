package detect

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/checks.md anew")

// TestChecksPage keeps docs/checks.md as the content says. After a change of
// content: go test ./detect -run ChecksPage -update
func TestChecksPage(t *testing.T) {
	file := filepath.Join("..", "docs", "checks.md")
	want := checksPage(loadCatalogue(t))
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil || string(have) != want {
		t.Errorf("docs/checks.md is not what the content says (%v); write it anew: go test ./detect -run ChecksPage -update", err)
	}
}

func checksPage(c *Catalogue) string {
	var b strings.Builder
	b.WriteString(`# Checks

This page is made from detect/checks and detect/signals (` + "`go test ./detect -run ChecksPage -update`" + `). What stands here in rules is CEL over the signals below; ` + "`usual.X`, `high.X` and `known.X`" + ` are the learned median, the learned 95th percentile, and whether enough was seen (30 minutes and 100 figures).

A check fires when its rule has held for the time given, and clears when the opposite has. It is *unknown*, never fine, where a signal that it needs is absent. A symptom that a cause explains is told as a part of that cause's finding.

CPU contention was measured on two CPUs: eight busy loops (stress-ng) beside a service that wants 0.3 of a CPU leave it 0.03 to 0.1, with 0.7 to 0.9 s of waiting in each second, 3 to 4 waiting tasks for each CPU and a pressure of 0.95 and more. Two Go builds side by side give a pressure of 0.7 to 0.97 and up to 1.3 s of waiting in each second too, but it is their own; that is why pressure alone, or waiting alone, never fires.

`)
	for _, check := range c.Checks() {
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", check.ID, sentence(check.About))
		fmt.Fprintf(&b, "- About each **%s**. Needs %s.\n", check.Entity, code(check.Requires))
		if check.When != "" {
			fmt.Fprintf(&b, "- Only where `%s`.\n", oneLine(check.When))
		}
		fmt.Fprintf(&b, "- Fires when `%s`%s.\n", oneLine(check.Fire), held(check.For.String(), check.For > 0))
		if check.Clear != "" {
			fmt.Fprintf(&b, "- Clears when `%s`%s.\n", oneLine(check.Clear), held(check.ClearFor.String(), check.ClearFor > 0))
		}
		if len(check.Limits) > 0 {
			var limits []string
			for _, name := range slices.Sorted(maps.Keys(check.Limits)) {
				limits = append(limits, fmt.Sprintf("%s %s", name, strconv.FormatFloat(check.Limits[name], 'f', -1, 64)))
			}
			fmt.Fprintf(&b, "- Limits: %s.\n", strings.Join(limits, ", "))
		}
		var grades []string
		for _, g := range check.Severity {
			if g.When == "" {
				grades = append(grades, g.Is.String())
			} else {
				grades = append(grades, fmt.Sprintf("%s when `%s`", g.Is, oneLine(g.When)))
			}
		}
		fmt.Fprintf(&b, "- Severity: %s.\n", strings.Join(grades, ", else "))
		if len(check.EchoOf) > 0 {
			var causes []string
			for _, e := range check.EchoOf {
				causes = append(causes, e.Check)
			}
			fmt.Fprintf(&b, "- Told as a part of %s, where one fires.\n", strings.Join(causes, ", "))
		}
		if check.Notes != "" {
			fmt.Fprintf(&b, "- %s\n", oneLine(check.Notes))
		}
		b.WriteString("\n")
	}
	b.WriteString("# Signals\n\n| entity | signal | unit | what it is |\n|---|---|---|---|\n")
	signals := slices.SortedFunc(slices.Values(c.Signals()), func(a, b *Signal) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	for _, s := range signals {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", s.Kind, s.Name, s.Unit, oneLine(s.Help))
	}
	return b.String()
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func sentence(s string) string { return strings.TrimSuffix(oneLine(s), ".") + "." }

func code(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }

func held(long string, wanted bool) string {
	if !wanted {
		return ""
	}
	return " for " + long
}
