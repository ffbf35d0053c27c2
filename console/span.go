package console

import (
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// askedRange is the range of time of an entity's page. Last is set where it
// moves with the clock.
type askedRange struct {
	From, To time.Time
	Last     string // "1h"; "" for a fixed range
	Choice   string // "1h" too where it ends at a past time; "" for one with a start and an end of its own
}

// rangeChoices are the ranges that one click gives.
var rangeChoices = []struct {
	Last  string
	Title string
	Span  time.Duration
}{
	{"15m", "15 min", 15 * time.Minute}, {"1h", "1 hour", time.Hour}, {"6h", "6 hours", 6 * time.Hour},
	{"24h", "24 hours", 24 * time.Hour}, {"7d", "7 days", 7 * 24 * time.Hour}, {"30d", "30 days", 30 * 24 * time.Hour},
}

// readRange reads last=1h, or from and to, from the address; an hour where
// there is nothing. Looking back (at) it ends then.
func readRange(r *http.Request, at, now time.Time) (askedRange, error) {
	q := r.URL.Query()
	if q.Get("from") != "" || q.Get("to") != "" {
		s, err := askedSpan(r, timeSpan{now.Add(-time.Hour), now}, now)
		return askedRange{From: s.From, To: s.To}, err
	}
	last := q.Get("last")
	if last == "" {
		last = "1h"
	}
	for _, c := range rangeChoices {
		if c.Last != last {
			continue
		}
		if !at.IsZero() && at.Before(now) {
			return askedRange{From: at.Add(-c.Span), To: at, Choice: last}, nil
		}
		return askedRange{From: now.Add(-c.Span), To: now, Last: last, Choice: last}, nil
	}
	return askedRange{}, badRequest("There is no such range. Choose one from the list, or give a start and an end.")
}

// askedSpan reads from and to; what is not asked for stays as it is.
func askedSpan(r *http.Request, s timeSpan, now time.Time) (timeSpan, error) {
	q := r.URL.Query()
	for _, x := range []struct {
		name string
		t    *time.Time
	}{{"from", &s.From}, {"to", &s.To}} {
		t, err := askedTime(q.Get(x.name))
		if err != nil {
			return s, err
		}
		if !t.IsZero() {
			*x.t = t
		}
	}
	if s.To.After(now) {
		s.To = now
	}
	switch d := s.To.Sub(s.From); {
	case d < time.Minute:
		return s, badRequest("The start must be at least a minute before the end, and not in the future.")
	case d > maxWindow:
		return s, badRequest("A range may be 400 days long at most.")
	}
	return s, nil
}

// askedTime reads a time as Unix seconds, as RFC 3339 or as a form's date and
// time (in the server's zone); zero where there is none.
func askedTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 && n < 1<<40 {
		return time.Unix(n, 0), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, badRequest("That time could not be read. Write it as 2026-03-01T14:30.")
}

// with is an address with another query; empty values are left out.
func with(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// unix writes a time for an address.
func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
