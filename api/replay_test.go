package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/review"
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

// What is exempted is told to who may read all of it, with what it covers; the
// finding itself says so to whoever may see it.
func TestExemptionsByTheAPI(t *testing.T) {
	s := serve(t)
	s.findings.Exempt(finding.Exemptions{
		{ID: "full", Checks: []string{"filesystem-*"}, Entities: []string{"filesystem:local:*"}, Until: time.Now().Add(24 * time.Hour), Owner: "storage", Reason: "it is moved"},
		{ID: "typo", Checks: []string{"cpu"}, Entities: []string{"*"}, Until: time.Now().Add(60 * 24 * time.Hour), Owner: "storage", Reason: "it is moved"}})
	if err := s.findings.Record(t.Context(), []finding.Observation{{At: time.Now(), Sign: finding.Firing,
		Key:    finding.Key{Tenant: access.DefaultTenant, Environment: "local", Practice: "detect", Check: "filesystem-full", Entity: "filesystem:local:/var"},
		Report: finding.Report{Severity: finding.Critical, Title: "/var on local is full"}}}); err != nil {
		t.Fatal(err)
	}
	var got Exemptions
	raw := s.ask(t, http.MethodGet, "/api/v1/checks/exemptions", admin, "")
	if err := json.Unmarshal([]byte(raw.body), &got); err != nil || raw.status != http.StatusOK || len(got.Exemptions) != 2 {
		t.Fatalf("%d, %v: %s", raw.status, err, raw.body)
	}
	if x := got.Exemptions[0]; x.ID != "full" || x.State != review.ExemptionEnds || x.Count != 1 || x.Covers[0].State != finding.Accepted || x.Rules != 0 || x.Owner != "storage" {
		t.Errorf("%+v", x)
	}
	if x := got.Exemptions[1]; x.Rules != 1 || x.Count != 0 || x.State != review.ExemptionHolds {
		t.Errorf("%+v", x)
	}
	id := got.Exemptions[0].Covers[0].Finding
	if one := s.ask(t, http.MethodGet, "/api/v1/findings/"+id, admin, ""); !strings.Contains(one.body, `"exemption":"full"`) || !strings.Contains(one.body, "it is moved") {
		t.Errorf("the finding: %s", one.body)
	}
	if refused := s.ask(t, http.MethodPost, "/api/v1/findings/"+id+"/acknowledge", admin, `{}`); refused.status != http.StatusConflict || !strings.Contains(refused.body, "detect: exemptions:") {
		t.Errorf("a person answers it: %d %s", refused.status, refused.body)
	}
	here, _, err := s.access.CreateToken(t.Context(), access.Evenkeel(access.DefaultTenant), "here", []access.Grant{{Tenant: access.DefaultTenant, Environment: "local", Role: access.Viewer}}, nil, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if raw := s.ask(t, http.MethodGet, "/api/v1/checks/exemptions", here, ""); raw.status != http.StatusForbidden {
		t.Errorf("of one environment alone: %d %s", raw.status, raw.body)
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
