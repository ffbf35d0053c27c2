package oncall

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of an imported calendar.
const (
	MaxCalendar    = 1 << 20 // bytes
	maxEvents      = 5000
	maxHolidayDays = 31 // of one event
	yearsAhead     = 10 // of an event that comes every year
)

// ParseHolidays reads the days of a calendar (RFC 5545) as holidays: events of
// whole days, once or every year. Events with a time of day are meetings and not
// holidays; they are counted as skipped. Days that come every year are written
// out for ten years from now on.
func ParseHolidays(text string, now time.Time) (days []Holiday, skipped int, err error) {
	if len(text) > MaxCalendar {
		return nil, 0, invalid("the calendar may have %d KiB at most", MaxCalendar>>10)
	}
	if !utf8.ValidString(text) {
		return nil, 0, invalid("the calendar is not text in UTF-8")
	}
	text = strings.TrimPrefix(text, "\ufeff")
	// A folded line goes on after a line break and a space.
	text = strings.NewReplacer("\r\n ", "", "\r\n\t", "", "\n ", "", "\n\t", "").Replace(text)
	var event *calendarEvent
	seen, events, depth, found := map[string]bool{}, 0, 0, false
	number := 0
	for line := range strings.Lines(text) {
		number++
		name, parameters, value := contentLine(strings.TrimRight(line, "\r\n"))
		switch {
		case name == "BEGIN" && strings.EqualFold(value, "VCALENDAR"):
			found = true
		case name == "BEGIN" && strings.EqualFold(value, "VEVENT") && event == nil:
			if events++; events > maxEvents {
				return nil, 0, invalid("the calendar may have %d events at most", maxEvents)
			}
			event, depth = &calendarEvent{line: number}, 0
		case event == nil:
		case name == "BEGIN":
			depth++ // an alarm, which has properties of its own
		case name == "END" && depth > 0:
			depth--
		case name == "END":
			list, ok, err := event.days(now)
			if err != nil {
				return nil, 0, err
			}
			if !ok {
				skipped++
			}
			for _, h := range list {
				if !seen[h.Date] {
					seen[h.Date] = true
					days = append(days, h)
				}
			}
			event = nil
		case depth == 0:
			event.set(name, parameters, value)
		}
		if len(days) > maxHolidays {
			return nil, 0, invalid("the calendar may have %d holidays at most; take one of fewer years", maxHolidays)
		}
	}
	if !found {
		return nil, 0, invalid("this is not a calendar: it must begin with BEGIN:VCALENDAR")
	}
	if event != nil {
		return nil, 0, invalid("line %d: the event does not end; the file was cut off", event.line)
	}
	slices.SortFunc(days, func(a, b Holiday) int { return cmp.Compare(a.Date, b.Date) })
	return days, skipped, nil
}

// contentLine takes a line apart: NAME;PARAMETERS:VALUE. A colon within quotes
// belongs to a parameter.
func contentLine(line string) (name, parameters, value string) {
	quoted := false
	for n, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case c == ':' && !quoted:
			name, parameters, _ = strings.Cut(line[:n], ";")
			return strings.ToUpper(name), strings.ToUpper(parameters), line[n+1:]
		}
	}
	return "", "", ""
}

// calendarEvent is what is read of an event.
type calendarEvent struct {
	line                                int
	summary, start, end, duration, rule string
	timed                               bool
}

func (e *calendarEvent) set(name, parameters, value string) {
	switch name {
	case "SUMMARY":
		e.summary = unescaped(value)
	case "DTSTART":
		e.start = value
		e.timed = !strings.Contains(parameters, "VALUE=DATE") || strings.Contains(parameters, "VALUE=DATE-TIME")
		if len(value) == len("20060102") {
			e.timed = false
		}
	case "DTEND":
		e.end = value
	case "DURATION":
		e.duration = value
	case "RRULE":
		e.rule = strings.ToUpper(value)
	}
}

// days are the days of an event; ok is false where it is not one of whole days.
func (e *calendarEvent) days(now time.Time) (out []Holiday, ok bool, err error) {
	if e.start == "" {
		return nil, false, invalid("line %d: the event %q has no DTSTART", e.line, e.summary)
	}
	if e.timed {
		return nil, false, nil
	}
	first, err := calendarDate(e.start)
	if err != nil {
		return nil, false, invalid("line %d: DTSTART of %q: %v", e.line, e.summary, err)
	}
	count := 1
	switch {
	case e.end != "":
		last, err := calendarDate(e.end)
		if err != nil {
			return nil, false, invalid("line %d: DTEND of %q: %v", e.line, e.summary, err)
		}
		count = max(1, int(last.Sub(first)/oneDay))
	case e.duration != "":
		if count, err = calendarDuration(e.duration); err != nil {
			return nil, false, invalid("line %d: DURATION of %q: %v", e.line, e.summary, err)
		}
	}
	if count > maxHolidayDays {
		return nil, false, invalid("line %d: %q lasts %d days; %d at most are holidays", e.line, e.summary, count, maxHolidayDays)
	}
	firsts := []time.Time{first}
	if e.rule != "" {
		if e.rule != "FREQ=YEARLY" && e.rule != "FREQ=YEARLY;INTERVAL=1" {
			return nil, false, invalid("line %d: %q comes again by the rule %s; only FREQ=YEARLY is read, so write its days out", e.line, e.summary, e.rule)
		}
		firsts = nil
		for y := max(first.Year(), now.Year()-1); y < now.Year()+yearsAhead; y++ {
			if d := first.AddDate(y-first.Year(), 0, 0); d.Day() == first.Day() {
				firsts = append(firsts, d)
			}
		}
	}
	for _, f := range firsts {
		for n := range count {
			day := f.AddDate(0, 0, n)
			if day.Year() < firstYear || day.Year() > lastYear {
				return nil, false, invalid("line %d: %q is not between the years %d and %d", e.line, e.summary, firstYear, lastYear)
			}
			out = append(out, Holiday{Date: day.Format(time.DateOnly), Name: e.summary})
		}
	}
	return out, true, nil
}

func calendarDate(text string) (time.Time, error) {
	t, err := time.Parse("20060102", text)
	if err != nil {
		return t, fmt.Errorf("%.40q is not a date such as 20261225", text)
	}
	return t, nil
}

func calendarDuration(text string) (days int, err error) {
	unit := 0
	switch {
	case strings.HasSuffix(text, "D"):
		unit = 1
	case strings.HasSuffix(text, "W"):
		unit = 7
	}
	number, found := strings.CutPrefix(strings.TrimPrefix(text, "+"), "P")
	n, err := strconv.Atoi(strings.TrimRight(number, "DW"))
	if err != nil || !found || unit == 0 || n < 1 || n > 366 {
		return 0, fmt.Errorf("%.40q is not a number of days such as P2D", text)
	}
	return n * unit, nil
}

var unescapes = strings.NewReplacer(`\\`, `\`, `\;`, ";", `\,`, ",", `\n`, " ", `\N`, " ")

func unescaped(s string) string {
	s = strings.TrimSpace(unescapes.Replace(s))
	for len(s) > maxName {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}
