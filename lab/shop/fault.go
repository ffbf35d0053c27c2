package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/lab"
)

// fault is one thing that goes wrong in the shop, or that looks as if it did.
type fault struct {
	name string
	what string // what happens, in one line
	// truth is the RE2 that names the true cause's entity: in the id or name of
	// a finding's entity, in those of its culprits, or in those of a case's
	// hypothesis. It is empty for a control: nothing is wrong.
	truth string
	tools []string // programs that the machine must have
	// slow is how many times as long it lasts as others do: what fills up takes
	// its time until somebody feels it. 0 is once.
	slow int
	// begin breaks the running shop. It registers the undoing on the part that
	// it is given: closing the part ends the fault. An error says why it could
	// not be made.
	begin func(s *scene, part *lab.Stage) error
}

func (f fault) control() bool { return f.truth == "" }

// sighting is one finding above info as the API showed it over time.
type sighting struct {
	finding.Finding           // as last seen while it was live
	live            time.Time // when it was first seen not resolved
	gone            time.Time // when it was last seen to be resolved; zero while it is live
}

// sightings are all findings above info of one fault, by id.
type sightings map[string]*sighting

// see takes in one answer of the API.
func (all sightings) see(list []finding.Finding, now time.Time) {
	for _, f := range list {
		s := all[f.ID]
		switch {
		case f.Severity <= finding.Info || s == nil && f.State == finding.Resolved:
		case s == nil:
			all[f.ID] = &sighting{Finding: f, live: now}
		case f.State == finding.Resolved:
			if s.gone.IsZero() {
				s.gone = now
			}
		default:
			s.Finding, s.gone = f, time.Time{}
		}
	}
}

// observed is all that was seen of a fault.
type observed struct {
	began, ended  time.Time
	before, whole []experience // whole is all since it began
	findings      sightings
	standing      map[string]bool // ids of findings that were live before it began
	cases         []cases.Case    // those that took something in since it began, as they were when it ended
	pages         int             // of incidents that were opened since it began
}

// outcome is what a fault's run gave.
type outcome struct {
	Fault       string   `json:"fault"`
	What        string   `json:"what"`
	Control     bool     `json:"control"`
	Consequence string   `json:"consequence"`          // what customers felt; empty: nothing
	Felt        *float64 `json:"feltAfterSeconds"`     // when customers began to feel it; null: they did not
	Detected    *float64 `json:"detectedAfterSeconds"` // null: not detected
	Opened      *float64 `json:"caseAfterSeconds"`     // the first case that holds what customers feel; null: none
	Burn        *float64 `json:"fastBurnAfterSeconds"` // null: no fast-burn alert would have fired while it lasted
	Said        string   `json:"said,omitempty"`
	Named       bool     `json:"trueCauseNamed"`  // by some finding
	Rank        *int     `json:"rankOfTrueCause"` // in the cases, from 1; null: it is in none
	Findings    int      `json:"findings"`        // above info, of all that was found meanwhile
	Cases       int      `json:"casesOpened"`
	Pages       int      `json:"pages"`
	Recovered   *float64 `json:"recoveredAfterSeconds"`   // null: not, while it was watched, or never detected
	Others      []string `json:"otherFindings,omitempty"` // of a control: all
	Thought     []string `json:"hypotheses,omitempty"`    // of the case that tells most, best first
	Verdict     string   `json:"verdict"`
	Cannot      string   `json:"cannot,omitempty"`
}

// felt are the entities at which what customers feel can show.
var felt = regexp.MustCompile(`^(service|endpoint|certificate|target|edge|slo):`)

// Verdicts of an outcome.
const (
	rankedFirst = "true cause first"
	causeNamed  = "true cause named"
	onlySymptom = "only the symptom"
	missed      = "not detected"
	stayedCalm  = "calm"
	falseAlarm  = "false alarm"
	notMade     = "could not make it"
)

