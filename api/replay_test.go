package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/review/replay"
)

// quietStage finds nothing in any round, and cannot read those of a draft that
// says so.
type quietStage struct{ draft string }

func (s quietStage) Round(context.Context, time.Time) error {
	if s.draft == "unreadable" {
		return errors.New("the disk cannot be read")
	}
	if s.draft == "slow" {
		time.Sleep(7 * time.Millisecond)
	}
	return nil
}
func (s quietStage) Findings(context.Context) ([]finding.Finding, error) {
	return []finding.Finding{}, nil
}
func (s quietStage) Cases(context.Context) ([]replay.Case, error) { return []replay.Case{}, nil }
func (s quietStage) Incidents(context.Context) ([]replay.Incident, error) {
	return []replay.Incident{}, nil
}
func (s quietStage) LeftOut() []string { return []string{"Nothing is real here."} }
func (s quietStage) Close() error      { return nil }

func testReplay() *replay.Service {
	return replay.NewService(replay.Options{Step: 15 * time.Second,
		Open: func(_ context.Context, ask replay.Ask, _ metric.Querier) (replay.Stage, error) {
			if ask.Draft == "broken" {
				return nil, errors.New("a secret of the store")
			}
			return quietStage{ask.Draft}, nil
		},
		Recorded: func(context.Context, replay.Ask) ([]finding.Finding, error) { return nil, nil }})
}

// A replay answers line by line and ends with its result, or with why there is
// none; what is wrong with the question is told before it begins.
func TestAReplayByTheAPI(t *testing.T) {
	s := serve(t)
	last := func(body string) (status int, line ReplayLine) {
		t.Helper()
		got := s.ask(t, http.MethodPost, "/api/v1/replays", admin, body)
		if got.status == http.StatusOK {
			lines := strings.Split(strings.TrimSpace(got.body), "\n")
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &line); err != nil {
				t.Fatalf("%s: %v", got.body, err)
			}
		}
		return got.status, line
	}
	from := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	if status, line := last(`{"from":"` + from + `","learn":"30m"}`); status != http.StatusOK || line.Result == nil || line.Result.Rounds < 239 || line.Result.Environment != "local" {
		t.Errorf("%d %+v", status, line)
	}
	if status, line := last(`{"from":"` + from + `","draft":"unreadable"}`); status != http.StatusOK || line.Result == nil || line.Result.Failed != line.Result.Rounds || !strings.Contains(line.Result.Summary, "unknown") {
		t.Errorf("%d %+v", status, line)
	}
	if status, line := last(`{"from":"` + from + `","draft":"broken"}`); status != http.StatusOK || line.Error == "" || strings.Contains(line.Error, "secret") {
		t.Errorf("%d %+v", status, line)
	}
	for _, body := range []string{`{}`, `{"from":"` + from + `","learn":"a while"}`, `{"from":"2030-01-01T00:00:00Z"}`} {
		if status, _ := last(body); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", body, status)
		}
	}
}

// A replay goes on for as long as it takes: the time within which the question had
// to arrive (5 s) does not end it.
func TestALongReplayIsNotCutOff(t *testing.T) {
	s := serve(t)
	began := time.Now()
	got := s.ask(t, http.MethodPost, "/api/v1/replays", admin, `{"from":"`+began.Add(-time.Hour).UTC().Format(time.RFC3339)+`","draft":"slow"}`)
	if took := time.Since(began); took < 6*time.Second || !strings.Contains(got.body, `"result"`) {
		t.Errorf("after %s: %s", took, got.body[max(0, len(got.body)-300):])
	}
}

// What checks found is counted for who may read.
func TestRecordsByTheAPI(t *testing.T) {
	s := serve(t)
	var got Records
	raw := s.ask(t, http.MethodGet, "/api/v1/checks/records", admin, "")
	if err := json.Unmarshal([]byte(raw.body), &got); err != nil || raw.status != http.StatusOK || len(got.Rules) != 1 || got.To.Sub(got.From) != 28*24*time.Hour ||
		len(got.Records) != 1 || got.Records[0].Check != "filesystem-full" || got.Records[0].Findings != 2 {
		t.Errorf("%d, %v: %+v", raw.status, err, got)
	}
}
