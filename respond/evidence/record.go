package evidence

import (
	"math"
	"time"

	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/respond"
)

// Bounds of a record: at most some 6 × 6 × 240 values, 100 kB.
const (
	maxCharts, maxLines, maxPoints = 6, 6, 240
	// before is how much of the time before the onset is kept.
	before = 30 * time.Minute
	// longest is how long an incident is drawn as a whole; of a longer one the
	// beginning.
	longest = 7 * 24 * time.Hour
	// giveUpAfter is for how long figures that cannot be had are tried again.
	giveUpAfter = 30 * time.Minute
	// tooLate is when an incident is too old for its opening to be looked at.
	tooLate = 24 * time.Hour
)

// Stage says when evidence was taken.
type Stage string

// The stages.
const (
	Opening Stage = "opening" // soon after the incident opened
	Whole   Stage = "whole"   // after it was over
)

// Question is what is asked of the metric store about an alert.
type Question struct {
	Title string // what it shows, in plain English
	Query string // PromQL
	Unit  string // as of finding.Evidence
	Limit *float64
	Usual *float64
	Onset time.Time // when what it shows began
}

// Record is what was taken of an incident in one stage.
type Record struct {
	Tenant   string    `json:"tenant"`
	Incident string    `json:"incident"`
	Stage    Stage     `json:"stage"`
	TakenAt  time.Time `json:"takenAt"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Charts   []Chart   `json:"charts"`
	// Left is how many questions were not asked, past the bound of a record.
	Left int `json:"left,omitempty"`
	// Problem is why there are no figures, where there are none at all.
	Problem string `json:"problem,omitempty"`
	// Impact is what users felt, in the record of the whole.
	Impact *impact.Impact `json:"impact,omitempty"`
}

// Chart is the answer to one question. Point n of a line is at From + n × Step.
type Chart struct {
	Title   string    `json:"title"`
	Query   string    `json:"query"`
	Unit    string    `json:"unit,omitempty"`
	Limit   *float64  `json:"limit,omitempty"`
	Usual   *float64  `json:"usual,omitempty"`
	From    time.Time `json:"from"`
	Step    int64     `json:"stepSeconds"`
	Lines   []Line    `json:"lines"`
	Problem string    `json:"problem,omitempty"`
}

// Line is one series; null where it has no value.
type Line struct {
	Name   string     `json:"name"`
	Values []*float64 `json:"values"`
}

// window is the range that a stage of an incident covers.
func window(i respond.Incident, stage Stage, onset, now time.Time) (from, to time.Time) {
	from, to = i.OpenedAt, now
	if onset.Before(from) && i.OpenedAt.Sub(onset) < tooLate {
		from = onset
	}
	from = from.Add(-before)
	if stage == Whole && !i.ResolvedAt.IsZero() {
		to = i.ResolvedAt.Add(before / 3)
	}
	if to.After(now) {
		to = now
	}
	if to.Sub(from) > longest {
		to = from.Add(longest)
	}
	return from, to
}

// steps are distances between points that people can read.
var steps = []time.Duration{15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute,
	30 * time.Minute, time.Hour}

// grid is the range query for a window. Its last point is the window's end: what
// raised the alarm is seconds old when it is kept.
func grid(from, to time.Time) metric.Window {
	step := steps[len(steps)-1]
	for _, s := range steps {
		if to.Sub(from)/s < maxPoints {
			step = s
			break
		}
	}
	to = to.Truncate(time.Second)
	return metric.Window{From: to.Add(-to.Sub(from).Truncate(step)), To: to, Step: step}
}

// chart puts the answer to a question on its grid.
func chart(q Question, w metric.Window, series []metric.Series) Chart {
	c := Chart{Title: q.Title, Query: q.Query, Unit: q.Unit, Limit: q.Limit, Usual: q.Usual, From: w.From, Step: int64(w.Step / time.Second), Lines: []Line{}}
	for _, s := range largest(series) {
		line := Line{Name: name(s, series), Values: make([]*float64, int(w.To.Sub(w.From)/w.Step)+1)}
		for _, p := range s.Points {
			n := int(p.T.Sub(w.From) / w.Step)
			if n >= 0 && n < len(line.Values) && !math.IsNaN(p.V) && !math.IsInf(p.V, 0) {
				line.Values[n] = &p.V
			}
		}
		c.Lines = append(c.Lines, line)
	}
	return c
}
