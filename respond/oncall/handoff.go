package oncall

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// handoff tells when turns begin, on the wall.
type handoff interface {
	// turns calls yield for each turn that has a part between from and to, in
	// order. A turn that does not end before two years after to has the end
	// zero.
	turns(start, from, to time.Time, yield func(index int, begin, end time.Time))
}

// parseHandoff reads a Layer's Handoff. Start is that of the layer.
func parseHandoff(text string, start time.Time) (handoff, error) {
	switch text {
	case "":
		return nil, errors.New("say when the next turn begins: never, daily, weekly, every 12 hours, or a rule such as FREQ=WEEKLY;BYDAY=MO")
	case "never":
		return never{}, nil
	case "daily":
		return every(24 * time.Hour), nil
	case "weekly":
		return every(7 * 24 * time.Hour), nil
	}
	if rest, ok := strings.CutPrefix(text, "every "); ok {
		return parseEvery(rest)
	}
	rule, ok := strings.CutPrefix(text, "RRULE:")
	if !ok && !strings.Contains(text, "FREQ=") {
		return nil, fmt.Errorf("%q is not never, daily, weekly, every N hours (days, weeks) or a rule such as FREQ=WEEKLY;BYDAY=MO", text)
	}
	return parseRule(rule, start)
}

// units of "every 3 days".
var units = map[string]time.Duration{
	"hour": time.Hour, "hours": time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour, "week": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
}

func parseEvery(text string) (handoff, error) {
	count, unit, found := strings.Cut(text, " ")
	if !found {
		count, unit = "1", text
	}
	n, err := strconv.Atoi(count)
	d := time.Duration(n) * units[unit]
	if err != nil || units[unit] == 0 || n < 1 || n > 1000 || d > 366*24*time.Hour {
		return nil, fmt.Errorf("%q is not such as 12 hours, 3 days or 2 weeks, a year at most", text)
	}
	return every(d), nil
}

// never is one turn without end.
type never struct{}

func (never) turns(start, from, to time.Time, yield func(int, time.Time, time.Time)) {
	if start.Before(to) {
		yield(0, start, time.Time{})
	}
}

// every is turns of the same length on the wall.
type every time.Duration

func (e every) turns(start, from, to time.Time, yield func(int, time.Time, time.Time)) {
	long := time.Duration(e)
	index := 0
	if from.After(start) {
		index = int(from.Sub(start) / long)
	}
	for begin := start.Add(time.Duration(index) * long); begin.Before(to); begin = begin.Add(long) {
		yield(index, begin, begin.Add(long))
		index++
	}
}
