package intake_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/intake"
	"github.com/evenkeel/evenkeel/respond/route"
	"github.com/evenkeel/evenkeel/store"
)

// keys are the secrets of the test; each dialect's is its own.
type keys struct{}

func (keys) Secret(_ context.Context, name string) (string, error) {
	if name == "env:LOST" {
		return "", errors.New("the variable is not set or empty")
	}
	if name == "env:PD" {
		return "a-routing-key-of-32-characters-0", nil
	}
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret of "+name)), nil
}

func key(name string) string { s, _ := keys{}.Secret(context.Background(), name); return s }

// world is intake over a real store and the real service.
type world struct {
	t       testing.TB
	store   *store.Store
	respond *respond.Service
	routes  *route.Service
	intake  *intake.Server
	http    *httptest.Server
	mu      sync.Mutex
	clock   time.Time
	fail    error
}

func (w *world) now() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.clock }

func (w *world) later(d time.Duration) {
	w.t.Helper()
	w.mu.Lock()
	w.clock = w.clock.Add(d)
	w.mu.Unlock()
}

// Receive is the service's, unless the test has it fail.
func (w *world) Receive(ctx context.Context, alerts []respond.Alert) error {
	w.mu.Lock()
	err := w.fail
	w.mu.Unlock()
	if err != nil {
		return err
	}
	return w.respond.Receive(ctx, alerts)
}

func (w *world) AlertsByID(ctx context.Context, ids []string) ([]respond.Standing, error) {
	return w.store.AlertsByID(ctx, ids)
}

func (w *world) StandingAlerts(ctx context.Context, tenant, after string, limit int) ([]respond.Standing, error) {
	return w.store.StandingAlerts(ctx, tenant, after, limit)
}

func (w *world) Orphans(ctx context.Context, tenant, source string, known func(string) bool) ([]respond.Alert, error) {
	return w.respond.Orphans(ctx, tenant, source, known)
}

func everyDialect() intake.Config {
	c := intake.Defaults()
	add := func(id string, d intake.Dialect, more func(*intake.Integration)) {
		i := intake.Integration{ID: id, Dialect: d, Environment: "home", Secret: "env:" + id}
		if more != nil {
			more(&i)
		}
		c.Integrations = append(c.Integrations, i)
	}
	add("prom", intake.Alertmanager, func(i *intake.Integration) { i.Operate = true })
	add("sender", intake.Alertmanager, nil)
	add("PD", intake.PagerDuty, nil)
	add("og", intake.Opsgenie, nil)
	add("graf", intake.Grafana, nil)
	add("timed", intake.Grafana, func(i *intake.Integration) { i.TimestampHeader = "X-Grafana-Time" })
	add("json", intake.JSON, func(i *intake.Integration) {
		i.Mapping = &intake.Mapping{Items: "body.checks", Key: "string(item.id)", Title: `"Check " + item.name`, Resolved: "item.ok"}
	})
	c.Heartbeats = []intake.Heartbeat{{ID: "backup", Name: "nightly backup", Environment: "home", Every: time.Hour, Grace: 10 * time.Minute, Severity: "critical"},
		{ID: "guarded", Environment: "home", Every: time.Hour, Secret: "env:guarded"}}
	return c
}

