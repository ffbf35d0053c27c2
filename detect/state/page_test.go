package state

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/detect"
)

var update = flag.Bool("update", false, "write docs/kubernetes-checks.md anew")

// TestChecksPage keeps docs/kubernetes-checks.md as the content says. After a
// change of content: go test ./detect/state -run ChecksPage -update
func TestChecksPage(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "kubernetes-checks.md")
	want := checksPage(load(t))
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil || string(have) != want {
		t.Errorf("docs/kubernetes-checks.md is not what the content says (%v); write it anew: go test ./detect/state -run ChecksPage -update", err)
	}
}

// TestAlerts: each alert says what stands for it, and what it names exists.
func TestAlerts(t *testing.T) {
	c := load(t)
	series, err := detect.Load()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, check := range c.Checks() {
		known[check.ID] = true
	}
	for _, check := range series.Checks() {
		known[check.ID] = true
	}
	seen := map[string]bool{}
	for _, a := range c.alerts {
		said := 0
		for _, yes := range []bool{len(a.Checks) > 0, a.Absent != "", a.Yet != ""} {
			if yes {
				said++
			}
		}
		if said != 1 || seen[a.Name] {
			t.Errorf("%s: exactly one of checks, absent and yet is needed, once", a.Name)
		}
		seen[a.Name] = true
		for _, id := range a.Checks {
			if !known[id] {
				t.Errorf("%s: there is no check %s", a.Name, id)
			}
		}
	}
}

func checksPage(c *Catalogue) string {
	var b strings.Builder
	b.WriteString(`# Checks of the state of a cluster

This page is made from detect/state (` + "`go test ./detect/state -run ChecksPage -update`" + `). Rules are CEL over the attributes of an entity (detect/state/kinds.yaml); a time reads as how many seconds ago it was, -1 where it is not set. *called* says that a service, a route or a caller leads to it; *lasting* is how many seconds it has lasted; *owner* is the workload of a pod.

A check fires when its rule has held for the time given, and clears when it has not for the time given. What came and went three times within an hour must be clear for longer each time. Pods are judged together with the others of their workload, and the finding is the workload's. What a cause explains is told as a part of that cause's finding. A check is *unknown*, never fine, where the cluster cannot be reached, where Evenkeel may not read what it needs, or where the cluster does not say a fact that it requires.

`)
	for _, area := range Areas {
		fmt.Fprintf(&b, "## %s\n\n", strings.ToUpper(area[:1])+area[1:])
		for _, check := range c.Checks() {
			if check.Area == area {
				b.WriteString(checkEntry(check))
			}
		}
	}
	b.WriteString("## The alerts of the kubernetes-mixin\n\n| alert | here | remarks |\n|---|---|---|\n")
	for _, a := range c.alerts {
		here, note := code(a.Checks), a.Note
		switch {
		case a.Absent != "":
			here, note = "left out on purpose", a.Absent
		case a.Yet != "":
			here, note = "not yet", a.Yet
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", a.Name, here, note)
	}
	return b.String()
}

func checkEntry(check *Check) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n%s\n\n", check.ID, oneLine(check.About))
	fmt.Fprintf(&b, "- About each **%s**%s.\n", check.Entity, map[string]string{"owner": ", told at its workload"}[check.By])
	if check.When != "" {
		fmt.Fprintf(&b, "- Only where `%s`.\n", oneLine(check.When))
	}
	fmt.Fprintf(&b, "- Fires when `%s`", oneLine(check.Fire))
	if check.For > 0 {
		fmt.Fprintf(&b, " for %s", long(check.For))
	}
	fmt.Fprintf(&b, "; clear after %s.\n", long(check.ClearFor))
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
		fmt.Fprintf(&b, "- Told as a part of %s, where one explains it.\n", strings.Join(causes, ", "))
	}
	if check.Notes != "" {
		fmt.Fprintf(&b, "- %s\n", oneLine(check.Notes))
	}
	b.WriteString("\n")
	return b.String()
}

func long(d time.Duration) string {
	text := strings.TrimSuffix(d.String(), "0s")
	if text = strings.TrimSuffix(text, "h0m") + map[bool]string{true: "h"}[strings.HasSuffix(text, "h0m")]; text == "" || d < time.Minute {
		return d.String()
	}
	return text
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func code(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "`" + strings.Join(names, "`, `") + "`"
}
