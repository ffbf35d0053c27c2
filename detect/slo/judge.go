package slo

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/figure"
)

// Counts are the events of one window.
type Counts struct {
	Bad, Total float64
	// Missing says why they could not be counted; empty where they were.
	Missing string
}

// pair is two windows that must both burn: the long one shows that it matters,
// the short one that it still goes on.
type pair struct {
	Long, Short time.Duration
	Burn        float64 // times as fast as the budget allows, for a window of 30 days
	Severity    finding.Severity
}

// pairs are those of the Site Reliability Workbook, table 5-8, the fastest
// first: 2 % of a 30 day budget in an hour, 5 % in six, 10 % in a day and in
// three.
var pairs = []pair{
	{time.Hour, 5 * time.Minute, 14.4, finding.Critical},
	{6 * time.Hour, 30 * time.Minute, 6, finding.Critical},
	{24 * time.Hour, 2 * time.Hour, 3, finding.Warning},
	{72 * time.Hour, 6 * time.Hour, 1, finding.Warning},
}

// Windows are all that Judge wants of an objective, the shortest first.
func (o Objective) Windows() []time.Duration {
	out := []time.Duration{5 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 24 * time.Hour, 72 * time.Hour}
	if !slices.Contains(out, o.Over()) {
		out = append(out, o.Over())
		slices.Sort(out)
	}
	return out
}

// calms are the windows that may show that what burned is over, before the
// short window of its pair has passed. The first is asked for only while an
// objective burns.
var calms = []time.Duration{2 * time.Minute, 5 * time.Minute, 30 * time.Minute}

// youth is for how long a service is too young for a slow burn.
const youth = 30 * time.Minute

// Verdict is how an objective stands.
type Verdict string

const (
	Kept      Verdict = "kept"
	Burning   Verdict = "burning"
	NoTraffic Verdict = "no-traffic" // nothing was asked of it in the last hour
	NoData    Verdict = "no-data"
)

// Judgement is what is said of an objective at one time.
type Judgement struct {
	Verdict  Verdict
	Reason   string // for NoData; for Kept why what is left of the budget is not known
	Severity finding.Severity
	Long     time.Duration // the windows that burn
	Short    time.Duration
	Rate     float64 // share of bad events in the long window
	Now      float64 // and in the short one
	Burn     float64 // times as fast as the budget allows
	// Left is the share of the budget that is left of the window, which may be
	// below 0; Known says whether that could be counted.
	Left  float64
	Known bool
	// Gone is how long the rest lasts at the rate of the short window; 0 where
	// it does not end, is over, or cannot be told.
	Gone time.Duration
	// Over says that it would burn still, but that the last minutes show that it
	// is over.
	Over bool
}

// confidence is of the one-sided interval below or above a rate: 95 %.
const confidence = 1.645

// lowest is the lower end of the Wilson score interval of bad out of total.
func lowest(bad, total float64) float64 {
	low, _ := wilson(bad, total)
	return low
}

// wilson is the score interval of bad out of total (Wilson 1927); 0 to 1 where
// there is nothing.
func wilson(bad, total float64) (low, high float64) {
	if total <= 0 {
		return 0, 1
	}
	// Counts that Prometheus extrapolates may be off by a little.
	p := min(1, max(0, bad/total))
	z2 := confidence * confidence
	centre := p + z2/(2*total)
	spread := confidence * math.Sqrt(p*(1-p)/total+z2/(4*total*total))
	return max(0, (centre-spread)/(1+z2/total)), min(1, (centre+spread)/(1+z2/total))
}

// limit is the share of bad events from which on an objective burns: the same
// share of the budget in the same time, whatever the objective's own window is;
// but a rate that the budget allows for ever burns nothing. Where the budget is
// large, that share comes near everything or is above it, and no outage would
// ever reach it; so half of the events that are promised to be good is enough.
func (p pair) limit(o Objective) float64 {
	burn := max(1, p.Burn*o.Over().Hours()/(30*24))
	return min(burn*o.budget(), (1+o.budget())/2)
}

// calm tells whether enough was asked in the last minutes, and so little of it
// went wrong, that it surely burns more slowly than the limit of a pair. Too
// few events show nothing.
func (p pair) calm(limit float64, counts map[time.Duration]Counts) bool {
	for _, window := range calms {
		if c := counts[window]; window < p.Short && c.Missing == "" {
			if _, high := wilson(c.Bad, c.Total); high < limit {
				return true
			}
		}
	}
	return false
}

// Judge says how an objective stands by the counts of its windows. Where calm
// is trusted, what burned is over as soon as the last minutes show it; where
// not, when the short window of its pair has passed.
func Judge(o Objective, counts map[time.Duration]Counts, trust bool) Judgement {
	j := Judgement{Verdict: Kept}
	hour := counts[time.Hour]
	if hour.Missing != "" {
		return Judgement{Verdict: NoData, Reason: hour.Missing}
	}
	switch all := counts[o.Over()]; {
	case all.Missing != "":
		j.Reason = unseen(o.Over(), all)
	case all.Total > 0:
		j.Known = true
		j.Left = 1 - max(0, all.Bad)/(o.budget()*all.Total)
	}
	var blind []string // of which pairs it is not known whether they burn
	for _, p := range pairs {
		long, short := counts[p.Long], counts[p.Short]
		limit := p.limit(o)
		// Either window alone may show that it does not burn; only both show that
		// it does.
		if p.Long > o.Over() || long.Missing == "" && (long.Bad < o.leastBad() || lowest(long.Bad, long.Total) < limit) ||
			short.Missing == "" && (short.Total <= 0 || short.Bad/short.Total < limit) {
			continue
		}
		if p.Severity < finding.Critical && long.Missing == "" && long.Total <= counts[youth].Total {
			continue // all that was ever asked is of the last half hour: a bad minute is no slow burn
		}
		if trust && p.calm(limit, counts) {
			j.Over = true
			continue
		}
		switch {
		case long.Missing != "":
			blind = append(blind, unseen(p.Long, long))
			continue
		case short.Missing != "":
			blind = append(blind, unseen(p.Short, short))
			continue
		}
		j.Verdict, j.Reason, j.Severity, j.Long, j.Short = Burning, "", p.Severity, p.Long, p.Short
		j.Rate, j.Now = long.Bad/long.Total, min(1, short.Bad/short.Total)
		j.Burn = j.Rate / o.budget()
		j.Gone = gone(o, counts[o.Over()], short, p.Short, j)
		return j
	}
	switch {
	case hour.Total <= 0:
		j.Verdict = NoTraffic
	case len(blind) > 0:
		j.Verdict, j.Reason = NoData, strings.Join(blind, " ")
	}
	return j
}

// unseen says which window could not be counted, and why.
func unseen(window time.Duration, c Counts) string {
	return fmt.Sprintf("Over %s it cannot be counted. %s", figure.Span(window), c.Missing)
}

// gone is how long the rest of the budget lasts at the rate of the short window.
func gone(o Objective, all, short Counts, over time.Duration, j Judgement) time.Duration {
	if !j.Known || j.Left <= 0 || short.Bad <= 0 {
		return 0
	}
	left := j.Left * o.budget() * all.Total // bad events
	return time.Duration(left / short.Bad * float64(over))
}
