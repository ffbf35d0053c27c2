package console

import (
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/correlate/cases"
)

// What joined a case at once is one line; what came later, or is of another
// kind, is a line of its own.
func TestWhatJoinedAtOnceIsOneLine(t *testing.T) {
	at := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	event := func(after time.Duration, kind cases.EventKind, text string) cases.Event {
		return cases.Event{At: at.Add(after), Kind: kind, By: "Evenkeel", Text: text}
	}
	got := historyOf([]cases.Event{event(0, cases.Opened, "a"), event(time.Second, cases.Joined, "b"), event(16*time.Second, cases.Joined, "c"),
		event(31*time.Second, cases.Joined, "d"), event(5*time.Minute, cases.Joined, "e"), event(6*time.Minute, cases.Thought, "f"), event(6*time.Minute, cases.Joined, "g")})
	var lines []string
	for _, l := range got {
		line := l.Text
		if len(l.More) > 0 {
			line += " " + l.others()
		}
		lines = append(lines, line)
	}
	if want := []string{"a", "b and 2 more joined", "e", "f", "g"}; len(lines) != len(want) {
		t.Fatalf("%q, want %q", lines, want)
	} else {
		for n := range want {
			if lines[n] != want[n] {
				t.Errorf("%q, want %q", lines[n], want[n])
			}
		}
	}
}
