package respond

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

// crowd are people with roles and tasks; the last stands for nobody.
var crowd = []By{{ID: "ana", Name: "Ana"}, {ID: "ben", Name: "Ben"}, {ID: "cleo", Name: "Cleo"}, {}}

func (w *world) giveRole(r *rand.Rand, id string) {
	role, to := AllRoles[r.IntN(len(AllRoles))], crowd[r.IntN(len(crowd))]
	w.act(id, func(t *turn, f Facts) error { return t.giveRole(f, crowd[0], role, to, "") })
}

func (w *world) touchTask(r *rand.Rand, id string) {
	tasks, to := w.tasksOf(id), crowd[r.IntN(len(crowd))]
	if len(tasks) == 0 || r.IntN(3) == 0 {
		n := len(w.tasks)
		w.act(id, func(t *turn, f Facts) error {
			_, err := t.addTask(f, tasks, fmt.Sprintf("k%06d", n), crowd[0], NewTask{Text: fmt.Sprintf("Task %d", n), Owner: to})
			return err
		})
		return
	}
	k, done := tasks[r.IntN(len(tasks))], r.IntN(2) == 0
	c := TaskChange{Done: &done}
	if r.IntN(3) == 0 {
		c = TaskChange{Owner: &to}
	}
	w.act(id, func(t *turn, f Facts) error { _, err := t.changeTask(f, k, crowd[0], c); return err })
}

// applyFolded is apply as the Service does it after alerts were folded.
func (w *world) applyFolded(b Batch) {
	if err := carryOver(&b, func(i Incident) ([]Task, error) { return w.tasksOf(i.ID), nil }); err != nil {
		w.t.Fatal(err)
	}
	w.apply(b)
}

func (w *world) tasksOf(id string) (out []Task) {
	for _, k := range w.tasks {
		if k.Incident == id {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b Task) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// checkHands reads from the ledger alone who has which role, and which tasks
// are open, and holds that against what is stored.
func (w *world) checkHands() {
	w.t.Helper()
	roles, undone := map[string]Roles{}, map[string]int{}
	text := func(e Entry) string { _, s, _ := strings.Cut(e.Reason, ": "); s, _, _ = strings.Cut(s, " ("); return s }
	for _, e := range w.entries {
		switch e.Kind {
		case RoleGiven:
			for _, role := range AllRoles {
				if strings.Contains(e.Reason, string(role)) {
					has := roles[e.Incident]
					*has.at(role) = e.Person
					roles[e.Incident] = has
				}
			}
		case TaskAdded, TaskReopened:
			undone[text(e)]++
		case TaskDone:
			undone[text(e)]--
		}
	}
	for id, i := range w.incidents {
		if i.Roles != roles[id] {
			w.t.Fatalf("incident %d has the roles %+v; by its ledger it is %+v", i.Number, i.Roles, roles[id])
		}
	}
	for _, k := range w.tasks {
		want := 1
		if k.Done() {
			want = 0
		}
		if undone[k.Text] != want {
			w.t.Fatalf("%q is done: %t; by the ledger it is open %d times", k.Text, k.Done(), undone[k.Text])
		}
		if w.incidents[k.Incident].MergedInto != "" && !k.Done() {
			w.t.Fatalf("%q is open in an incident that is part of another one", k.Text)
		}
	}
}

// What cannot be is refused with what would be right, and changes nothing.
func TestRolesAndTasksAreRefusedWithAReason(t *testing.T) {
	now := time.Date(2027, 3, 1, 3, 0, 0, 0, time.UTC)
	ana, ben := crowd[0], crowd[1]
	running := Incident{ID: "i1", Number: 7, Tenant: "t", Severity: finding.Critical, Urgency: High, State: Acknowledged, Revision: 3, Roles: Roles{Commander: "ana"}}
	over := running
	over.State = Resolved
	full := make([]Task, maxTasks)
	yes, no := true, false
	added := func(tasks []Task, n NewTask) func(*turn, Facts) error {
		return func(t *turn, f Facts) error { _, err := t.addTask(f, tasks, "k1", ana, n); return err }
	}
	changed := func(c TaskChange) func(*turn, Facts) error {
		return func(t *turn, f Facts) error {
			_, err := t.changeTask(f, Task{ID: "k1", Owner: "ana", DoneAt: now, Text: "Look"}, ana, c)
			return err
		}
	}
	role := func(r Role, to By) func(*turn, Facts) error {
		return func(t *turn, f Facts) error { return t.giveRole(f, ana, r, to, "") }
	}
	for _, c := range []struct {
		i    Incident
		do   func(*turn, Facts) error
		want error
		says string
	}{
		{running, role("boss", ben), ErrInvalid, "commander, communications, scribe"},
		{running, role(Commander, ana), ErrState, "Ana is commander already"},
		{running, role(Scribe, By{}), ErrState, "nobody is scribe"},
		{over, role(Scribe, ben), ErrState, "resolved"},
		{over, added(nil, NewTask{Text: "Look"}), ErrState, "what was learnt"},
		{running, added(full, NewTask{Text: "Look"}), ErrState, "100 tasks"},
		{running, added(nil, NewTask{Text: " "}), ErrInvalid, "at least 2"},
		{running, added(nil, NewTask{Text: strings.Repeat("x", maxTask+1)}), ErrInvalid, "500 bytes"},
		{running, added(nil, NewTask{Text: "Look", DueAt: now}), ErrInvalid, "in the future"},
		{running, added(nil, NewTask{Text: "Look", DueAt: now.Add(maxDue + time.Hour)}), ErrInvalid, "90 days"},
		{running, changed(TaskChange{}), ErrInvalid, "nothing to change"},
		{running, changed(TaskChange{Done: &yes}), ErrState, "done already"},
		{running, changed(TaskChange{Owner: &ana}), ErrState, "so already"},
		{over, changed(TaskChange{Done: &no}), nil, ""},
	} {
		turn := begin(c.i, now)
		err := c.do(turn, Facts{Book: NewBook(people())})
		if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q is refused with %v", c.says, err)
		}
		if err != nil && (len(turn.Entries) > 0 || len(turn.Tasks) > 0 || turn.Incident != c.i) {
			t.Errorf("%q was refused and left something behind", c.says)
		}
	}
}

// Who gets a role from somebody else is told once, by what is no call; who
// takes it is not, and who cannot be told is named.
func TestWhoGetsARoleIsTold(t *testing.T) {
	now := time.Date(2027, 3, 1, 3, 0, 0, 0, time.UTC)
	i := Incident{ID: "i1", Number: 7, Tenant: "t", Severity: finding.Critical, Urgency: High, State: Acknowledged, Revision: 3}
	for _, c := range []struct {
		by, to By
		told   string // contact
		says   string
	}{
		{crowd[1], crowd[0], "c1", "Ben makes Ana scribe."},
		{crowd[0], crowd[0], "", "Ana is scribe now."},
		{crowd[0], crowd[1], "", "Ana makes Ben scribe. Ben could not be told: mail is not verified."},
	} {
		turn := begin(i, now)
		if err := turn.giveRole(Facts{Book: NewBook(people())}, c.by, Scribe, c.to, ""); err != nil {
			t.Fatal(err)
		}
		told := ""
		for _, m := range turn.Messages {
			told += m.Contact.ID
		}
		if told != c.told || turn.Entries[0].Reason != c.says || len(turn.Pages) > 0 {
			t.Errorf("told by %q, and the ledger says %q; want %q, %q", told, turn.Entries[0].Reason, c.told, c.says)
		}
	}
}
