package console

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

// demoCallees are services of which nothing but calls is known.
var demoCallees = []string{"shop:front", "payment", "index", "bank.example.org"}

// demoCalls are calls of which one is seen by two, one counted differently, one
// declared and not seen by who would see it, one not seen for long, and others of
// which nobody can tell.
func demoCalls(now time.Time) func(context.Context, string) ([]estate.Call, error) {
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	in := estate.CallEvidence{Watcher: "signals", Began: ago(30 * 24 * time.Hour), Now: now}
	relate := func(source, from, to string) {
		in.Relations = append(in.Relations, estate.Relation{From: from, Kind: estate.Calls, To: to, Source: source, Confidence: .95, Since: ago(50 * time.Hour)})
	}
	sees := func(by, from, to string, last time.Duration, rate float64) {
		s := estate.Sighting{From: from, To: to, Source: "signals", By: by, Noted: ago(50 * time.Hour), First: ago(50 * time.Hour), Last: ago(last), Heard: ago(4 * time.Second),
			Calls: rate * 1000, Counts: "requests", Rate: rate, Rated: ago(40 * time.Hour)}
		if by == "Hubble" {
			s.Last, s.Heard = ago(20*time.Minute), ago(20*time.Minute)
		}
		in.Sightings = append(in.Sightings, s)
		relate("signals", from, to)
	}
	sees("Istio", "service:shop:front", "service:checkout", 5*time.Second, 41)
	sees("the service graph of traces", "service:shop:front", "service:checkout", 12*time.Second, 4.1)
	sees("Istio", "service:shop:front", "service:search", 5*time.Second, 18)
	sees("OpenTelemetry in the caller", "service:shop:front", "service:search", 9*time.Second, 17)
	sees("Istio", "service:checkout", "service:payment", 5*time.Second, 7.2)
	sees("Istio", "service:checkout", "service:mail", 31*time.Hour, 0)
	sees("Hubble", "service:search", "service:index", 0, 120)
	relate("signals", "service:search", "service:old")
	relate(estate.Declared, "service:checkout", "service:search")
	relate(estate.Declared, "service:checkout", "service:bank.example.org")
	relate(estate.Declared, "service:shop:front", "service:search")
	calls := estate.Fuse(in)
	return func(_ context.Context, environment string) ([]estate.Call, error) {
		if environment != demoEnv {
			return nil, nil
		}
		return calls, nil
	}
}

// TestCallsAreShownWithWhoSaysSo: a person who asks whether one thing calls
// another reads who has seen it and when, and what sources do not agree on.
func TestCallsAreShownWithWhoSaysSo(t *testing.T) {
	_, doc, _ := visit(t, livedDemo(t), "/calls")
	all := text(doc)
	for _, want := range []string{
		"Istio counts 41 requests a second, and the service graph of traces counts 4.1, over the same minutes", "Istio, 5 s ago, 18 /s", "OpenTelemetry in the caller, 9 s ago, 17 /s",
		"It is declared, and has not been seen for 2 days, though Istio sees both ends", "declared, never seen", "Stale: no call was seen for 31 hours", "Hubble, not heard since",
		"whether it is still made is not known for certain", "Of 2, sources do not agree.",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("the page does not say %q:\n%s", want, all)
		}
	}
	_, doc, _ = visit(t, livedDemo(t), "/calls?show=contradicted")
	if s := text(doc); strings.Contains(s, "bank.example.org") || !strings.Contains(s, "over the same minutes") {
		t.Errorf("what is contradicted is not what is shown:\n%s", s)
	}
	_, doc, _ = visit(t, livedDemo(t), "/calls?show=unsure")
	if s := text(doc); strings.Contains(s, "OpenTelemetry in the caller") || !strings.Contains(s, "bank.example.org") {
		t.Errorf("what is not certain is not what is shown:\n%s", s)
	}
	_, doc, _ = visit(t, livedDemo(t), "/entities/service:checkout")
	all = text(doc)
	for _, want := range []string{"It calls", "It is called by", "Istio, last 31 h ago", "declared, never seen", "over the same minutes"} {
		if !strings.Contains(all, want) {
			t.Errorf("the page of checkout does not say %q:\n%s", want, all)
		}
	}
	if strings.Contains(all, "OpenTelemetry in the caller") {
		t.Error("the page of checkout shows calls of others")
	}
}
