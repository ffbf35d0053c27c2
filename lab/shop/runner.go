package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/lab"
	"github.com/evenkeel/evenkeel/respond"
)

// pace is how long the run waits for what.
type pace struct{ learn, settle, hold, after time.Duration }

// beforeSpan is how long a fault's customers are compared with, and warmUp how
// long the shop may take to feel it. What it answers while it opens, for opening,
// is not ordinary, and would be a good part of what so short a history knows.
const (
	beforeSpan = 20 * time.Second
	warmUp     = 5 * time.Second
	opening    = 30 * time.Second
)

// scene is what a fault plays on.
type scene struct {
	*bed
	ctx       context.Context
	customers *customers
}

// runner makes faults in one shop, one after another. Each has an Evenkeel of
// its own: an objective that burns goes on burning for minutes after its fault
// is over, and would hide the symptom of the next. All of them begin with what
// one has learned from ordinary traffic.
type runner struct {
	scene    *scene
	learned  string // data folder of the one that has learned
	config   string // of Evenkeel
	shots    string // folder for pictures of cases; empty for none
	keep     string // folder for the data folders of all faults; empty for none
	pace     pace
	progress io.Writer
	start    time.Time
}

// newRunner builds Evenkeel and starts the shop with its customers; declare
// tells Evenkeel what needs what. The caller closes the stage, also after an
// error.
func newRunner(ctx context.Context, stage *lab.Stage, program string, declare bool, p pace, progress io.Writer) (*runner, error) {
	r := &runner{pace: p, progress: progress, start: time.Now()}
	if err := stage.BuildEvenkeel(program); err != nil {
		return nil, err
	}
	b, err := open(ctx, stage)
	if err != nil {
		return nil, err
	}
	for _, w := range b.without {
		r.say("without %s", w)
	}
	r.scene = &scene{bed: b, ctx: ctx, customers: newCustomers()}
	go r.scene.customers.come(ctx)
	pager, err := r.answerPages()
	if err != nil {
		return nil, err
	}
	r.config = b.config() + paging(pager)
	if declare {
		edges, err := b.edges()
		if err != nil {
			return nil, err
		}
		r.config += edges
	}
	r.say("the shop is open")
	return r, nil
}

// paging is the part of Evenkeel's configuration that makes incidents of
// findings, and pages of incidents.
func paging(url string) string {
	return fmt.Sprintf(`respond:
  policies:
  - {id: default, rounds: 1, steps: [{notify: [{kind: channel, id: room}], wait: 30m}]}
  contacts:
  - {id: room, name: "the shop's people", channel: webhook, address: %q}
notify: {network: {allow_loopback: true}}
`, url)
}

// answerPages takes pages, as people's tool would.
func (r *runner) answerPages() (address string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, io.LimitReader(q.Body, 1<<20)) // Evenkeel counts its pages itself
	})}
	go s.Serve(l) // ends with the stage
	r.scene.Undo("stop taking pages", s.Close)
	return "http://" + l.Addr().String() + "/", nil
}

func (r *runner) say(format string, args ...any) {
	fmt.Fprintf(r.progress, "%5.0f s  %s\n", time.Since(r.start).Seconds(), fmt.Sprintf(format, args...))
}

// warm asks for what customers ask most, so that the shop's first minutes, in
// which its cache is empty, are not taken for what is usual.
func warm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for id := range mostPopular {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/items/%d", frontAt, id+1), nil)
		if err != nil {
			return err
		}
		a, err := http.DefaultClient.Do(q)
		if err != nil {
			return err
		}
		a.Body.Close()
	}
	return nil
}

// learn lets an Evenkeel see ordinary traffic, and ends it: what it has learned
// is in its data folder.
func (r *runner) learn(ctx context.Context) (err error) {
	if err := warm(ctx); err != nil {
		return fmt.Errorf("fill the cache: %w", err)
	}
	wait(ctx, opening)
	own := r.scene.Part()
	defer func() { err = errors.Join(err, own.Close()) }()
	e, err := own.StartEvenkeel(ctx, lab.Options{Name: "evenkeel-learns", Config: r.config})
	if err != nil {
		return err
	}
	r.learned = e.Data
	wait(ctx, r.pace.learn)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.say("what is usual has been learned for %s", r.pace.learn)
	// Figures are left out: counters would seem to have risen all at once by
	// what happened in between.
	return errors.Join(e.Stop(20*time.Second), os.RemoveAll(filepath.Join(r.learned, "metrics")))
}

// run makes each fault and returns what came of it, also with an error what
// came of those before.
func (r *runner) run(ctx context.Context, chosen []fault) (results []outcome, err error) {
	if err := r.learn(ctx); err != nil {
		return nil, err
	}
	var next *watcher
	defer func() {
		if next != nil {
			err = errors.Join(err, next.own.Close())
		}
	}()
	for n, f := range chosen {
		w := next
		if next = nil; w == nil {
			if w, err = r.watcher(ctx, f); err != nil {
				return results, fmt.Errorf("%s: %w", f.name, err)
			}
		}
		o, err := r.play(ctx, f, w, func() error {
			if n+1 == len(chosen) || next != nil {
				return nil
			}
			next, err = r.watcher(ctx, chosen[n+1])
			return err
		})
		if err != nil {
			return results, fmt.Errorf("%s: %w", f.name, err)
		}
		results = append(results, o)
	}
	return results, nil
}

// watcher is the Evenkeel that watches one fault.
type watcher struct {
	*lab.Evenkeel
	own   *lab.Stage // ends it
	began time.Time
}

