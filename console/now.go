package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/health"
	"github.com/evenkeel/evenkeel/respond"
)

// listed is how many findings Now reads; what is beyond is counted and linked.
const listed = 200

// vitalIncidents is how many incidents Now shows.
const vitalIncidents = 10

// nowPage is what Now shows.
type nowPage struct {
	Verdict   verdict
	Incidents incidentsPage // that are not over
	Cases     []cases.Case  // of several findings, or with a cause
	Groups    []needGroup   // what needs a person, most urgent first
	Unseen    []finding.Finding
	Tended    []finding.Finding // acknowledged: somebody looks after it
	Accepted  int
	Exemption int // exemptions that need their owners
	More      int // findings beyond those listed
	Hosts     []hostVitals
	MoreHost  int
	Changes   []changeLine
	Parts     []health.Status
	Steps     []step // at first start: what is done and what is next
	Notes     []string
	Asked     time.Time
}

// needGroup is findings of one urgency.
type needGroup struct {
	Urgency  urgency
	Findings []finding.Finding
}

// urgency ranks what needs a person.
type urgency string

const (
	urgentNow  urgency = "now"
	urgentSoon urgency = "soon"
	atRisk     urgency = "risk"
	noteworthy urgency = "info"
)

var urgencyTitle = map[urgency]string{
	urgentNow: "Needs you now", urgentSoon: "Needs you soon", atRisk: "At risk", noteworthy: "Good to know",
}

// urgencyOf ranks an open finding: what hurts now, what will in working hours,
// what is foreseen to run out, and the rest.
func urgencyOf(f finding.Finding) urgency {
	switch {
	case f.Severity == finding.Critical:
		return urgentNow
	case f.Foreseen:
		return atRisk
	case f.Severity == finding.Warning:
		return urgentSoon
	default:
		return noteworthy
	}
}

func (c *Console) now(w http.ResponseWriter, r *http.Request) error {
	p, err := c.readNow(r)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, p.Verdict.Title(), "/", nowView(p))
}

func (c *Console) readNow(r *http.Request) (nowPage, error) {
	ctx, actor, now := r.Context(), c.actor(r), c.opt.Now()
	p := nowPage{Asked: now, Parts: c.Health.Statuses(now)}
	list, err := c.Findings.List(ctx, actor, finding.Filter{
		Tenant: c.opt.Tenant, Limit: listed,
		States: []finding.State{finding.Open, finding.Acknowledged, finding.Accepted, finding.Unknown},
	})
	if err != nil {
		return p, err
	}
	p.More = max(0, list.Total-len(list.Findings))
	p.sort(list.Findings)
	environments, err := c.Estate.Environments(ctx, actor, c.opt.Tenant)
	if err != nil {
		return p, err
	}
	watched := 0
	for _, e := range environments {
		for _, n := range e.Entities {
			watched += n
		}
	}
	if c.Incidents != nil {
		p.Incidents.Asked = now
		if p.Incidents.Page, err = c.Incidents.List(ctx, actor, respond.IncidentFilter{Tenant: c.opt.Tenant, States: notOver, Limit: vitalIncidents}); err != nil {
			return p, err
		}
		if p.Incidents.Names, err = c.names(r); err != nil {
			return p, err
		}
	}
	if c.Cases != nil {
		page, err := c.Cases.List(ctx, actor, cases.Filter{Tenant: c.opt.Tenant, Open: true})
		if err != nil {
			return p, err
		}
		p.Cases = telling(page.Cases)
	}
	if c.Reviews != nil && c.Rules != nil && access.Can(actor, access.Read, access.Scope{Tenant: c.opt.Tenant}) == nil {
		exemptions, _, err := c.Reviews.Exemptions(ctx, actor, c.opt.Tenant, nil, now)
		if err != nil {
			return p, err
		}
		p.Exemption = len(pressing(exemptions))
	}
	p.Verdict = verdictOf(standing{Findings: list.Findings, Parts: p.Parts, Watched: watched, Now: now})
	if p.Verdict.Tone == toneStarting {
		p.Steps = firstSteps(p.Parts, watched)
	}
	p.readRecent(ctx, c, r, actor, worstByHost(list.Findings), now)
	return p, nil
}

