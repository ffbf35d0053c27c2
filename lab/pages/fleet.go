package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/lab"
)

const secret = "a secret of the laboratory"

// config pages two rooms, one after the other, for each alert by its name.
const config = `
log_level: error
discover_probes: false
%s
notify: {network: {allow_loopback: true}}
respond:
  storm_limit: 1000
  policies:
  - {id: default, rounds: 2, steps: [{wait: 1m, notify: [{kind: channel, id: one}]}, {wait: 1m, notify: [{kind: channel, id: two}]}]}
  contacts:
  - {id: one, channel: webhook, address: "%[2]s/one"}
  - {id: two, channel: webhook, address: "%[2]s/two"}
  integrations: [{id: lab, dialect: alertmanager, secret: "env:LAB_PAGES_SECRET"}]
`

// takeover is how long nobody may work after a kill.
const takeover = time.Minute

// fleet is one Evenkeel, or two on one database.
type fleet struct {
	stage   *lab.Stage
	members []*member
}

// member is a place in which one process runs after another.
type member struct {
	options lab.Options
	mu      sync.Mutex
	part    *lab.Stage
	now     *lab.Evenkeel
}

func newFleet(stage *lab.Stage, o options, receiver string) (*fleet, error) {
	if err := os.Setenv("LAB_PAGES_SECRET", secret); err != nil {
		return nil, err
	}
	f := &fleet{stage: stage}
	store, count := "", 1
	if o.replicas {
		store, count = fmt.Sprintf("store: {dsn: %q, standby: true}", o.dsn), 2
	}
	for n := range count {
		listen, err := lab.FreePort()
		if err != nil {
			return nil, err
		}
		f.members = append(f.members, &member{options: lab.Options{Name: "evenkeel-" + strconv.Itoa(n), Listen: listen,
			Config: fmt.Sprintf(config, store, receiver), Token: "lab-pages", Standby: o.replicas}})
	}
	return f, nil
}

func (f *fleet) start(ctx context.Context) error {
	for _, m := range f.members {
		if err := m.start(ctx, f.stage); err != nil {
			return err
		}
	}
	return nil
}

// start begins the next process, and waits until it works or stands by.
func (m *member) start(ctx context.Context, stage *lab.Stage) error {
	part := stage.Part()
	e, err := part.StartEvenkeel(ctx, m.options)
	if err != nil {
		return errors.Join(err, part.Close())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.part, m.now = part, e
	return nil
}

func (m *member) running() *lab.Evenkeel {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// kill ends the process at once.
func (m *member) kill() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.part.Close()
}

// working waits for the member that works.
func (f *fleet) working(ctx context.Context) (*member, error) {
	for deadline := time.Now().Add(takeover); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		for _, m := range f.members {
			if m.running().Working(ctx) {
				return m, nil
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return nil, fmt.Errorf("nobody has taken over within %s", takeover)
}

// kill kills whoever works, again and again, and starts it anew; with replicas
// the other one takes over meanwhile.
func (f *fleet) kill(ctx context.Context, o options, r *report) error {
	for r.kills < o.kills {
		m, err := f.working(ctx)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(o.least + rand.N(max(1, o.most-o.least))):
		}
		ended := []*member{m}
		if len(f.members) > 1 && rand.IntN(10) == 0 {
			ended = f.members
			r.both++
		}
		for _, m := range ended {
			if err := m.kill(); err != nil {
				return err
			}
		}
		began := time.Now()
		r.kills++
		failed := make(chan error, len(ended))
		for _, m := range ended {
			go func() { failed <- m.start(ctx, f.stage) }()
		}
		if _, err := f.working(ctx); err != nil {
			return err
		}
		r.pauses = append(r.pauses, time.Since(began))
		for range ended {
			if err := <-failed; err != nil {
				return err
			}
		}
		if r.kills%20 == 0 {
			fmt.Fprintf(o.progress, "%d kills; at work again after %s\n", r.kills, r.pauses[len(r.pauses)-1].Round(time.Millisecond))
		}
	}
	return nil
}
