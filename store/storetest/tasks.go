package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/respond"
)

// respondTasks stores roles and tasks with the decision that they come of, or
// not at all, lets a task go along to another incident, and removes it with its
// incident.
func respondTasks(t *testing.T, s Store) {
	ctx := t.Context()
	check(t, s.ApplyResponse(ctx, opened(1)))
	check(t, s.ApplyResponse(ctx, opened(2)))
	i, err := s.Incident(ctx, "t", "i001")
	check(t, err)
	i.Revision++
	i.Roles, i.Finding = respond.Roles{Commander: "ana", Scribe: "ben"}, "f1"
	early := respond.Task{ID: "k1", Tenant: "t", Incident: "i001", Text: "Ask the bank \u00fc", Owner: "ben", AddedAt: t0, AddedBy: "Ana", DueAt: t0.Add(time.Hour)}
	late := respond.Task{ID: "k2", Tenant: "t", Incident: "i001", Text: "Stop it", AddedAt: t0.Add(time.Minute), AddedBy: "Ana"}
	check(t, s.ApplyResponse(ctx, respond.Batch{Decisions: []respond.Decision{{Incident: i, Tasks: []respond.Task{late, early}}}}))
	of := func(tenant, incident string) []respond.Task {
		t.Helper()
		list, err := s.TasksOf(ctx, tenant, incident)
		check(t, err)
		return list
	}
	if diff := cmp.Diff([]respond.Task{early, late}, of("t", "i001")); diff != "" {
		t.Errorf("tasks (-stored +read):\n%s", diff)
	}
	if got, err := s.Incident(ctx, "t", "i001"); err != nil || got.Roles != i.Roles || got.Finding != "f1" {
		t.Errorf("the roles read back are %+v, %v", got.Roles, err)
	}
	if list := of("other", "i001"); len(list) > 0 {
		t.Errorf("another tenant's tasks: %v", list)
	}
	done := early
	done.DoneAt, done.DoneBy = t0.Add(time.Minute), "Ben"
	if err := s.ApplyResponse(ctx, respond.Batch{Decisions: []respond.Decision{{Incident: i, Tasks: []respond.Task{done}}}}); !errors.Is(err, respond.ErrConflict) {
		t.Errorf("a decision on an old revision: %v", err)
	}
	if list := of("t", "i001"); list[0].Done() {
		t.Error("a part of a refused decision was stored")
	}
	into, err := s.Incident(ctx, "t", "i002")
	check(t, err)
	into.Revision++
	late.Incident = "i002"
	check(t, s.ApplyResponse(ctx, respond.Batch{Decisions: []respond.Decision{{Incident: into, Tasks: []respond.Task{late}}}}))
	if a, b := of("t", "i001"), of("t", "i002"); len(a) != 1 || len(b) != 1 || b[0].ID != "k2" {
		t.Errorf("after one went along: %v and %v", a, b)
	}
	i.State, i.ResolvedAt, i.WakeAt = respond.Resolved, t0, time.Time{}
	i.Revision++
	check(t, s.ApplyResponse(ctx, respond.Batch{Decisions: []respond.Decision{{Incident: i}}}))
	_, err = s.PruneResponse(ctx, t0.Add(time.Second))
	check(t, err)
	if a, b := of("t", "i001"), of("t", "i002"); len(a) != 0 || len(b) != 1 {
		t.Errorf("after pruning: %v and %v", a, b)
	}
}
