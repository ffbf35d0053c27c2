package review

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// Record is what became of the findings of one check: how often it spoke, how
// often that woke somebody, and what people thought of it.
type Record struct {
	Check    string        `json:"check"`
	Findings int           `json:"findings"` // that began in the time
	Entities int           `json:"entities"` // that they were about
	Standing int           `json:"standing"` // of them, not over
	Median   time.Duration `json:"median"`   // how long they stood, of those that are over; in nanoseconds
	Weeks    []int         `json:"weeks"`    // findings that began in each week, oldest first; the first may be a part of one
	Last     time.Time     `json:"last,omitzero"`
	// Incidents are those in which findings of it stood, Paged those of them that
	// paged somebody, and Acted those of these that somebody took up.
	Incidents  int     `json:"incidents"`
	Paged      int     `json:"paged"`
	Acted      int     `json:"acted"`
	PagedAWeek float64 `json:"pagedAWeek"`
	// Useful and Noise are what people said of cases that it belonged to.
	Useful int `json:"useful"`
	Noise  int `json:"noise"`
	// Precision is the share of useful ones among them; nil where nobody has
	// said anything.
	Precision *Share `json:"precision,omitempty"`
}

// Share is a share with the interval in which it lies with 95 % (Wilson's score
// interval, 1927), all 0 to 1.
type Share struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

func shareOf(good, all int) *Share {
	if all == 0 {
		return nil
	}
	const z = 1.96
	n, p := float64(all), float64(good)/float64(all)
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	s := &Share{Value: p, Low: max(0, middle-half), High: min(1, middle+half)}
	if good == 0 {
		s.Low = 0 // and not what rounding leaves
	}
	if good == all {
		s.High = 1
	}
	return s
}

// RecordTime is over which time people look at records.
const RecordTime = 4 * week

const week = 7 * 24 * time.Hour

// Recount makes the records of all checks that spoke between two times, by
// their ids. The incidents are those that were opened then, the judged cases
// those that began then. It is pure.
func Recount(findings []finding.Finding, incidents []Case, judged []cases.Case, from, to time.Time) []Record {
	by := map[string]*Record{}
	of := func(check string) *Record {
		if by[check] == nil {
			by[check] = &Record{Check: check, Weeks: make([]int, max(1, int((to.Sub(from)+week-1)/week)))}
		}
		return by[check]
	}
	entities, stood := map[string]map[string]bool{}, map[string][]time.Duration{}
	for _, f := range findings {
		if f.FirstSeen.Before(from) || f.FirstSeen.After(to) {
			continue
		}
		r := of(f.Check)
		r.Findings++
		if entities[f.Check] == nil {
			entities[f.Check] = map[string]bool{}
		}
		entities[f.Check][f.Entity] = true
		if ago := int(to.Sub(f.FirstSeen) / week); ago < len(r.Weeks) {
			r.Weeks[len(r.Weeks)-1-ago]++
		}
		if f.FirstSeen.After(r.Last) {
			r.Last = f.FirstSeen
		}
		if f.State == finding.Resolved {
			stood[f.Check] = append(stood[f.Check], f.ResolvedAt.Sub(f.FirstSeen))
		} else {
			r.Standing++
		}
	}
	for _, c := range incidents {
		if c.Incident.MergedInto != "" {
			continue
		}
		seen := map[string]bool{}
		for _, a := range c.Alerts {
			check := a.Labels["alertname"]
			if a.Source != respond.FindingSource || check == "" || seen[check] {
				continue
			}
			seen[check] = true
			r := of(check)
			r.Incidents++
			if c.Incident.Paged > 0 {
				r.Paged++
				if !c.Incident.AckedAt.IsZero() {
					r.Acted++
				}
			}
		}
	}
	for _, c := range judged {
		if c.Feedback == nil || c.Since.Before(from) || c.Since.After(to) {
			continue
		}
		seen := map[string]bool{}
		for _, m := range c.Members {
			if seen[m.Check] {
				continue
			}
			seen[m.Check] = true
			if r := of(m.Check); c.Feedback.Useful {
				r.Useful++
			} else {
				r.Noise++
			}
		}
	}
	out := []Record{}
	for check, r := range by {
		r.Entities = len(entities[check])
		r.Median = spanOf(stood[check], len(stood[check])).Median
		r.PagedAWeek = float64(r.Paged) / (to.Sub(from).Hours() / week.Hours())
		r.Precision = shareOf(r.Useful, r.Useful+r.Noise)
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b Record) int {
		return cmp.Or(cmp.Compare(b.Paged, a.Paged), cmp.Compare(b.Findings, a.Findings), strings.Compare(a.Check, b.Check))
	})
	return out
}

// Findings lists findings, and the exemptions under which they are kept.
type Findings interface {
	List(ctx context.Context, actor access.Actor, f finding.Filter) (finding.Page, error)
	Exemptions() finding.Exemptions
}

const (
	mostFindings = 20_000 // that records are made of
	mostJudged   = 2_000
	mostRecorded = 366 * 24 * time.Hour
)

// Records says what became of what each check found between two times, in those
// environments that the actor may see. Where there is more than can be counted
// at once, cut says so.
func (s *Service) Records(ctx context.Context, actor access.Actor, tenant string, from, to time.Time) (records []Record, cut bool, err error) {
	if !to.After(from) {
		return nil, false, fmt.Errorf("%w: from %s is not before to %s", ErrInvalid, from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	if from.Year() < 1970 || to.Year() > 9999 || to.Sub(from) > mostRecorded {
		return nil, false, fmt.Errorf("%w: from and to must lie between the years 1970 and 9999, and within a year of each other", ErrInvalid)
	}
	names, all, err := seen(actor, tenant)
	if err != nil || !all && len(names) == 0 {
		return []Record{}, false, err
	}
	var list []finding.Finding
	f := finding.Filter{Tenant: tenant, Environments: names, Since: from, Until: to, Limit: 500}
	for {
		page, err := s.findings.List(ctx, actor, f)
		if err != nil {
			return nil, false, err
		}
		list = append(list, page.Findings...)
		f.Cursor = page.Next
		if cut = f.Cursor != "" && len(list) >= mostFindings; f.Cursor == "" || cut {
			break
		}
	}
	incidents, err := s.store.ReviewCases(ctx, tenant, names, from, to, mostCases)
	if err != nil {
		return nil, false, err
	}
	judged, err := s.store.JudgedCases(ctx, tenant, mostJudged)
	if err != nil {
		return nil, false, err
	}
	if len(names) > 0 {
		judged = slices.DeleteFunc(judged, func(c cases.Case) bool { return !slices.Contains(names, c.Environment) })
	}
	return Recount(list, incidents, judged, from, to), cut || len(incidents) == mostCases || len(judged) == mostJudged, nil
}

// Rule is what a check looks for, as people read it.
type Rule struct {
	ID       string             `json:"id"`
	Practice string             `json:"practice"`
	Entity   string             `json:"entity"` // kind of what it is about
	About    string             `json:"about"`
	Notes    string             `json:"notes,omitempty"` // where its limits come from
	Limits   map[string]float64 `json:"limits,omitempty"`
}
