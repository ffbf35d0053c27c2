package respond

import (
	"fmt"
	"strings"
	"time"
)

// Quiet is when a contact does not want to be disturbed: each day between two
// hours of a place's clock. What is of low urgency waits until it is over.
// What is of high urgency comes all the same or, where Silent is set, goes to
// the person's next contact; where all of them are silent, it comes by all.
type Quiet struct {
	From   string `json:"from" yaml:"from"`                         // "22:00"
	To     string `json:"to" yaml:"to"`                             // "07:00"; before From: the next morning
	Zone   string `json:"zone" yaml:"zone"`                         // IANA name, such as Europe/Berlin
	Silent bool   `json:"silent,omitempty" yaml:"silent,omitempty"` // high urgency goes elsewhere too
}

// mostQuiet is how many minutes of a day can be quiet: an hour must be left.
const mostQuiet = 23 * 60

// Validate says what is wrong with the hours, as ErrInvalid.
func (q Quiet) Validate() error {
	from, to, ok := q.minutes()
	if !ok {
		return fmt.Errorf("%w: quiet hours are two times such as 22:00 and 07:00", ErrInvalid)
	}
	if long := (to - from + 24*60) % (24 * 60); long == 0 || long > mostQuiet {
		return fmt.Errorf("%w: quiet hours last less than 23 hours; to be told nothing at all, disable the contact", ErrInvalid)
	}
	if _, err := q.place(); err != nil {
		return fmt.Errorf("%w: there is no time zone %q; write it as Europe/Berlin or UTC", ErrInvalid, q.Zone)
	}
	return nil
}

// minutes are both times in minutes after midnight.
func (q Quiet) minutes() (from, to int, ok bool) {
	read := func(text string) int {
		at, err := time.Parse("15:04", text)
		if err != nil {
			return -1
		}
		return at.Hour()*60 + at.Minute()
	}
	from, to = read(q.From), read(q.To)
	return from, to, from >= 0 && to >= 0
}

// place is the zone; an empty name or "Local", which depend on the machine,
// are none.
func (q Quiet) place() (*time.Location, error) {
	if q.Zone == "" || strings.EqualFold(q.Zone, "local") {
		return nil, fmt.Errorf("no zone")
	}
	return time.LoadLocation(q.Zone)
}

// At tells whether a time is within the quiet hours. Hours that cannot be read
// are never quiet: better disturbed than not told.
func (q *Quiet) At(t time.Time) bool {
	if q == nil {
		return false
	}
	from, to, ok := q.minutes()
	zone, err := q.place()
	if !ok || err != nil {
		return false
	}
	local := t.In(zone)
	now := local.Hour()*60 + local.Minute()
	if from <= to {
		return now >= from && now < to
	}
	return now >= from || now < to
}

// End is when the quiet hours are over that a time is within; the time itself
// where it is within none. It goes by the clock on the wall, so that on the
// days on which that is put forward or back it is the same hour as ever.
func (q *Quiet) End(t time.Time) time.Time {
	if !q.At(t) {
		return t
	}
	at := t.Truncate(time.Minute)
	for range 26 * 60 {
		if at = at.Add(time.Minute); !q.At(at) {
			break
		}
	}
	return at
}

// use is one contact by which a recipient is paged.
type use struct {
	Contact
	After time.Duration // of the page's beginning
	Waits time.Duration // for how long of that, because its hours are quiet
}

// inTime says when each of the contacts is used that could be, at a time and
// for an urgency, and why some are not used or only later. It never leaves out
// all of them.
func inTime(good []Contact, u Urgency, now time.Time) (uses []use, why []string) {
	var loud []use
	for _, c := range good {
		first := use{Contact: c, After: max(0, c.After)}
		at := now.Add(first.After)
		if !c.Quiet.At(at) {
			loud = append(loud, first)
			continue
		}
		hours := fmt.Sprintf("%s is quiet until %s", c.Name, c.Quiet.To)
		switch {
		case u == Low:
			first.Waits = c.Quiet.End(at).Sub(at)
			first.After += first.Waits
			loud = append(loud, first)
			why = append(why, hours+" and waits for that")
		case c.Quiet.Silent:
			why = append(why, hours+" and is left out")
		default:
			loud = append(loud, first)
			why = append(why, hours+", and this is urgent")
		}
	}
	if len(loud) > 0 || len(good) == 0 {
		return brought(loud, good), why
	}
	for _, c := range good {
		uses = append(uses, use{Contact: c, After: max(0, c.After)})
	}
	return uses, []string{"all contacts are quiet, and somebody has to know"}
}

// brought forward is what comes behind contacts that are left out: the next one
// takes the place of the first.
func brought(uses []use, all []Contact) []use {
	if len(uses) == 0 {
		return uses
	}
	first, left := max(0, all[0].After), uses[0].After-uses[0].Waits
	for _, c := range all {
		first = min(first, max(0, c.After))
	}
	for _, x := range uses {
		left = min(left, x.After-x.Waits)
	}
	for n := range uses {
		uses[n].After -= left - first
	}
	return uses
}