func newWorld(t testing.TB, dir string, c intake.Config) *world {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Config{Dir: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: s, clock: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	plan, err := route.Compile(route.Config{})
	if err != nil {
		t.Fatal(err)
	}
	w.routes = route.NewService(s, plan)
	w.respond = respond.NewService(s, respond.Options{Now: w.now, Heard: w.routes.Heard, Router: func(ctx context.Context, tenant string) (respond.Router, error) {
		return w.routes.Router(ctx, tenant, w.now())
	}}, slog.New(slog.DiscardHandler))
	t.Cleanup(w.close)
	w.serve(c)
	return w
}

// serve begins intake, as after a start.
func (w *world) serve(c intake.Config) {
	w.t.Helper()
	if w.http != nil {
		w.http.Close()
	}
	var err error
	observe := estate.NewService(w.store, slog.New(slog.DiscardHandler))
	w.intake, err = intake.New(w.t.Context(), "t", c, intake.Options{Receiver: w, Alerts: w, Store: w.store, Secrets: keys{}, Silences: w.routes, Changes: observe.Observe,
		Version: "test", Now: w.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	mux := http.NewServeMux()
	w.intake.Register(mux)
	w.http = httptest.NewServer(mux)
}

func (w *world) close() {
	if w.store == nil {
		return
	}
	w.http.Close()
	if err := w.store.Close(); err != nil {
		w.t.Error(err)
	}
	w.store = nil
}

// ask sends a request; headers are name, value, name, value.
func (w *world) ask(method, path, body string, headers ...string) (int, string, http.Header) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.http.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for n := 0; n < len(headers); n += 2 {
		req.Header.Set(headers[n], headers[n+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(raw), resp.Header
}

// stand are the alerts of a source that stand, by their titles.
func (w *world) stand(source string) map[string]respond.Standing {
	w.t.Helper()
	list, err := w.store.StandingAlerts(w.t.Context(), "t", "", 500)
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]respond.Standing{}
	for _, st := range list {
		if st.Source == source {
			out[st.Title] = st
		}
	}
	return out
}

func recorded(t testing.TB, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func hmacOf(secret string, parts ...string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	for _, p := range parts {
		mac.Write([]byte(p))
	}
	return mac.Sum(nil)
}

// Every dialect gets in with its own proof, with no other, and what was
// answered with success stands.
func TestEveryDialectGetsIn(t *testing.T) {
	w := newWorld(t, t.TempDir(), everyDialect())
	stamp := strconv.FormatInt(w.now().Unix(), 10)
	old := strconv.FormatInt(w.now().Add(-time.Hour).Unix(), 10)
	grafana, checks, hook := recorded(t, "grafana.json"), recorded(t, "checks.json"), recorded(t, "alertmanager-webhook.json")
	checks = strings.Replace(checks, `{"name": "nameless", "ok": false}`, `{"id": 9, "name": "news", "ok": false}`, 1)
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key("env:json"), "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	standard := "v1," + base64.StdEncoding.EncodeToString(hmacOf(string(raw), "msg_1.", stamp, ".", checks))
	for _, c := range []struct {
		what, path, body string
		headers          []string
		status           int
		source           string
		stands           []string
	}{
		{"Prometheus by bearer", "/alertmanager/api/v2/alerts", recorded(t, "prometheus.json"), []string{"Authorization", "Bearer " + key("env:prom")}, 200, "prom", []string{"One of ten payments fails", "ByHand"}},
		{"Prometheus by basic", "/alertmanager/api/v2/alerts", recorded(t, "prometheus.json"), []string{"Authorization", basic("sender", key("env:sender"))}, 200, "sender", []string{"One of ten payments fails", "ByHand"}},
		{"another's secret", "/alertmanager/api/v2/alerts", "[]", []string{"Authorization", basic("sender", key("env:prom"))}, 401, "", nil},
		{"another dialect's secret", "/alertmanager/api/v2/alerts", "[]", []string{"Authorization", "Bearer " + key("env:graf")}, 401, "", nil},
		{"no secret", "/alertmanager/api/v2/alerts", "[]", nil, 401, "", nil},
		{"an empty secret", "/alertmanager/api/v2/alerts", "[]", []string{"Authorization", "Bearer "}, 401, "", nil},
		{"Alertmanager's webhook", "/webhook/alertmanager/sender", hook, []string{"Authorization", "Bearer " + key("env:sender")}, 200, "sender", []string{"One of ten payments fails"}},
		{"a webhook of another dialect", "/webhook/alertmanager/graf", hook, []string{"Authorization", "Bearer " + key("env:graf")}, 404, "", nil},
		{"Grafana signed", "/webhook/grafana/graf", grafana, []string{"X-Grafana-Alerting-Signature", hex.EncodeToString(hmacOf(key("env:graf"), grafana))}, 200, "graf", []string{"Logins are slow"}},
		{"Grafana by bearer", "/webhook/grafana/graf", grafana, []string{"Authorization", "Bearer " + key("env:graf")}, 200, "graf", []string{"Logins are slow"}},
		{"Grafana signed wrong", "/webhook/grafana/graf", grafana, []string{"X-Grafana-Alerting-Signature", hex.EncodeToString(hmacOf("x", grafana))}, 401, "", nil},
		{"Grafana signed with a time", "/webhook/grafana/timed", grafana, []string{"X-Grafana-Time", stamp, "X-Grafana-Alerting-Signature", hex.EncodeToString(hmacOf(key("env:timed"), stamp, ":", grafana))}, 200, "timed", []string{"Logins are slow"}},
		{"Grafana replayed", "/webhook/grafana/timed", grafana, []string{"X-Grafana-Time", old, "X-Grafana-Alerting-Signature", hex.EncodeToString(hmacOf(key("env:timed"), old, ":", grafana))}, 401, "", nil},
		{"JSON signed", "/webhook/json/json", checks, []string{"Webhook-Id", "msg_1", "Webhook-Timestamp", stamp, "Webhook-Signature", "v1,AAAA " + standard}, 200, "json", []string{"Check cart", "Check news"}},
		{"JSON signed for another message", "/webhook/json/json", checks, []string{"Webhook-Id", "msg_2", "Webhook-Timestamp", stamp, "Webhook-Signature", standard}, 401, "", nil},
		{"PagerDuty", "/pagerduty/v2/enqueue", recorded(t, "pagerduty.json"), nil, 202, "PD", []string{"DISK at 99% on machine prod-datapipe03.example.com"}},
		{"PagerDuty with another key", "/pagerduty/v2/enqueue", strings.Replace(recorded(t, "pagerduty.json"), "a-routing-key", "b-routing-key", 1), nil, 400, "", nil},
		{"a change", "/pagerduty/v2/change/enqueue", recorded(t, "pagerduty-change.json"), nil, 202, "", nil},
		{"Opsgenie", "/opsgenie/v2/alerts", recorded(t, "opsgenie.json"), []string{"Authorization", "GenieKey " + key("env:og")}, 202, "og", []string{"The queue of mails grows"}},
		{"Opsgenie without a key", "/opsgenie/v2/alerts", recorded(t, "opsgenie.json"), nil, 401, "", nil},
	} {
		status, body, _ := w.ask(http.MethodPost, c.path, c.body, c.headers...)
		if status != c.status {
			t.Errorf("%s: %d %s", c.what, status, body)
		}
		if c.source == "" {
			continue
		}
		got := w.stand(c.source)
		for _, title := range c.stands {
			if st, ok := got[title]; !ok || st.Environment != "home" || st.Fate == respond.Over {
				t.Errorf("%s: %q does not stand: %+v", c.what, title, st)
			}
		}
		if len(got) != len(c.stands) && c.what != "Alertmanager's webhook" {
			t.Errorf("%s: %d alerts stand: %v", c.what, len(got), got)
		}
	}
	changes, err := w.store.Changes(t.Context(), estate.ChangeFilter{Tenant: "t", Limit: 10})
	if err != nil || len(changes.Changes) != 1 || changes.Changes[0].Entity != "service:checkout" {
		t.Errorf("the changes are %+v, %v", changes, err)
	}
	// The same by the webhook and by the API is one alert.
	if got := w.stand("sender"); len(got) != 2 || got["One of ten payments fails"].Times != 2 {
		t.Errorf("%+v", got)
	}
}

// What PagerDuty and Opsgenie say of an alert by its key reaches its incident.
func TestAcknowledgedAndOverByKey(t *testing.T) {
	w := newWorld(t, t.TempDir(), everyDialect())
	genie := []string{"Authorization", "GenieKey " + key("env:og")}
	event := func(action string) string {
		return fmt.Sprintf(`{"routing_key":%q,"event_action":%q,"dedup_key":"samplekeyhere"}`, key("env:PD"), action)
	}
	send := func(path, body string, headers ...string) {
		t.Helper()
		if status, answer, _ := w.ask(http.MethodPost, path, body, headers...); status != http.StatusAccepted {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	// What was never heard of is no error, and no alert.
	send("/pagerduty/v2/enqueue", event("acknowledge"))
	send("/pagerduty/v2/enqueue", event("resolve"))
	send("/opsgenie/v2/alerts/mail-queue/close?identifierType=alias", "{}", genie...)
	if len(w.stand("PD"))+len(w.stand("og")) > 0 {
		t.Errorf("%v, %v", w.stand("PD"), w.stand("og"))
	}
	send("/pagerduty/v2/enqueue", recorded(t, "pagerduty.json"))
	send("/opsgenie/v2/alerts", recorded(t, "opsgenie.json"), genie...)
	send("/pagerduty/v2/enqueue", event("acknowledge"))
	send("/opsgenie/v2/alerts/mail-queue/acknowledge?identifierType=alias", "{}", genie...)
	for _, source := range []string{"PD", "og"} {
		for _, st := range w.stand(source) {
			i, err := w.store.Incident(t.Context(), "t", st.Incidents[0])
			if err != nil || i.TakenAtSource != source || !st.Acknowledged {
				t.Errorf("%s: the incident is %+v, %v", source, i, err)
			}
		}
	}
	send("/pagerduty/v2/enqueue", event("resolve"))
	send("/opsgenie/v2/alerts/mail-queue/close?identifierType=alias", "{}", genie...)
	if len(w.stand("PD"))+len(w.stand("og")) > 0 {
		t.Errorf("%v, %v", w.stand("PD"), w.stand("og"))
	}
	if status, _, _ := w.ask(http.MethodPost, "/opsgenie/v2/alerts/1/close", "{}", genie...); status != http.StatusUnprocessableEntity {
		t.Errorf("an id of Opsgenie's: %d", status)
	}
}

// Where alerts cannot be stored the sender comes again; it is never told 429,
// and never that all is well.
func TestWhatCannotBeStoredIsNotAcknowledged(t *testing.T) {
	c := everyDialect()
	c.Integrations = append(c.Integrations, intake.Integration{ID: "lost", Environment: "home", Dialect: intake.Opsgenie, Secret: "env:LOST"})
	w := newWorld(t, t.TempDir(), c)
	bearer := []string{"Authorization", "Bearer " + key("env:prom")}
	const path, one = "/alertmanager/api/v2/alerts", `[{"labels":{"a":"b"}}]`
	w.mu.Lock()
	w.fail = fmt.Errorf("%w: the disk is full", respond.ErrUnavailable)
	w.mu.Unlock()
	for _, ask := range [][]string{
		append([]string{path, one}, bearer...),
		{"/pagerduty/v2/enqueue", recorded(t, "pagerduty.json")},
		{"/opsgenie/v2/alerts", recorded(t, "opsgenie.json"), "Authorization", "GenieKey " + key("env:og")},
		{"/webhook/grafana/graf", recorded(t, "grafana.json"), "Authorization", "Bearer " + key("env:graf")},
		// Its secret may be right: ours cannot be read.
		{"/opsgenie/v2/alerts", recorded(t, "opsgenie.json"), "Authorization", "GenieKey of somebody else's"},
	} {
		status, body, header := w.ask(http.MethodPost, ask[0], ask[1], ask[2:]...)
		if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || strings.Contains(body, "disk") {
			t.Errorf("%s: %d %s %v", ask[0], status, body, header)
		}
	}
	w.mu.Lock()
	w.fail = nil
	w.mu.Unlock()
	for why, body := range map[string]string{
		"alert 1: ":             `[{"labels":{"alertname":"one"}},{"labels":{}},{"labels":{"alertname":"two"}}]`,
		"a list of alerts":      `{"labels":{}}`,
		"it is not JSON at":     `[{`,
		"send 10000 at most in": "[" + strings.Repeat("{},", 10_000) + "{}]",
	} {
		if status, answer, _ := w.ask(http.MethodPost, path, body, bearer...); status != http.StatusBadRequest || !strings.Contains(answer, why) {
			t.Errorf("%s: %d %s", why, status, answer)
		}
	}
	if got := w.stand("prom"); len(got) != 2 {
		t.Errorf("of a batch with a bad alert %d stand: %v", len(got), got)
	}
	if status, _, _ := w.ask(http.MethodPost, path, strings.Repeat(" ", 5<<20), bearer...); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body that is too large: %d", status)
	}
}

// More requests than may run at once are told to come again.
func TestOverloadIsSaidAndLosesNothing(t *testing.T) {
	c := everyDialect()
	c.Requests = 1
	w := newWorld(t, t.TempDir(), c)
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.http.URL+"/alertmanager/api/v2/alerts", in)
		if err == nil {
			req.Header.Set("Authorization", "Bearer "+key("env:prom"))
			var resp *http.Response
			if resp, err = http.DefaultClient.Do(req); err == nil {
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					err = fmt.Errorf("the slow one: %d", resp.StatusCode)
				}
			}
		}
		done <- err
	}()
	if _, err := out.Write([]byte(`[{"labels":`)); err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		status, _, header := w.ask(http.MethodPost, "/alertmanager/api/v2/alerts", "[]", "Authorization", "Bearer "+key("env:prom"))
		if status == http.StatusServiceUnavailable && header.Get("Retry-After") != "" {
			break
		}
		if n > 500 || status != http.StatusOK {
			t.Fatalf("the other one: %d", status)
		}
		time.Sleep(time.Millisecond) // until the slow one has begun
	}
	if _, err := out.Write([]byte(`{"a":"b"}}]`)); err != nil {
		t.Fatal(err)
	}
	out.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(w.stand("prom")) != 1 {
		t.Error("what the slow one said does not stand")
	}
}

// Silence of what should speak becomes an alert, over starts too, and ends with
// the next sign of life. What never spoke is unknown and is no alert.
func TestSilenceIsAnAlert(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, dir, everyDialect())
	who := access.Evenkeel("t")
	watch := func() map[string]respond.Standing {
		t.Helper()
		if err := w.intake.Watch(t.Context(), w.now()); err != nil {
			t.Fatal(err)
		}
		return w.stand("heartbeat")
	}
	of := func(id string) intake.Source {
		t.Helper()
		list, err := w.intake.Sources(who, "t", w.now())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			if s.ID == id {
				return s
			}
		}
		t.Fatalf("there is no source %s", id)
		return intake.Source{}
	}
	beat := func() {
		t.Helper()
		if status, body, _ := w.ask(http.MethodGet, "/heartbeat/backup", ""); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
	}
	w.later(48 * time.Hour)
	if got := watch(); len(got) > 0 || of("backup").Known {
		t.Errorf("never heard: %v, %+v", got, of("backup"))
	}
	beat()
	w.later(69 * time.Minute)
	if got := watch(); len(got) > 0 || !of("backup").Known {
		t.Errorf("in time: %v, %+v", got, of("backup"))
	}
	w.later(2 * time.Minute)
	got := watch()
	st, ok := got["nightly backup has fallen silent"]
	if !ok || st.Severity.String() != "critical" || len(st.Incidents) != 1 || of("backup").Known {
		t.Errorf("late: %v, %+v", got, of("backup"))
	}
	// A start forgets none of it, and tells it no second time.
	w.serve(everyDialect())
	if again := watch(); len(again) != 1 || again[st.Title].FiredAt != st.FiredAt || of("backup").HeardAt.IsZero() {
		t.Errorf("after a start: %v", again)
	}
	beat()
	if got := watch(); len(got) > 0 || !of("backup").Known {
		t.Errorf("it beats again: %v, %+v", got, of("backup"))
	}
	// While Evenkeel was away a sign of life may have come: it is waited for
	// once more.
	w.later(30 * time.Second)
	watch()
	w.later(3 * time.Hour)
	w.serve(everyDialect())
	if got := watch(); len(got) > 0 {
		t.Errorf("Evenkeel was away: %v", got)
	}
	w.later(71 * time.Minute)
	if got := watch(); len(got) != 1 {
		t.Errorf("silent since: %v", got)
	}
	// What the configuration has no more is over.
	none := everyDialect()
	none.Heartbeats = none.Heartbeats[1:]
	w.serve(none)
	if got := watch(); len(got) > 0 {
		t.Errorf("it is gone from the configuration: %v", got)
	}
	for _, c := range []struct {
		path, secret string
		status       int
	}{{"/heartbeat/guarded", "", 401}, {"/heartbeat/guarded", key("env:guarded"), 200}, {"/heartbeat/nobody", "", 404}} {
		if status, _, _ := w.ask(http.MethodPost, c.path, "", "Authorization", "Bearer "+c.secret); status != c.status {
			t.Errorf("%s: %d", c.path, status)
		}
	}
	w.ask(http.MethodPost, "/webhook/grafana/graf", "{}", "Authorization", "Bearer wrong")
	if s := of("graf"); s.Known || s.Refused != 1 || !strings.Contains(s.Refusal, "did not prove itself") {
		t.Errorf("a refused source: %+v", s)
	}
}

