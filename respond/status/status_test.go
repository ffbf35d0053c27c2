package status_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/notify"
	"github.com/evenkeel/evenkeel/respond/status"
	"github.com/evenkeel/evenkeel/store"
)

var t0 = time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC) // half an hour before summer time begins in Europe

// bench is the service over a real database, read over real HTTP.
type bench struct {
	db     *store.Store
	status *status.Service
	resp   *respond.Service
	folder string
	http   *httptest.Server
	boss   access.Actor
}

func setUp(t *testing.T) *bench {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	db, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	b := &bench{db: db, folder: filepath.Join(t.TempDir(), "status"), resp: respond.NewService(db, respond.Options{}, quiet)}
	b.boss = access.Actor{Kind: access.Person, ID: "ana", Name: "ana", Grants: []access.Grant{{Tenant: "*", Environment: "*", Role: access.Admin}}}
	b.status, err = status.New(t.Context(), db, status.Options{Folder: b.folder, URL: "https://ops.example.org",
		Address: func(a string) (string, error) { return notify.CheckAddress(respond.Email, a) }})
	if err != nil {
		t.Fatal(err)
	}
	b.http = httptest.NewServer(status.Handler{Folder: b.folder, Subscriptions: b.status, Source: func(*http.Request) string { return "here" },
		Login: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") == "" {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				h.ServeHTTP(w, r)
			})
		}, Actor: func(*http.Request) access.Actor { return b.boss }})
	t.Cleanup(b.http.Close)
	return b
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const tenant = access.DefaultTenant

func (b *bench) save(t *testing.T, p status.Page, now time.Time) status.Listed {
	t.Helper()
	p.Tenant = tenant
	l, err := b.status.Save(t.Context(), b.boss, p, now)
	check(t, err)
	return l
}

func (b *bench) round(t *testing.T, now time.Time) {
	t.Helper()
	check(t, b.status.Round(t.Context(), tenant, now))
}

func (b *bench) get(t *testing.T, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.http.URL+path, nil)
	check(t, err)
	for n := 0; n < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	res, err := http.DefaultClient.Do(r)
	check(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	check(t, err)
	return res, string(body)
}

