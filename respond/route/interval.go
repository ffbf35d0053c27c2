package route

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// TimeIntervals is a named time: any of its intervals.
type TimeIntervals struct {
	Name      string     `yaml:"name"`
	Intervals []Interval `yaml:"time_intervals"`
}

// contains tells whether a time is in any of the intervals.
func (n TimeIntervals) contains(t time.Time) bool {
	for _, i := range n.Intervals {
		if i.Contains(t) {
			return true
		}
	}
	return false
}

// Interval is a recurring time. All that is set must hold, each by any of its
// ranges; what is empty always holds.
type Interval struct {
	Times       []Clock    `yaml:"times,omitempty"`
	Weekdays    []Weekdays `yaml:"weekdays,omitempty,flow"`
	DaysOfMonth []Days     `yaml:"days_of_month,omitempty,flow"`
	Months      []Months   `yaml:"months,omitempty,flow"`
	Years       []Years    `yaml:"years,omitempty,flow"`
	// Location is where its clock hangs; UTC where it is not set.
	Location *Location `yaml:"location,omitempty"`
}

// Clock is a part of the day: from Start until before End, in minutes after
// midnight by the clock on the wall.
type Clock struct{ Start, End int }

// Weekdays is a range with both ends, 0 for Sunday.
type Weekdays struct{ From, To int }

// Days is a range of days of the month with both ends; -1 is the last day.
type Days struct{ From, To int }

// Months is a range with both ends, 1 for January.
type Months struct{ From, To int }

// Years is a range with both ends.
type Years struct{ From, To int }

// Location is a time zone by its name in the IANA database.
type Location struct{ *time.Location }

// Contains tells whether a time is in the interval.
func (i Interval) Contains(t time.Time) bool {
	t = t.In(i.location())
	minute, day := t.Hour()*60+t.Minute(), t.Day()
	last := time.Date(t.Year(), t.Month()+1, 0, 12, 0, 0, 0, time.UTC).Day()
	return within(i.Times, func(c Clock) bool { return c.Start <= minute && minute < c.End }) &&
		within(i.Weekdays, func(w Weekdays) bool { return w.From <= int(t.Weekday()) && int(t.Weekday()) <= w.To }) &&
		within(i.DaysOfMonth, func(d Days) bool { return fromEnd(d.From, last) <= day && day <= fromEnd(d.To, last) }) &&
		within(i.Months, func(m Months) bool { return m.From <= int(t.Month()) && int(t.Month()) <= m.To }) &&
		within(i.Years, func(y Years) bool { return y.From <= t.Year() && t.Year() <= y.To })
}

func (i Interval) location() *time.Location {
	if i.Location == nil {
		return time.UTC
	}
	return i.Location.Location
}

// within tells whether any of the ranges holds; without ranges it does.
func within[R any](list []R, holds func(R) bool) bool {
	for _, r := range list {
		if holds(r) {
			return true
		}
	}
	return len(list) == 0
}

// fromEnd is a day of a month that may be counted from its end.
func fromEnd(day, last int) int {
	if day < 0 {
		return last + day + 1
	}
	return day
}

// horizon is how far ahead the end of a muting is looked for, in days: what
// lasts longer than a year and a day is as good as for ever.
const horizon = 367

// untilFalse returns the first time after from at which something that depends
// on these intervals alone does not hold any more; zero where that is beyond
// the horizon. It looks where an interval can begin or end: at midnight, at the
// times of day that are named, and where the clock is changed.
func untilFalse(list []Interval, from time.Time, holds func(time.Time) bool) time.Time {
	var first time.Time
	until := horizon
	for day := 0; day < until; day++ {
		for _, i := range list {
			for _, at := range i.edges(from, day) {
				if at.After(from) && (first.IsZero() || at.Before(first)) && !holds(at) {
					first = at
				}
			}
		}
		if !first.IsZero() {
			// The same day begins elsewhere up to 26 hours later or earlier.
			until = min(until, day+3)
		}
	}
	return first
}

