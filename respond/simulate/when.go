package simulate

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// longest is more than any clock is from UTC, or was ever changed by at once.
const longest = 26 * time.Hour

// Years that a time may lie in: further ahead no schedule is worth asking.
const (
	firstYear, lastYear = 2000, 2039
)

// Layouts of a time of a place, and of an hour of its day.
var (
	wallLayouts = []string{"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05"}
	hourLayouts = []string{"15:04", "15:04:05"}
)

// ParseTime reads a time as people write it: RFC 3339, which names an instant;
// a time of the zone's clock such as "2027-03-28 02:30", "Sunday 03:00",
// "tomorrow 03:00" and "03:00", of which the last three mean the next one after
// now; or "now". A time that the clock skips is moved forward by as much as the
// clock is; of one that comes twice the first is taken. Said is what people
// should know of that. What cannot be read is respond.ErrInvalid.
func ParseTime(text string, zone *time.Location, now time.Time) (at time.Time, said []string, err error) {
	text = strings.TrimSpace(text)
	if strings.EqualFold(text, "now") {
		return now.UTC(), nil, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		if !inYears(t) {
			return t, nil, outOfYears(text)
		}
		return t.UTC(), writtenElsewhere(text, t, zone), nil
	}
	for _, layout := range wallLayouts {
		if wall, err := time.Parse(layout, text); err == nil {
			if !inYears(wall) {
				return wall, nil, outOfYears(text)
			}
			return onTheWall(wall, zone)
		}
	}
	wall, ok := nextNamed(text, wallOf(now, zone))
	if !ok {
		return at, nil, fmt.Errorf("%w: the time %.60q cannot be read; write it as 2027-03-28T02:30:00+01:00, \"2027-03-28 02:30\", \"Sunday 03:00\" or now", respond.ErrInvalid, text)
	}
	return onTheWall(wall, zone)
}

func inYears(t time.Time) bool { return t.Year() >= firstYear && t.Year() <= lastYear }

func outOfYears(text string) error {
	return fmt.Errorf("%w: the time %.60q is not between the years %d and %d", respond.ErrInvalid, text, firstYear, lastYear)
}

// nextNamed reads an hour, with a day before it or without, as the next one
// after a wall time.
func nextNamed(text string, now time.Time) (wall time.Time, ok bool) {
	day, hour, two := strings.Cut(text, " ")
	if !two {
		day, hour = "", text
	}
	var clock time.Time
	for _, layout := range hourLayouts {
		if t, err := time.Parse(layout, strings.TrimSpace(hour)); err == nil {
			clock, ok = t, true
		}
	}
	if !ok {
		return wall, false
	}
	y, m, d := now.Date()
	on := func(days int) time.Time {
		return time.Date(y, m, d+days, clock.Hour(), clock.Minute(), clock.Second(), 0, time.UTC)
	}
	switch day = strings.ToLower(day); day {
	case "today":
		return on(0), true
	case "tomorrow":
		return on(1), true
	case "":
		if wall = on(0); !wall.After(now) {
			wall = on(1)
		}
		return wall, true
	}
	for ahead := range 8 {
		wall = on(ahead)
		name := strings.ToLower(wall.Weekday().String())
		if (day == name || day == name[:3]) && wall.After(now) {
			return wall, true
		}
	}
	return wall, false
}

// A wall time is what a clock on the wall shows, held as if it were UTC.

// wallOf is what the clock of a place shows at an instant.
func wallOf(t time.Time, zone *time.Location) time.Time {
	_, offset := t.In(zone).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// reading is what a wall time means in a place.
type reading struct {
	at    time.Time     // the instant
	again time.Time     // the second instant that shows it; zero: none
	gap   time.Duration // by how much the clock goes forward over it; zero: it exists
	turn  time.Time     // when the clock is put forward or back; zero where neither
}

// read finds out. It looks at the clock of the place about that time.
func read(wall time.Time, zone *time.Location) reading {
	offset := func(at time.Time) time.Duration {
		_, seconds := at.In(zone).Zone()
		return time.Duration(seconds) * time.Second
	}
	last := wall.Add(longest)
	at := wall.Add(-longest)
	now, there := offset(at), time.Time{}
	for at.Before(last) {
		turn := nextTurn(at, last, offset)
		next := offset(turn)
		switch there = wall.Add(-now); {
		case !there.Before(turn) && wall.Add(-next).Before(turn):
			// By the clock of before, it is after the turn; by that of then, before it.
			return reading{at: there, gap: next - now, turn: turn}
		case there.Before(turn):
			out := reading{at: there}
			if again := wall.Add(-next); turn.Before(last) && !again.Before(turn) {
				out.again, out.turn = again, turn
			}
			return out
		}
		at, now = turn, next
	}
	return reading{at: there}
}

// nextTurn is when the offset changes next, or the end. (The standard library's
// ZoneBounds does not come past the end of some leap years.)
func nextTurn(at, end time.Time, offset func(time.Time) time.Duration) time.Time {
	const look = 15 * time.Minute
	was := offset(at)
	for ; at.Before(end); at = at.Add(look) {
		if offset(at.Add(look)) == was {
			continue
		}
		seconds := sort.Search(int(look/time.Second), func(n int) bool { return offset(at.Add(time.Duration(n)*time.Second)) != was })
		return at.Add(time.Duration(seconds) * time.Second)
	}
	return end
}

// onTheWall is the instant of a wall time.
func onTheWall(wall time.Time, zone *time.Location) (at time.Time, said []string, err error) {
	r := read(wall, zone)
	shown := r.at.In(zone)
	switch {
	case r.gap > 0:
		said = []string{skipped(wall, r, zone), fmt.Sprintf("It is moved forward by as much: %s is taken, which is %s.", shown.Format("15:04 MST"), utc(r.at))}
	case !r.again.IsZero():
		said = []string{fmt.Sprintf("%s comes twice in %s that day: the clock goes back from %s to %s. The first is taken: %s, which is %s. The second is %s.",
			wall.Format("15:04"), zone, wallOf(r.turn.Add(-1), zone).Add(1).Format("15:04"), r.turn.In(zone).Format("15:04"),
			shown.Format("15:04 MST"), utc(r.at), utc(r.again))}
	}
	return r.at.UTC(), said, nil
}

// skipped says that a wall time does not exist.
func skipped(wall time.Time, r reading, zone *time.Location) string {
	return fmt.Sprintf("%s on %s does not exist in %s: the clock goes forward from %s to %s.", wall.Format("15:04"), wall.Format("Monday, 2 January 2006"), zone,
		wallOf(r.turn.Add(-1), zone).Add(1).Format("15:04"), r.turn.In(zone).Format("15:04"))
}

// writtenElsewhere says what a clock of the zone shows at an instant that was
// written by another clock.
func writtenElsewhere(text string, t time.Time, zone *time.Location) []string {
	_, written := t.Zone()
	_, there := t.In(zone).Zone()
	if written == there {
		return nil
	}
	said := []string{fmt.Sprintf("%s is %s; a clock in %s shows %s then.", text, utc(t), zone, t.In(zone).Format("15:04 MST"))}
	if zone == time.UTC {
		said[0] = fmt.Sprintf("%s is %s.", text, utc(t))
	}
	wall := wallOf(t, t.Location())
	r := read(wall, zone)
	_, before := r.turn.Add(-1).In(zone).Zone()
	_, after := r.turn.In(zone).Zone()
	if r.gap > 0 && (written == before || written == after) {
		said = append(said, skipped(wall, r, zone)+" The instant is taken as it is written.")
	}
	return said
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
