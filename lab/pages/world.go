package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/lab"
	"github.com/evenkeel/evenkeel/respond"
)

const (
	// rules is how many alerts there are; each makes incidents of its own.
	rules = 1000
)

// world is everybody who has to do with Evenkeel, and what was acknowledged to
// them.
type world struct {
	fleet  *fleet
	client *http.Client

	mu      sync.Mutex
	alerts  map[string]bool  // by name
	answers map[string]int64 // the revision of each incident that somebody answered
}

func newWorld(f *fleet) *world {
	return &world{fleet: f, client: &http.Client{Timeout: 10 * time.Second}, alerts: map[string]bool{}, answers: map[string]int64{}}
}

// begin lets alerts come and people answer until stop is called.
func (w *world) begin(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		for ctx.Err() == nil {
			w.send(ctx)
			time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
		}
	})
	running.Go(func() {
		for ctx.Err() == nil {
			w.answer(ctx)
			time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
		}
	})
	return func() { cancel(); running.Wait() }
}

// send sends a batch to each member, as Prometheus does with Alertmanagers. What
// one of them has acknowledged is written down.
func (w *world) send(ctx context.Context) {
	type alert struct {
		Labels   map[string]string `json:"labels"`
		StartsAt time.Time         `json:"startsAt"`
		EndsAt   time.Time         `json:"endsAt"`
	}
	var batch []alert
	var firing []string
	now := time.Now()
	for range 1 + rand.IntN(4) {
		name := fmt.Sprintf("Rule%d", rand.IntN(rules))
		a := alert{Labels: map[string]string{"alertname": name, "severity": "critical", "job": "node"}, StartsAt: now.Add(-time.Minute), EndsAt: now.Add(time.Hour)}
		if rand.IntN(3) == 0 {
			a.EndsAt = now
		} else {
			firing = append(firing, name)
		}
		batch = append(batch, a)
	}
	body, err := json.Marshal(batch)
	if err != nil {
		panic(err) // texts and times always can be
	}
	for _, m := range w.fleet.members {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.running().URL+"/alertmanager/api/v2/alerts", bytes.NewReader(body))
		if err != nil {
			continue
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+secret)
		resp, err := w.client.Do(r)
		if err != nil {
			continue // it is not there, or is killed just now
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			continue // it stands by, or asks to come again
		}
		w.mu.Lock()
		for _, name := range firing {
			w.alerts[name] = true
		}
		w.mu.Unlock()
	}
}

// answer lets a person take up or resolve one of the newest incidents.
func (w *world) answer(ctx context.Context) {
	for _, m := range w.fleet.members {
		e := m.running()
		list, err := incidents(ctx, e, "state=triggered&limit=20")
		if err != nil || len(list.Incidents) == 0 {
			continue
		}
		i := list.Incidents[rand.IntN(len(list.Incidents))]
		verb := "acknowledge"
		if rand.IntN(2) == 0 {
			verb = "resolve"
		}
		text, err := e.Do(ctx, http.MethodPost, "/api/v1/incidents/"+i.ID+"/"+verb, map[string]any{})
		if err != nil || json.Unmarshal(text, &i) != nil {
			continue
		}
		w.mu.Lock()
		w.answers[i.ID] = max(w.answers[i.ID], i.Revision)
		w.mu.Unlock()
	}
}

func incidents(ctx context.Context, e *lab.Evenkeel, query string) (page respond.IncidentPage, err error) {
	text, err := e.Do(ctx, http.MethodGet, "/api/v1/incidents?"+query, nil)
	if err == nil {
		err = json.Unmarshal(text, &page)
	}
	return page, err
}

// settleWithin bounds the wait for what is on its way: a lease, and the tries
// after it.
const settleWithin = 10 * time.Minute

// settle waits until no message is due or on its way.
func (w *world) settle(ctx context.Context, progress io.Writer) error {
	var r respond.Report
	for deadline := time.Now().Add(settleWithin); time.Now().Before(deadline); time.Sleep(time.Second) {
		m, err := w.fleet.working(ctx)
		if err != nil {
			return err
		}
		text, err := m.running().Do(ctx, http.MethodGet, "/api/v1/ledger/report", nil)
		if err != nil {
			return err
		}
		r = respond.Report{}
		if err := json.Unmarshal(text, &r); err != nil {
			return err
		}
		if r.Messages[respond.Due]+r.Messages[respond.Sending] == 0 && r.Incidents[respond.Triggered] == 0 {
			return nil
		}
		if err := w.takeUpAll(ctx, m.running()); err != nil {
			return err
		}
		fmt.Fprintf(progress, "waiting for what is on its way: %v\n", r.Messages)
	}
	return fmt.Errorf("after %s messages are still on their way: %v", settleWithin, r.Messages)
}

// takeUpAll acknowledges what nobody has taken up, so that the run has an end.
func (w *world) takeUpAll(ctx context.Context, e *lab.Evenkeel) error {
	for {
		list, err := incidents(ctx, e, "state=triggered&limit=200")
		if err != nil || len(list.Incidents) == 0 {
			return err
		}
		for _, i := range list.Incidents {
			if _, err := e.Do(ctx, http.MethodPost, "/api/v1/incidents/"+i.ID+"/acknowledge", map[string]any{}); err != nil && !errors.Is(err, lab.ErrRefused) {
				return err
			}
		}
	}
}