// watcher starts the Evenkeel of a fault, with what was learned.
func (r *runner) watcher(ctx context.Context, f fault) (*watcher, error) {
	own := r.scene.Part()
	data := r.scene.file("evenkeel-" + f.name + "-data")
	if err := os.CopyFS(data, os.DirFS(r.learned)); err != nil {
		return nil, errors.Join(fmt.Errorf("copy what was learned: %w", err), own.Close())
	}
	e, err := own.StartEvenkeel(ctx, lab.Options{Name: "evenkeel-" + f.name, Config: r.config, Data: data})
	if err != nil {
		return nil, errors.Join(err, own.Close())
	}
	return &watcher{e, own, time.Now()}, nil
}

// aftermath is how long after a fault's end the shop is taken to be itself
// again. Then the Evenkeel of the next fault begins to look, beside the one that
// is watched until all is resolved.
const aftermath = time.Minute

// play makes one fault and watches it from before its beginning to after its
// end. It calls ready when the next one may be prepared.
func (r *runner) play(ctx context.Context, f fault, e *watcher, ready func() error) (out outcome, err error) {
	if r.keep != "" {
		defer func() { err = errors.Join(err, r.keepData(f.name, e.Data)) }()
	}
	defer func() { err = errors.Join(err, e.own.Close()) }()
	cannot := func(why error) (outcome, error) {
		r.say("%s: %v", f.name, why)
		return outcome{Fault: f.name, What: f.what, Control: f.control(), Verdict: notMade, Cannot: why.Error()}, nil
	}
	if len(f.tools) > 0 {
		if err := lab.NeedTools(f.tools...); err != nil {
			return cannot(err)
		}
	}
	seen := observed{findings: sightings{}, standing: map[string]bool{}}
	watch := func(until time.Time, enough func() bool) error {
		for time.Now().Before(until) && !enough() {
			list, err := e.Findings(ctx, r.start)
			if err != nil {
				return err
			}
			seen.findings.see(list, time.Now())
			wait(ctx, 500*time.Millisecond)
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		return nil
	}
	never := func() bool { return false }
	if err := watch(e.began.Add(r.pace.settle), never); err != nil {
		return out, err
	}
	seen.before = r.scene.customers.take(time.Now().Add(-beforeSpan))
	for id, s := range seen.findings {
		if s.gone.IsZero() {
			seen.standing[id] = true
			r.say("%s: already open: %s", f.name, s.Title)
		} else {
			delete(seen.findings, id)
		}
	}

	part := r.scene.Part()
	defer func() { err = errors.Join(err, part.Close()) }()
	seen.began = time.Now()
	r.say("%s: begins: %s", f.name, f.what)
	if err := f.begin(r.scene, part); err != nil {
		return cannot(err)
	}
	if err := watch(seen.began.Add(time.Duration(max(1, f.slow))*r.pace.hold), never); err != nil {
		return out, err
	}
	seen.whole = r.scene.customers.take(seen.began)
	if err := ask(ctx, e.Evenkeel, &seen); err != nil {
		return out, err
	}
	if err := r.shoot(ctx, e.Evenkeel, f.name, seen.cases); err != nil {
		return out, fmt.Errorf("pictures of the case: %w", err)
	}
	if err := part.Close(); err != nil {
		return out, fmt.Errorf("the fault could not be ended: %w", err)
	}
	seen.ended = time.Now()
	recovered := func() bool { return time.Since(seen.ended) > 10*time.Second && seen.findings.quiet(seen.standing) }
	until := seen.ended.Add(r.pace.after)
	if err := watch(seen.ended.Add(min(aftermath, r.pace.after)), recovered); err != nil {
		return out, err
	}
	if err := ready(); err != nil {
		return out, fmt.Errorf("prepare the next one: %w", err)
	}
	if err := watch(until, recovered); err != nil {
		return out, err
	}
	if err := ask(ctx, e.Evenkeel, &seen); err != nil {
		return out, err
	}
	out = judge(f, seen)
	r.say("%s: %s; felt: %s; detected after %s: %s", f.name, out.Verdict, out.Consequence, seconds(out.Detected, "-"), out.Said)
	for _, thought := range out.Thought {
		r.say("%s: thought: %s", f.name, thought)
	}
	for _, other := range out.Others {
		r.say("%s: also: %s", f.name, other)
	}
	return out, nil
}

// keepData copies a data folder with its configuration to where it is kept.
func (r *runner) keepData(fault, data string) error {
	to := filepath.Join(r.keep, fault)
	if err := os.CopyFS(to, os.DirFS(data)); err != nil {
		return fmt.Errorf("keep what Evenkeel has seen: %w", err)
	}
	return os.WriteFile(filepath.Join(r.keep, fault+".yaml"), []byte(r.config), 0o600)
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

// ask takes in the incidents that were opened since the fault began and, while
// it goes on, the cases.
func ask(ctx context.Context, e *lab.Evenkeel, seen *observed) error {
	text, err := e.Do(ctx, http.MethodGet, "/api/v1/incidents?limit=200", nil)
	if err != nil {
		return err
	}
	var page respond.IncidentPage
	if err := json.Unmarshal(text, &page); err != nil {
		return fmt.Errorf("the list of incidents: %w", err)
	}
	seen.pages = 0
	for _, i := range page.Incidents {
		if !i.OpenedAt.Before(seen.began) {
			seen.pages += i.Paged
		}
	}
	if !seen.ended.IsZero() {
		return nil // what was thought of it while it went on is what counts
	}
	text, err = e.Do(ctx, http.MethodGet, "/api/v1/cases?limit=200", nil)
	if err != nil {
		return err
	}
	var list cases.Page
	if err := json.Unmarshal(text, &list); err != nil {
		return fmt.Errorf("the list of cases: %w", err)
	}
	for _, c := range list.Cases {
		if touched(c, seen.began) {
			seen.cases = append(seen.cases, c)
		}
	}
	return nil
}
