package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/access/httpauth"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/health"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/evidence"
	"github.com/evenkeel/evenkeel/respond/notify"
	"github.com/evenkeel/evenkeel/respond/reach"
	"github.com/evenkeel/evenkeel/review"
	"github.com/evenkeel/evenkeel/store"
)

// served is the API over real services, a real database and the real guard.
type served struct {
	*httptest.Server
	findings *finding.Service
	estate   *estate.Service
	access   *access.Service
	respond  *respond.Service
	reach    *reach.Service
	cases    *cases.Service
	log      bytes.Buffer // what went wrong inside
}

const admin = "test-admin"

func serve(t testing.TB) *served {
	t.Helper()
	s := &served{}
	quiet := slog.New(slog.DiscardHandler)
	db, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s.findings, s.estate = finding.NewService(db, quiet), estate.NewService(db, quiet)
	s.respond = respond.NewService(db, respond.Options{}, quiet)
	s.access = access.NewService(db, quiet, time.Now)
	s.reach, err = reach.New(t.Context(), db, reach.Options{
		Channels: []respond.Channel{respond.Email, respond.Webhook}, Address: notify.CheckAddress,
		People: func(ctx context.Context, tenant string) (map[string]string, error) {
			return s.access.Names(ctx, access.Evenkeel(tenant), tenant)
		},
		Person: s.access.PersonActor, Acknowledge: s.respond.Acknowledge})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.access.EnsureAdmin(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.access.AddTemporaryToken("test", admin)
	felt := impact.NewAssessor(impact.Options{Objectives: slo.NewAssessor(nil, nil), Environment: "prod",
		Requests: func([]string) map[string]detect.Requests { return nil }})
	s.cases = testCases(db, s.estate, felt)
	board := health.NewBoard()
	board.Expect("checks", time.Minute, time.Now())
	guard := httpauth.New(s.access, httpauth.Config{MaxBody: 1 << 20}, quiet)
	kept := evidence.NewService(db, evidence.Options{Incidents: s.respond, Impact: felt}, slog.New(slog.DiscardHandler))
	h := New(Services{
		Findings: s.findings, Estate: s.estate, Access: s.access, Incidents: s.respond, Routes: testRoutes(t, db), Reviews: review.NewService(db, s.respond, s.estate, s.access, kept, s.findings), Board: board,
		Evidence: kept,
		OnCall:   testSchedules(t, db, s.access), Reach: s.reach, Status: testStatus(t, db), Sources: testSources(t),
		Simulate: testSimulator(), Cases: s.cases, Replay: testReplay(),
		Rules: func() []review.Rule {
			return []review.Rule{{ID: "cpu", Practice: "detect", Entity: "host", About: "The CPU is busy."}}
		},
		SLOs: func() []slo.Status {
			return []slo.Status{{Objective: slo.Objective{ID: "shop", Service: "shop", Target: 99.9}}}
		},
		Suggest: func(context.Context) ([]slo.Suggestion, int, error) {
			return []slo.Suggestion{{Entity: "service:cart", Name: "cart", About: "answers", Title: "cart answers without an error", Target: 99.5, YAML: "- id: cart-answers\n", Backtest: &slo.Backtest{Days: 20, Kept: 19, Pages: 1, Left: .4}},
				{Entity: "service:cart", Name: "cart", About: "latency", Reason: "Too little is known."}}, 3, nil
		},
		Checks: func(string, string) []Check { return []Check{{Check: "cpu", Entity: "host:web-1", State: "ok"}} },
		Sights: func(_ context.Context, _, environment string) ([]detect.Sight, error) {
			return []detect.Sight{{Entity: "service:shop", Kind: "service", Name: "shop", Has: []detect.Seen{}, Missing: []detect.Missing{{Signal: "latency", Add: []detect.Advice{}}}}}, nil
		},
		Calls: func(_ context.Context, _, environment string) ([]estate.Call, error) {
			if environment != "local" {
				return nil, nil
			}
			return []estate.Call{
				{From: "host:local", To: "service:bank", State: estate.Unseen, Sure: estate.Doubtful, Sources: []estate.CallSource{{Name: "declared", Source: estate.Declared, State: estate.Unseen}},
					Contradictions: []estate.Contradiction{{Kind: estate.NobodySees, Text: "It is declared, and nobody sees it."}}},
				{From: "service:a", To: "service:bank", State: estate.Current, Sure: estate.Certain, Sources: []estate.CallSource{{Name: "Istio", Source: "signals", State: estate.Current}}},
			}, nil
		},
		Probes:  func() []Probe { return nil },
		Targets: func() []Target { return nil },
		Backup:  func(_ context.Context, w io.Writer) error { _, err := w.Write([]byte("archive")); return err },
		Figures: func() error { return nil },
		Ready:   func() (bool, string) { return false, "the first round of checks has not ended" },
		Metrics: promhttp.HandlerFor(prometheus.NewRegistry(), promhttp.HandlerOpts{}),
	}, Options{Version: "test", Environment: "local", Actor: httpauth.Actor, Still: httpauth.Still, Require: guard.Require,
		Log: slog.New(slog.NewTextHandler(&s.log, nil))})
	s.Server = httptest.NewServer(guard.Wrap(h))
	t.Cleanup(s.Close)
	s.furnish(t)
	return s
}

// furnish puts a host with a finding into each of two environments.
func (s *served) furnish(t testing.TB) {
	t.Helper()
	for _, env := range []string{"local", "secret"} {
		now := time.Now()
		err := s.estate.Observe(t.Context(), estate.Observation{Tenant: access.DefaultTenant, Environment: env, Source: "host", At: now, Complete: true,
			Entities: []estate.Entity{{ID: "host:" + env, Kind: estate.Host, Name: env}, {ID: "filesystem:" + env + ":/var", Kind: estate.Filesystem, Name: "/var"}}})
		if err != nil {
			t.Fatal(err)
		}
		err = s.findings.Record(t.Context(), []finding.Observation{{
			Key: finding.Key{Tenant: access.DefaultTenant, Environment: env, Practice: "detect", Check: "filesystem-full", Entity: "filesystem:" + env + ":/var"},
			At:  now, Sign: finding.Firing,
			Report: finding.Report{Severity: finding.Critical, Title: "/var on " + env + " is full", Effect: "Nothing can be written.",
				Remedy: []string{"Make room."}, EntityKind: "filesystem", EntityName: "/var", Host: env + "-1"}}})
		if err != nil {
			t.Fatal(err)
		}
		err = s.respond.Receive(t.Context(), []respond.Alert{{
			AlertKey:    respond.AlertKey{Tenant: access.DefaultTenant, Source: "test", Fingerprint: env},
			Environment: env, Status: respond.Firing, Severity: finding.Critical, Title: "/var on " + env + " is full", StartsAt: now}})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// answer is a response that has been read.
type answered struct {
	status int
	header http.Header
	body   string
}

func (s *served) ask(t testing.TB, method, path, token, body string, headers ...string) answered {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{resp.StatusCode, resp.Header, string(raw)}
}

// theFinding returns the finding of an environment.
func (s *served) theFinding(t testing.TB, environment string) finding.Finding {
	t.Helper()
	var page finding.Page
	got := s.ask(t, http.MethodGet, "/api/v1/findings?environment="+environment, admin, "")
	if err := json.Unmarshal([]byte(got.body), &page); err != nil || len(page.Findings) != 1 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	return page.Findings[0]
}

// theIncident returns the incident of an environment.
func (s *served) theIncident(t testing.TB, environment string) respond.Incident {
	t.Helper()
	var page respond.IncidentPage
	got := s.ask(t, http.MethodGet, "/api/v1/incidents?environment="+environment, admin, "")
	if err := json.Unmarshal([]byte(got.body), &page); err != nil || len(page.Incidents) != 1 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	return page.Incidents[0]
}

func TestAViewerOfOneEnvironmentSeesOnlyThat(t *testing.T) {
	s := serve(t)
	grants := []access.Grant{{Tenant: access.DefaultTenant, Environment: "local", Role: access.Viewer}}
	viewer, _, err := s.access.CreateToken(t.Context(), access.Evenkeel(access.DefaultTenant), "viewer", grants, nil, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	other := []access.Grant{{Tenant: access.DefaultTenant, Environment: "secret", Role: access.Viewer}}
	stranger, _, err := s.access.CreateToken(t.Context(), access.Evenkeel(access.DefaultTenant), "stranger", other, nil, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/api/v1/probes", "/api/v1/targets", "/api/v1/health"} {
		if got := s.ask(t, http.MethodGet, path+"?environment=secret", stranger, ""); got.status != http.StatusForbidden {
			t.Errorf("who may not read what is watched here asks %s: %d %s", path, got.status, got.body)
		}
	}
	hidden := s.theFinding(t, "secret")
	for _, path := range []string{"/api/v1/incidents", "/api/v1/incidents?environment=secret", "/api/v1/incidents/" + s.theIncident(t, "secret").ID, "/api/v1/findings", "/api/v1/entities", "/api/v1/environments", "/api/v1/changes", "/api/v1/findings?environment=secret",
		"/api/v1/findings/" + hidden.ID, "/api/v1/entities/host%3Asecret?environment=secret", "/api/v1/checks?environment=secret"} {
		got := s.ask(t, http.MethodGet, path, viewer, "")
		if got.status >= 500 || strings.Contains(got.body, "/var on secret") || strings.Contains(got.body, `"host:secret"`) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := s.ask(t, http.MethodGet, "/api/v1/findings", viewer, ""); !strings.Contains(got.body, "/var on local") {
		t.Errorf("what the viewer may see is not shown: %s", got.body)
	}
	own := s.theFinding(t, "local")
	for _, c := range []struct{ method, path, body string }{
		{http.MethodPost, "/api/v1/findings/" + own.ID + "/acknowledge", "{}"},
		{http.MethodPost, "/api/v1/incidents/" + s.theIncident(t, "local").ID + "/acknowledge", "{}"},
		{http.MethodPost, "/api/v1/incidents", `{"title":"Nobody can pay"}`},
		{http.MethodPost, "/api/v1/tokens", `{"name":"more"}`},
		{http.MethodGet, "/api/v1/audit", ""},
		{http.MethodGet, "/api/v1/users", ""},
		{http.MethodPost, "/api/v1/backups", ""},
		{http.MethodPost, "/api/v1/login-links", "{}"},
	} {
		if got := s.ask(t, c.method, c.path, viewer, c.body); got.status != http.StatusForbidden {
			t.Errorf("%s %s: %d %s", c.method, c.path, got.status, got.body)
		}
	}
}

func TestFindingsOfAHost(t *testing.T) {
	s := serve(t)
	for query, want := range map[string]int{"host=local-1": 1, "host=local-1&environment=secret": 0, "host=local": 0, "host=": 2, "q=LOCAL+is": 1} {
		got := s.ask(t, http.MethodGet, "/api/v1/findings?"+query, admin, "")
		var page finding.Page
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || len(page.Findings) != want {
			t.Errorf("%s: %d findings, want %d: %s", query, len(page.Findings), want, got.body)
		}
		for _, f := range page.Findings {
			if f.Host != f.Environment+"-1" {
				t.Errorf("%s: %s is on %q", query, f.Entity, f.Host)
			}
		}
	}
}

func TestATokenIsNarrowedByItsScopes(t *testing.T) {
	s := serve(t)
	got := s.ask(t, http.MethodPost, "/api/v1/tokens", admin, `{"name":"reader","scopes":["read"],"grants":[{"tenant":"default","environment":"*","role":"admin"}]}`)
	var made NewToken
	if err := json.Unmarshal([]byte(got.body), &made); err != nil || got.status != http.StatusCreated {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := s.ask(t, http.MethodGet, "/api/v1/findings", made.Secret, ""); got.status != http.StatusOK {
		t.Errorf("reading: %d %s", got.status, got.body)
	}
	if got := s.ask(t, http.MethodPost, "/api/v1/tokens", made.Secret, `{"name":"more"}`); got.status != http.StatusForbidden {
		t.Errorf("making a token: %d %s", got.status, got.body)
	}
	manager := s.ask(t, http.MethodPost, "/api/v1/tokens", admin, `{"name":"manager","scopes":["manage"],"grants":[{"tenant":"default","environment":"*","role":"admin"}]}`)
	var narrow NewToken
	if err := json.Unmarshal([]byte(manager.body), &narrow); err != nil {
		t.Fatal(err)
	}
	for path, body := range map[string]string{
		"/api/v1/tokens":      `{"name":"wider"}`,
		"/api/v1/users":       `{"name":"wider"}`,
		"/api/v1/login-links": `{}`,
	} {
		if got := s.ask(t, http.MethodPost, path, narrow.Secret, body); got.status != http.StatusForbidden {
			t.Errorf("a token with the scope manage gets out of it by %s: %d %s", path, got.status, got.body)
		}
	}
	audit := s.ask(t, http.MethodGet, "/api/v1/audit", admin, "")
	if !strings.Contains(audit.body, "token.create") || strings.Contains(audit.body, made.Secret) {
		t.Errorf("the audit log: %s", audit.body)
	}
	if got := s.ask(t, http.MethodDelete, "/api/v1/tokens/"+made.ID, admin, ""); got.status != http.StatusNoContent {
		t.Errorf("revoking: %d %s", got.status, got.body)
	}
	if got := s.ask(t, http.MethodGet, "/api/v1/findings", made.Secret, ""); got.status != http.StatusUnauthorized {
		t.Errorf("a revoked token: %d", got.status)
	}
}

func TestAnswersAreConditional(t *testing.T) {
	s := serve(t)
	f := s.theFinding(t, "local")
	path := "/api/v1/findings/" + f.ID
	first := s.ask(t, http.MethodGet, path, admin, "")
	tag := first.header.Get("ETag")
	if got := s.ask(t, http.MethodGet, path, admin, "", "If-None-Match", tag); got.status != http.StatusNotModified || got.body != "" {
		t.Errorf("unchanged: %d %s", got.status, got.body)
	}
	if got := s.ask(t, http.MethodPost, path+"/acknowledge", admin, `{"note":"mine"}`, "If-Match", tag); got.status != http.StatusOK || got.header.Get("ETag") == tag {
		t.Errorf("acknowledging what was seen: %d %s", got.status, got.body)
	}
	if got := s.ask(t, http.MethodPost, path+"/reopen", admin, `{"reason":"not mine"}`, "If-Match", tag); got.status != http.StatusPreconditionFailed {
		t.Errorf("answering what has changed since: %d %s", got.status, got.body)
	}
	if got := s.ask(t, http.MethodGet, path, admin, "", "If-None-Match", tag); got.status != http.StatusOK {
		t.Errorf("changed: %d", got.status)
	}
	list := s.ask(t, http.MethodGet, "/api/v1/entities", admin, "")
	if got := s.ask(t, http.MethodGet, "/api/v1/entities", admin, "", "If-None-Match", `"x", `+list.header.Get("ETag")); got.status != http.StatusNotModified {
		t.Errorf("an unchanged list: %d", got.status)
	}
}

func TestWhatIsNotThereIsAProblem(t *testing.T) {
	s := serve(t)
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{http.MethodGet, "/api/v1/nonsense", "", http.StatusNotFound},
		{http.MethodGet, "/api/v1/findings/none", "", http.StatusNotFound},
		{http.MethodGet, "/api/v1/entities/none", "", http.StatusNotFound},
		{http.MethodPut, "/api/v1/findings", "", http.StatusMethodNotAllowed},
		{http.MethodPost, "/api/v1/findings/x/accept", `{"until":"tomorrow","reason":"abc"}`, http.StatusUnprocessableEntity},
		{http.MethodPost, "/api/v1/findings/x/accept", `{`, http.StatusBadRequest},
	} {
		got := s.ask(t, c.method, c.path, admin, c.body)
		var problem struct{ Title, Detail string }
		err := json.Unmarshal([]byte(got.body), &problem)
		if got.status != c.status || got.header.Get("Content-Type") != "application/problem+json" || err != nil || problem.Title == "" {
			t.Errorf("%s %s: %d %s %s", c.method, c.path, got.status, got.header.Get("Content-Type"), got.body)
		}
	}
}

func TestReadinessTellsStrangersNothing(t *testing.T) {
	s := serve(t)
	if got := s.ask(t, http.MethodGet, "/readyz", "", ""); got.status != http.StatusServiceUnavailable || strings.Contains(got.body, "checks") {
		t.Errorf("a stranger: %d %s", got.status, got.body)
	}
	if got := s.ask(t, http.MethodGet, "/readyz", admin, ""); !strings.Contains(got.body, "checks") {
		t.Errorf("who is let in: %s", got.body)
	}
	if got := s.ask(t, http.MethodGet, "/healthz", "", ""); got.status != http.StatusOK {
		t.Errorf("liveness: %d", got.status)
	}
}

func TestChangesAreHeardAtOnce(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+admin)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	heard := make(chan string, 1)
	go func() {
		var all strings.Builder
		buf := make([]byte, 4096)
		for {
			n, err := resp.Body.Read(buf)
			all.Write(buf[:n])
			if strings.Contains(all.String(), `"acknowledged"`) || err != nil {
				heard <- all.String()
				return
			}
		}
	}()
	f := s.theFinding(t, "local")
	// The listener is there once the first event came; asking again is
	// harmless, so acknowledge only after a moment.
	time.Sleep(100 * time.Millisecond)
	s.ask(t, http.MethodPost, "/api/v1/findings/"+f.ID+"/acknowledge", admin, "{}")
	select {
	case got := <-heard:
		if !strings.Contains(got, "event: finding") || !strings.Contains(got, f.ID) {
			t.Errorf("heard %q", got)
		}
	case <-time.After(10 * time.Second):
		t.Error("nothing was heard")
	}
}

func TestThePageOfDocsListsEveryOperation(t *testing.T) {
	s := serve(t)
	page := s.ask(t, http.MethodGet, "/docs", "", "").body
	var spec struct{ Paths map[string]any }
	if err := json.Unmarshal([]byte(s.ask(t, http.MethodGet, "/openapi.json", "", "").body), &spec); err != nil || len(spec.Paths) < 20 {
		t.Fatalf("%d paths, %v", len(spec.Paths), err)
	}
	for path := range spec.Paths {
		if !strings.Contains(page, "<code>"+path+"</code>") {
			t.Errorf("%s is not on the page", path)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "style=") {
		t.Error("the page breaks the content security policy")
	}
}

// An incident goes through its life by the API alone.
func TestAnIncidentIsAnsweredByPrograms(t *testing.T) {
	s := serve(t)
	id := s.theIncident(t, "local").ID
	step := func(verb, body string, status int, want string) {
		t.Helper()
		got := s.ask(t, http.MethodPost, "/api/v1/incidents/"+id+"/"+verb, admin, body)
		if got.status != status || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s", verb, got.status, got.body)
		}
	}
	step("acknowledge", `{"note":"on it"}`, http.StatusOK, `"state":"acknowledged"`)
	step("acknowledge", `{}`, http.StatusConflict, "taken up already")
	step("note", `{"note":"moved the logs"}`, http.StatusOK, id)
	step("note", `{}`, http.StatusUnprocessableEntity, "note")
	step("snooze", `{"until":"2020-01-01T00:00:00Z"}`, http.StatusUnprocessableEntity, "future")
	step("reassign", `{"to":"nobody"}`, http.StatusUnprocessableEntity, "no such person")
	step("resolve", `{}`, http.StatusOK, `"state":"resolved"`)
	step("reopen", `{"note":"it came back"}`, http.StatusOK, `"state":"triggered"`)
	step("merge", `{"into":"`+s.theIncident(t, "secret").ID+`"}`, http.StatusOK, `"firing":2`)

	got := s.ask(t, http.MethodGet, "/api/v1/incidents/"+id, admin, "")
	for _, want := range []string{"moved the logs", "it came back", "/var on local is full", `"kind":"merged"`} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the story lacks %q: %s", want, got.body)
		}
	}
	got = s.ask(t, http.MethodPost, "/api/v1/incidents", admin, `{"title":"Nobody can pay","severity":"warning"}`)
	if got.status != http.StatusCreated || !strings.Contains(got.body, `"declared":true`) || !strings.Contains(got.body, `"severity":"warning"`) {
		t.Errorf("declared: %d %s", got.status, got.body)
	}
}