// edges are the times of a local day, counted from that of from, at which the
// interval can change.
func (i Interval) edges(from time.Time, day int) []time.Time {
	loc := i.location()
	y, m, d := from.In(loc).Date()
	noon := time.Date(y, m, d+day, 12, 0, 0, 0, loc)
	minutes := []int{0}
	for _, c := range i.Times {
		minutes = append(minutes, c.Start, c.End)
	}
	out := make([]time.Time, 0, 2*len(minutes)+1)
	// On a day on which the clock is changed, a time of day may come twice, or
	// not at all: each offset of the day is tried.
	before, after := noon.Add(-14*time.Hour), noon.Add(14*time.Hour)
	offsets := []int{offset(before)}
	if o := offset(after); o != offsets[0] {
		offsets = append(offsets, o)
		if _, end := before.ZoneBounds(); !end.IsZero() && end.Before(after) {
			out = append(out, end)
		}
	}
	y, m, d = noon.Date()
	for _, o := range offsets {
		midnight := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Add(-time.Duration(o) * time.Second)
		for _, minute := range minutes {
			out = append(out, midnight.Add(time.Duration(minute)*time.Minute))
		}
	}
	return out
}

func offset(t time.Time) int { _, o := t.Zone(); return o }

var clockText = regexp.MustCompile(`^(?:([01]\d|2[0-3]):([0-5]\d)|24:00)$`)

func parseClock(text string) (int, error) {
	if !clockText.MatchString(text) {
		return 0, fmt.Errorf("%q is no time of day such as 09:00 or 24:00", clipped(text))
	}
	hour, _ := strconv.Atoi(text[:2])
	minute, _ := strconv.Atoi(text[3:])
	return hour*60 + minute, nil
}

// clockYAML is how a Clock is written.
type clockYAML struct {
	Start string `yaml:"start_time"`
	End   string `yaml:"end_time"`
}

// UnmarshalYAML reads start_time and end_time.
func (c *Clock) UnmarshalYAML(node *yaml.Node) error {
	if err := onlyKeys(node, "start_time", "end_time"); err != nil {
		return err
	}
	var y clockYAML
	if err := node.Decode(&y); err != nil {
		return err
	}
	var err error
	if c.Start, err = parseClock(y.Start); err != nil {
		return at(node, fmt.Errorf("start_time: %w", err))
	}
	if c.End, err = parseClock(y.End); err != nil {
		return at(node, fmt.Errorf("end_time: %w", err))
	}
	if c.Start >= c.End {
		return at(node, fmt.Errorf("start_time %s must be before end_time %s; write a night as two times, until 24:00 and from 00:00", y.Start, y.End))
	}
	return nil
}

// MarshalYAML writes what UnmarshalYAML reads.
func (c Clock) MarshalYAML() (any, error) {
	write := func(m int) string { return fmt.Sprintf("%02d:%02d", m/60, m%60) }
	return clockYAML{write(c.Start), write(c.End)}, nil
}

var (
	weekdayNames = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
	monthNames   = []string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}
)

// named returns a reader of names that also takes numbers where it may.
func named(names []string, first int, numbers bool, what string) func(string) (int, error) {
	return func(text string) (int, error) {
		for n, name := range names {
			if name == text {
				return n + first, nil
			}
		}
		if n, err := strconv.Atoi(text); numbers && err == nil && n >= first && n < first+len(names) {
			return n, nil
		}
		return 0, fmt.Errorf("%q is no %s", clipped(text), what)
	}
}

// span reads "a" or "a:b".
func span(node *yaml.Node, read func(string) (int, error)) (from, to int, err error) {
	var text string
	if err := node.Decode(&text); err != nil {
		return 0, 0, err
	}
	a, b, two := strings.Cut(strings.ToLower(text), ":")
	if from, err = read(a); err != nil {
		return 0, 0, at(node, err)
	}
	if to = from; two {
		if to, err = read(b); err != nil {
			return 0, 0, at(node, err)
		}
	}
	return from, to, nil
}

func ordered(node *yaml.Node, from, to int) error {
	if from > to {
		return at(node, fmt.Errorf("%q ends before it begins; write it as two ranges", node.Value))
	}
	return nil
}

