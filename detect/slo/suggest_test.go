package slo

import (
	"math"
	"strings"
	"testing"
	"time"
)

const dayOfBins = int(24 * time.Hour / binLong)

// lived is a history of so many days, each with its share of bad events.
func lived(perSecond float64, days int, bad func(day, bin int) float64) History {
	var h History
	for i := range days * dayOfBins {
		total := perSecond * binLong.Seconds()
		h = append(h, Bin{bad(i/dayOfBins, i%dayOfBins) * total, total})
	}
	return h
}

func TestATargetIsProposed(t *testing.T) {
	always := func(share float64) func(int, int) float64 { return func(int, int) float64 { return share } }
	outage := func(_, bin int) float64 { // a fifth fails for an hour each noon
		if bin >= 144 && bin < 156 {
			return .2
		}
		return 0
	}
	once := func(day, bin int) float64 { // everything fails for half an hour, once
		if day == 9 && bin >= 100 && bin < 106 {
			return 1
		}
		return .0001
	}
	for name, c := range map[string]struct {
		h      History
		target float64
		pages  int
		why    string
	}{
		"nothing goes wrong":                {lived(10, 14, always(0)), 99.9, 0, ""},
		"a promise has room":                {lived(10, 14, always(.0007)), 99.5, 0, ""},
		"2 % fail always":                   {lived(10, 28, always(.02)), 95, 0, ""},
		"one outage is what pages are for":  {lived(10, 28, once), 99.9, 1, ""},
		"a page each day is too many":       {lived(100, 14, outage), 98, 0, ""},
		"half of it fails":                  {lived(10, 14, always(.5)), 0, 0, "It varied too much"},
		"five days":                         {lived(10, 5, always(0)), 0, 0, "figures of 5 were kept"},
		"forty requests a day":              {lived(40./86400, 28, always(0)), 0, 0, "figures of 0 were kept"},
		"few requests, so a looser promise": {lived(110./86400, 28, always(0)), 99.5, 0, ""},
	} {
		o, b, why := Propose(checkout, c.h, targets)
		if why != "" && c.why != "" && strings.Contains(why, c.why) {
			continue
		}
		if why != c.why || o.Target != c.target || b.Pages != c.pages {
			t.Errorf("%s: %g %% with %+v %q, want %g %% with %d pages %q", name, o.Target, b, why, c.target, c.pages, c.why)
		}
	}
}

// What it would have meant is what the judge of every day would have said.
func TestABacktestTells(t *testing.T) {
	h := lived(100, 10, func(day, bin int) float64 {
		switch {
		case day == 2 && bin >= 10 && bin < 22, day == 6 && bin >= 200 && bin < 212: // two hours that wake somebody
			return .1
		case day == 8 && bin < 200: // and most of a day that only warns
			return .004
		}
		return 0
	})
	for i := range dayOfBins { // of the first day nothing is known
		h[i] = Bin{Total: math.NaN()}
	}
	b := test(checkout, h)
	if b.Pages != 2 || b.Slow < 1 || b.Days != 9 || b.Kept != 6 || b.Left > 0 || math.Abs(b.Events-100*9*86400) > 1 {
		t.Errorf("%+v", b)
	}
}
