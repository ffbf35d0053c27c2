package main

import (
	"regexp"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/lab"
)

// fault is one thing that goes wrong on a real machine, and what Evenkeel is
// to say about it.
type fault struct {
	name  string
	what  string   // what happens, in one line
	tools []string // programs that the machine must have

	check   string // RE2 that the id of the finding's check must match
	entity  string // what the id of its entity must begin with
	culprit string // RE2 that the first culprit's name, entity or text must match; where a
	// finding names no culprit, its own entity stands for it, and must match

	// prepare builds the healthy service on the scene, before Evenkeel is
	// started, and returns what breaks it. Breaking registers its undoing on
	// the part that it is given: closing the part ends the fault.
	prepare func(s *scene) (func(part *lab.Stage) error, error)
}

// scene is the stage of a run and the probes that its services want.
type scene struct {
	*lab.Stage
	probes []string // YAML items of "probes"
}

func (s *scene) probe(yaml string) { s.probes = append(s.probes, yaml) }

func (s *scene) config() string {
	if len(s.probes) == 0 {
		return ""
	}
	return "probes:\n" + strings.Join(s.probes, "")
}

// The goals that every fault is held against.
const (
	foundWithin    = 60 * time.Second
	resolvedWithin = 120 * time.Second
)

// sighting is one finding above info as the API showed it over time.
type sighting struct {
	finding.Finding           // as last seen while it was live
	live            time.Time // when it was first seen not resolved
	gone            time.Time // when it was last seen to be resolved; zero while it is live
	times           int       // how often it went live
}

// sightings are all findings above info of one fault, by id.
type sightings map[string]*sighting

// see takes in one answer of the API.
func (all sightings) see(list []finding.Finding, now time.Time) {
	for _, f := range list {
		if f.Severity <= finding.Info {
			continue
		}
		s := all[f.ID]
		switch {
		case s == nil && f.State != finding.Resolved:
			all[f.ID] = &sighting{Finding: f, live: now, times: 1}
		case s == nil:
		case f.State == finding.Resolved && s.gone.IsZero():
			s.gone = now
		case f.State != finding.Resolved && !s.gone.IsZero():
			s.Finding, s.gone = f, time.Time{}
			s.times++
		case f.State != finding.Resolved:
			s.Finding = f
		}
	}
}

// about returns the sighting that is about the fault: the right check on the
// right entity.
func (all sightings) about(f fault) *sighting {
	check := regexp.MustCompile(f.check)
	var best *sighting
	for _, s := range all {
		if check.MatchString(s.Check) && strings.HasPrefix(s.Entity, f.entity) && (best == nil || s.live.Before(best.live)) {
			best = s
		}
	}
	return best
}

// outcome is what a fault's run gave.
type outcome struct {
	Fault    string   `json:"fault"`
	What     string   `json:"what"`
	Found    *float64 `json:"foundAfterSeconds"` // null: not found
	Title    string   `json:"finding,omitempty"`
	Check    string   `json:"check,omitempty"`
	Entity   string   `json:"entity,omitempty"`
	Culprit  string   `json:"culprit,omitempty"`
	Named    bool     `json:"culpritNamed"`
	Resolved *float64 `json:"resolvedAfterSeconds"` // null: not resolved
	Raised   int      `json:"findingsRaised"`       // above info, in all; a return counts again
	Others   []string `json:"otherFindings,omitempty"`
	Missed   []string `json:"missed"` // the goals that were not met; empty is a pass
	Cannot   string   `json:"cannot,omitempty"`
}

// judge holds what was seen of a fault against the goals. The fault began and
// ended at these times; standing are the ids that were live before it began.
func judge(f fault, all sightings, standing map[string]bool, began, ended time.Time) outcome {
	o := outcome{Fault: f.name, What: f.what, Missed: []string{}}
	hit := all.about(f)
	for id, s := range all {
		if standing[id] {
			continue
		}
		o.Raised += s.times
		if s != hit {
			o.Others = append(o.Others, s.Check+" "+s.Entity+": "+s.Title)
		}
	}
	switch {
	case hit == nil:
		o.Missed = append(o.Missed, "not found")
	case standing[hit.ID]:
		o.Missed = append(o.Missed, "it was open before the fault began")
	default:
		found := hit.live.Sub(began).Seconds()
		o.Found = &found
		if hit.live.Sub(began) > foundWithin {
			o.Missed = append(o.Missed, "found too late")
		}
		o.Title, o.Check, o.Entity = hit.Title, hit.Check, hit.Entity
		o.Culprit, o.Named = named(f, hit.Finding)
		if !o.Named {
			o.Missed = append(o.Missed, "the culprit is not named")
		}
		if hit.gone.IsZero() {
			o.Missed = append(o.Missed, "not resolved")
			break
		}
		resolved := hit.gone.Sub(ended).Seconds()
		o.Resolved = &resolved
		switch {
		case resolved < 0:
			o.Missed = append(o.Missed, "resolved while the fault went on")
		case hit.gone.Sub(ended) > resolvedWithin:
			o.Missed = append(o.Missed, "resolved too late")
		}
	}
	if o.Raised > 1 {
		o.Missed = append(o.Missed, "echoes")
	}
	return o
}

// named returns the first culprit and whether it is the right one. A finding
// without culprits blames the very thing that it is about.
func named(f fault, of finding.Finding) (name string, right bool) {
	c := finding.Culprit{Name: of.EntityName, Entity: of.Entity}
	if len(of.Culprits) > 0 {
		c = of.Culprits[0]
	}
	return c.Name, regexp.MustCompile(f.culprit).MatchString(c.Name + "\n" + c.Entity + "\n" + c.Text)
}