// What Alertmanager's API shows is what stands, to those who may read.
func TestAlertmanagersListsShowWhatStands(t *testing.T) {
	w := newWorld(t, t.TempDir(), everyDialect())
	var body bytes.Buffer
	body.WriteString("[")
	for n := range 1200 {
		if n > 0 {
			body.WriteString(",")
		}
		fmt.Fprintf(&body, `{"labels":{"alertname":"Many","instance":"web-%d"}}`, n)
	}
	body.WriteString("]")
	bearer := []string{"Authorization", "Bearer " + key("env:prom")}
	if status, answer, _ := w.ask(http.MethodPost, "/alertmanager/api/v2/alerts", body.String(), bearer...); status != http.StatusOK {
		t.Fatal(status, answer)
	}
	var list []struct {
		Labels map[string]string
		Status struct{ State string }
	}
	read := func(query string) int {
		t.Helper()
		status, answer, _ := w.ask(http.MethodGet, "/alertmanager/api/v2/alerts"+query, "", bearer...)
		if err := json.Unmarshal([]byte(answer), &list); err != nil || status != http.StatusOK {
			t.Fatalf("%d %.200s %v", status, answer, err)
		}
		return len(list)
	}
	if n := read(""); n != 1200 || list[0].Status.State != "active" {
		t.Errorf("%d alerts are listed", n)
	}
	if n := read("?active=false"); n != 0 {
		t.Errorf("%d alerts are muted", n)
	}
	for path, want := range map[string]int{"/alerts/groups": 200, "/receivers": 200, "/status": 200, "/alerts?receiver=[": 400, "/alerts?active=maybe": 400,
		"/alerts?filter=instance%3D%22web-7%22": 200, "/alerts?filter=%3D": 400, "/silences": 200, "/silences?filter=%3D": 400, "/silence/nobody": 404} {
		if status, answer, _ := w.ask(http.MethodGet, "/alertmanager/api/v2"+path, "", bearer...); status != want || !json.Valid([]byte(answer)) {
			t.Errorf("%s: %d %.100s", path, status, answer)
		}
	}
	if n := read("?filter=instance%3D~%22web-7.%22"); n != 10 {
		t.Errorf("%d alerts of web-70 to web-79", n)
	}
	if status, _, _ := w.ask(http.MethodGet, "/alertmanager/api/v2/alerts", "", "Authorization", "Bearer "+key("env:sender")); status != http.StatusForbidden {
		t.Errorf("one that only sends reads: %d", status)
	}
}

