package console

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/status"
)

// statusPages opens the service of the demo, with its page's files served
// beside the console.
func (d *demo) statusPages(t testing.TB) *status.Service {
	t.Helper()
	d.folder = t.TempDir()
	s, err := status.New(t.Context(), d.state, status.Options{Folder: d.folder, URL: "https://ops.example.org", Address: func(a string) (string, error) { return a, nil }})
	if err != nil {
		t.Fatal(err)
	}
	d.status = s
	return s
}

// announce makes a page with ninety days, an incident, and maintenance.
func (d *demo) announce(t testing.TB) {
	t.Helper()
	ctx, tenant := t.Context(), access.DefaultTenant
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	begin := d.now.Add(-70 * 24 * time.Hour)
	p := status.Page{Tenant: tenant, Slug: "shop", Title: "Harbour Shop", About: "How the shop and what belongs to it do.", Components: []status.Component{
		{Name: "Browsing", Group: "Shop", About: "Pages, search and pictures"}, {Name: "Checkout", Group: "Shop", Touches: []string{"service=checkout"}}, {Name: "Partner API", Group: "For partners"}, {Name: "Invoices by mail", Group: "For partners"}}}
	l, err := d.status.Save(ctx, d.actor, p, begin)
	must(err)
	p = l.Page
	var seen status.Change
	seen.Tenant = tenant
	states := func(part string, day int) status.State {
		switch {
		case part == "checkout" && day == 31:
			return status.Major
		case part == "checkout" && day == 32, part == "partner-api" && day == 12:
			return status.Degraded
		case part == "partner-api" && day == 48:
			return status.Partial
		case part == "invoices-by-mail" && day == 55:
			return status.Maintained
		}
		return status.Operational
	}
	for _, k := range p.Components {
		for day := range 71 {
			if day == 20 || day == 21 { // nobody watched
				continue
			}
			from := begin.Add(time.Duration(day) * 24 * time.Hour)
			to := from.Add(24 * time.Hour)
			if to.After(d.now) {
				to = d.now
			}
			if to.After(from) {
				r, err := status.Seen(tenant, status.Interval{Page: "shop", Component: k.ID, State: states(k.ID, day), From: from, To: to})
				must(err)
				seen.Put = append(seen.Put, r)
			}
		}
	}
	must(d.state.ApplyStatus(ctx, seen))
	for n, title := range []string{"35 times slower", "wait for a processor"} {
		i := d.incident(t, title)
		draft := status.Draft{Phase: status.Identified, Public: true, Title: "Payments take long", Impact: status.Degraded, Components: []string{"shop/checkout"}, Next: 30 * time.Minute,
			Text: "We know why paying takes up to a minute, and are mending it. Orders that were placed are safe."}
		if n == 1 {
			draft = status.Draft{Phase: status.Over, Public: true, Title: "Partners got errors", Impact: status.Partial, Components: []string{"shop/partner-api"}, Text: "The API for partners works again. We are sorry for the trouble."}
		}
		_, err := d.status.Write(ctx, d.actor, tenant, i.ID, draft, d.now)
		must(err)
	}
	_, err = d.status.Announce(ctx, d.actor, status.Maintenance{Tenant: tenant, Page: "shop", Title: "A new database for invoices", Text: "Invoices come up to two hours later.", Components: []string{"invoices-by-mail"},
		From: d.now.Add(50 * time.Hour), To: d.now.Add(52 * time.Hour)}, d.now)
	must(err)
	must(d.status.Round(ctx, tenant, d.now))
}

// readers serves the status pages' files before the console, as app does.
func (d *demo) readers() http.Handler {
	pages := status.Handler{Folder: d.folder, Subscriptions: d.status}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/status/") {
			pages.ServeHTTP(w, r)
			return
		}
		guarded(d).ServeHTTP(w, r)
	})
}

// Whoever is tired makes a page, writes an update, and is told what is missing
// with what they wrote still there.
func TestAnUpdateIsWrittenFromTheIncident(t *testing.T) {
	d := livedDemo(t)
	i := d.incident(t, "35 times slower")
	send := func(path string, form url.Values) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		return w
	}
	w := send(incidentURL(i.ID)+"/updates", url.Values{"phase": {"monitoring"}, "text": {"It looks good."}, "public": {"yes"}, "component": {"shop/none"}})
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "It looks good.") || !strings.Contains(w.Body.String(), "no component") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w = send(incidentURL(i.ID)+"/updates", url.Values{"phase": {"monitoring"}, "text": {"It looks good."}, "public": {"yes"}}); w.Code != http.StatusSeeOther {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w = send("/status-pages", url.Values{"title": {"Bad"}, "slug": {"Not A Name"}}); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "Not A Name") {
		t.Errorf("%d", w.Code)
	}
	if w = send("/status-pages", url.Values{"title": {"Office"}, "slug": {"office"}}); w.Code != http.StatusSeeOther {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w = send("/status-pages/office", url.Values{"title": {"Office"}, "revision": {"1"}, "private": {"yes"}, "name-0": {"Mail"}, "touches-0": {"service=mail\n"}}); w.Code != http.StatusSeeOther {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	l, err := d.status.Page(t.Context(), d.actor, access.DefaultTenant, "office", d.now)
	if err != nil || len(l.Components) != 1 || !l.Private || l.Key == "" {
		t.Errorf("%+v, %v", l, err)
	}
	d.actor.Grants = []access.Grant{{Tenant: access.Any, Environment: access.Any, Role: access.Viewer}}
	r := httptest.NewRecorder()
	d.ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/status-pages/office", nil))
	if strings.Contains(r.Body.String(), l.Key) || strings.Contains(r.Body.String(), "service=mail") || r.Code != 200 {
		t.Errorf("a viewer sees %d %s", r.Code, r.Body)
	}
	if w = send("/status-pages/office", url.Values{"title": {"Mine"}, "revision": {"2"}}); w.Code != http.StatusForbidden {
		t.Errorf("a viewer changes it: %d", w.Code)
	}
	if _, err := d.respond.Get(t.Context(), d.actor, access.DefaultTenant, i.ID); err != nil || i.State == respond.Resolved {
		t.Error(i.State, err)
	}
}

// TestTheStatusPageInABrowser reads it on a phone, without a script and without
// anything from elsewhere.
func TestTheStatusPageInABrowser(t *testing.T) {
	ctx := browser(t)
	d := livedDemo(t)
	server := httptest.NewServer(d.readers())
	defer server.Close()
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank"), chromedp.EmulateViewport(360, 780), chromedp.Navigate(server.URL+"/status/shop/")); err != nil {
		t.Fatal(err)
	}
	for _, is := range []string{
		`document.documentElement.scrollWidth <= 360`,
		`document.querySelector("h1").textContent === "Something is slower or limited."`,
		`getComputedStyle(document.querySelector(".case")).borderRadius === "10px"`,
		`document.querySelectorAll(".days").length === 4 && document.querySelectorAll(".days li").length === 360`,
		`document.scripts.length === 0 && performance.getEntriesByType("resource").every(e => e.name.startsWith(location.origin))`,
		`[...document.querySelectorAll(".word")].every(w => w.textContent.trim() !== "" && w.querySelector("svg"))`,
	} {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](is))
		if err != nil || !ok {
			t.Errorf("%s: %v %v", is, ok, err)
		}
	}
}