// sort puts findings into their groups; they come most urgent first.
func (p *nowPage) sort(all []finding.Finding) {
	by := map[urgency][]finding.Finding{}
	for _, f := range all {
		switch f.State {
		case finding.Open:
			by[urgencyOf(f)] = append(by[urgencyOf(f)], f)
		case finding.Unknown:
			p.Unseen = append(p.Unseen, f)
		case finding.Acknowledged:
			p.Tended = append(p.Tended, f)
		case finding.Accepted:
			p.Accepted++
		}
	}
	for _, u := range []urgency{urgentNow, urgentSoon, atRisk, noteworthy} {
		if len(by[u]) > 0 {
			p.Groups = append(p.Groups, needGroup{u, by[u]})
		}
	}
}

// worstByHost is the worst open finding on each host.
func worstByHost(all []finding.Finding) map[string]finding.Severity {
	worst := map[string]finding.Severity{}
	for _, f := range all {
		if host := subjectOf(f.Entity).host; f.State == finding.Open && host != "" {
			worst[host] = max(worst[host], f.Severity)
		}
	}
	return worst
}

// readRecent reads the parts beside the verdict. Each may fail alone.
func (p *nowPage) readRecent(ctx context.Context, c *Console, r *http.Request, actor access.Actor, troubled map[string]finding.Severity, now time.Time) {
	var both sync.WaitGroup
	var notes [2]string
	both.Go(func() {
		var err error
		if p.Hosts, p.MoreHost, err = c.vitals(ctx, actor, troubled, now); err != nil {
			notes[0] = c.partError(r, "The vital signs", err)
		}
	})
	both.Go(func() {
		page, err := c.Estate.Changes(ctx, actor, estate.ChangeFilter{Tenant: c.opt.Tenant, From: now.Add(-24 * time.Hour), To: now, Limit: 8})
		if err != nil {
			notes[1] = c.partError(r, "The recent changes", err)
		}
		p.Changes = changeLines(page.Changes, now)
	})
	both.Wait()
	for _, n := range notes {
		if n != "" {
			p.Notes = append(p.Notes, n)
		}
	}
}

// step is one stage of the first start.
type step struct {
	Text string
	Done bool
}

// firstSteps tells what Evenkeel is doing before it can say anything.
func firstSteps(parts []health.Status, watched int) []step {
	reported := 0
	for _, s := range parts {
		if s.State != health.Starting {
			reported++
		}
	}
	return []step{
		{"Evenkeel runs and keeps its data on this machine.", true},
		{fmt.Sprintf("Its parts report for the first time (%d of %d so far).", reported, len(parts)), reported > 0 && reported == len(parts)},
		{"It learns what there is: disks, services, ports, certificates.", watched > 0},
		{"It looks at the first figures. Rates need two rounds, about 30 seconds.", false},
	}
}

// tone is how a verdict sounds; it picks the mark and the colour.
type tone string

const (
	toneSteady   tone = "steady"
	toneNow      tone = "now"
	toneSoon     tone = "soon"
	toneUnsure   tone = "unknown"
	toneStarting tone = "starting"
)

// verdict is the one sentence on top of Now, and what stands under it.
type verdict struct {
	Tone     tone
	Sentence string
	Detail   string
}

// Title is the sentence for the browser's tab.
func (v verdict) Title() string { return strings.TrimSuffix(v.Sentence, ".") }

// standing is what the verdict is judged from.
type standing struct {
	Findings []finding.Finding // not resolved
	Parts    []health.Status
	Watched  int
	Now      time.Time
}

