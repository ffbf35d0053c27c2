package evidence_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/respond"
)

// The disk is slow for half an hour; the alert starts five minutes before its
// incident opens, and harm is counted from five minutes before that: 40 of 40
// readings.
func TestWhatUsersFeltIsKeptWhenAnIncidentIsOver(t *testing.T) {
	databases(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		ctx := t.Context()
		felt := func() impact.Impact {
			t.Helper()
			m, err := w.evidence.Impact(ctx, w.ana, "t", w.incident().ID, w.now)
			w.must(err)
			if len(m.Objectives) != 1 {
				t.Fatalf("%+v", m)
			}
			return m
		}
		w.alert("SlowDisk", slowDisk, respond.Firing)
		m := felt()
		h := m.Objectives[0]
		if !m.Live || h.Bad == nil || math.Abs(*h.Bad-40) > 2 || *h.Bad != *h.Total || h.Burned == nil || *h.Burned < 5 || *h.Left >= 0 {
			t.Errorf("while it goes on: %+v of %s", m, impact.Felt(h))
		}
		w.metrics.away = true
		if m = felt(); m.Objectives[0].Bad != nil || !strings.Contains(m.Sentences()[0], "not known. The figures cannot be had") {
			t.Errorf("without metrics: %+v", m)
		}

		w.now = w.now.Add(10 * time.Second)
		w.alert("SlowDisk", slowDisk, respond.Ended)
		if err := w.evidence.Round(ctx, w.now.Add(time.Minute)); !errors.Is(err, metric.ErrUnavailable) {
			t.Errorf("away when it is over: %v", err)
		}
		w.metrics.away = false
		w.must(w.evidence.Round(ctx, w.now.Add(2*time.Minute)))
		w.metrics.away = true
		over := felt()
		if h = over.Objectives[0]; over.Live || h.Bad == nil || *h.Bad < 30 || h.Gone != 0 || !over.To.Equal(w.incident().ResolvedAt) {
			t.Errorf("what was kept: %+v", over)
		}

		// Opened again, it is counted anew: what was kept is of another time.
		_, err := w.respond.Reopen(ctx, w.ana, "t", w.incident().ID, "It is slow again.", w.now)
		w.must(err)
		if m = felt(); !m.Live || m.Objectives[0].Bad != nil {
			t.Errorf("opened again: %+v", m)
		}
		stranger := access.Actor{Name: "Eve", Grants: []access.Grant{{Tenant: "u", Environment: access.Any, Role: access.Admin}}}
		if _, err := w.evidence.Impact(ctx, stranger, "t", w.incident().ID, w.now); !errors.Is(err, respond.ErrNotFound) {
			t.Errorf("another tenant's admin: %v", err)
		}
	})
}

// Half an hour after the end nobody waits any more: it is kept that it is not
// known.
func TestWhatUsersFeltStaysUnknownWhereItCouldNotBeCounted(t *testing.T) {
	w := newWorld(t, "")
	w.alert("SlowDisk", slowDisk, respond.Firing)
	w.now = w.now.Add(10 * time.Second)
	w.alert("SlowDisk", slowDisk, respond.Ended)
	w.metrics.away = true
	w.must(w.evidence.Round(t.Context(), w.now.Add(31*time.Minute)))
	m, err := w.evidence.Impact(t.Context(), w.ana, "t", w.incident().ID, w.now.Add(time.Hour))
	if err != nil || len(m.Objectives) != 1 || m.Objectives[0].Missing == "" || m.Objectives[0].Bad != nil || m.Objectives[0].Burned != nil {
		t.Errorf("%+v, %v", m, err)
	}
}
