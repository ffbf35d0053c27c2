package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/review"
)

func reviews(t *testing.T, s Store) {
	ctx := t.Context()
	if _, err := s.ReviewDocument(ctx, "t", "i001"); !errors.Is(err, review.ErrNotFound) {
		t.Errorf("a document that nobody saved: %v", err)
	}
	write := func(d review.Document) error {
		return s.PutReviewDocument(ctx, d, access.Entry{ID: d.Incident + string(rune('0'+d.Revision)) + d.Summary, Tenant: "t", At: t0, ActorKind: access.Person, ActorID: "ana", Action: "review.save", Object: d.Incident})
	}
	d := review.Document{Tenant: "t", Environment: "home", Incident: "i001", Number: 1, Title: "Disk", Severity: finding.Warning, Summary: "It was full.", Times: review.Times{Began: t0, Detected: t0},
		Timeline: []review.Moment{{At: t0, Text: "It began."}}, Actions: []review.Action{{Text: "Buy a disk", Owner: "ana", Due: "2027-03-28"}}, ChangedBy: "Ana", ChangedAt: t0, Revision: 1}
	check(t, write(d))
	if err := write(d); !errors.Is(err, review.ErrConflict) {
		t.Errorf("a second first save: %v", err)
	}
	read, err := s.ReviewDocument(ctx, "t", "i001")
	check(t, err)
	if diff := cmp.Diff(d, read, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-stored +read):\n%s", diff)
	}
	if _, err := s.ReviewDocument(ctx, "other", "i001"); !errors.Is(err, review.ErrNotFound) {
		t.Errorf("another tenant's: %v", err)
	}
	d.Revision, d.Summary = 2, "It was quite full."
	check(t, write(d))
	stale := d
	stale.Summary = "No."
	if err := write(stale); !errors.Is(err, review.ErrConflict) {
		t.Errorf("saved over what somebody else saved: %v", err)
	}
	audit, err := s.Audit(ctx, access.AuditFilter{Tenant: "t", Limit: 10})
	check(t, err)
	if len(audit.Entries) != 2 {
		t.Errorf("%d entries in the audit log; two saves went well", len(audit.Entries))
	}
	next := review.Document{Tenant: "t", Environment: "work", Incident: "i002", Number: 2, Severity: finding.Critical, Revision: 1}
	check(t, write(next))
	for _, c := range []struct {
		environments []string
		before       int64
		want         []int64
	}{{nil, 0, []int64{2, 1}}, {nil, 2, []int64{1}}, {[]string{"work"}, 0, []int64{2}}} {
		list, err := s.ReviewDocuments(ctx, "t", c.environments, c.before, 10)
		check(t, err)
		var got []int64
		for _, d := range list {
			got = append(got, d.Number)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c, diff)
		}
	}

	// What was opened in a time, with all that is counted.
	b := opened(1)
	later := opened(2)
	later.Decisions[0].Incident.OpenedAt = t0.Add(time.Hour)
	check(t, s.ApplyResponse(ctx, b))
	check(t, s.ApplyResponse(ctx, later))
	over := later.Decisions[0].Incident
	over.State, over.ResolvedAt, over.Revision = respond.Resolved, t0.Add(2*time.Hour), 2
	check(t, s.ApplyResponse(ctx, respond.Batch{Decisions: []respond.Decision{{Incident: over}}}))
	for _, c := range []struct {
		from, to time.Time
		limit    int
		want     []string
	}{
		{t0, t0.Add(3 * time.Hour), 10, []string{"i001", "i002"}},
		{t0, t0.Add(3 * time.Hour), 1, []string{"i001"}},
		{t0.Add(time.Minute), t0.Add(3 * time.Hour), 10, []string{"i002"}},
		{t0, t0.Add(time.Hour), 10, []string{"i001"}},
		{t0.Add(3 * time.Hour), t0.Add(4 * time.Hour), 10, nil},
	} {
		cases, err := s.ReviewCases(ctx, "t", []string{"home"}, c.from, c.to, c.limit)
		check(t, err)
		var got []string
		for _, x := range cases {
			got = append(got, x.Incident.ID)
			if len(x.Alerts) != 1 || len(x.Pages) != 1 {
				t.Errorf("%s with %d alerts and %d pages", x.Incident.ID, len(x.Alerts), len(x.Pages))
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s to %s (-want +got):\n%s", c.from, c.to, diff)
		}
	}
	if cases, err := s.ReviewCases(ctx, "t", []string{"elsewhere"}, t0, t0.Add(time.Hour), 10); err != nil || len(cases) > 0 {
		t.Errorf("another environment's: %v, %v", cases, err)
	}
}
