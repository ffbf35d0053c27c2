package oncall

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rule is a recurrence rule of RFC 5545, as far as hand-overs need one: days by
// day, week or month, at certain times of the day. It is gone through day by
// day, so that no rule, however odd, takes longer than its days.
type rule struct {
	freq      string
	interval  int
	weekStart time.Weekday
	days      []ruleDay
	monthDays []int
	months    []int
	times     []time.Duration // since midnight, rising
}

// ruleDay is an entry of BYDAY: the nth such day of a month, or each (0).
type ruleDay struct {
	nth int
	day time.Weekday
}

const maxRule = 500

// parseRule reads a rule. What is left out comes from the start of the layer.
func parseRule(text string, start time.Time) (*rule, error) {
	if len(text) > maxRule {
		return nil, fmt.Errorf("a rule may have %d bytes at most", maxRule)
	}
	r := &rule{interval: 1, weekStart: time.Monday}
	var hoursOf, minutes []int
	seen := map[string]bool{}
	for part := range strings.SplitSeq(strings.TrimSuffix(text, ";"), ";") {
		key, value, found := strings.Cut(strings.ToUpper(strings.TrimSpace(part)), "=")
		if !found || seen[key] {
			return nil, fmt.Errorf("%q is not a part such as INTERVAL=2, or is there twice", part)
		}
		seen[key] = true
		var err error
		switch key {
		case "FREQ":
			r.freq = value
			if value != "DAILY" && value != "WEEKLY" && value != "MONTHLY" {
				return nil, fmt.Errorf("FREQ=%s is not DAILY, WEEKLY or MONTHLY; for hours write: every 12 hours", value)
			}
		case "INTERVAL":
			var list []int
			if list, err = numbers(value, 1, 366, 1); err == nil {
				r.interval = list[0]
			}
		case "BYDAY":
			r.days, err = ruleDays(value)
		case "BYMONTHDAY":
			r.monthDays, err = numbers(value, -31, 31, 62)
			if slices.Contains(r.monthDays, 0) {
				return nil, fmt.Errorf("BYMONTHDAY=%s: there is no day 0", value)
			}
		case "BYMONTH":
			r.months, err = numbers(value, 1, 12, 12)
		case "BYHOUR":
			hoursOf, err = numbers(value, 0, 23, 24)
		case "BYMINUTE":
			minutes, err = numbers(value, 0, 59, 4)
		case "WKST":
			var list []ruleDay
			if list, err = ruleDays(value); err == nil {
				r.weekStart = list[0].day
			}
		case "COUNT", "UNTIL":
			return nil, fmt.Errorf("%s is not for hand-overs; give the layer an end instead", key)
		default:
			return nil, fmt.Errorf("%s is not known; there are FREQ, INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, BYHOUR, BYMINUTE and WKST", key)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	if err := r.fill(start, hoursOf, minutes); err != nil {
		return nil, err
	}
	return r, nil
}

// fill takes what a rule does not say from the start.
func (r *rule) fill(start time.Time, hoursOf, minutes []int) error {
	if r.freq == "" {
		return fmt.Errorf("FREQ is missing: DAILY, WEEKLY or MONTHLY")
	}
	nth := slices.ContainsFunc(r.days, func(d ruleDay) bool { return d.nth != 0 })
	if nth && r.freq != "MONTHLY" {
		return fmt.Errorf("BYDAY with a number, such as 1MO, goes with FREQ=MONTHLY only")
	}
	switch {
	case r.freq == "WEEKLY" && len(r.monthDays) > 0:
		return fmt.Errorf("BYMONTHDAY does not go with FREQ=WEEKLY")
	case r.freq == "WEEKLY" && len(r.days) == 0:
		r.days = []ruleDay{{day: start.Weekday()}}
	case r.freq == "MONTHLY" && len(r.days) == 0 && len(r.monthDays) == 0:
		r.monthDays = []int{start.Day()}
	}
	if len(hoursOf) == 0 {
		hoursOf = []int{start.Hour()}
	}
	if len(minutes) == 0 {
		minutes = []int{start.Minute()}
	}
	for _, h := range hoursOf {
		for _, m := range minutes {
			r.times = append(r.times, time.Duration(h)*time.Hour+time.Duration(m)*time.Minute)
		}
	}
	slices.Sort(r.times)
	r.times = slices.Compact(r.times)
	return nil
}

func numbers(text string, least, most, atMost int) ([]int, error) {
	var out []int
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < least || n > most || len(out) == atMost {
			return nil, fmt.Errorf("%q: %d numbers between %d and %d at most", text, atMost, least, most)
		}
		out = append(out, n)
	}
	return out, nil
}

var ruleDayNames = []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}

func ruleDays(text string) ([]ruleDay, error) {
	var out []ruleDay
	for part := range strings.SplitSeq(text, ",") {
		if len(part) < 2 || len(out) > 40 {
			return nil, fmt.Errorf("%q is not a list of days such as MO,FR or 1MO", text)
		}
		day := slices.Index(ruleDayNames, part[len(part)-2:])
		nth, err := 0, error(nil)
		if number := part[:len(part)-2]; number != "" {
			nth, err = strconv.Atoi(number)
			if nth == 0 {
				day = -1
			}
		}
		if day < 0 || err != nil || nth < -5 || nth > 5 {
			return nil, fmt.Errorf("%q is not a day such as MO, 1MO or -1FR", part)
		}
		out = append(out, ruleDay{nth, time.Weekday(day)})
	}
	return out, nil
}

const oneDay = 24 * time.Hour

// on tells whether turns begin on a day, which is a midnight.
func (r *rule) on(day, start time.Time) bool {
	if len(r.months) > 0 && !slices.Contains(r.months, int(day.Month())) {
		return false
	}
	first := midnight(start)
	switch r.freq {
	case "DAILY":
		if int(day.Sub(first)/oneDay)%r.interval != 0 {
			return false
		}
	case "WEEKLY":
		week := first.Add(-time.Duration((int(first.Weekday())-int(r.weekStart)+7)%7) * oneDay)
		if int(day.Sub(week)/(7*oneDay))%r.interval != 0 {
			return false
		}
	case "MONTHLY":
		if ((day.Year()-first.Year())*12+int(day.Month())-int(first.Month()))%r.interval != 0 {
			return false
		}
	}
	last := time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	if len(r.monthDays) > 0 && !slices.ContainsFunc(r.monthDays, func(n int) bool { return n == day.Day() || n < 0 && last+1+n == day.Day() }) {
		return false
	}
	return len(r.days) == 0 || slices.ContainsFunc(r.days, func(d ruleDay) bool {
		return d.day == day.Weekday() && (d.nth == 0 || d.nth == (day.Day()-1)/7+1 || d.nth == -((last-day.Day())/7+1))
	})
}

func (r *rule) turns(start, from, to time.Time, yield func(int, time.Time, time.Time)) {
	if !start.Before(to) {
		return
	}
	index, begin := 0, start
	for day := midnight(start); day.Before(to.AddDate(2, 0, 0)); day = day.Add(oneDay) {
		if !r.on(day, start) {
			continue
		}
		for _, t := range r.times {
			next := day.Add(t)
			if !next.After(begin) {
				continue
			}
			if next.After(from) {
				yield(index, begin, next)
			}
			if !next.Before(to) {
				return
			}
			index, begin = index+1, next
		}
	}
	yield(index, begin, time.Time{})
}
