package respond

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/access"
)

// Task is one thing that somebody has to do before an incident is over, or that
// should not be forgotten in the heat. It holds nothing up: a resolution only
// says what is still open.
type Task struct {
	ID       string    `json:"id"`
	Tenant   string    `json:"tenant"`
	Incident string    `json:"incident"`
	Text     string    `json:"text"`            // one line
	Owner    string    `json:"owner,omitempty"` // person (user id); empty: nobody yet
	AddedAt  time.Time `json:"addedAt"`
	AddedBy  string    `json:"addedBy"`         // name
	DueAt    time.Time `json:"dueAt,omitzero"`  // zero: as soon as somebody can
	DoneAt   time.Time `json:"doneAt,omitzero"` // zero while it is open
	DoneBy   string    `json:"doneBy,omitempty"`
}

// Done tells whether it is done.
func (k Task) Done() bool { return !k.DoneAt.IsZero() }

// Late tells whether it should have been done by now and is not.
func (k Task) Late(now time.Time) bool { return !k.Done() && !k.DueAt.IsZero() && k.DueAt.Before(now) }

const (
	// maxTasks bounds the tasks of one incident, done ones too.
	maxTasks = 100
	// maxTask bounds the text of one, in bytes.
	maxTask = 500
	// maxDue is how far ahead a task may be due.
	maxDue = 90 * 24 * time.Hour
)

// NewTask is what a person wants to be done.
type NewTask struct {
	Text  string
	Owner By        // zero: nobody yet
	DueAt time.Time // zero: as soon as somebody can
}

// TaskChange is what becomes of a task; what is nil stays.
type TaskChange struct {
	Done  *bool
	Owner *By // one without an id: nobody
}

// AddTask adds a task to an incident that is not over. The owner, where that is
// another person, is told.
func (s *Service) AddTask(ctx context.Context, actor access.Actor, tenant, id string, n NewTask, now time.Time) (k Task, err error) {
	_, err = s.act(ctx, actor, tenant, id, "incident.task", now, func(t *turn, f Facts) error {
		tasks, err := s.store.TasksOf(ctx, tenant, id)
		if err != nil {
			return err
		}
		k, err = t.addTask(f, tasks, newID(), by(actor), n)
		return err
	})
	return k, err
}

// ChangeTask says that a task is done, or not after all, or gives it to
// somebody. What is done stays so when the incident is over, and can be said
// then too.
func (s *Service) ChangeTask(ctx context.Context, actor access.Actor, tenant, id, task string, c TaskChange, now time.Time) (k Task, err error) {
	_, err = s.act(ctx, actor, tenant, id, "incident.task", now, func(t *turn, f Facts) error {
		tasks, err := s.store.TasksOf(ctx, tenant, id)
		if err != nil {
			return err
		}
		n := slices.IndexFunc(tasks, func(k Task) bool { return k.ID == task })
		if n < 0 {
			return fmt.Errorf("%w: task %s of incident %d", ErrNotFound, task, f.Incident.Number)
		}
		k, err = t.changeTask(f, tasks[n], by(actor), c)
		return err
	})
	return k, err
}

func (t *turn) addTask(f Facts, tasks []Task, id string, by By, n NewTask) (Task, error) {
	text, err := written("the task", n.Text, 2)
	switch {
	case err != nil:
		return Task{}, err
	case len(text) > maxTask:
		return Task{}, fmt.Errorf("%w: a task may have %d bytes at most; a note can be longer", ErrInvalid, maxTask)
	case t.Incident.MergedInto != "":
		return Task{}, fmt.Errorf("%w: it is part of another incident now; add the task there", ErrState)
	case t.Incident.State == Resolved:
		return Task{}, fmt.Errorf("%w: it is resolved already; what is left to do belongs to what was learnt", ErrState)
	case len(tasks) >= maxTasks:
		return Task{}, fmt.Errorf("%w: it has %d tasks, and may have no more", ErrState, maxTasks)
	case !n.DueAt.IsZero() && !n.DueAt.After(t.now):
		return Task{}, fmt.Errorf("%w: the time must be in the future", ErrInvalid)
	case n.DueAt.Sub(t.now) > maxDue:
		return Task{}, fmt.Errorf("%w: a task can be due 90 days ahead at most", ErrInvalid)
	}
	k := Task{ID: id, Tenant: t.Incident.Tenant, Incident: t.Incident.ID, Text: text, Owner: n.Owner.ID, AddedAt: t.now, AddedBy: by.Name, DueAt: n.DueAt}
	t.Tasks = append(t.Tasks, k)
	reason := "To do: " + text
	switch {
	case n.Owner.ID != "" && n.Owner.ID == by.ID:
		reason += " (by themselves)"
	case n.Owner.ID != "":
		reason += fmt.Sprintf(" (by %s)", n.Owner.Name)
	}
	if !n.DueAt.IsZero() {
		reason += ", until " + n.DueAt.UTC().Format("2006-01-02 15:04 UTC")
	}
	t.hand(f, TaskAdded, by, n.Owner, reason)
	return k, nil
}

