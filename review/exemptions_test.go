package review

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/finding"
)

// What needs an owner comes first: what ends soon, or has ended, while it is
// about something that stands.
func TestWhatExemptionsDo(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	exempt := func(id, check string, until time.Duration) finding.Exemption {
		return finding.Exemption{ID: id, Checks: []string{check}, Entities: []string{"*"}, Until: now.Add(until), Owner: "o", Reason: "why"}
	}
	stands := func(id, check string, state finding.State, by string) finding.Finding {
		f := finding.Finding{ID: id, Key: finding.Key{Check: check, Entity: "host:a"}, State: state}
		if state == finding.Accepted {
			f.Answer = finding.Answer{By: "o", Exemption: by}
		}
		return f
	}
	unseen := stands("unseen", "disk-slow", finding.Unknown, "")
	unseen.Prior, unseen.Answer = finding.Accepted, finding.Answer{Exemption: "disks"}
	list := Survey(finding.Exemptions{
		exempt("typo", "dsk-*", 90*day), exempt("disks", "disk-*", 60*day), exempt("shorter", "disk-*", 15*day), exempt("cpu", "cpu-*", 14*day),
		exempt("over", "memory-*", -day), exempt("gone", "swap-*", -2*day), exempt("idle-soon", "swap-*", 2*day),
	}, []finding.Finding{
		stands("d1", "disk-slow", finding.Accepted, "disks"), unseen, stands("d3", "disk-slow", finding.Accepted, ""), // of which a person said it
		stands("c1", "cpu-busy", finding.Accepted, "cpu"), stands("c2", "cpu-busy", finding.Open, ""), // which was not looked at yet
		stands("m1", "memory-short", finding.Acknowledged, ""),
	}, []Rule{{ID: "disk-slow"}, {ID: "disk-full"}, {ID: "cpu-busy"}, {ID: "memory-short"}, {ID: "swap-busy"}}, now)
	type line struct {
		id       string
		state    ExemptionState
		count    int
		rules    int
		pressing bool
	}
	var got []line
	for _, x := range list {
		got = append(got, line{x.ID, x.State, x.Count, x.Rules, x.Pressing()})
	}
	want := []line{
		{"over", ExemptionEnded, 1, 1, true}, {"cpu", ExemptionEnds, 2, 1, true},
		{"idle-soon", ExemptionEnds, 0, 1, false}, {"shorter", ExemptionHolds, 0, 2, false}, {"disks", ExemptionHolds, 2, 2, false}, {"typo", ExemptionHolds, 0, 0, false},
		{"gone", ExemptionEnded, 0, 1, false},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(line{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if c := list[1].Covers; len(c) != 2 || c[0].Finding != "c1" || c[0].State != finding.Accepted {
		t.Errorf("it covers %+v", c)
	}
}
