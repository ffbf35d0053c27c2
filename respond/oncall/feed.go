package oncall

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// How far a feed reaches: calendars show what was, too.
const feedBack, feedAhead = 31 * oneDay, 183 * oneDay

// WriteFeed writes the shifts around now as an iCalendar (RFC 5545): of one
// person in all schedules, or of everybody where person is empty. The same shift
// keeps its UID when the calendar is asked again.
func WriteFeed(w io.Writer, title, person string, rotas []*Rota, now time.Time, name func(person string) string) error {
	c := calendarWriter{w: w}
	c.line("BEGIN", "VCALENDAR")
	c.line("VERSION", "2.0")
	c.line("PRODID", "-//Evenkeel//On call//EN")
	c.line("CALSCALE", "GREGORIAN")
	c.line("METHOD", "PUBLISH")
	c.line("X-WR-CALNAME", escaped(title))
	c.line("REFRESH-INTERVAL;VALUE=DURATION", "PT1H")
	c.line("X-PUBLISHED-TTL", "PT1H")
	from, to := now.UTC().Truncate(oneDay).Add(-feedBack), now.UTC().Truncate(oneDay).Add(feedAhead)
	for _, r := range rotas {
		// It begins earlier than what is told, so that no shift that is told
		// is cut at its beginning: its UID follows from that.
		list, err := r.Final(from.Add(-2*feedBack), to)
		if err != nil {
			return err
		}
		for _, s := range list {
			if s.End.After(from) {
				c.shift(r, s, person, now, name)
			}
		}
	}
	c.line("END", "VCALENDAR")
	return c.err
}

func (c *calendarWriter) shift(r *Rota, s Shift, person string, now time.Time, name func(string) string) {
	for _, p := range s.People {
		if person != "" && p != person {
			continue
		}
		summary := "On call: " + r.Title()
		if person == "" {
			summary = name(p) + ", on call in " + r.Title()
		}
		c.line("BEGIN", "VEVENT")
		c.line("UID", uid(r.Tenant, s, p))
		c.line("DTSTAMP", utc(now))
		c.line("DTSTART", utc(s.Start))
		c.line("DTEND", utc(s.End))
		c.line("SUMMARY", escaped(summary))
		c.line("DESCRIPTION", escaped(upper(s.Why)+"."))
		c.line("TRANSP", "TRANSPARENT")
		c.line("END", "VEVENT")
	}
}

func upper(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return strings.ToUpper(string(r)) + s[n:]
}

// uid names a shift of a person; a shift that begins at another time is another
// one.
func uid(tenant string, s Shift, person string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %d %q", tenant, s.Schedule, person, s.Start.Unix(), s.Override))
	return hex.EncodeToString(sum[:16]) + "@evenkeel"
}

func utc(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

var escapes = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`)

// escaped is a text value; control characters that calendars refuse are left
// out.
func escaped(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return -1
		}
		return r
	}, escapes.Replace(strings.ToValidUTF8(s, "")))
}

// calendarWriter writes content lines, folded at 75 octets. The first error
// stays.
type calendarWriter struct {
	w   io.Writer
	err error
}

const foldAt = 75

func (c *calendarWriter) line(name, value string) {
	if c.err != nil {
		return
	}
	text := name + ":" + value
	var b strings.Builder
	room := foldAt
	for _, r := range text {
		if n := utf8.RuneLen(r); n > room {
			b.WriteString("\r\n ")
			room = foldAt - 1
		}
		b.WriteRune(r)
		room -= utf8.RuneLen(r)
	}
	b.WriteString("\r\n")
	_, c.err = io.WriteString(c.w, b.String())
}
