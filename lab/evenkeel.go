package lab

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

// Evenkeel is the program under test, running as a process.
type Evenkeel struct {
	*Process
	URL   string
	Token string        // an admin's API token
	Data  string        // its data folder
	Alive time.Duration // from its start until /healthz answered
	Ready time.Duration // from its start until /readyz said yes

	client *http.Client
}

// Options say how to start it.
type Options struct {
	Name   string   // of its log and folders; "evenkeel" by default
	Config string   // YAML; empty for the defaults
	Args   []string // further flags of "evenkeel up"
	Data   string   // an existing data folder; a fresh one by default
	Listen string   // a free loopback port by default
	Token  string   // an admin's API token; a random one by default
	// Standby says that it may stand by: then it counts as started when it
	// answers at all.
	Standby bool
}

// startWithin is when a start has failed. Reading back a large write-ahead log
// takes its time.
const startWithin = 2 * time.Minute

// StartEvenkeel runs "evenkeel up" and waits until it is ready.
// BuildEvenkeel comes first.
func (s *Stage) StartEvenkeel(ctx context.Context, o Options) (*Evenkeel, error) {
	if o.Name == "" {
		o.Name = "evenkeel"
	}
	if o.Data == "" {
		o.Data = filepath.Join(s.Dir, o.Name+"-data")
	}
	if o.Listen == "" {
		var err error
		if o.Listen, err = FreePort(); err != nil {
			return nil, err
		}
	}
	args := append([]string{"up", "--data", o.Data, "--listen", o.Listen}, o.Args...)
	if o.Config != "" {
		file := filepath.Join(s.Dir, o.Name+".yaml")
		if err := os.WriteFile(file, []byte(o.Config), 0o600); err != nil {
			return nil, err
		}
		args = append(args, "--config", file)
	}
	if o.Token == "" {
		o.Token = "lab-" + rand.Text()
	}
	e := &Evenkeel{URL: "http://" + o.Listen, Token: o.Token, Data: o.Data,
		client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}}
	cmd := exec.Command(filepath.Join(s.Dir, "evenkeel"), args...)
	cmd.Env = append(os.Environ(), "EVENKEEL_BOOTSTRAP_TOKEN="+e.Token)
	began := time.Now()
	p, err := s.Start(o.Name, cmd)
	if err != nil {
		return nil, err
	}
	e.Process = p
	for {
		if e.Alive == 0 {
			if _, err := e.Do(ctx, http.MethodGet, "/healthz", nil); err == nil {
				e.Alive = time.Since(began)
			}
		}
		if o.Standby && e.Alive > 0 {
			return e, nil
		}
		if _, err := e.Do(ctx, http.MethodGet, "/readyz", nil); err == nil {
			e.Ready = time.Since(began)
			return e, nil
		}
		switch {
		case p.Ended():
			return nil, fmt.Errorf("evenkeel ended at its start: %w: %s", p.err, tail(filepath.Join(s.Dir, o.Name+".log")))
		case time.Since(began) > startWithin:
			return nil, fmt.Errorf("evenkeel was not ready after %s: %s", startWithin, tail(filepath.Join(s.Dir, o.Name+".log")))
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Working tells whether it answers, and does not stand by.
func (e *Evenkeel) Working(ctx context.Context) bool {
	text, err := e.Do(ctx, http.MethodGet, "/healthz", nil)
	return err == nil && string(text) == "ok\n"
}

// tail returns the end of a log for an error.
func tail(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(text[max(0, len(text)-600):]))
}

// ErrRefused is wrapped where the API answered with a status of 400 or above.
var ErrRefused = errors.New("refused")

// Do asks the API and returns the body of a good answer. A body that is not
// nil is sent as JSON.
func (e *Evenkeel) Do(ctx context.Context, method, path string, body any) ([]byte, error) {
	var send io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		send = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, e.URL+path, send)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return e.Send(r)
}

// Send sends any request with the token and returns the body of a good answer.
func (e *Evenkeel) Send(r *http.Request) ([]byte, error) {
	r.Header.Set("Authorization", "Bearer "+e.Token)
	answer, err := e.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 400 {
		err = fmt.Errorf("%w: %s %s: %s: %s", ErrRefused, r.Method, r.URL.Path, answer.Status, bytes.TrimSpace(text[:min(len(text), 400)]))
	}
	return text, err
}

// Findings returns all findings that were not resolved at some time since
// then, most urgent first.
func (e *Evenkeel) Findings(ctx context.Context, since time.Time) ([]finding.Finding, error) {
	text, err := e.Do(ctx, http.MethodGet, "/api/v1/findings?"+url.Values{
		"since": {since.UTC().Format(time.RFC3339)}, "limit": {"500"}}.Encode(), nil)
	if err != nil {
		return nil, err
	}
	var page finding.Page
	if err := json.Unmarshal(text, &page); err != nil {
		return nil, fmt.Errorf("the list of findings: %w", err)
	}
	return page.Findings, nil
}

// Query evaluates PromQL now and returns the values by their labels.
func (e *Evenkeel) Query(ctx context.Context, expr string) (map[string]float64, error) {
	text, err := e.Do(ctx, http.MethodGet, "/prometheus/api/v1/query?"+url.Values{"query": {expr}}.Encode(), nil)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("query %s: %w", expr, err)
	}
	values := map[string]float64{}
	for _, r := range answer.Data.Result {
		text, _ := r.Value[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("query %s: value %v: %w", expr, r.Value[1], err)
		}
		values[fmt.Sprint(r.Metric)] = v
	}
	return values, nil
}

// AwaitData waits until the first host figures can be queried and returns how
// long after the start of the process that was.
func (e *Evenkeel) AwaitData(ctx context.Context, began time.Time) (time.Duration, error) {
	for {
		values, err := e.Query(ctx, "node_memory_MemTotal_bytes")
		switch {
		case err == nil && len(values) > 0:
			return time.Since(began), nil
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case time.Since(began) > time.Minute:
			return 0, fmt.Errorf("no host figures after a minute (last error: %w)", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