// UnmarshalYAML reads "monday" or "monday:friday".
func (w *Weekdays) UnmarshalYAML(node *yaml.Node) (err error) {
	if w.From, w.To, err = span(node, named(weekdayNames, 0, false, "weekday such as monday")); err != nil {
		return err
	}
	return ordered(node, w.From, w.To)
}

// UnmarshalYAML reads "january", "3" or "january:march".
func (m *Months) UnmarshalYAML(node *yaml.Node) (err error) {
	if m.From, m.To, err = span(node, named(monthNames, 1, true, "month such as january or 1")); err != nil {
		return err
	}
	return ordered(node, m.From, m.To)
}

// UnmarshalYAML reads "2027" or "2027:2029".
func (y *Years) UnmarshalYAML(node *yaml.Node) (err error) {
	if y.From, y.To, err = span(node, number("year")); err != nil {
		return err
	}
	return ordered(node, y.From, y.To)
}

// UnmarshalYAML reads "1", "1:5" or "-3:-1".
func (d *Days) UnmarshalYAML(node *yaml.Node) (err error) {
	if d.From, d.To, err = span(node, number("day of a month")); err != nil {
		return err
	}
	for _, n := range []int{d.From, d.To} {
		if n == 0 || n < -31 || n > 31 {
			return at(node, fmt.Errorf("%d is no day of a month: 1 to 31, or -1 to -31 from its end", n))
		}
	}
	if d.From < 0 && d.To > 0 {
		return at(node, errors.New("where the first day is counted from the month's end, the last one must be too"))
	}
	// In the shortest month, in which the ends are nearest.
	if least := func(n int) int { return fromEnd(n, 27) }; d.From*d.To < 0 && least(d.From) > least(d.To) || d.From*d.To > 0 && d.From > d.To {
		return at(node, fmt.Errorf("%q ends before it begins", node.Value))
	}
	return nil
}

func number(what string) func(string) (int, error) {
	return func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil {
			return 0, fmt.Errorf("%q is no %s", clipped(text), what)
		}
		return n, nil
	}
}

func written(from, to int, word func(int) string) (any, error) {
	if from == to {
		return word(from), nil
	}
	return word(from) + ":" + word(to), nil
}

// MarshalYAML writes what UnmarshalYAML reads.
func (w Weekdays) MarshalYAML() (any, error) {
	return written(w.From, w.To, func(n int) string { return weekdayNames[n] })
}

// MarshalYAML writes what UnmarshalYAML reads.
func (m Months) MarshalYAML() (any, error) {
	return written(m.From, m.To, func(n int) string { return monthNames[n-1] })
}

// MarshalYAML writes what UnmarshalYAML reads.
func (d Days) MarshalYAML() (any, error) { return written(d.From, d.To, strconv.Itoa) }

// MarshalYAML writes what UnmarshalYAML reads.
func (y Years) MarshalYAML() (any, error) { return written(y.From, y.To, strconv.Itoa) }

// UnmarshalYAML reads a name such as Europe/Berlin; Local is this machine's.
func (l *Location) UnmarshalYAML(node *yaml.Node) error {
	var name string
	if err := node.Decode(&name); err != nil {
		return err
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return at(node, fmt.Errorf("location %q is not in the time zone database; write it as Europe/Berlin", clipped(name)))
	}
	l.Location = loc
	return nil
}

// MarshalYAML writes what UnmarshalYAML reads.
func (l Location) MarshalYAML() (any, error) { return l.String(), nil }

// at puts the line before an error.
func at(node *yaml.Node, err error) error { return fmt.Errorf("line %d: %w", node.Line, err) }

// onlyKeys refuses keys that there are none of: the decoder does so only where
// nobody decodes a node by themselves.
func onlyKeys(node *yaml.Node, keys ...string) error {
	if node.Kind != yaml.MappingNode {
		return nil
	}
next:
	for n := 0; n+1 < len(node.Content); n += 2 {
		for _, k := range keys {
			if node.Content[n].Value == k {
				continue next
			}
		}
		return at(node.Content[n], fmt.Errorf("unknown key %s; there are %s", clipped(node.Content[n].Value), strings.Join(keys, ", ")))
	}
	return nil
}