// No body breaks any path, with the right secret and without.
func FuzzServer(f *testing.F) {
	paths := []string{"/alertmanager/api/v2/alerts", "/webhook/alertmanager/sender", "/webhook/grafana/graf", "/webhook/json/json", "/opsgenie/v2/alerts",
		"/pagerduty/v2/enqueue", "/pagerduty/v2/change/enqueue", "/opsgenie/v2/alerts/a/close?identifierType=alias", "/heartbeat/backup", "/alertmanager/api/v2/silences"}
	proofs := []string{"Bearer " + key("env:sender"), "Bearer " + key("env:sender"), "Bearer " + key("env:graf"), "Bearer " + key("env:json"), "GenieKey " + key("env:og"), "", "", "GenieKey " + key("env:og"), "", "Bearer " + key("env:prom")}
	for n, name := range []string{"prometheus.json", "alertmanager-webhook.json", "grafana.json", "checks.json", "opsgenie.json", "pagerduty.json", "pagerduty-change.json"} {
		f.Add(n, true, recorded(f, name))
	}
	f.Add(5, true, `{"routing_key":"a-routing-key-of-32-characters-0","event_action":"acknowledge","dedup_key":"\u0000"}`)
	f.Add(9, true, `{"matchers":[{"name":"a","value":"b.*","isRegex":true,"isEqual":false}],"startsAt":"2026-11-23T12:00:00Z","endsAt":"2026-11-23T14:00:00Z","createdBy":"ana","comment":"why"}`)
	mux := http.NewServeMux()
	void := nothing{}
	s, err := intake.New(context.Background(), "t", everyDialect(), intake.Options{Receiver: void, Alerts: void, Store: void, Secrets: keys{}, Silences: void,
		Changes: func(context.Context, estate.Observation) error { return nil }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	s.Register(mux)
	f.Fuzz(func(t *testing.T, n int, proven bool, body string) {
		if n < 0 || n >= len(paths) {
			return
		}
		r := httptest.NewRequest(http.MethodPost, paths[n], strings.NewReader(body))
		if proven {
			r.Header.Set("Authorization", proofs[n])
		}
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, r)
		if answer.Code >= 500 || answer.Code == http.StatusTooManyRequests || answer.Code == 0 {
			t.Errorf("%s with %q: %d %s", paths[n], body, answer.Code, answer.Body)
		}
		if answer.Body.Len() > 0 && !json.Valid(answer.Body.Bytes()) {
			t.Errorf("%s with %q answers %q", paths[n], body, answer.Body)
		}
	})
}

// nothing keeps nothing: what is fuzzed is what comes before.
type nothing struct{}

func (nothing) Receive(_ context.Context, alerts []respond.Alert) error {
	for _, a := range alerts {
		if a.Status == respond.Firing && a.Title == "" || a.Fingerprint == "" {
			return respond.ErrUnavailable
		}
	}
	return nil
}
func (nothing) Silences(context.Context, access.Actor, string, time.Time) ([]route.Silence, error) {
	return nil, nil
}
func (nothing) Silence(context.Context, access.Actor, string, string, time.Time) (route.Silence, error) {
	return route.Silence{}, respond.ErrNotFound
}
func (nothing) PutSilence(_ context.Context, _ access.Actor, x route.Silence, _ time.Time) (route.Silence, error) {
	return x, x.Validate()
}
func (nothing) ExpireSilence(context.Context, access.Actor, string, string, time.Time) (route.Silence, error) {
	return route.Silence{}, respond.ErrNotFound
}
func (nothing) AlertsByID(context.Context, []string) ([]respond.Standing, error) { return nil, nil }
func (nothing) StandingAlerts(context.Context, string, string, int) ([]respond.Standing, error) {
	return nil, nil
}
func (nothing) Orphans(context.Context, string, string, func(string) bool) ([]respond.Alert, error) {
	return nil, nil
}
func (nothing) HeardOf(context.Context, string) ([]intake.Heard, error) { return nil, nil }
func (nothing) PutHeard(context.Context, []intake.Heard) error          { return nil }