// judge says what came of a fault. It is pure.
func judge(f fault, o observed) outcome {
	out := outcome{Fault: f.name, What: f.what, Control: f.control(),
		Consequence: consequence(o.before, since(o.whole, o.began.Add(warmUp))), Cases: len(o.cases), Pages: o.pages,
		Burn: burnAlert(o.began, o.before, o.whole), Felt: onset(o.began, o.before, o.whole)}
	var truth *regexp.Regexp
	if !f.control() {
		truth = regexp.MustCompile(f.truth)
	}
	var telling *cases.Case // the case that ranks the truth best, or else the first
	customers := slices.ContainsFunc(o.cases, aboutCustomers)
	for n := range o.cases {
		c := &o.cases[n]
		if customers && !aboutCustomers(*c) {
			continue // a cause that stands alone explains nothing to who looks at the symptom
		}
		if telling == nil {
			telling = c
		}
		for _, m := range c.Members {
			if after := max(0, m.JoinedAt.Sub(o.began).Seconds()); ofCustomers(m) && (out.Opened == nil || after < *out.Opened) {
				out.Opened = &after
			}
		}
		for at, h := range c.Hypotheses {
			told := h.Entity + "\n" + h.Name
			if h.Culprit != nil { // "by whom" stands beside what is wrong
				told += "\n" + h.Culprit.Entity + "\n" + h.Culprit.Name
			}
			if truth != nil && truth.MatchString(told) && (out.Rank == nil || at+1 < *out.Rank) {
				rank := at + 1
				out.Rank, telling = &rank, c
			}
		}
	}
	var first, right *sighting
	for id, s := range o.findings {
		if o.standing[id] {
			continue
		}
		out.Findings++
		if truth != nil && !felt.MatchString(s.Entity) && !names(truth, s.Finding) {
			continue // it is about the machine, and nothing tells that it is of this fault
		}
		if first == nil || s.live.Before(first.live) {
			first = s
		}
		if truth != nil && names(truth, s.Finding) && (right == nil || s.live.Before(right.live)) {
			right = s
		}
	}
	lead := first
	if right != nil {
		lead, out.Named = right, true
	}
	for id, s := range o.findings {
		if (s != lead || f.control()) && !o.standing[id] {
			out.Others = append(out.Others, s.Check+" "+s.Entity+": "+s.Title)
		}
	}
	if lead != nil {
		// Found is what anybody was told first, said what tells most.
		after := first.live.Sub(o.began).Seconds()
		out.Detected, out.Said = &after, lead.Title
	}
	if telling != nil {
		for _, h := range telling.Hypotheses {
			out.Thought = append(out.Thought, fmt.Sprintf("%.2f %s: %s", h.Score, h.Entity, h.Text))
		}
	}
	if telling != nil && (customers || out.Rank != nil) {
		out.Said = telling.Story.Text(time.UTC)
	}
	out.Recovered = recovered(o)
	out.Verdict = verdict(f, out)
	return out
}

// aboutCustomers tells whether what customers feel is part of a case.
func aboutCustomers(c cases.Case) bool {
	return slices.ContainsFunc(c.Members, ofCustomers)
}

func ofCustomers(m cases.Member) bool {
	return m.Entity == "service:front" || m.Entity == "endpoint:shop"
}

// touched tells whether a case was opened since, or has taken something in since.
func touched(c cases.Case, began time.Time) bool {
	return !c.OpenedAt.Before(began) || slices.ContainsFunc(c.Members, func(m cases.Member) bool { return !m.JoinedAt.Before(began) })
}

// recovered is how long after the end the last finding was resolved.
func recovered(o observed) *float64 {
	var last time.Time
	for id, s := range o.findings {
		if o.standing[id] {
			continue
		}
		if s.gone.IsZero() {
			return nil
		}
		if s.gone.After(last) {
			last = s.gone
		}
	}
	if last.IsZero() {
		return nil
	}
	after := max(0, last.Sub(o.ended).Seconds())
	return &after
}

func verdict(f fault, o outcome) string {
	switch {
	case f.control() && o.Findings == 0 && o.Pages == 0:
		return stayedCalm
	case f.control():
		return falseAlarm
	case o.Consequence == "":
		return notMade
	case o.Rank != nil && *o.Rank == 1:
		return rankedFirst
	case o.Named:
		return causeNamed
	case o.Detected != nil:
		return onlySymptom
	}
	return missed
}

// names tells whether a finding names the truth: as what it is about, or as
// one of its culprits.
func names(truth *regexp.Regexp, f finding.Finding) bool {
	if truth.MatchString(f.Entity + "\n" + f.EntityName) {
		return true
	}
	for _, c := range f.Culprits {
		if truth.MatchString(c.Name + "\n" + c.Entity) {
			return true
		}
	}
	return false
}

// table shows outcomes.
func table(results []outcome) lab.Table {
	t := lab.Table{Header: []string{"Fault", "How it is made", "What customers felt", "Felt after", "Detected after", "Case after", "Fast burn after", "What was said", "Rank of the true cause", "Cases", "Pages", "Recovered after", "Verdict"}}
	for _, o := range results {
		rank := "none"
		switch {
		case o.Control || o.Cannot != "":
			rank = "-"
		case o.Rank != nil:
			rank = fmt.Sprint(*o.Rank)
		}
		felt, verdict := o.Consequence, o.Verdict
		if felt == "" {
			felt = "nothing"
		}
		if o.Cannot != "" {
			verdict += ": " + o.Cannot
		}
		t.Add(o.Fault, o.What, felt, seconds(o.Felt, "-"), seconds(o.Detected, "not"), seconds(o.Opened, "none"), seconds(o.Burn, "not"), strings.ReplaceAll(o.Said, "|", "/"), rank, fmt.Sprint(o.Cases), fmt.Sprint(o.Pages), seconds(o.Recovered, "-"), verdict)
	}
	return t
}

func seconds(s *float64, none string) string {
	if s == nil {
		return none
	}
	return fmt.Sprintf("%.0f s", *s)
}

// since are those that began at or after a time.
func since(all []experience, t time.Time) (out []experience) {
	for _, e := range all {
		if !e.at.Before(t) {
			out = append(out, e)
		}
	}
	return out
}
