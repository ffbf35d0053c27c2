package health

import (
	"errors"
	"testing"
	"time"
)

func TestSilenceIsNotHealth(t *testing.T) {
	t0 := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	b := NewBoard()
	b.Expect("host", 15*time.Second, t0)
	state := func(at time.Duration) State { return b.Statuses(t0.Add(at))[0].State }

	if got := state(10 * time.Second); got != Starting {
		t.Errorf("before the first round: %s", got)
	}
	if got := state(50 * time.Second); got != Stale {
		t.Errorf("a part that never reported: %s", got)
	}
	b.Report("host", t0.Add(60*time.Second), time.Millisecond, nil)
	if got := state(61 * time.Second); got != OK {
		t.Errorf("after a good round: %s", got)
	}
	b.Report("host", t0.Add(75*time.Second), time.Millisecond, errors.New("permission denied"))
	got := b.Statuses(t0.Add(76 * time.Second))[0]
	if got.State != Failing || got.Error != "permission denied" || !got.LastOK.Equal(t0.Add(60*time.Second)) {
		t.Errorf("after a failed round: %+v", got)
	}
	if got := state(75*time.Second + 46*time.Second); got != Stale {
		t.Errorf("after three silent intervals: %s", got)
	}
}
