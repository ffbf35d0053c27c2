package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/lab"
)

// pace is how long the run waits for what.
type pace struct{ settle, calm, hold, after time.Duration }

// runner makes faults on one scene, one after another, beside one Evenkeel,
// as they would happen to one machine over a bad day.
type runner struct {
	scene    *scene
	program  string // a built evenkeel; empty: build it
	pace     pace
	progress io.Writer
	acts     []act
	start    time.Time
	camera   *camera // nil where no pictures are wanted
}

// act is a fault whose service is up.
type act struct {
	fault
	begin  func(part *lab.Stage) error
	cannot error // why it cannot be made here
}

// newRunner builds the scene with the services of all faults. The caller
// closes the scene, also after an error of run.
func newRunner(chosen []fault, program string, p pace, progress io.Writer) (*runner, error) {
	stage, err := lab.NewStage("faults")
	if err != nil {
		return nil, err
	}
	r := &runner{scene: &scene{Stage: stage}, program: program, pace: p, progress: progress, start: time.Now()}
	err = stage.BuildActor()
	for _, f := range chosen {
		if err != nil {
			break
		}
		a := act{fault: f}
		a.cannot = lab.NeedTools(f.tools...)
		if a.cannot == nil {
			a.begin, a.cannot = f.prepare(r.scene)
		}
		if a.cannot != nil && !errors.Is(a.cannot, lab.ErrCannot) {
			err = fmt.Errorf("prepare %s: %w", f.name, a.cannot)
		}
		r.acts = append(r.acts, a)
	}
	if err != nil {
		return nil, errors.Join(err, stage.Close())
	}
	return r, nil
}

func (r *runner) say(format string, args ...any) {
	fmt.Fprintf(r.progress, "%5.0f s  %s\n", time.Since(r.start).Seconds(), fmt.Sprintf(format, args...))
}

// rehearse makes each fault for a while without Evenkeel.
func (r *runner) rehearse(ctx context.Context) error {
	for _, a := range r.acts {
		if a.cannot != nil {
			r.say("%s: %v", a.name, a.cannot)
			continue
		}
		part := r.scene.Part()
		r.say("%s: %s", a.name, a.what)
		err := a.begin(part)
		if err == nil {
			wait(ctx, r.pace.hold)
		}
		if err = errors.Join(err, part.Close(), ctx.Err()); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	return nil
}

// run makes each fault and returns what came of it.
func (r *runner) run(ctx context.Context) ([]outcome, error) {
	if err := r.scene.BuildEvenkeel(r.program); err != nil {
		return nil, err
	}
	e, err := r.scene.StartEvenkeel(ctx, lab.Options{Config: r.scene.config()})
	if err != nil {
		return nil, err
	}
	r.say("evenkeel is ready after %d ms; %s of quiet", e.Ready.Milliseconds(), r.pace.settle)
	wait(ctx, r.pace.settle)
	var results []outcome
	for _, a := range r.acts {
		if a.cannot != nil {
			results = append(results, outcome{Fault: a.name, What: a.what, Cannot: a.cannot.Error()})
			continue
		}
		o, err := r.play(ctx, e, a)
		if err != nil {
			return results, fmt.Errorf("%s: %w", a.name, err)
		}
		results = append(results, o)
	}
	return results, nil
}

// play makes one fault and watches it from its beginning to after its end.
func (r *runner) play(ctx context.Context, e *lab.Evenkeel, a act) (o outcome, err error) {
	all := sightings{}
	began := time.Now()
	watch := func(until time.Time, enough func() bool) error {
		for time.Now().Before(until) && !enough() {
			list, err := e.Findings(ctx, began.Add(-time.Second))
			if err != nil {
				return err
			}
			all.see(list, time.Now())
			wait(ctx, 500*time.Millisecond)
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		return nil
	}
	never := func() bool { return false }
	if err := watch(time.Now().Add(time.Second), never); err != nil {
		return o, err
	}
	// What is left of the fault before, or is wrong on this machine by itself,
	// gets a while to end, so that it is not taken for this fault.
	quiet := func() bool { return all.quiet(nil) }
	if err := watch(time.Now().Add(r.pace.calm), quiet); err != nil {
		return o, err
	}
	for id, s := range all {
		if !s.gone.IsZero() {
			delete(all, id)
		}
	}
	standing := map[string]bool{}
	for id, s := range all {
		standing[id] = true
		r.say("%s: already open: %s", a.name, s.Title)
	}

	part := r.scene.Part()
	defer func() { err = errors.Join(err, part.Close()) }()
	began = time.Now()
	r.say("%s: begins: %s", a.name, a.what)
	if err := a.begin(part); err != nil {
		return o, err
	}
	if err := watch(began.Add(foundWithin+15*time.Second), func() bool { return all.about(a.fault) != nil }); err != nil {
		return o, err
	}
	if err := watch(time.Now().Add(r.pace.hold), never); err != nil {
		return o, err
	}
	if hit := all.about(a.fault); hit != nil {
		r.say("%s: found after %.0f s: %s %v", a.name, hit.live.Sub(began).Seconds(), hit.Title, culprits(hit.Finding))
		if r.camera != nil {
			if err := r.camera.take(ctx, e, a.name, hit.Finding); err != nil {
				return o, fmt.Errorf("take pictures: %w", err)
			}
		}
	} else {
		r.say("%s: not found", a.name)
	}

	if err := part.Close(); err != nil {
		return o, fmt.Errorf("the fault could not be ended: %w", err)
	}
	ended := time.Now()
	quiet = func() bool { return all.quiet(standing) }
	if err := watch(ended.Add(resolvedWithin+15*time.Second), quiet); err != nil {
		return o, err
	}
	if err := watch(time.Now().Add(r.pace.after), never); err != nil {
		return o, err
	}
	o = judge(a.fault, all, standing, began, ended)
	r.say("%s: ended; resolved after %s; %d findings; %v", a.name, seconds(o.Resolved), o.Raised, o.Missed)
	return o, nil
}

// quiet tells whether all that was seen is resolved, but for those that are
// passed over.
func (all sightings) quiet(passed map[string]bool) bool {
	for id, s := range all {
		if s.gone.IsZero() && !passed[id] {
			return false
		}
	}
	return true
}

func culprits(f finding.Finding) (names []string) {
	for _, c := range f.Culprits {
		names = append(names, c.Name)
	}
	return names
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
