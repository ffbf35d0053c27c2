package route_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/route"
	"github.com/evenkeel/evenkeel/store"
)

// world is responding on a real database, with a clock that the test moves.
type world struct {
	*testing.T
	now     time.Time
	dir     string
	store   *store.Store
	routes  *route.Service
	respond *respond.Service
	config  route.Config
}

func begin(t *testing.T, c route.Config) *world {
	w := &world{T: t, now: time.Now().Truncate(time.Second), dir: t.TempDir(), config: c}
	w.open()
	t.Cleanup(func() { w.store.Close() })
	err := w.store.PutPolicy(t.Context(), respond.Policy{Tenant: "t", ID: "default", Rounds: 1,
		Steps: []respond.Step{{Wait: time.Minute, Notify: []respond.Recipient{{Kind: respond.ToChannel, ID: "chat"}}}}})
	w.check(err)
	w.check(w.store.PutContact(t.Context(), respond.Contact{Tenant: "t", ID: "chat", Channel: respond.Slack, Address: "#ops", Verified: w.now}))
	return w
}

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// open opens all of it over the same folder: the first time, and after a stop.
func (w *world) open() {
	w.Helper()
	var err error
	w.store, err = store.Open(w.Context(), store.Config{Dir: w.dir}, slog.New(slog.DiscardHandler))
	w.check(err)
	plan, err := route.Compile(w.config)
	w.check(err)
	w.routes = route.NewService(w.store, plan)
	w.respond = respond.NewService(w.store, respond.Options{Heard: w.routes.Heard, Now: func() time.Time { return w.now },
		Router: func(ctx context.Context, tenant string) (respond.Router, error) {
			return w.routes.Router(ctx, tenant, w.now)
		}},
		slog.New(slog.DiscardHandler))
}

func (w *world) restart() {
	w.Helper()
	w.check(w.store.Close())
	w.open()
}

func (w *world) after(d time.Duration) {
	w.Helper()
	w.now = w.now.Add(d)
	w.check(w.respond.Wake(w.Context(), w.now))
}

// tell says of an alert that it fires or has ended; pairs are labels.
func (w *world) tell(status respond.Status, pairs ...string) {
	w.Helper()
	labels := map[string]string{}
	for n := 0; n < len(pairs); n += 2 {
		labels[pairs[n]] = pairs[n+1]
	}
	a := respond.Alert{AlertKey: respond.AlertKey{Tenant: "t", Source: "am", Fingerprint: strings.Join(pairs, ",")}, Environment: "home", Status: status,
		Severity: finding.Critical, Title: labels["alertname"], Labels: labels, StartsAt: w.now}
	if status == respond.Ended {
		a.Labels = nil // some senders name the key only
	}
	w.check(w.respond.Receive(w.Context(), []respond.Alert{a}))
}

// paged are the titles of the incidents that somebody was paged about.
func (w *world) paged() string {
	w.Helper()
	list, err := w.store.Incidents(w.Context(), respond.IncidentFilter{Tenant: "t"})
	w.check(err)
	var titles []string
	for _, i := range list.Incidents {
		pages, err := w.store.PagesOf(w.Context(), []string{i.ID}, false)
		w.check(err)
		if len(pages) > 0 {
			titles = append(titles, i.Title)
		}
	}
	slices.Sort(titles)
	return strings.Join(titles, ",")
}

func (w *world) expect(when, want string) {
	w.Helper()
	if got := w.paged(); got != want {
		w.Errorf("%s: paged about %q, not %q", when, got, want)
	}
}

func (w *world) matchers(text string) route.Matchers {
	w.Helper()
	m, err := route.ParseMatchers(text)
	w.check(err)
	return m
}

var ana = access.Actor{Kind: access.Person, ID: "ana", Name: "Ana", Grants: []access.Grant{{Tenant: "t", Environment: access.Any, Role: access.Responder}}}

func TestWhatASilenceMutedPagesWhenItEnds(t *testing.T) {
	w := begin(t, route.Config{})
	x, err := w.routes.PutSilence(t.Context(), ana, route.Silence{Tenant: "t", Matchers: w.matchers(`alertname="Disk"`), To: w.now.Add(time.Hour), Reason: "new disks"}, w.now)
	w.check(err)
	w.tell(respond.Firing, "alertname", "Disk")
	w.tell(respond.Firing, "alertname", "Net")
	w.after(5 * time.Minute)
	w.expect("under the silence", "Net")
	w.restart()
	w.after(5 * time.Minute)
	w.expect("after a restart", "Net")
	ended, err := w.routes.ExpireSilence(t.Context(), ana, "t", x.ID, w.now)
	w.check(err)
	if ended.EndedBy != "Ana" || ended.State(w.now) != route.Expired {
		t.Errorf("%+v", ended)
	}
	w.after(2 * time.Minute) // the next look
	w.expect("after it was ended", "Disk,Net")
	if _, err := w.routes.ExpireSilence(t.Context(), ana, "t", x.ID, w.now); !errors.Is(err, respond.ErrState) {
		t.Errorf("ended twice: %v", err)
	}
}