// verdictOf says in one sentence whether production is steady. What hurts is said
// first; what cannot be seen comes before any claim that all is well.
func verdictOf(s standing) verdict {
	n := map[urgency]int{}
	unseen, tended := 0, 0
	for _, f := range s.Findings {
		switch f.State {
		case finding.Open:
			n[urgencyOf(f)]++
		case finding.Unknown:
			unseen++
		case finding.Acknowledged:
			tended++
		}
	}
	blind := blindness(s.Parts, s.Now)
	reading := readingBack(s.Parts)
	if reading != "" {
		blind = reading
	}
	later := laterText(n, tended)
	switch {
	case n[urgentNow] > 0:
		v := verdict{Tone: toneNow, Detail: later, Sentence: fmt.Sprintf("%s %s you now.",
			upperFirst(number(n[urgentNow])), plural(n[urgentNow], "thing needs", "things need"))}
		if blind != "" {
			v.Detail = strings.TrimSpace(v.Detail + " And Evenkeel does not see everything: " + blind + ".")
		}
		return v
	case reading != "":
		return verdict{Tone: toneUnsure, Sentence: upperFirst(reading) + ".", Detail: strings.TrimSpace("Until they are there nothing is checked, and silence does not mean that all is well. This page keeps itself up to date. " + later)}
	case s.Watched == 0 && !slices.ContainsFunc(s.Parts, func(p health.Status) bool { return p.State == health.Failing || p.State == health.Stale }):
		return verdict{Tone: toneStarting, Sentence: "Getting to know this machine.", Detail: "The first picture is ready in about half a minute. This page keeps itself up to date."}
	case blind != "":
		return verdict{Tone: toneUnsure, Sentence: "Not sure: " + blind + ".", Detail: strings.TrimSpace("Until that is mended, silence does not mean that all is well. " + later)}
	case unseen > 0:
		return verdict{Tone: toneUnsure, Detail: later, Sentence: fmt.Sprintf("Not sure: %s cannot be seen any more.",
			countOf(unseen, "thing that was wrong", "things that were wrong"))}
	case n[urgentSoon] > 0:
		return verdict{Tone: toneSoon, Detail: laterText(map[urgency]int{atRisk: n[atRisk], noteworthy: n[noteworthy]}, tended), Sentence: fmt.Sprintf("Nothing needs you now; %s soon.",
			countOf(n[urgentSoon], "thing does", "things do"))}
	default:
		return verdict{Tone: toneSteady, Detail: later, Sentence: fmt.Sprintf("Steady. %s %s watched, nothing needs you.",
			upperFirst(grouped(s.Watched)), plural(s.Watched, "thing", "things"))}
	}
}

func countOf(n int, one, many string) string { return number(n) + " " + plural(n, one, many) }

// laterText counts what is not for now.
func laterText(n map[urgency]int, tended int) string {
	var parts []string
	if k := n[urgentSoon]; k > 0 {
		parts = append(parts, countOf(k, "thing needs you soon", "things need you soon"))
	}
	if k := n[atRisk]; k > 0 {
		parts = append(parts, countOf(k, "is at risk", "are at risk"))
	}
	if tended > 0 {
		parts = append(parts, countOf(tended, "is being looked after", "are being looked after"))
	}
	if k := n[noteworthy]; k > 0 {
		parts = append(parts, countOf(k, "thing is good to know", "things are good to know"))
	}
	if len(parts) == 0 {
		return ""
	}
	return upperFirst(strings.Join(parts, ", ")) + "."
}

// readingBack says how far the figures of the past are after a start; "" once
// they are there.
func readingBack(parts []health.Status) string {
	for _, p := range parts {
		if p.State == health.Starting && p.Doing != "" {
			return p.Doing
		}
	}
	return ""
}

// blindness says which of Evenkeel's own parts keep it from seeing; "" if it
// sees.
func blindness(parts []health.Status, now time.Time) string {
	var silent, failing []health.Status
	for _, p := range parts {
		switch p.State {
		case health.Stale:
			silent = append(silent, p)
		case health.Failing:
			failing = append(failing, p)
		}
	}
	switch {
	case len(silent) == 1 && len(failing) == 0:
		return fmt.Sprintf("%s has said nothing for %s", partName(silent[0].Part), spanWords(now.Sub(lastWord(silent[0]))))
	case len(failing) == 1 && len(silent) == 0:
		return partName(failing[0].Part) + " fails"
	case len(silent)+len(failing) > 1:
		names := make([]string, 0, 3)
		for _, p := range append(silent, failing...) {
			names = append(names, partName(p.Part))
		}
		if len(names) > 3 {
			return fmt.Sprintf("%s of Evenkeel's own parts fail or are silent", number(len(names)))
		}
		return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1] + " fail or are silent"
	}
	return ""
}

// lastWord is when a silent part was last heard: it turns stale three of its
// intervals later.
func lastWord(s health.Status) time.Time { return s.Since.Add(-3 * s.Interval) }

// partName is how a part of Evenkeel is called in a sentence.
func partName(part string) string { return "the part “" + part + "”" }
