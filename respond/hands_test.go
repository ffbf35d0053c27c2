package respond_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// People divide an incident's work: roles and tasks are kept, told and handed
// over, hold nothing up, go along when incidents become one, and the ledger
// stays whole.
func TestPeopleDivideTheWork(t *testing.T) {
	databases(t, func(t *testing.T, dsn string) {
		d := newDesk(t, dsn, respond.Options{})
		d.deliver()
		ctx, ben := t.Context(), respond.By{ID: "ben", Name: "Ben"}
		declare := func(title, about string) respond.Incident {
			t.Helper()
			i, err := d.Declare(ctx, d.ana, respond.Declaration{Tenant: "t", Title: title, Severity: finding.Critical, Policy: "default", Finding: about}, time.Now())
			d.must(err)
			return i
		}
		i := declare("Nobody can pay", "f1")
		_, err := d.Acknowledge(ctx, d.ana, "t", i.ID, "", time.Now())
		d.must(err)
		_, err = d.GiveRole(ctx, d.ana, "t", i.ID, respond.Commander, respond.By{ID: "ana", Name: "Ana"}, "", time.Now())
		d.must(err)
		_, err = d.GiveRole(ctx, d.ana, "t", i.ID, respond.Scribe, ben, "I have to drive.", time.Now())
		d.must(err)
		look, err := d.AddTask(ctx, d.ana, "t", i.ID, respond.NewTask{Text: "Ask the bank", Owner: ben, DueAt: time.Now().Add(time.Hour)}, time.Now())
		d.must(err)
		_, err = d.AddTask(ctx, d.ana, "t", i.ID, respond.NewTask{Text: "Stop the campaign"}, time.Now())
		d.must(err)
		done := true
		if _, err = d.ChangeTask(ctx, d.ana, "t", i.ID, look.ID, respond.TaskChange{Done: &done}, time.Now()); err != nil {
			t.Fatal(err)
		}
		d.until("Ben is told of the role and the task, by SMS", func() bool {
			var texts []string
			for _, m := range d.sms.received() {
				if m.Contact.ID == "ben-sms" {
					texts = append(texts, m.Content.Text)
				}
			}
			slices.Sort(texts)
			return len(texts) == 2 && texts[0] == "Ana makes Ben scribe. I have to drive." && strings.HasPrefix(texts[1], "To do: Ask the bank (by Ben), until ")
		})

		// Who may only look changes nothing, and what is elsewhere is not found.
		guest := access.Actor{Kind: access.Person, ID: "g", Name: "Guest", Grants: []access.Grant{{Tenant: "t", Environment: access.Any, Role: access.Viewer}}}
		if _, err := d.GiveRole(ctx, guest, "t", i.ID, respond.Commander, ben, "", time.Now()); !errors.Is(err, access.ErrForbidden) {
			t.Errorf("a viewer gives a role: %v", err)
		}
		if _, err := d.AddTask(ctx, guest, "t", i.ID, respond.NewTask{Text: "Look"}, time.Now()); !errors.Is(err, access.ErrForbidden) {
			t.Errorf("a viewer adds a task: %v", err)
		}
		if _, err := d.ChangeTask(ctx, d.ana, "t", i.ID, "none", respond.TaskChange{Done: &done}, time.Now()); !errors.Is(err, respond.ErrNotFound) {
			t.Errorf("a task that is not there: %v", err)
		}

		// The finding leads to the incident while it is not over.
		if about, err := d.About(ctx, d.ana, "t", "f1"); err != nil || len(about) != 1 || about[0].ID != i.ID {
			t.Errorf("about the finding: %+v, %v", about, err)
		}

		// What is open goes along, and is named at the end.
		whole := declare("Payments fail", "")
		_, err = d.Merge(ctx, d.ana, "t", i.ID, whole.ID, time.Now())
		d.must(err)
		_, err = d.Resolve(ctx, d.ana, "t", whole.ID, "", time.Now())
		d.must(err)
		story, err := d.Get(ctx, d.ana, "t", whole.ID)
		d.must(err)
		if len(story.Tasks) != 1 || story.Tasks[0].Text != "Stop the campaign" || story.Tasks[0].Done() {
			t.Errorf("the tasks that went along are %+v", story.Tasks)
		}
		if last := story.Entries[len(story.Entries)-1]; last.Kind != respond.Unfinished || last.Reason != "One task is still open: Stop the campaign" {
			t.Errorf("at the end the ledger says %+v", last)
		}
		old, err := d.Get(ctx, d.ana, "t", i.ID)
		d.must(err)
		if len(old.Tasks) != 1 || !old.Tasks[0].Done() || old.Tasks[0].DoneBy != "Ana" {
			t.Errorf("the tasks that stayed are %+v", old.Tasks)
		}
		if want := (respond.Roles{Commander: "ana", Scribe: "ben"}); old.Incident.Roles != want {
			t.Errorf("the roles are %+v", old.Incident.Roles)
		}
		if about, err := d.About(ctx, d.ana, "t", "f1"); err != nil || len(about) != 0 {
			t.Errorf("about the finding, after its end: %+v, %v", about, err)
		}
		d.verified()
	})
}
