package review

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
)

// EndsSoon is how long before its end an exemption is told of to its owner.
const EndsSoon = 14 * 24 * time.Hour

// ExemptionState says where an exemption stands.
type ExemptionState string

const (
	ExemptionHolds ExemptionState = "holds"
	ExemptionEnds  ExemptionState = "ends-soon" // within EndsSoon
	ExemptionEnded ExemptionState = "ended"
)

// Exemption is what one does now.
type Exemption struct {
	ID       string         `json:"id"`
	State    ExemptionState `json:"state" enum:"holds,ends-soon,ended"`
	Checks   []string       `json:"checks" doc:"ids; * stands for any text, ? for one character"`
	Entities []string       `json:"entities,omitempty" doc:"ids, likewise"`
	Matchers []string       `json:"matchers,omitempty" doc:"all must hold, as those of silences"`
	Until    time.Time      `json:"until"`
	Owner    string         `json:"owner"`
	Reason   string         `json:"reason"`
	// Covers are findings that stand and that it is about, the most urgent first:
	// those that it accepts, or would still accept where it has ended. Of several
	// exemptions about a finding, the one that accepts it counts; what a person
	// has accepted is nobody else's.
	Covers []Covered `json:"covers" doc:"the first of them"`
	Count  int       `json:"count" doc:"how many stand that it is about"`
	// Rules are how many of the checks that are made here it is about; 0 is
	// most likely a slip of the pen.
	Rules int `json:"rules" doc:"how many of the checks that are made here it is about"`
}

// Covered is a finding that an exemption is about.
type Covered struct {
	Finding     string           `json:"finding"` // id
	Title       string           `json:"title"`
	Severity    finding.Severity `json:"severity"`
	State       finding.State    `json:"state"`
	Environment string           `json:"environment"`
}

// Pressing says that its owner should look at it: it ends soon, or has ended,
// while it is about something that stands.
func (x Exemption) Pressing() bool { return x.State != ExemptionHolds && x.Count > 0 }

// Idle says that nothing stands that it is about.
func (x Exemption) Idle() bool { return x.Count == 0 }

// mostCovered bounds the findings that are named for one exemption.
const mostCovered = 20

// Survey says what each exemption does: the pressing ones first, then by their
// ends; what has ended and covers nothing comes last. Standing are the findings
// that are not resolved, the most urgent first. It is pure.
func Survey(list finding.Exemptions, standing []finding.Finding, rules []Rule, now time.Time) []Exemption {
	out := make([]Exemption, len(list))
	for n, x := range list {
		s := &out[n]
		*s = Exemption{ID: x.ID, State: ExemptionHolds, Checks: x.Checks, Entities: x.Entities, Matchers: x.Matchers.Texts(), Until: x.Until, Owner: x.Owner, Reason: x.Reason, Covers: []Covered{}}
		switch {
		case x.Ended(now):
			s.State = ExemptionEnded
		case x.Until.Sub(now) <= EndsSoon:
			s.State = ExemptionEnds
		}
		for _, r := range rules {
			if x.Speaks(r.ID) {
				s.Rules++
			}
		}
		for _, f := range standing {
			byPerson := f.Exempted() == "" && f.IsAccepted()
			if by := f.Exempted(); byPerson || by != x.ID && (by != "" || !x.InScope(f.Key, f.Report)) {
				continue
			}
			if s.Count++; len(s.Covers) < mostCovered {
				s.Covers = append(s.Covers, Covered{Finding: f.ID, Title: f.Title, Severity: f.Severity, State: f.State, Environment: f.Environment})
			}
		}
	}
	place := func(x Exemption) int {
		switch {
		case x.Pressing():
			return 0
		case x.State == ExemptionEnded:
			return 2
		}
		return 1
	}
	slices.SortFunc(out, func(a, b Exemption) int {
		return cmp.Or(place(a)-place(b), a.Until.Compare(b.Until), strings.Compare(a.ID, b.ID))
	})
	return out
}

// Exemptions says what each exemption does now, to those who may read the whole
// tenant: an exemption may name what is in any environment. Rules are the
// checks that are made. Where more stands than can be counted at once, cut says so.
func (s *Service) Exemptions(ctx context.Context, actor access.Actor, tenant string, rules []Rule, now time.Time) (list []Exemption, cut bool, err error) {
	if err := access.Can(actor, access.Read, access.Scope{Tenant: tenant}); err != nil {
		return nil, false, err
	}
	exemptions := s.findings.Exemptions()
	if len(exemptions) == 0 {
		return []Exemption{}, false, nil
	}
	var standing []finding.Finding
	f := finding.Filter{Tenant: tenant, Limit: 500, States: []finding.State{finding.Open, finding.Acknowledged, finding.Accepted, finding.Unknown}}
	for {
		page, err := s.findings.List(ctx, actor, f)
		if err != nil {
			return nil, false, err
		}
		standing = append(standing, page.Findings...)
		f.Cursor = page.Next
		if cut = f.Cursor != "" && len(standing) >= mostFindings; f.Cursor == "" || cut {
			return Survey(exemptions, standing, rules, now), cut, nil
		}
	}
}