func (t *turn) changeTask(f Facts, k Task, by By, c TaskChange) (Task, error) {
	done, owner := c.Done != nil && *c.Done != k.Done(), c.Owner != nil && c.Owner.ID != k.Owner
	switch {
	case c.Done == nil && c.Owner == nil:
		return Task{}, fmt.Errorf("%w: nothing to change was given", ErrInvalid)
	case done && !*c.Done && t.Incident.MergedInto != "":
		return Task{}, fmt.Errorf("%w: it is part of another incident now; add the task there", ErrState)
	case !done && c.Done != nil && *c.Done && !owner:
		return Task{}, fmt.Errorf("%w: it is done already", ErrState)
	case !done && !owner:
		return Task{}, fmt.Errorf("%w: it is so already", ErrState)
	}
	if owner {
		k.Owner = c.Owner.ID
		reason := fmt.Sprintf("%s gives a task to %s: %s", by.Name, c.Owner.Name, k.Text)
		switch c.Owner.ID {
		case "":
			reason = "Nobody has this task any more: " + k.Text
		case by.ID:
			reason = fmt.Sprintf("%s takes a task: %s", by.Name, k.Text)
		}
		t.hand(f, TaskGiven, by, *c.Owner, reason)
	}
	if done && *c.Done {
		k.DoneAt, k.DoneBy = t.now, by.Name
		t.note(TaskDone, by.Name, "Done: "+k.Text)
	} else if done {
		k.DoneAt, k.DoneBy = time.Time{}, ""
		t.note(TaskReopened, by.Name, "Not done after all: "+k.Text)
	}
	t.Tasks = append(t.Tasks, k)
	return k, nil
}

// unfinished writes down, beside a resolution, what is still to be done.
func (t *turn) unfinished(tasks []Task) {
	tasks = undone(tasks)
	if len(tasks) == 0 {
		return
	}
	reason := fmt.Sprintf("%d tasks are still open", len(tasks))
	if len(tasks) == 1 {
		reason = "One task is still open"
	}
	for n, k := range tasks {
		switch {
		case n == 0:
			reason += ": " + k.Text
		case n < 3:
			reason += "; " + k.Text
		case n == 3:
			reason += "; and more"
		}
	}
	t.note(Unfinished, system, reason)
}

// carry takes the open tasks of an incident that becomes part of another along.
func carry(from, into *turn, tasks []Task, by By) {
	for _, k := range undone(tasks) {
		k.Incident = into.Incident.ID
		into.Tasks = append(into.Tasks, k)
		into.note(TaskGiven, by.Name, fmt.Sprintf("A task comes along from incident %d: %s", from.Incident.Number, k.Text))
	}
}

// carryOver takes the open tasks along of incidents that became part of others
// because their cases became one. Such an incident is not resolved yet.
func carryOver(b *Batch, tasksOf func(Incident) ([]Task, error)) error {
	for _, d := range b.Decisions {
		at := inBatch(b, d.Incident.MergedInto)
		if d.Incident.State == Resolved || at < 0 {
			continue
		}
		for next := at; next >= 0; next = inBatch(b, b.Decisions[next].Incident.MergedInto) {
			at = next
		}
		tasks, err := tasksOf(d.Incident)
		if err != nil {
			return err
		}
		into := &turn{Decision: b.Decisions[at], now: b.Decisions[at].Incident.ChangedAt}
		carry(&turn{Decision: d}, into, tasks, By{Name: system})
		b.Decisions[at] = into.Decision
	}
	return nil
}

// inBatch is where a batch decides on an incident; below 0 where it does not.
func inBatch(b *Batch, id string) int {
	return slices.IndexFunc(b.Decisions, func(d Decision) bool { return id != "" && d.Incident.ID == id })
}

func undone(tasks []Task) []Task {
	return slices.DeleteFunc(slices.Clone(tasks), Task.Done)
}
