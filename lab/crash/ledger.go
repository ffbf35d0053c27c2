package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/prompb"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/lab"
)

// ledger is what Evenkeel has acknowledged, written down outside of it.
type ledger struct {
	mu       sync.Mutex
	open     []string                 // findings that nobody has answered yet
	tokens   map[string]bool          // names of tokens that were made
	answered map[string]finding.State // by finding
	fresh    map[string]bool          // keys of the last round, for the quick check

	sample time.Time // time of the last sample that was acknowledged
	round  int       // in which it was
}

func newLedger(open []string) *ledger {
	return &ledger{open: open, tokens: map[string]bool{}, answered: map[string]finding.State{}, fresh: map[string]bool{}}
}

// write loads Evenkeel from all sides and kills it while requests are under
// way, when load ends. It returns how much was acknowledged.
func (l *ledger) write(ctx, load context.Context, e *lab.Evenkeel, round int) (written, samples int, err error) {
	l.fresh = map[string]bool{}
	var states, sent atomic.Int64
	var wg sync.WaitGroup
	failed := make(chan error, 8)
	worker := func(job func(n int) error) {
		wg.Go(func() {
			for n := 0; load.Err() == nil; n++ {
				err := job(n)
				if errors.Is(err, lab.ErrRefused) {
					failed <- err // a refusal is a fault of the experiment or of Evenkeel; a broken connection is the kill
					return
				}
				if err != nil {
					return
				}
			}
		})
	}
	for w := range 3 {
		worker(func(n int) error {
			name := fmt.Sprintf("crash-%d-%d-%d", round, w, n)
			_, err := e.Do(ctx, http.MethodPost, "/api/v1/tokens", map[string]any{"name": name, "scopes": []string{"read"}})
			if err == nil {
				states.Add(1)
				l.note(func() { l.tokens[name], l.fresh["token "+name] = true, true })
			}
			return err
		})
	}
	for range 2 {
		worker(func(int) error { return l.answer(ctx, e, &states) })
	}
	worker(func(n int) error {
		at := time.Now()
		body, err := lab.EncodeWrite(sequence(round, at))
		if err != nil {
			return err
		}
		if err := e.Write(ctx, body); err != nil {
			return err
		}
		sent.Add(100)
		l.note(func() { l.sample, l.round = at, round })
		time.Sleep(20 * time.Millisecond)
		return nil
	})
	<-load.Done()
	if err := e.Kill(); err != nil {
		return 0, 0, err
	}
	wg.Wait()
	select {
	case err = <-failed:
	default:
	}
	return int(states.Load()), int(sent.Load()), err
}

func (l *ledger) note(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do()
}

// answer acknowledges or accepts the next open finding.
func (l *ledger) answer(ctx context.Context, e *lab.Evenkeel, states *atomic.Int64) error {
	var id string
	l.note(func() {
		if len(l.open) > 0 {
			id, l.open = l.open[0], l.open[1:]
		}
	})
	if id == "" {
		time.Sleep(10 * time.Millisecond)
		return nil
	}
	verb, state, body := "acknowledge", finding.Acknowledged, map[string]any{"note": "seen"}
	if id[len(id)-1]%2 == 0 {
		verb, state = "accept", finding.Accepted
		body = map[string]any{"until": time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339), "reason": "known; repaired tomorrow"}
	}
	if _, err := e.Do(ctx, http.MethodPost, "/api/v1/findings/"+id+"/"+verb, body); err != nil {
		return err
	}
	states.Add(1)
	l.note(func() { l.answered[id], l.fresh["finding "+id] = state, true })
	return nil
}

// sequence is 100 series with one sample each.
func sequence(round int, at time.Time) []prompb.TimeSeries {
	series := make([]prompb.TimeSeries, 100)
	for i := range series {
		series[i] = prompb.TimeSeries{
			Labels: []prompb.Label{{Name: "__name__", Value: "lab_crash_time_seconds"}, {Name: "round", Value: fmt.Sprint(round)},
				{Name: "series", Value: fmt.Sprint(i)}},
			Samples: []prompb.Sample{{Timestamp: at.UnixMilli(), Value: float64(at.UnixMilli()) / 1000}},
		}
	}
	return series
}

// check asks Evenkeel for what it has acknowledged: all of it, or what the
// last round wrote. Gap is how much of the samples before the kill is gone.
func (l *ledger) check(ctx context.Context, e *lab.Evenkeel, all bool) (lost []string, gap time.Duration, err error) {
	text, err := e.Do(ctx, http.MethodGet, "/api/v1/tokens", nil)
	if err != nil {
		return nil, 0, err
	}
	var made struct {
		Tokens []struct {
			Name string `json:"name"`
		} `json:"tokens"`
	}
	if err := json.Unmarshal(text, &made); err != nil {
		return nil, 0, fmt.Errorf("list of tokens: %w", err)
	}
	there := make(map[string]bool, len(made.Tokens))
	for _, t := range made.Tokens {
		there[t.Name] = true
	}
	for name := range l.tokens {
		if !there[name] {
			lost = append(lost, "token "+name)
		}
	}
	for id, want := range l.answered {
		if !all && !l.fresh["finding "+id] {
			continue
		}
		text, err := e.Do(ctx, http.MethodGet, "/api/v1/findings/"+id, nil)
		if err != nil {
			return lost, 0, err
		}
		var got finding.Finding
		if err := json.Unmarshal(text, &got); err != nil {
			return lost, 0, fmt.Errorf("finding %s: %w", id, err)
		}
		if got.State != want {
			lost = append(lost, fmt.Sprintf("finding %s is %s, was acknowledged as %s", id, got.State, want))
		}
	}
	if l.sample.IsZero() {
		return lost, 0, nil
	}
	query := fmt.Sprintf(`min(max by (series) (max_over_time(lab_crash_time_seconds{round="%d"}[10m])))`, l.round)
	values, err := e.Query(ctx, query)
	if err != nil {
		return lost, 0, err
	}
	newest, ok := values["map[]"]
	if !ok {
		return append(lost, fmt.Sprintf("every sample of round %d", l.round)), 0, nil
	}
	gap = l.sample.Sub(time.UnixMilli(int64(newest * 1000)))
	return lost, max(0, gap), nil
}
