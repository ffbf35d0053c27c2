package oncall

import (
	"fmt"
	"sync"
	"time"
	_ "time/tzdata" // the zones, also where a machine has none
)

// A wall time is what a clock on the wall shows, held as if it were UTC: its
// arithmetic knows no summer.

// wallOf is what the clock of a place shows at an instant.
func wallOf(t time.Time, zone *time.Location) time.Time {
	_, offset := t.In(zone).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// furthest is more than any clock is from UTC, or was ever changed by.
const furthest = 26 * time.Hour

// instant is when the clock of a place shows a wall time: the first time where
// it does so twice; where it never does, the moment at which the clock skips it.
// A later wall time is never an earlier instant.
func instant(wall time.Time, zone *time.Location) time.Time {
	at := wall.Add(-furthest)
	for {
		_, offset := at.In(zone).Zone()
		begin, end := at.In(zone).ZoneBounds()
		there := wall.Add(-time.Duration(offset) * time.Second)
		if begin.After(at) || !end.IsZero() && !end.After(at) {
			// The library is at a loss at the end of some leap years beyond its
			// tables (2040), where no clock is changed: its bounds do not hold
			// the time that it was asked for, and would never be left.
			return there
		}
		if !begin.IsZero() && there.Before(begin) {
			return begin.UTC()
		}
		if end.IsZero() || there.Before(end) {
			return there
		}
		at = end
	}
}

// ParseTime reads a time such as 2026-03-02T09:00 of a zone's clock. It fails
// with respond.ErrInvalid.
func ParseTime(text, zone string) (time.Time, error) {
	z, err := zoneOf(zone)
	if err != nil {
		return time.Time{}, invalid("%v", err)
	}
	wall, err := parseWall(text)
	if err != nil {
		return time.Time{}, invalid("%v", err)
	}
	return instant(wall, z), nil
}

// midnight is the beginning of a wall time's day.
func midnight(wall time.Time) time.Time {
	y, m, d := wall.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

var zones sync.Map // *time.Location by name; only names that there are

// zoneOf finds a time zone by its name.
func zoneOf(name string) (*time.Location, error) {
	if z, ok := zones.Load(name); ok {
		return z.(*time.Location), nil
	}
	z, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fmt.Errorf("there is no time zone %q; write it as Europe/Berlin or UTC", name)
	}
	zones.Store(name, z)
	return z, nil
}

// wallLayouts are how a wall time may be written.
var wallLayouts = []string{"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05", time.DateTime, time.DateOnly}

// parseWall reads a wall time.
func parseWall(text string) (time.Time, error) {
	for _, layout := range wallLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			if t.Year() < firstYear || t.Year() > lastYear {
				return t, fmt.Errorf("%q is not between the years %d and %d", text, firstYear, lastYear)
			}
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time such as 2026-03-02T09:00 (of the schedule's own time zone)", text)
}

// parseClock reads a time of day as a duration since midnight.
func parseClock(text string) (time.Duration, error) {
	if text == "24:00" {
		return 24 * time.Hour, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time of day such as 09:00", text)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// said writes an instant as people in the zone say it.
func said(t time.Time, zone *time.Location) string { return t.In(zone).Format("Mon 2 Jan 15:04") }
