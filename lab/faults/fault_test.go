package main

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

var t0 = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func seen(id, check, entity string, state finding.State, culprits ...string) finding.Finding {
	f := finding.Finding{ID: id, State: state}
	f.Check, f.Entity, f.Severity = check, entity, finding.Warning
	for _, c := range culprits {
		f.Culprits = append(f.Culprits, finding.Culprit{Name: c})
	}
	return f
}

// A fault's run as the API showed it over time, and the goals that it missed.
func TestGoals(t *testing.T) {
	f := fault{name: "full", check: "filesystem", entity: "filesystem:", culprit: "labfiller"}
	type answer struct {
		after time.Duration
		list  []finding.Finding
	}
	open, resolved := finding.Open, finding.Resolved
	full := func(state finding.State) finding.Finding {
		return seen("1", "filesystem-full", "filesystem:h:/x", state, "labfiller")
	}
	info := seen("9", "filesystem-full", "filesystem:h:/y", open)
	info.Severity = finding.Info
	for name, c := range map[string]struct {
		answers []answer
		want    []string
	}{
		"all is well": {[]answer{{20 * time.Second, []finding.Finding{full(open), info}}, {150 * time.Second, []finding.Finding{full(resolved)}}}, []string{}},
		"never found": {[]answer{{20 * time.Second, []finding.Finding{info}}}, []string{"not found"}},
		"found late":  {[]answer{{61 * time.Second, []finding.Finding{full(open)}}, {150 * time.Second, []finding.Finding{full(resolved)}}}, []string{"found too late"}},
		"resolved late": {[]answer{{20 * time.Second, []finding.Finding{full(open)}}, {221 * time.Second, []finding.Finding{full(resolved)}}},
			[]string{"resolved too late"}},
		"never resolved": {[]answer{{20 * time.Second, []finding.Finding{full(open)}}, {221 * time.Second, []finding.Finding{full(finding.Unknown)}}},
			[]string{"not resolved"}},
		"resolved while it went on": {[]answer{{20 * time.Second, []finding.Finding{full(open)}}, {70 * time.Second, []finding.Finding{full(resolved)}}},
			[]string{"resolved while the fault went on"}},
		"flapping": {[]answer{{20 * time.Second, []finding.Finding{full(open)}}, {120 * time.Second, []finding.Finding{full(resolved)}},
			{125 * time.Second, []finding.Finding{full(open)}}, {150 * time.Second, []finding.Finding{full(resolved)}}}, []string{"echoes"}},
		"an echo": {[]answer{{20 * time.Second, []finding.Finding{full(open), seen("2", "disk-slow", "disk:h:sda", open)}},
			{150 * time.Second, []finding.Finding{full(resolved)}}}, []string{"echoes"}},
		"the wrong culprit": {[]answer{{20 * time.Second, []finding.Finding{seen("1", "filesystem-full", "filesystem:h:/x", open, "cron", "labfiller")}},
			{150 * time.Second, []finding.Finding{full(resolved)}}}, []string{"the culprit is not named"}},
		"on another entity": {[]answer{{20 * time.Second, []finding.Finding{seen("1", "filesystem-full", "host:h", open, "labfiller")}}},
			[]string{"not found"}},
		"it was open before": {[]answer{{-time.Second, []finding.Finding{full(open)}}}, []string{"it was open before the fault began"}},
	} {
		t.Run(name, func(t *testing.T) {
			all, standing := sightings{}, map[string]bool{}
			for _, a := range c.answers {
				all.see(a.list, t0.Add(a.after))
				if a.after < 0 {
					for id := range all {
						standing[id] = true
					}
				}
			}
			got := judge(f, all, standing, t0, t0.Add(100*time.Second))
			if !slices.Equal(got.Missed, c.want) {
				t.Errorf("missed %q, want %q; outcome %+v", got.Missed, c.want, got)
			}
		})
	}
}

func TestTheTenFaultsAreSound(t *testing.T) {
	if len(faults) != 10 {
		t.Errorf("%d faults, want 10", len(faults))
	}
	for _, f := range faults {
		for _, pattern := range []string{f.check, f.culprit} {
			if _, err := regexp.Compile(pattern); err != nil || pattern == "" {
				t.Errorf("%s: pattern %q: %v", f.name, pattern, err)
			}
		}
		if chosen, err := choose(f.name); err != nil || len(chosen) != 1 {
			t.Errorf("%s cannot be chosen by its name: %v", f.name, err)
		}
	}
}
