package review

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// Case is one incident with what is needed to count it.
type Case struct {
	Incident respond.Incident
	Alerts   []respond.Standing
	Pages    []respond.Page
}

// Span is a mean and a median over those incidents for which it is known.
type Span struct {
	Mean    time.Duration `json:"mean"`
	Median  time.Duration `json:"median"`
	Known   int           `json:"known"`
	Unknown int           `json:"unknown"` // not known, or not yet
}

// Group is the incidents of one severity, service or team.
type Group struct {
	Name      string `json:"name"`
	Incidents int    `json:"incidents"`
	Detect    Span   `json:"detect"`      // MTTD
	Answer    Span   `json:"acknowledge"` // MTTA
	Mitigate  Span   `json:"mitigate"`    // MTTM
	Resolve   Span   `json:"resolve"`     // MTTR
}

// Load is what responding cost one person.
type Load struct {
	Person   string `json:"person"` // user id
	Pages    int    `json:"pages"`
	Nights   int    `json:"nights"` // nights with at least one page between 22:00 and 07:00
	AtNight  int    `json:"atNight"`
	Weekend  int    `json:"weekend"` // pages on Saturdays and Sundays
	Answered int    `json:"answered"`
}

// Repeat is what came back.
type Repeat struct {
	Title     string    `json:"title"` // of the newest
	Incident  string    `json:"incident"`
	Incidents int       `json:"incidents"`
	Paged     int       `json:"paged"`
	Last      time.Time `json:"last"`
}

// Noise is an alert that paged people and never led anybody to do something.
type Noise struct {
	Alert     string `json:"alert"` // name of the rule or check
	Service   string `json:"service,omitempty"`
	Incidents int    `json:"incidents"`
	Paged     int    `json:"paged"`
	Proposal  string `json:"proposal"`
}

// Figures are what many incidents say together.
type Figures struct {
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Incidents int       `json:"incidents"`
	Standing  int       `json:"standing"` // of these not over
	All       Group     `json:"all"`
	Severity  []Group   `json:"bySeverity"`
	Service   []Group   `json:"byService"`
	Team      []Group   `json:"byTeam"`
	People    []Load    `json:"people"`
	Repeats   []Repeat  `json:"repeats"`
	Noise     []Noise   `json:"noise"`
}

const (
	leastRepeats = 2  // incidents of one cause that are shown as coming back
	leastNoise   = 3  // incidents without action, and none with, before a proposal
	mostLines    = 20 // of each list
	// unnamed is the group of those whose alerts name none.
	unnamed = "not named"
)

// Labels that name the service and the team of an alert, the most usual first.
var (
	serviceLabels = []string{"service", "app", "job", "entity_name"}
	teamLabels    = []string{"team", "owner", "squad"}
)

// Measure counts cases. Nights and weekends are those of the zone. Incidents
// that became part of another one are not counted by themselves.
func Measure(cases []Case, from, to time.Time, zone *time.Location) Figures {
	cases = slices.DeleteFunc(slices.Clone(cases), func(c Case) bool { return c.Incident.MergedInto != "" })
	f := Figures{From: from, To: to, Incidents: len(cases)}
	for _, c := range cases {
		if c.Incident.State != respond.Resolved {
			f.Standing++
		}
	}
	all := grouped(cases, func(Case) []string { return []string{"all"} })
	f.All = Group{Name: "all"}
	if len(all) > 0 {
		f.All = all[0]
	}
	f.Severity = grouped(cases, func(c Case) []string { return []string{c.Incident.Severity.String()} })
	slices.SortFunc(f.Severity, func(a, b Group) int { return cmp.Compare(rank(b.Name), rank(a.Name)) })
	f.Service = grouped(cases, func(c Case) []string { return named(c, serviceLabels) })
	f.Team = grouped(cases, func(c Case) []string { return named(c, teamLabels) })
	f.People = loads(cases, zone)
	f.Repeats = repeats(cases)
	f.Noise = noise(cases)
	return f
}

func rank(severity string) finding.Severity {
	s, err := finding.ParseSeverity(severity)
	if err != nil {
		return 0
	}
	return s
}

// named are the values of the first of the labels that any alert has.
func named(c Case, names []string) []string {
	var out []string
	for _, a := range c.Alerts {
		for _, l := range names {
			if v := a.Labels[l]; v != "" {
				if !slices.Contains(out, v) {
					out = append(out, v)
				}
				break
			}
		}
	}
	if len(out) == 0 {
		return []string{unnamed}
	}
	return out
}

// grouped measures the incidents of each group; one may stand in several. The
// groups with the most incidents come first.
func grouped(cases []Case, of func(Case) []string) []Group {
	spans := map[string]*[4][]time.Duration{}
	count := map[string]int{}
	for _, c := range cases {
		got, ok := timesOf(c.Incident, c.Alerts).Spans()
		for _, name := range of(c) {
			if count[name]++; spans[name] == nil {
				spans[name] = &[4][]time.Duration{}
			}
			for k := range got {
				if ok[k] {
					spans[name][k] = append(spans[name][k], got[k])
				}
			}
		}
	}
	out := []Group{}
	for _, name := range sortedKeys(count) {
		n, s := count[name], spans[name]
		out = append(out, Group{Name: name, Incidents: n, Detect: spanOf(s[0], n), Answer: spanOf(s[1], n), Mitigate: spanOf(s[2], n), Resolve: spanOf(s[3], n)})
	}
	slices.SortStableFunc(out, func(a, b Group) int { return cmp.Compare(b.Incidents, a.Incidents) })
	return out[:min(len(out), mostLines)]
}

