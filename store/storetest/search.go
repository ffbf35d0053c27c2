package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

// findingSearch looks for texts of all sorts, of which some are in nearly all
// findings and some in none, and compares what is found with a look at each.
func findingSearch(t *testing.T, s Store) {
	random := rand.New(rand.NewPCG(7, 8))
	const many = 3300 // more than what any store looks at one by one
	hosts := []string{"web-1", "WEB-2", "db\"1\"", "bäckerei", "a*b", "日本語サーバ"}
	var all []finding.Finding
	for n := range many {
		f := sample(n)
		host := hosts[random.IntN(len(hosts))]
		f.Entity, f.EntityName = fmt.Sprintf("disk:%s:sd%d", host, n), fmt.Sprintf("sd%d", n)
		f.Title = fmt.Sprintf("The disk sd%d of %s is SLOW", n, host)
		f.Check = []string{"disk-slow", "disk-errors"}[random.IntN(2)]
		f.Culprits[0].Name = fmt.Sprintf("Job %x", random.IntN(1<<20))
		f.Severity = finding.Severity(1 + random.IntN(3))
		f.ChangedAt = t0.Add(time.Duration(random.IntN(10_000)) * time.Second)
		if n >= 40 {
			f.State, f.ResolvedAt = finding.Resolved, f.ChangedAt
		}
		if n%1000 == 0 {
			f.Tenant = "other"
		}
		all = append(all, f)
	}
	for part := range slices.Chunk(all, 300) {
		put(t, s, part...)
	}
	holds := func(f finding.Finding, text string) bool {
		of := strings.Join([]string{f.Title, f.Check, f.Entity, f.EntityName, f.Culprits[0].Name}, "\n")
		return strings.Contains(strings.ToLower(of), strings.ToLower(text))
	}
	compare := func(f finding.Filter) {
		t.Helper()
		f.Tenant, f.Limit = "default", 500
		var want, got []string
		for _, x := range all {
			if x.Tenant == "default" && holds(x, f.Text) && (len(f.States) == 0 || slices.Contains(f.States, x.State)) {
				want = append(want, x.ID)
			}
		}
		for {
			page, err := s.Findings(t.Context(), f)
			check(t, err)
			if page.Total != min(len(want), finding.MaxFound) {
				t.Errorf("%q: total %d of %d", f.Text, page.Total, len(want))
			}
			if !slices.IsSortedFunc(page.Findings, urgency) {
				t.Errorf("%q: a page is not in order", f.Text)
			}
			for _, x := range page.Findings {
				got = append(got, x.ID)
			}
			if f.Cursor = page.Next; f.Cursor == "" {
				break
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q in %v: %d found, want %d", f.Text, f.States, len(got), len(want))
		}
	}
	texts := []string{"s", "Z", "sl", "zq", "語", "本語", "日本語サ", "dis", "disk", "is slow", "web-2", "Web-2:sd1", "db\"1\"", "\"", "*", "a*b", "äck", "BÄCKER",
		"sd77", "sd77 of", "no such thing", "slow\ndisk", "ob f", "e' OR '1", "AND", "job NOT", "search:disk", strings.Repeat("disk", 60)}
	for range 40 { // a part of something that is there
		text := all[random.IntN(many)].Title
		from := random.IntN(len(text) - 1)
		texts = append(texts, strings.ToValidUTF8(text[from:from+1+random.IntN(len(text)-from)], ""))
	}
	for _, text := range texts {
		if text != "" {
			compare(finding.Filter{Text: text})
		}
	}
	for _, text := range []string{"disk", "sd1", "sd30", "e"} {
		compare(finding.Filter{Text: text, States: []finding.State{finding.Open}})
		compare(finding.Filter{Text: text, States: []finding.State{finding.Resolved}})
	}

	// What is reworded is found by its new words, what is pruned by none.
	for n := range 3 {
		f := &all[n+1]
		f.Title, f.Revision = fmt.Sprintf("Reworded %d", n), 2
		check(t, s.ApplyFindings(t.Context(), []finding.Applied{{Finding: *f}}))
	}
	middle := t0.Add(5000 * time.Second)
	_, err := s.PruneFindings(t.Context(), middle)
	check(t, err)
	all = slices.DeleteFunc(all, func(f finding.Finding) bool { return f.State == finding.Resolved && f.ResolvedAt.Before(middle) })
	for _, text := range append(texts, "reworded", "reworded 2", "sd1 of", "sd2") {
		if text != "" {
			compare(finding.Filter{Text: text})
		}
	}
}

// urgency is the order of finding.Page.
func urgency(a, b finding.Finding) int {
	if x, y := a.State == finding.Resolved, b.State == finding.Resolved; x != y {
		if y {
			return -1
		}
		return 1
	}
	if a.Severity != b.Severity {
		return int(b.Severity - a.Severity)
	}
	if c := b.ChangedAt.Compare(a.ChangedAt); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}
