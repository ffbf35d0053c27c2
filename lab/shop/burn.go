package main

import (
	"slices"
	"time"
)

// What a team with the same objectives and the alerts that the field has would
// see: the fast burn of the Site Reliability Workbook (chapter 5), 14.4 times
// over both an hour and five minutes, in an hour that was ordinary until now.
const (
	fastBurn              = 14.4
	longWindow, nowWindow = time.Hour, 5 * time.Minute
	answeredLeast         = .999
	fastLeast             = .99
	fastWithin            = 250 * time.Millisecond
)

// burnAlert is how long after the beginning the first fast-burn alert of the
// objectives could fire that the shop has for each route: as if each request
// were counted and the rule evaluated at once, which no scrape and no rule is.
// It is nil where none fires until the last request. It is pure.
func burnAlert(began time.Time, before, during []experience) *float64 {
	var first *float64
	for _, route := range routes {
		ordinary := sumUp(before, route).Requests
		for _, o := range []struct {
			least float64
			bad   func(experience) bool
		}{
			{answeredLeast, func(e experience) bool { return !e.good }},
			{fastLeast, func(e experience) bool { return e.took > fastWithin }},
		} {
			after, ok := burns(began, float64(ordinary)/beforeSpan.Seconds(), fastBurn*(1-o.least), of(during, route), o.bad)
			if ok && (first == nil || after < *first) {
				first = &after
			}
		}
	}
	return first
}

// of are the requests of a route, in the order in which they were answered.
func of(all []experience, route string) (out []experience) {
	for _, e := range all {
		if e.route == route {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b experience) int { return a.at.Add(a.took).Compare(b.at.Add(b.took)) })
	return out
}

// burns tells when the share of bad requests of both windows first reaches the
// limit, after so many requests a second that were good.
func burns(began time.Time, rate, limit float64, list []experience, bad func(experience) bool) (seconds float64, ok bool) {
	all, wrong := 0.0, 0.0
	for _, e := range list {
		all++
		if bad(e) {
			wrong++
		}
		after := e.at.Add(e.took).Sub(began)
		long := wrong / (all + rate*max(0, (longWindow-after).Seconds()))
		now := wrong / (all + rate*max(0, (nowWindow-after).Seconds()))
		if wrong > 0 && long >= limit && now >= limit {
			return after.Seconds(), true
		}
	}
	return 0, false
}
