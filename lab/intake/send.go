package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/lab"
)

const (
	perRequest = 64 // alerts that Prometheus puts into one request
	rules      = 50 // alerting rules that fire
	summary    = "The disk of web will be full in four hours."
)

// batches are bodies of distinct alerts, as a few rules on many hosts make
// them.
func batches(from, count int, now time.Time) [][]byte {
	type alert struct {
		Labels       map[string]string `json:"labels"`
		Annotations  map[string]string `json:"annotations"`
		StartsAt     time.Time         `json:"startsAt"`
		EndsAt       time.Time         `json:"endsAt"`
		GeneratorURL string            `json:"generatorURL"`
	}
	var out [][]byte
	for n := 0; n < count; n += perRequest {
		var list []alert
		for i := from + n; i < from+min(count, n+perRequest); i++ {
			list = append(list, alert{
				Labels: map[string]string{"alertname": fmt.Sprintf("Rule%d", i%rules), "instance": fmt.Sprintf("web-%d.example.org:9100", i),
					"job": "node", "severity": "critical", "cluster": "eu-1", "namespace": "shop"},
				Annotations: map[string]string{"summary": summary,
					"description": "Filesystem /var on web has 3 % left and loses 200 MB a minute.", "runbook_url": "https://wiki.example.org/disk"},
				StartsAt: now.Add(-time.Minute), EndsAt: now.Add(30 * time.Minute), GeneratorURL: "http://prometheus:9090/graph?g0.expr=predict_linear"})
		}
		body, err := json.Marshal(list)
		if err != nil {
			panic(err) // texts and times always can be
		}
		out = append(out, body)
	}
	return out
}

// measured is what a round of sending took.
type measured struct {
	rate float64 // alerts a second
	p99  time.Duration
	busy int // answers of 503, after which the same was sent again
}

var client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// send sends all bodies from several connections and returns when all are
// acknowledged.
func (s server) send(ctx context.Context, bodies [][]byte, alerts, connections int) (m measured, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var took []time.Duration
	next := make(chan []byte)
	var wg sync.WaitGroup
	began := time.Now()
	for range connections {
		wg.Go(func() {
			for body := range next {
				start := time.Now()
				busy, err := s.post(ctx, body)
				if err != nil {
					cancel(err)
				}
				mu.Lock()
				took = append(took, time.Since(start))
				m.busy += busy
				mu.Unlock()
			}
		})
	}
	for _, body := range bodies {
		next <- body
	}
	close(next)
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return m, err
	}
	slices.Sort(took)
	m.rate, m.p99 = float64(alerts)/time.Since(began).Seconds(), took[len(took)*99/100]
	return m, nil
}

// post sends one body until it is acknowledged.
func (s server) post(ctx context.Context, body []byte) (busy int, err error) {
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
		if err != nil {
			return busy, err
		}
		r.Header.Set("Content-Type", "application/json")
		if s.secret != "" {
			r.Header.Set("Authorization", "Bearer "+s.secret)
		}
		answer, err := client.Do(r)
		if err != nil {
			return busy, err
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		switch {
		case err != nil:
			return busy, err
		case answer.StatusCode == http.StatusOK:
			return busy, nil
		case answer.StatusCode == http.StatusServiceUnavailable && busy < 1000:
			busy++
			time.Sleep(50 * time.Millisecond)
		default:
			return busy, fmt.Errorf("%s: %s: %.200s", s.url, answer.Status, text)
		}
	}
}

// await waits until the server takes an empty list.
func (s server) await(ctx context.Context) error {
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		_, err := s.post(ctx, []byte("[]"))
		if err == nil || time.Since(began) > time.Minute || ctx.Err() != nil {
			return err
		}
	}
}

// highest samples the memory of a process until the returned function is
// called, which returns the highest.
func (s server) highest() func() (int64, error) {
	stop, done := make(chan struct{}), make(chan error, 1)
	var most int64
	go func() {
		for {
			u, err := lab.UsageOf(s.pid)
			most = max(most, u.RSS)
			if err != nil {
				done <- err
				return
			}
			select {
			case <-stop:
				done <- nil
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	return func() (int64, error) {
		close(stop)
		err := <-done
		return most, err
	}
}