func (b *bench) post(t *testing.T, path string, form url.Values) (int, string) {
	t.Helper()
	res, err := http.PostForm(b.http.URL+path, form)
	check(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	check(t, err)
	return res.StatusCode, string(body)
}

var shop = status.Page{Slug: "shop", Title: "Shop", About: "How the shop does.", Components: []status.Component{
	{Name: "Checkout", Group: "Buying", Touches: []string{"service=checkout,environment=prod"}}, {Name: "Search", Group: "Buying", Touches: []string{"entity=host:search-*"}}, {Name: "Mail"}}}

// A person declares, writes for the public, and the page tells it, with its
// feed, and goes on telling it when the database is gone.
func TestThePageOutlivesTheStore(t *testing.T) {
	b := setUp(t)
	b.save(t, shop, t0)
	b.round(t, t0)
	if _, page := b.get(t, "/status/shop/"); !strings.Contains(page, "No trouble is known.") || strings.Contains(page, "<script") {
		t.Fatal(page)
	}
	i, err := b.resp.Declare(t.Context(), b.boss, respond.Declaration{Tenant: tenant, Title: "db-7 SECRET-HOST is down", Severity: finding.Critical, Policy: "default"}, t0)
	check(t, err)
	_, err = b.status.Write(t.Context(), b.boss, tenant, i.ID, status.Draft{Phase: status.Identified, Text: "Only for us: SECRET-NOTE"}, t0)
	check(t, err)
	u, err := b.status.Write(t.Context(), b.boss, tenant, i.ID, status.Draft{Phase: status.Investigating, Public: true, Title: "Payments <b>fail</b>", Text: "We look into it & mend it.",
		Components: []string{"shop/checkout"}, Next: 30 * time.Minute}, t0.Add(time.Minute))
	check(t, err)
	if u.Impact != status.Major {
		t.Errorf("a critical incident has the impact %s", u.Impact)
	}
	b.round(t, t0.Add(time.Minute))
	res, page := b.get(t, "/status/shop/")
	for _, want := range []string{"Something is out of order.", "Payments &lt;b&gt;fail&lt;/b&gt;", "We look into it &amp; mend it.", "29 March 2026, 00:31 UTC", `datetime="2026-03-29T01:01:00Z"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "SECRET") {
		t.Error("the page tells what is private")
	}
	tag := res.Header.Get("ETag")
	if again, _ := b.get(t, "/status/shop/", "If-None-Match", tag); tag == "" || again.StatusCode != http.StatusNotModified {
		t.Errorf("asked again with %s: %d", tag, again.StatusCode)
	}
	if p := res.Header.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || res.Header.Get("Set-Cookie") != "" || !strings.Contains(res.Header.Get("Cache-Control"), "max-age=") {
		t.Errorf("headers: %v", res.Header)
	}

	_, feed := b.get(t, "/status/shop/feed.xml")
	var atom struct {
		XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
		ID      string   `xml:"id"`
		Updated string   `xml:"updated"`
		Entries []struct {
			ID      string `xml:"id"`
			Title   string `xml:"title"`
			Updated string `xml:"updated"`
			Link    struct {
				Href string `xml:"href,attr"`
			} `xml:"link"`
			Content string `xml:"content"`
		} `xml:"entry"`
	}
	check(t, xml.Unmarshal([]byte(feed), &atom))
	if len(atom.Entries) != 1 || !strings.HasPrefix(atom.Entries[0].Title, "Payments <b>fail</b>") || !strings.HasPrefix(atom.Entries[0].Link.Href, "https://ops.example.org/status/shop/#i-") {
		t.Errorf("the feed: %+v", atom)
	}
	if _, err := time.Parse(time.RFC3339, atom.Entries[0].Updated); err != nil {
		t.Error(err)
	}

	check(t, b.db.Close())
	if err := b.status.Round(t.Context(), tenant, t0.Add(time.Hour)); err == nil {
		t.Error("a round without a store says that all is well")
	}
	res, after := b.get(t, "/status/shop/")
	if res.StatusCode != http.StatusOK || after != page || !strings.Contains(after, "As of") {
		t.Errorf("without its store the page is %d, %d bytes of %d", res.StatusCode, len(after), len(page))
	}
	if code, said := b.post(t, "/status/shop/subscribe", url.Values{"address": {"ana@example.org"}}); code != http.StatusServiceUnavailable {
		t.Errorf("subscribing without a store: %d %s", code, said)
	}
}

// What a person writes for the public is shown; nothing else ever is, and a
// component is as bad as the worst that is known of it.
func TestNothingPrivateIsShown(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 12 {
		b := setUp(t)
		b.save(t, shop, t0)
		pick := func(list ...string) string { return list[random.IntN(len(list))] }
		var alerts []respond.Alert
		for k := range 1 + random.IntN(4) {
			mark := fmt.Sprintf("PRIVATE-%d-%d", n, k)
			alerts = append(alerts, respond.Alert{AlertKey: respond.AlertKey{Tenant: tenant, Source: mark, Fingerprint: mark}, Environment: "prod", Status: respond.Firing, Severity: finding.Critical,
				Title: mark, Text: mark, Annotations: map[string]string{"a": mark}, Links: []respond.Link{{Text: mark, URL: "https://" + mark}}, StartsAt: t0, ReceivedAt: t0,
				Labels: map[string]string{"service": pick("checkout", mark), "environment": "prod", "entity": pick("host:search-"+mark, "host:"+mark), "alertname": mark}})
		}
		check(t, b.resp.Receive(t.Context(), alerts))
		_, err := b.resp.Declare(t.Context(), b.boss, respond.Declaration{Tenant: tenant, Environment: "PRIVATE-env", Title: "PRIVATE-declared", Severity: finding.Warning, Policy: "PRIVATE-policy"}, t0)
		check(t, err)
		list, err := b.resp.List(t.Context(), b.boss, respond.IncidentFilter{Tenant: tenant})
		check(t, err)
		worst := map[string]status.State{}
		for _, i := range list.Incidents {
			for range random.IntN(4) {
				d := status.Draft{Phase: status.Phases[random.IntN(4)], Text: "PRIVATE-update", Title: "PRIVATE-title", Public: random.IntN(2) == 0}
				if d.Public {
					d.Text, d.Title, d.Components = "said to all", "Trouble", []string{"shop/" + pick("checkout", "search", "mail")}
					d.Impact = []status.State{status.Degraded, status.Partial, status.Major}[random.IntN(3)]
				}
				_, err := b.status.Write(t.Context(), b.boss, tenant, i.ID, d, t0)
				check(t, err)
			}
			updates, err := b.status.Updates(t.Context(), b.boss, tenant, i.ID)
			check(t, err)
			var last *status.Update
			touched := map[string]bool{}
			for _, u := range updates {
				if u.Public {
					last = &u
					for _, id := range u.Components {
						touched[id] = true
					}
				}
			}
			story, err := b.resp.Get(t.Context(), b.boss, tenant, i.ID)
			check(t, err)
			for _, a := range story.Alerts {
				touched["shop/checkout"] = touched["shop/checkout"] || a.Labels["service"] == "checkout"
				touched["shop/search"] = touched["shop/search"] || strings.HasPrefix(a.Labels["entity"], "host:search-")
			}
			if last != nil && last.Phase != status.Over {
				for id, yes := range touched {
					if yes {
						worst[id] = status.Worst(worst[id], last.Impact)
					}
				}
			}
		}
		page, err := b.status.Page(t.Context(), b.boss, tenant, "shop", t0)
		check(t, err)
		for k, c := range page.Components {
			if want := status.Worst(worst["shop/"+c.ID]); page.States[k] != want {
				t.Errorf("%d: %s is %s, want %s", n, c.ID, page.States[k], want)
			}
		}
		b.round(t, t0)
		err = filepath.WalkDir(b.folder, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			for _, mark := range []string{"PRIVATE", "service=", "host:", "ana"} {
				if bytes.Contains(raw, []byte(mark)) {
					t.Errorf("%d: %s holds %q", n, path, mark)
				}
			}
			return err
		})
		check(t, err)
	}
}

// A private page opens with a login or the link of now, and never else.
func TestAPrivatePage(t *testing.T) {
	b := setUp(t)
	p := shop
	p.Private = true
	l := b.save(t, p, t0)
	b.round(t, t0)
	link := strings.TrimPrefix(l.Link, "https://ops.example.org")
	if res, page := b.get(t, link); res.StatusCode != 200 || !strings.Contains(res.Header.Get("Cache-Control"), "private") || !strings.Contains(page, "noindex") {
		t.Errorf("the link: %d %v", res.StatusCode, res.Header)
	}
	if res, _ := b.get(t, link+"feed.xml"); res.StatusCode != 200 {
		t.Errorf("the feed by the link: %d", res.StatusCode)
	}
	for _, file := range []string{"", "index.html", "feed.xml", "status.json"} {
		if res, _ := b.get(t, "/status/shop/"+file); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q without a login: %d", file, res.StatusCode)
		}
	}
	if res, _ := b.get(t, "/status/shop/", "Authorization", "x"); res.StatusCode != 200 {
		t.Errorf("with a login: %d", res.StatusCode)
	}
	if _, err := b.status.Renew(t.Context(), b.boss, tenant, "shop", t0); err != nil {
		t.Fatal(err)
	}
	b.round(t, t0)
	for _, path := range []string{link, "/status/shop/k//", "/status/shop/k/x/", "/status/.gates/shop.json", "/status/../status/.gates/shop.json", "/status/none/"} {
		if res, _ := b.get(t, path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	check(t, b.status.Delete(t.Context(), b.boss, tenant, "shop", t0))
	b.round(t, t0)
	if left, _ := filepath.Glob(filepath.Join(b.folder, "*")); len(left) > 1 { // the gates' folder
		t.Errorf("a deleted page leaves %v", left)
	}
}

// Days are as bad as they were seen; what nobody watched is unknown.
func TestDaysNobodyWatchedAreUnknown(t *testing.T) {
	now := time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)
	day := func(n int, hour float64) time.Time {
		return time.Date(2026, 3, 29-n, 0, 0, 0, 0, time.UTC).Add(time.Duration(hour * float64(time.Hour)))
	}
	list := []status.Interval{
		{State: status.Operational, From: day(5, 0), To: day(4, 0)},                 // day 5: whole
		{State: status.Operational, From: day(4, 0), To: day(4, 12)},                // day 4: half of it unseen
		{State: status.Partial, From: day(3, 1), To: day(3, 1.1)},                   // day 3: hardly seen, and bad
		{State: status.Operational, From: day(1, 0), To: day(1, 10)},                // day 1: whole, a moment of it bad
		{State: status.Degraded, From: day(1, 10), To: day(1, 10)},                  //
		{State: status.Operational, From: day(1, 10.01), To: now},                   // today
		{State: status.Major, From: now.Add(time.Hour), To: now.Add(2 * time.Hour)}, // a clock that was ahead
	}
	want := []status.State{status.Unknown, status.Operational, status.Unknown, status.Partial, status.Unknown, status.Degraded, status.Operational}
	got := status.Days(list, day(10, 0), now, 7)
	for n, d := range got {
		if d.State != want[n] {
			t.Errorf("%s is %s, want %s", d.Date.Format(time.DateOnly), d.State, want[n])
		}
	}
	// Watched every half minute with one hole, nothing is well that was not seen.
	var last status.Interval
	var all []status.Interval
	for at := day(1, 0); at.Before(now); at = at.Add(30 * time.Second) {
		if at.After(day(1, 3)) && at.Before(day(1, 6)) {
			continue
		}
		for _, i := range status.Observe(last, status.Operational, at) {
			if n := len(all); n > 0 && all[n-1].From.Equal(i.From) {
				all[n-1] = i
			} else {
				all = append(all, i)
			}
			last = i
		}
	}
	if got := status.Days(all, day(1, 0), now, 2); got[0].State != status.Unknown || got[1].State != status.Operational || len(all) != 2 {
		t.Errorf("%v of %d intervals", got, len(all))
	}
}

// A promise that is not kept is told of three times to who looks after the
// incident, and not at all once the incident is over.
func TestAnOverdueUpdateIsRemindedOf(t *testing.T) {
	b := setUp(t)
	check(t, b.db.PutContact(t.Context(), respond.Contact{ID: "k", Tenant: tenant, Person: "ana", Name: "mail", Channel: respond.Email, Address: "ana@example.org", Verified: t0}))
	i, err := b.resp.Declare(t.Context(), b.boss, respond.Declaration{Tenant: tenant, Title: "Nobody can pay", Severity: finding.Critical, Policy: "default"}, t0)
	check(t, err)
	_, err = b.resp.Acknowledge(t.Context(), b.boss, tenant, i.ID, "", t0)
	check(t, err)
	_, err = b.status.Write(t.Context(), b.boss, tenant, i.ID, status.Draft{Phase: status.Identified, Text: "We mend it.", Next: 30 * time.Minute}, t0)
	check(t, err)
	overdue := func() (n int) {
		entries, err := b.db.Ledger(t.Context(), respond.LedgerFilter{Tenant: tenant, Incident: i.ID, Limit: 500})
		check(t, err)
		for _, e := range entries {
			if e.Kind == respond.UpdateOverdue {
				n++
				if e.Message == "" || e.Person != "ana" {
					t.Errorf("a reminder that reaches nobody: %+v", e)
				}
			}
		}
		return n
	}
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{29 * time.Minute, 0}, {30 * time.Minute, 1}, {31 * time.Minute, 1}, {61 * time.Minute, 2}, {3 * time.Hour, 3}, {5 * time.Hour, 3}} {
		b.round(t, t0.Add(c.after))
		if got := overdue(); got != c.want {
			t.Errorf("%s after the update: %d reminders, want %d", c.after, got, c.want)
		}
	}
	_, err = b.status.Write(t.Context(), b.boss, tenant, i.ID, status.Draft{Phase: status.Monitoring, Text: "It works.", Next: time.Hour}, t0.Add(6*time.Hour))
	check(t, err)
	_, err = b.resp.Resolve(t.Context(), b.boss, tenant, i.ID, "", t0.Add(6*time.Hour))
	check(t, err)
	b.round(t, t0.Add(8*time.Hour))
	if got := overdue(); got != 3 {
		t.Errorf("reminded %d times of what is over", got)
	}
}

// What becomes part of another incident stands as long as that one.
func TestAMergedIncidentStands(t *testing.T) {
	b := setUp(t)
	b.save(t, shop, t0)
	declare := func(title string) respond.Incident {
		i, err := b.resp.Declare(t.Context(), b.boss, respond.Declaration{Tenant: tenant, Title: title, Severity: finding.Critical, Policy: "default"}, t0)
		check(t, err)
		return i
	}
	one, two := declare("the first"), declare("the second")
	_, err := b.status.Write(t.Context(), b.boss, tenant, one.ID, status.Draft{Phase: status.Identified, Text: "We mend it.", Public: true, Title: "Trouble", Components: []string{"shop/mail"}}, t0)
	check(t, err)
	_, err = b.resp.Merge(t.Context(), b.boss, tenant, one.ID, two.ID, t0)
	check(t, err)
	state := func() status.State {
		p, err := b.status.Page(t.Context(), b.boss, tenant, "shop", t0)
		check(t, err)
		return p.State
	}
	if s := state(); s != status.Major {
		t.Errorf("merged, it is %s", s)
	}
	_, err = b.resp.Resolve(t.Context(), b.boss, tenant, two.ID, "", t0)
	check(t, err)
	if s := state(); s != status.Operational {
		t.Errorf("over, it is %s", s)
	}
}

// Letters come only to who has confirmed; the answers tell nobody who gets
// them, and are bounded.
func TestLettersComeToWhoWantsThem(t *testing.T) {
	b := setUp(t)
	b.save(t, shop, time.Now())
	b.round(t, time.Now())
	sent := &keeper{make(chan respond.Message, 50)}
	delivering, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	quick := respond.NewService(b.db, respond.Options{Senders: map[respond.Channel]respond.Sender{respond.Email: sent}, Letter: b.status.Links}, slog.New(slog.DiscardHandler))
	go func() { defer close(done); quick.Deliver(delivering, func(error) {}) }()
	defer func() { stop(); <-done }()
	next := func() respond.Message {
		t.Helper()
		quick.MessagesStored()
		select {
		case m := <-sent.c:
			return m
		case <-time.After(10 * time.Second):
			t.Fatal("no letter came")
		}
		return respond.Message{}
	}
	ask := func() string {
		code, said := b.post(t, "/status/shop/subscribe", url.Values{"address": {"Bo@Example.org"}})
		if code != 200 {
			t.Fatal(code, said)
		}
		return said
	}
	first := ask()
	letter := next()
	path := strings.TrimPrefix(letter.Content.AckURL, "https://ops.example.org")
	if letter.Kind != respond.SubscribeMessage || path == "" || letter.Contact.Address != "Bo@example.org" {
		t.Fatalf("%+v", letter)
	}
	i, err := b.resp.Declare(t.Context(), b.boss, respond.Declaration{Tenant: tenant, Title: "x-ray", Severity: finding.Critical, Policy: "default"}, time.Now())
	check(t, err)
	tell := func(text string) {
		t.Helper()
		_, err := b.status.Write(t.Context(), b.boss, tenant, i.ID, status.Draft{Phase: status.Identified, Text: text, Public: true, Title: "Trouble", Components: []string{"shop/mail"}}, time.Now())
		check(t, err)
	}
	tell("before it was confirmed")
	if res, page := b.get(t, path); res.StatusCode != 200 || !strings.Contains(page, "<form") {
		t.Fatal(res.StatusCode, page)
	}
	if code, _ := b.post(t, path+"x", nil); code != http.StatusNotFound {
		t.Errorf("a wrong link: %d", code)
	}
	if code, said := b.post(t, path, nil); code != 200 {
		t.Fatal(code, said)
	}
	tell("after it")
	if m := next(); m.Kind != respond.StatusMessage || !strings.Contains(m.Content.Text, "after it") || m.Content.Unsubscribe == "" {
		t.Errorf("%+v", m)
	} else {
		if said := ask(); said != first {
			t.Errorf("who is known is told %q, who is not %q", said, first)
		}
		if again := next(); again.Content.AckURL != "" {
			t.Errorf("who is known is asked again: %+v", again)
		}
		out := strings.TrimPrefix(m.Content.Unsubscribe, "https://ops.example.org")
		for range 2 { // mail programs ask more than once
			if code, said := b.post(t, out, url.Values{"List-Unsubscribe": {"One-Click"}}); code != 200 {
				t.Fatal(code, said)
			}
		}
	}
	for n := range 20 {
		code, _ := b.post(t, "/status/shop/subscribe", url.Values{"address": {fmt.Sprintf("a%d@example.org", n)}})
		if n > 10 && code != http.StatusTooManyRequests {
			t.Fatalf("letter %d from one source: %d", n, code)
		}
	}
}

// An address that was written down and never confirmed is not kept: perhaps its
// owner knows nothing of it.
func TestAnAddressThatIsNotConfirmedIsForgotten(t *testing.T) {
	b := setUp(t)
	now := time.Now()
	b.save(t, shop, now)
	b.round(t, now)
	kept := func() (addresses []string) {
		t.Helper()
		list, err := b.db.StatusRecords(t.Context(), tenant, "subscriber", "")
		check(t, err)
		for _, r := range list {
			var sub status.Subscriber
			check(t, json.Unmarshal(r.Body, &sub))
			addresses = append(addresses, sub.Address)
		}
		return addresses
	}
	for _, address := range []string{"bo@example.org", "cy@example.org"} {
		check(t, b.status.Subscribe(t.Context(), tenant, "shop", address, "192.0.2.1", now))
	}
	list, err := b.db.StatusRecords(t.Context(), tenant, "subscriber", "")
	check(t, err)
	confirm, _ := b.status.Links(respond.Message{Tenant: tenant, Kind: respond.SubscribeMessage, Contact: respond.Contact{ID: list[0].ID, Name: "shop"}})
	if code, said := b.post(t, strings.TrimPrefix(confirm, "https://ops.example.org"), nil); code != 200 {
		t.Fatal(code, said)
	}
	b.round(t, now.Add(2*24*time.Hour))
	if got := kept(); len(got) != 2 {
		t.Errorf("in time for the link, %q are kept", got)
	}
	b.round(t, now.Add(4*24*time.Hour))
	if got := kept(); len(got) != 1 {
		t.Errorf("after it, %q are kept", got)
	}
}

// What the handler says itself looks like the pages, also where there is none.
func TestNoticesHaveAStyle(t *testing.T) {
	b := setUp(t)
	_, page := b.get(t, "/status/nothing/")
	at := strings.Index(page, `<link rel="stylesheet" href="`)
	if at < 0 {
		t.Fatal(page)
	}
	href, _, _ := strings.Cut(page[at+len(`<link rel="stylesheet" href="`):], `"`)
	res, style := b.get(t, href)
	if res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/css") || !strings.Contains(style, "main") {
		t.Errorf("%s: %d %s", href, res.StatusCode, res.Header.Get("Content-Type"))
	}
}

// keeper hands on what it is to send.
type keeper struct{ c chan respond.Message }

func (k *keeper) Send(_ context.Context, m respond.Message) respond.Outcome {
	k.c <- m
	return respond.Outcome{State: respond.Sent}
}
