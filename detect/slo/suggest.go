package slo

import (
	"fmt"
	"math"
	"time"

	"github.com/evenkeel/evenkeel/internal/figure"
)

// Bin is what was counted in one stretch of five minutes. Total is NaN where
// nothing is known of it.
type Bin struct{ Bad, Total float64 }

// binLong is how long a bin is: the shortest window that Judge wants.
const binLong = 5 * time.Minute

// History is what was kept of an objective's events, the oldest bin first.
type History []Bin

// Backtest is what an objective would have meant in a history.
type Backtest struct {
	Events float64 `json:"events" doc:"that were counted in the history"`
	Bad    float64 `json:"bad" doc:"of those, the ones that went wrong"`
	Days   int     `json:"days" doc:"days with enough events to tell"`
	Kept   int     `json:"kept" doc:"of those, days on which no more than half of the day's budget was used"`
	Pages  int     `json:"pages" doc:"how often the budget would have burned so fast that somebody is woken"`
	Slow   int     `json:"slowBurns" doc:"how often it would have burned slowly, which is a warning"`
	Left   float64 `json:"budgetLeft" doc:"share of the error budget of the whole history that would be left, below 0 where it would be used up"`
}

const (
	// leastDays with leastADay events each is what must have been kept before
	// anything is suggested: a week has weekdays and a weekend.
	leastDays = 7
	leastADay = 100
	// keptShare of the days must have been kept with half of their budget to
	// spare; what happened on the others is what a promise is for.
	keptShare = .75
	// leastBudget is how many bad events a window must allow for, or a single
	// one would tell somebody.
	leastBudget = 2 * defaultLeastBad
)

// targets are what people promise, the tightest first. More than 99.9 % is never
// suggested: what it costs to keep is for people to decide.
var (
	targets     = []float64{99.9, 99.5, 99, 98, 95, 90}
	lateTargets = []float64{99, 95}
)

// test says what an objective would have meant.
func test(o Objective, h History) Backtest {
	b := h.days(o.budget())
	bad, total := make([]float64, len(h)+1), make([]float64, len(h)+1)
	for i, bin := range h {
		if math.IsNaN(bin.Total) {
			bin = Bin{}
		}
		bad[i+1], total[i+1] = bad[i]+bin.Bad, total[i]+bin.Total
	}
	counts := map[time.Duration]Counts{}
	const calm = 6 // bins: what burns again within half an hour is the same trouble
	page, slow := -calm, -calm
	for end := 1; end <= len(h); end++ {
		for _, w := range o.Windows() {
			begin := max(0, end-int(w/binLong))
			counts[w] = Counts{Bad: bad[end] - bad[begin], Total: total[end] - total[begin]}
		}
		switch j := Judge(o, counts, true); {
		case j.Verdict != Burning:
		case j.Severity == pairs[0].Severity:
			if end-page > calm {
				b.Pages++
			}
			page, slow = end, end
		default:
			if end-slow > calm {
				b.Slow++
			}
			slow = end
		}
	}
	return b
}

// days counts the days that a budget would have been kept on.
func (h History) days(budget float64) (b Backtest) {
	const day = int(24 * time.Hour / binLong)
	for end := len(h); end > 0; end -= day {
		var bad, total float64
		for _, bin := range h[max(0, end-day):end] {
			if !math.IsNaN(bin.Total) {
				bad, total = bad+bin.Bad, total+bin.Total
			}
		}
		b.Bad, b.Events = b.Bad+bad, b.Events+total
		if total < leastADay {
			continue
		}
		b.Days++
		if bad <= budget/2*total {
			b.Kept++
		}
	}
	if b.Events > 0 {
		b.Left = 1 - b.Bad/(budget*b.Events)
	}
	return b
}

// little says why nothing can be said of a history; empty where something can.
func (h History) little() string {
	if b := h.days(1); b.Days < leastDays {
		return fmt.Sprintf("Too little is known: %d days with at least %d requests are needed, and figures of %d were kept.", leastDays, leastADay, b.Days)
	}
	return ""
}

// Propose finds the tightest of the targets that would have been kept: on three
// days of four with half of the budget to spare, with no more than one page a
// week, and with a budget that a few bad events do not use up. Where there is
// none, it says why.
func Propose(o Objective, h History, targets []float64) (Objective, Backtest, string) {
	if why := h.little(); why != "" {
		return o, Backtest{}, why
	}
	for _, target := range targets {
		o.Target = target
		days := h.days(o.budget())
		if days.Events/float64(len(h))*float64(o.Over()/binLong)*o.budget() < leastBudget {
			continue
		}
		if float64(days.Kept) < keptShare*float64(days.Days) {
			continue
		}
		weeks := math.Max(1, float64(len(h))*binLong.Hours()/(7*24))
		if b := test(o, h); float64(b.Pages) <= weeks {
			return o, b, ""
		}
	}
	return o, Backtest{}, fmt.Sprintf("It varied too much: even %s %% would not have been kept on three days of four, with at most one page a week.", figure.Number(targets[len(targets)-1]))
}