// An incident that nobody has taken up stops paging while all of its alerts are
// silenced, and goes on when the silence has run out.
func TestASilenceHoldsWhatPagesAlready(t *testing.T) {
	wait := model.Duration(30 * time.Second)
	w := begin(t, route.Config{Route: &route.Route{GroupWait: &wait}})
	w.tell(respond.Firing, "alertname", "Disk")
	w.after(20 * time.Second) // the group waits 30 s for others
	_, err := w.routes.PutSilence(t.Context(), ana, route.Silence{Tenant: "t", Matchers: w.matchers(`alertname=~"D.*"`), To: w.now.Add(10 * time.Minute), Reason: "known"}, w.now)
	w.check(err)
	for range 9 {
		w.after(time.Minute)
	}
	w.expect("under the silence", "")
	w.after(2 * time.Minute)
	w.expect("after it ran out", "Disk")
}

func TestInhibitionIsRightOverARestart(t *testing.T) {
	w := begin(t, route.Config{InhibitRules: []route.InhibitRule{{
		SourceMatch: map[string]string{"alertname": "HostDown"}, TargetMatch: map[string]string{"layer": "app"}, Equal: []string{"host"}}}})
	w.tell(respond.Firing, "alertname", "HostDown", "host", "a")
	w.tell(respond.Firing, "alertname", "Slow", "layer", "app", "host", "a")
	w.tell(respond.Firing, "alertname", "Errors", "layer", "app", "host", "b")
	w.after(2 * time.Minute)
	w.expect("while the host is down", "Errors,HostDown")
	w.restart()
	w.after(2 * time.Minute)
	w.expect("after a restart", "Errors,HostDown")
	w.tell(respond.Ended, "alertname", "HostDown", "host", "a")
	w.after(2 * time.Minute)
	w.expect("when the host is back", "Errors,HostDown,Slow")
}

func TestWhoMaySilenceWhat(t *testing.T) {
	w := begin(t, route.Config{})
	ctx := t.Context()
	grant := func(tenant, environment string, role access.Role) access.Actor {
		return access.Actor{Kind: access.Person, ID: "x", Name: "X", Grants: []access.Grant{{Tenant: tenant, Environment: environment, Role: role}}}
	}
	viewer, home, other := grant("t", "home", access.Viewer), grant("t", "home", access.Responder), grant("other", access.Any, access.Admin)
	x := route.Silence{Tenant: "t", Environment: "home", Matchers: w.matchers(`a="b"`), To: w.now.Add(time.Hour), Reason: "why"}
	all := x
	all.Environment = ""
	for who, c := range map[string]struct {
		actor access.Actor
		x     route.Silence
		may   bool
	}{
		"who only reads": {viewer, x, false}, "who responds there": {home, x, true}, "who responds there only": {home, all, false},
		"another tenant's admin": {other, x, false}, "who responds everywhere": {ana, all, true},
	} {
		if _, err := w.routes.PutSilence(ctx, c.actor, c.x, w.now); (err == nil) != c.may || err != nil && !errors.Is(err, access.ErrForbidden) {
			t.Errorf("%s: %v", who, err)
		}
	}
	list, err := w.routes.List(ctx, viewer, "t", w.now)
	w.check(err)
	if len(list) != 2 {
		t.Errorf("who reads one environment sees %d silences, not the two that concern it", len(list))
	}
	for _, s := range list {
		if _, err := w.routes.ExpireSilence(ctx, viewer, "t", s.ID, w.now); !errors.Is(err, access.ErrForbidden) {
			t.Errorf("a reader ended a silence: %v", err)
		}
		if _, err := w.routes.Silence(ctx, other, "t", s.ID, w.now); !errors.Is(err, respond.ErrNotFound) {
			t.Errorf("another tenant sees it: %v", err)
		}
	}
	if _, err := w.routes.List(ctx, other, "t", w.now); !errors.Is(err, access.ErrForbidden) {
		t.Errorf("another tenant lists: %v", err)
	}
	audit, err := w.store.Audit(ctx, access.AuditFilter{Tenant: "t", Limit: 10})
	w.check(err)
	if len(audit.Entries) != 2 || audit.Entries[0].Action != "silence.create" {
		t.Errorf("the audit log: %+v", audit.Entries)
	}
}

func TestASilenceSaysWhatItMutes(t *testing.T) {
	w := begin(t, route.Config{})
	ctx := t.Context()
	for _, name := range []string{"Disk", "Net", "Old"} {
		w.tell(respond.Firing, "alertname", name)
	}
	w.tell(respond.Ended, "alertname", "Old")
	match, err := w.routes.Preview(ctx, ana, route.Silence{Tenant: "t", Matchers: w.matchers(`alertname=~"Disk|Old"`)})
	w.check(err)
	if match.Count != 1 || match.Of != 2 || len(match.Alerts) != 1 || match.Alerts[0].Title != "Disk" {
		t.Errorf("%+v", match)
	}
	if _, err := w.routes.Preview(ctx, ana, route.Silence{Tenant: "t", Matchers: w.matchers(`a=""`)}); !errors.Is(err, respond.ErrInvalid) {
		t.Errorf("one that takes everything: %v", err)
	}
	for text, d := range map[string]time.Duration{`alertname="Disk"`: 30 * time.Minute, `alertname="Net"`: 3 * time.Hour, `alertname="Typo"`: 2 * time.Hour} {
		_, err := w.routes.PutSilence(ctx, ana, route.Silence{Tenant: "t", Matchers: w.matchers(text), To: w.now.Add(d), Reason: "why"}, w.now)
		w.check(err)
	}
	list, err := w.routes.List(ctx, ana, "t", w.now)
	w.check(err)
	for n, want := range []string{"pages again", "mutes nothing", ""} {
		if got := list[n].Warning; want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, not %q", list[n].Matchers, got, want)
		}
	}
}