func spanOf(all []time.Duration, of int) Span {
	s := Span{Known: len(all), Unknown: of - len(all)}
	if len(all) == 0 {
		return s
	}
	slices.Sort(all)
	var sum time.Duration
	for _, d := range all {
		sum += d
	}
	s.Mean = sum / time.Duration(len(all))
	s.Median = all[len(all)/2]
	if len(all)%2 == 0 {
		s.Median = (all[len(all)/2-1] + all[len(all)/2]) / 2
	}
	return s
}

// night is the date of the evening that a time belongs to, and whether it is
// night at all.
func night(t time.Time) (evening string, yes bool) {
	switch h := t.Hour(); {
	case h >= 22:
		return t.Format(time.DateOnly), true
	case h < 7:
		return t.AddDate(0, 0, -1).Format(time.DateOnly), true
	}
	return "", false
}

func loads(cases []Case, zone *time.Location) []Load {
	people := map[string]*Load{}
	nights := map[string]map[string]bool{}
	for _, c := range cases {
		for _, p := range c.Pages {
			if p.Person == "" {
				continue
			}
			l := people[p.Person]
			if l == nil {
				l = &Load{Person: p.Person}
				people[p.Person], nights[p.Person] = l, map[string]bool{}
			}
			l.Pages++
			if p.State == respond.PageAnswered {
				l.Answered++
			}
			at := p.BegunAt.In(zone)
			if d := at.Weekday(); d == time.Saturday || d == time.Sunday {
				l.Weekend++
			}
			if evening, yes := night(at); yes {
				l.AtNight++
				nights[p.Person][evening] = true
			}
		}
	}
	out := []Load{}
	for _, id := range sortedKeys(people) {
		people[id].Nights = len(nights[id])
		out = append(out, *people[id])
	}
	slices.SortStableFunc(out, func(a, b Load) int { return cmp.Or(cmp.Compare(b.AtNight, a.AtNight), cmp.Compare(b.Pages, a.Pages)) })
	return out
}

// repeats are groups that opened more than one incident.
func repeats(cases []Case) []Repeat {
	by := map[string]*Repeat{}
	for _, c := range cases {
		i := c.Incident
		if i.Group == "" {
			continue
		}
		r := by[i.Group]
		if r == nil {
			r = &Repeat{}
			by[i.Group] = r
		}
		r.Incidents++
		r.Paged += i.Paged
		if i.OpenedAt.After(r.Last) {
			r.Title, r.Incident, r.Last = i.Title, i.ID, i.OpenedAt
		}
	}
	out := []Repeat{}
	for _, k := range sortedKeys(by) {
		if by[k].Incidents >= leastRepeats {
			out = append(out, *by[k])
		}
	}
	slices.SortStableFunc(out, func(a, b Repeat) int {
		return cmp.Or(cmp.Compare(b.Incidents, a.Incidents), b.Last.Compare(a.Last))
	})
	return out[:min(len(out), mostLines)]
}

// noise are alerts whose incidents paged people, ended by themselves, and were
// never taken up.
func noise(cases []Case) []Noise {
	type tally struct{ idle, acted, paged int }
	by := map[[2]string]*tally{}
	for _, c := range cases {
		i := c.Incident
		if i.State != respond.Resolved || i.Paged == 0 {
			continue
		}
		seen := map[[2]string]bool{}
		for _, a := range c.Alerts {
			k := [2]string{cmp.Or(a.Labels["alertname"], a.Title), ""}
			for _, l := range serviceLabels {
				if k[1] = a.Labels[l]; k[1] != "" {
					break
				}
			}
			if seen[k] {
				continue
			}
			seen[k] = true
			if by[k] == nil {
				by[k] = &tally{}
			}
			by[k].paged += i.Paged
			if i.AckedAt.IsZero() && !i.Declared {
				by[k].idle++
			} else {
				by[k].acted++
			}
		}
	}
	out := []Noise{}
	for k, t := range by {
		if t.acted == 0 && t.idle >= leastNoise {
			out = append(out, Noise{Alert: k[0], Service: k[1], Incidents: t.idle, Paged: t.paged,
				Proposal: "Remove it, let it wait longer before it fires, or let it tell without paging: nobody ever did anything about it."})
		}
	}
	slices.SortFunc(out, func(a, b Noise) int {
		return cmp.Or(cmp.Compare(b.Paged, a.Paged), strings.Compare(a.Alert, b.Alert), strings.Compare(a.Service, b.Service))
	})
	return out[:min(len(out), mostLines)]
}
