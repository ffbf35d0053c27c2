package review

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// What a check found in four weeks, whom that woke, and what was said of it.
func TestTheRecordOfACheck(t *testing.T) {
	to := time.Date(2027, 3, 29, 0, 0, 0, 0, time.UTC)
	from := to.Add(-RecordTime)
	day := func(n int) time.Time { return from.AddDate(0, 0, n) }
	full := func(entity string, begin int, took time.Duration) finding.Finding {
		f := finding.Finding{Key: finding.Key{Check: "disk-full", Entity: entity}, FirstSeen: day(begin), State: finding.Open}
		if took > 0 {
			f.State, f.ResolvedAt = finding.Resolved, f.FirstSeen.Add(took)
		}
		return f
	}
	incident := func(check string, paged int, acked, merged bool) Case {
		c := Case{Incident: respond.Incident{Paged: paged}, Alerts: []respond.Standing{
			{Alert: respond.Alert{AlertKey: respond.AlertKey{Source: respond.FindingSource}, Labels: map[string]string{"alertname": check}}},
			{Alert: respond.Alert{AlertKey: respond.AlertKey{Source: respond.FindingSource}, Labels: map[string]string{"alertname": check}}},
			{Alert: respond.Alert{AlertKey: respond.AlertKey{Source: "prometheus"}, Labels: map[string]string{"alertname": "OthersRule"}}}}}
		if acked {
			c.Incident.AckedAt = day(1)
		}
		if merged {
			c.Incident.MergedInto = "other"
		}
		return c
	}
	said := func(useful bool, begin int, checks ...string) cases.Case {
		c := cases.Case{Since: day(begin), Feedback: &cases.Feedback{Useful: useful}}
		for _, check := range checks {
			c.Members = append(c.Members, cases.Member{Check: check})
		}
		return c
	}
	got := Recount(
		[]finding.Finding{full("a", 1, time.Hour), full("a", 9, 3*time.Hour), full("b", 27, 0), full("c", -1, 0)},
		[]Case{incident("disk-full", 2, true, false), incident("disk-full", 1, false, false), incident("disk-full", 0, false, false), incident("disk-full", 3, true, true)},
		[]cases.Case{said(true, 2, "disk-full", "disk-full", "slow"), said(false, 3, "disk-full"), said(false, -3, "disk-full"), {Since: day(3), Members: []cases.Member{{Check: "unjudged"}}}},
		from, to)
	want := []Record{
		{Check: "disk-full", Findings: 3, Entities: 2, Standing: 1, Median: 2 * time.Hour, Weeks: []int{1, 1, 0, 1}, Last: day(27),
			Incidents: 3, Paged: 2, Acted: 1, PagedAWeek: .5, Useful: 1, Noise: 1, Precision: shareOf(1, 2)},
		{Check: "slow", Weeks: []int{0, 0, 0, 0}, Useful: 1, Precision: shareOf(1, 1)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The interval holds the share, narrows as more is said, and is never past 0 or
// 1. The figures of 8 of 10 are those of the textbook.
func TestAShareHasItsInterval(t *testing.T) {
	if s := shareOf(0, 0); s != nil {
		t.Errorf("of nothing: %+v", s)
	}
	if s := shareOf(8, 10); math.Abs(s.Low-.4902) > .001 || math.Abs(s.High-.9433) > .001 {
		t.Errorf("8 of 10: %+v", s)
	}
	for all := 1; all < 60; all++ {
		for good := 0; good <= all; good++ {
			s, more := shareOf(good, all), shareOf(10*good, 10*all)
			if s.Low < 0 || s.High > 1 || s.Low > s.Value || s.High < s.Value || more.High-more.Low >= s.High-s.Low {
				t.Fatalf("%d of %d: %+v, and ten times as many: %+v", good, all, s, more)
			}
		}
	}
}
