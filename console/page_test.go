package console

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// visit asks for a page as a browser does and returns its status and its HTML.
func visit(t testing.TB, h http.Handler, path string) (int, *html.Node, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return parsed(t, w)
}

func send(t testing.TB, h http.Handler, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func parsed(t testing.TB, w *httptest.ResponseRecorder) (int, *html.Node, string) {
	t.Helper()
	raw, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, doc, string(raw)
}

// text is what a person reads in a part of a page.
func text(n *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data + " ")
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(n)
	return strings.Join(strings.Fields(b.String()), " ")
}

func attr(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// find returns the first element with the tag, or nil.
func find(n *html.Node, tag string) *html.Node {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && d.Data == tag {
			return d
		}
	}
	return nil
}

// mustRead fails unless all of the texts can be read on the page.
func mustRead(t *testing.T, doc *html.Node, want ...string) {
	t.Helper()
	all := text(doc)
	for _, w := range want {
		if !strings.Contains(all, w) {
			t.Errorf("%q cannot be read on the page:\n%s", w, all)
		}
	}
}

func TestWhatAPersonReadsOnNow(t *testing.T) {
	t.Run("first start", func(t *testing.T) {
		d := quietDemo(t)
		d.board.Expect("host", 15*time.Second, d.now)
		d.board.Expect("detect", 15*time.Second, d.now)
		d.board.Report("host", d.now, time.Second, nil)
		_, doc, _ := visit(t, d, "/")
		mustRead(t, doc, "Getting to know this machine.", "1 of 2 so far", "Rates need two rounds")
	})
	t.Run("steady", func(t *testing.T) {
		d := quietDemo(t)
		d.furnish(t)
		_, doc, _ := visit(t, d, "/")
		if got, want := text(find(doc, "h1")), "Steady. 35 things watched, nothing needs you."; got != want {
			t.Errorf("the sentence is %q, want %q", got, want)
		}
		mustRead(t, doc, "Nothing to do", "All 5 parts are well.", "no data")
	})
	t.Run("foreseen", func(t *testing.T) {
		d := quietDemo(t)
		d.furnish(t)
		d.record(t, finding.Observation{Key: finding.Key{Tenant: access.DefaultTenant, Environment: "local", Practice: "detect", Check: "memory-leaking", Entity: "cgroup:web-1:/shop"},
			At: d.now, Since: d.now, Sign: finding.Firing, Report: finding.Report{Severity: finding.Warning, Foreseen: true, Title: "shop will meet its memory limit in about 9 h"}})
		_, doc, _ := visit(t, d, "/")
		if got := text(find(doc, "h1")); !strings.HasPrefix(got, "Steady.") {
			t.Errorf("what hurts nobody yet is told as %q", got)
		}
		mustRead(t, doc, "At risk 1", "shop will meet its memory limit in about 9 h", "One is at risk")
	})
	t.Run("trouble", func(t *testing.T) {
		d := livedDemo(t)
		_, doc, _ := visit(t, d, "/")
		if got, want := text(find(doc, "h1")), "One thing needs you now."; got != want {
			t.Errorf("the sentence is %q, want %q", got, want)
		}
		mustRead(t, doc,
			"Needs you now 1", "The disk nvme0n1 of web-1 answers 35 times slower than usual", "pages of the shop take up to 0.7 s", "Likely backup.service",
			"Needs you soon 2", "Good to know 1", "Cannot be seen any more 1", "Being looked after 1", "by robin", "backup.service was started", "much waiting for it")
		all := text(doc)
		if now, soon := strings.Index(all, "Needs you now"), strings.Index(all, "Needs you soon"); now > soon {
			t.Error("what needs a person soon stands before what needs one now")
		}
	})
	t.Run("blind", func(t *testing.T) {
		d := livedDemo(t)
		d.now = d.now.Add(2 * time.Minute)
		for _, part := range []string{"probe", "detect", "store", "metrics"} {
			d.board.Report(part, d.now, time.Millisecond, nil)
		}
		_, doc, _ := visit(t, d, "/")
		mustRead(t, doc, "One thing needs you now.", "Evenkeel does not see everything: the part “host” has said nothing for 2 minutes.")
		quiet := quietDemo(t)
		quiet.furnish(t)
		quiet.now = quiet.now.Add(2 * time.Minute)
		for _, part := range []string{"probe", "detect", "store", "metrics"} {
			quiet.board.Report(part, quiet.now, time.Millisecond, nil)
		}
		_, doc, _ = visit(t, quiet, "/")
		mustRead(t, doc, "Not sure: the part “host” has said nothing for 2 minutes.", "silence does not mean that all is well", "silent for 2 min")
	})
}

func TestAFindingIsReadAnsweredAndTakenBack(t *testing.T) {
	d := livedDemo(t)
	path := findingURL(d.byCheck(t, "disk-latency").ID)
	_, doc, _ := visit(t, d, path)
	mustRead(t, doc, "The disk nvme0n1 of web-1", "What users feel", "backup.service", "89 %", "systemctl stop backup.service", "usually 1.1 ms", "limit 20 ms", "Opened by Evenkeel", "I look after it")

	if w := send(t, d, path+"/accept", url.Values{"until": {"tomorrow"}, "reason": {" "}}); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "The reason needs at least 3 characters.") {
		t.Errorf("an acceptance without a reason gives %d and not why", w.Code)
	}
	w := send(t, d, path+"/accept", url.Values{"until": {"tomorrow"}, "offset": {"120"}, "reason": {"The backup ends tonight"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != path {
		t.Fatalf("accepting gives %d to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	f := d.byCheck(t, "disk-latency")
	if zone := time.FixedZone("", 7200); f.State != finding.Accepted || f.Until.In(zone).Hour() != 9 || f.Until.In(zone).YearDay() != d.now.In(zone).AddDate(0, 0, 1).YearDay() {
		t.Errorf("the finding is %s until %s, want accepted until nine tomorrow in the reader's zone", f.State, f.Until)
	}
	_, doc, _ = visit(t, d, path)
	mustRead(t, doc, "robin accepted it until", "The backup ends tonight", "End the acceptance")
	_, doc, _ = visit(t, d, "/")
	mustRead(t, doc, "Not sure: one thing that was wrong cannot be seen any more.", "Two things need you soon", "One thing is accepted until a date")

	if w := send(t, d, path+"/reopen", nil); w.Code != http.StatusSeeOther {
		t.Fatalf("reopening gives %d: %s", w.Code, w.Body)
	}
	if w := send(t, d, path+"/acknowledge", url.Values{"note": {"on it"}}); w.Code != http.StatusSeeOther {
		t.Fatalf("acknowledging gives %d: %s", w.Code, w.Body)
	}
	_, doc, _ = visit(t, d, path)
	mustRead(t, doc, "robin looks after it", "on it", "Give it back")

	d.actor.Grants = []access.Grant{{Tenant: access.Any, Environment: access.Any, Role: access.Viewer}}
	_, doc, _ = visit(t, d, path)
	mustRead(t, doc, "You may look, and not answer.")
	if w := send(t, d, path+"/acknowledge", nil); w.Code != http.StatusForbidden {
		t.Errorf("a viewer's answer gives %d, want 403", w.Code)
	}
	d.actor.Grants = nil
	for _, p := range []string{"/", "/findings", "/estate", "/changes", "/settings", "/search?q=web", "/entities/host:web-1"} {
		if code, doc, _ := visit(t, d, p); code != http.StatusForbidden {
			t.Errorf("%s gives %d to nobody, want 403: %s", p, code, text(doc))
		}
	}
	for _, p := range []string{path, "/entities/host:web-1?env=production", path + "/charts/0.json", "/entities/host:web-1/marks?env=production"} {
		if code, _, _ := visit(t, d, p); code != http.StatusNotFound {
			t.Errorf("%s gives %d to nobody, want 404", p, code)
		}
	}
}

func TestAHostsPageShowsWhatIsOnItAndWhatWasSeenFromIt(t *testing.T) {
	d := livedDemo(t)
	for path, want := range map[string][3]bool{ // of the host's disk, of an endpoint that it probes, of another host
		"/entities/host:web-1": {true, true, false}, "/findings?host=web-1": {true, true, false},
		"/entities/host:db-1": {false, false, true}, "/findings?host=db-1": {false, false, true},
		"/entities/disk:web-1:nvme0n1": {true, false, false}, "/findings?host=web": {false, false, false},
	} {
		_, _, raw := visit(t, d, path)
		for i, title := range []string{"answers 35 times slower", "The resolver answers slowly", "backup.service on db-1 has failed"} {
			if strings.Contains(raw, title) != want[i] {
				t.Errorf("%s shows %q: %v, want %v", path, title, !want[i], want[i])
			}
		}
	}
}

func TestAcceptUntil(t *testing.T) {
	now := time.Date(2026, 3, 28, 23, 30, 0, 0, time.UTC)
	for _, c := range []struct{ choice, date, offset, want string }{
		{"tomorrow", "", "0", "2026-03-29T09:00:00Z"},
		{"tomorrow", "", "60", "2026-03-30T08:00:00Z"}, // it is the 29th there already
		{"tomorrow", "", "-300", "2026-03-29T14:00:00Z"},
		{"tomorrow", "", "nonsense", "2026-03-29T09:00:00Z"},
		{"week", "", "", "2026-04-04T09:00:00Z"},
		{"month", "", "", "2026-04-27T09:00:00Z"},
		{"date", "2026-05-01", "120", "2026-05-01T07:00:00Z"},
		{"date", "1 May", "", ""}, {"date", "", "", ""}, {"", "", "", ""}, {"for ever", "", "", ""},
	} {
		got, err := acceptUntil(c.choice, c.date, c.offset, now)
		if c.want == "" {
			if err == nil {
				t.Errorf("%+v gives %s, want a refusal", c, got)
			}
		} else if err != nil || got.UTC().Format(time.RFC3339) != c.want {
			t.Errorf("%+v gives %s, %v", c, got.UTC().Format(time.RFC3339), err)
		}
	}
}

// pages are all sorts of pages of the demo.
func (d *demo) pages(t testing.TB) []string {
	paths := []string{
		"/", "/findings", "/findings?state=all&q=web&severity=warning", "/findings?state=resolved", "/findings?q=nothing-is-called-so", "/findings?host=web-1&state=all",
		"/incidents", "/incidents?state=all", "/incidents?q=nothing-is-called-so", "/sources", "/simulate", simulatedURL, "/simulate?labels=x&at=soon", "/silences", "/silences?matchers=alertname%3D%22disk%22", "/routes", "/routes?labels=team%3Dpayments", "/lessons", "/lessons?days=7", "/slos", "/slos/suggestions", "/checks", "/checks/disk-latency", "/checks/slo:checkout", "/signals", "/signals?kind=service", "/calls", "/calls?show=contradicted", "/calls?show=unsure", "/contacts", "/policies", "/policies/new", "/policies/default",
		"/kubernetes", "/namespaces", "/namespaces?env=prod", "/kubernetes?at=" + unix(d.now.Add(-time.Hour)), "/namespaces?env=none&at=" + unix(d.now.Add(-time.Hour)),
		"/map", "/map?ns=shop", "/map?at=" + unix(d.now.Add(-time.Hour)),
		"/estate", "/estate?kind=disk", "/changes", "/changes?entity=host:web-1", "/search", "/search?q=web", "/search?q=zzz", "/settings", "/login", "/login/link", "/nowhere",
		"/estate?at=" + unix(d.now.Add(-time.Hour)), "/entities/host:web-1?at=" + unix(d.now.Add(-time.Hour)), "/entities/host:web-1?last=24h&top=memory",
	}
	list, err := d.findings.List(t.Context(), d.actor, finding.Filter{Tenant: access.DefaultTenant})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list.Findings {
		paths = append(paths, findingURL(f.ID))
	}
	incidents, err := d.respond.List(t.Context(), d.actor, respond.IncidentFilter{Tenant: access.DefaultTenant})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range incidents.Incidents {
		paths = append(paths, incidentURL(i.ID), documentURL(i.ID), documentURL(i.ID)+"?edit")
	}
	things, err := d.estate.Entities(t.Context(), d.actor, estate.Filter{Tenant: access.DefaultTenant, Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range things.Entities {
		paths = append(paths, entityURL(e.Environment, e.ID))
	}
	return paths
}

func TestNoPageHoldsInlineCodeAndEveryLinkLeadsSomewhere(t *testing.T) {
	d := livedDemo(t)
	d.gather(t)
	d.cluster(t)
	// Served by the API and by access, not by the console.
	others := []string{"/openapi.json", "/metrics", "/logout", "/login", "/login/link"}
	seen := map[string]bool{}
	check := func(from, link string) {
		u, err := url.Parse(link)
		if err != nil || u.Scheme != "" || u.Host != "" {
			t.Errorf("%s links to %q, which is not here", from, link)
			return
		}
		if !strings.HasPrefix(u.Path, "/") || seen[u.RequestURI()] || slices.Contains(others, u.Path) {
			return
		}
		seen[u.RequestURI()] = true
		if code, _, _ := visit(t, d, u.RequestURI()); code != http.StatusOK {
			t.Errorf("%s links to %s, which gives %d", from, link, code)
		}
	}
	for _, path := range append(d.pages(t), "/cases", "/cases?state=all", caseURL(d.theCase(t).ID)) {
		w := httptest.NewRecorder()
		d.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		code, doc, _ := parsed(t, w)
		if want := path == "/nowhere"; (code == http.StatusNotFound) != want || code >= 500 {
			t.Errorf("%s gives %d", path, code)
		}
		ids := map[string]bool{}
		for n := range doc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if n.Data == "style" || n.Data == "script" && n.FirstChild != nil {
				t.Errorf("%s holds an inline <%s>", path, n.Data)
			}
			for _, a := range n.Attr {
				switch {
				case a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Key, "hx-on") || strings.HasPrefix(strings.TrimSpace(a.Val), "javascript:"):
					t.Errorf("%s holds <%s %s=%q>", path, n.Data, a.Key, a.Val)
				case a.Key == "href" || a.Key == "src" || a.Key == "hx-get":
					check(path, a.Val)
				case a.Key == "data-chart":
					check(path, a.Val+".json")
					check(path, a.Val+".svg")
				case a.Key == "data-marks":
					check(path, a.Val)
				case a.Key == "id":
					if ids[a.Val] {
						t.Errorf("%s has two elements with the id %q", path, a.Val)
					}
					ids[a.Val] = true
				}
			}
			if label, labelled := attr(n, "aria-label"); (n.Data == "input" || n.Data == "select" || n.Data == "textarea") && (!labelled || label == "") {
				kind, _ := attr(n, "type")
				id, named := attr(n, "id")
				if kind != "hidden" && kind != "checkbox" && !within(n, "label") && (!named || !labelFor(doc, id)) {
					t.Errorf("%s has a field without a label: %v", path, n.Attr)
				}
			}
		}
	}
	if len(seen) < 100 {
		t.Errorf("only %d links were followed; the pages have lost theirs", len(seen))
	}
}

func within(n *html.Node, tag string) bool {
	for p := range n.Ancestors() {
		if p.Data == tag {
			return true
		}
	}
	return false
}

func labelFor(doc *html.Node, id string) bool {
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "label" {
			if v, ok := attr(n, "for"); ok && v == id {
				return true
			}
		}
	}
	return false
}

// TestWhatOthersNamedIsOnlyText names everything that can be named from the
// outside with HTML, and looks for it as elements on every page.
func TestWhatOthersNamedIsOnlyText(t *testing.T) {
	const evil = `"><img src=x onerror=alert(1)><script>alert(2)</script>'</textarea>`
	d := quietDemo(t)
	host := "h1"
	id := estate.ID(estate.Filesystem, host, "/mnt/"+evil)
	o := estate.Observation{Tenant: access.DefaultTenant, Environment: demoEnv, Source: "host", At: d.now.Add(-time.Hour), Complete: true,
		Entities: []estate.Entity{
			{ID: "host:" + host, Kind: estate.Host, Name: evil, Attributes: map[string]string{evil: evil}},
			{ID: id, Kind: estate.Filesystem, Name: evil},
			{ID: "new:" + evil, Kind: estate.Kind(evil), Name: evil},
		},
		Relations: []estate.Relation{{From: id, Kind: estate.RelationKind(evil), To: "host:" + host, Confidence: 1}},
		Changes:   []estate.Change{{At: d.now.Add(-time.Minute), Entity: id, Kind: evil, Summary: evil, Who: evil, Before: evil, After: evil, Key: "k"}},
	}
	if err := d.estate.Observe(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	d.fire(t, "x", id, d.now.Add(-time.Hour), finding.Report{
		Severity: finding.Critical, Title: evil, Effect: evil, Remedy: []string{evil, "`" + evil + "`"}, EntityKind: evil, EntityName: evil,
		Culprits: []finding.Culprit{{Entity: id, Name: evil, Share: 7, Text: evil}},
		Evidence: []finding.Evidence{{Text: evil, Query: `vector(1) # ` + evil, Value: ptr(1), Limit: ptr(2), Unit: evil}},
	})
	d.board.Expect(evil, time.Second, d.now)
	d.board.Report(evil, d.now, time.Second, fmt.Errorf("%s", evil))
	d.actor.Name = evil
	for _, path := range append(d.pages(t), "/search?q="+url.QueryEscape(evil), "/findings?q="+url.QueryEscape(evil)+"&entity="+url.QueryEscape(evil), "/changes?entity="+url.QueryEscape(evil)) {
		code, doc, raw := visit(t, d, path)
		if code >= 500 {
			t.Errorf("%s gives %d", path, code)
		}
		for n := range doc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if _, handler := attr(n, "onerror"); handler || n.Data == "script" && n.FirstChild != nil {
				t.Errorf("%s lets a name become an element:\n%s", path, raw)
			}
		}
	}
	code, doc, raw := visit(t, d, findingURL(d.byCheck(t, "x").ID)+"/charts/0.svg")
	if code != http.StatusOK || find(doc, "script") != nil || find(doc, "img") != nil {
		t.Errorf("the chart lets a name become an element (%d): %s", code, raw)
	}
}

func TestSettingsLetPeopleAndProgramsIn(t *testing.T) {
	d := livedDemo(t)
	admin := d.actor
	_, doc, _ := visit(t, d, "/settings")
	mustRead(t, doc, "kim", "responder everywhere", "one-time link", "grafana", "the body lacks \"ok\"", "no result yet", "Dns slow", "The probe has not run since 14:51", "Two checks judge", "118 MiB")

	w := send(t, d, "/settings/tokens", url.Values{"name": {"ci"}, "scope": {"write"}, "life": {"30d"}})
	_, doc, raw := parsed(t, w)
	mustRead(t, doc, "The new token", "shown this once")
	tokens, err := d.access.Tokens(t.Context(), d.actor)
	if err != nil || len(tokens) != 2 {
		t.Fatal(tokens, err)
	}
	i := slices.IndexFunc(tokens, func(k access.Token) bool { return k.Name == "ci" })
	if !slices.Equal(tokens[i].Scopes, []access.Permission{access.Write}) || !tokens[i].Expires.Equal(d.now.Add(30*24*time.Hour)) {
		t.Errorf("the token is %+v", tokens[i])
	}
	secret := ""
	for n := range doc.Descendants() {
		if l, _ := attr(n, "aria-label"); l == "Token" {
			secret, _ = attr(n, "value")
		}
	}
	if actor, err := d.access.TokenActor(t.Context(), secret); err != nil || actor.Name == "" {
		t.Errorf("the secret that is shown does not work: %v\n%s", err, raw)
	}
	if w.Header().Get("ETag") != "" || strings.Contains(w.Header().Get("Cache-Control"), "public") {
		t.Error("a page with a secret may be kept")
	}
	if _, _, again := visit(t, d, "/settings"); strings.Contains(again, secret) {
		t.Error("the secret is shown a second time")
	}
	send(t, d, "/settings/tokens/"+tokens[i].ID+"/revoke", nil)
	if _, err := d.access.TokenActor(t.Context(), secret); err == nil {
		t.Error("the revoked token still works")
	}

	_, doc, _ = parsed(t, send(t, d, "/settings/people", url.Values{"name": {"sam"}, "role": {"viewer"}}))
	mustRead(t, doc, "The login link", "Give it to sam", "viewer everywhere")
	sam := person(t, d, "sam")
	_, doc, _ = parsed(t, send(t, d, "/settings/people/"+sam.ID+"/role", url.Values{"role": {"operator"}}))
	mustRead(t, doc, "The role is now operator", "operator everywhere")
	_, doc, _ = parsed(t, send(t, d, "/settings/people/"+sam.ID+"/lockout", nil))
	mustRead(t, doc, "locked out", "Let in again")
	send(t, d, "/settings/people/"+sam.ID+"/letin", nil)
	_, doc, _ = parsed(t, send(t, d, "/settings/people/"+sam.ID+"/link", nil))
	mustRead(t, doc, "The login link", "Give it to sam")
	link := ""
	for n := range doc.Descendants() {
		if l, _ := attr(n, "aria-label"); l == "Login link" {
			link, _ = attr(n, "value")
		}
	}
	session, err := d.access.TakeLink(t.Context(), strings.TrimPrefix(link, "/login/link#"), access.Browser{})
	if err != nil {
		t.Fatalf("the link that was made for sam: %v", err)
	}
	if d.actor, err = d.access.SessionActor(t.Context(), session); err != nil || d.actor.Name != "sam" {
		t.Fatal(d.actor, err)
	}
	if _, doc, _ = parsed(t, send(t, d, "/settings/password", url.Values{"password": {"correct horse"}, "again": {"correct hose"}})); !strings.Contains(text(doc), "not the same") {
		t.Error("two different passwords are taken for one")
	}
	_, doc, _ = parsed(t, send(t, d, "/settings/password", url.Values{"password": {"correct horse"}, "again": {"correct horse"}}))
	mustRead(t, doc, "Your password is set", "Log in")
	if _, err := d.access.SessionActor(t.Context(), session); err == nil {
		t.Error("a session outlives the password that was changed")
	}
	if _, err := d.access.Login(t.Context(), "sam", "correct horse", access.Browser{}); err != nil {
		t.Errorf("the password that was set does not log in: %v", err)
	}
	if w := send(t, d, "/settings/people/"+sam.ID+"/lockout", nil); w.Code != http.StatusForbidden {
		t.Errorf("an operator who locks somebody out gets %d, want 403", w.Code)
	}
	d.actor = admin
	for form, why := range map[string]string{
		"/settings/people name=sam&role=viewer":      "Another person has this name",
		"/settings/people name=x&role=emperor":       "Choose a role.",
		"/settings/people name=+&role=viewer":        "A name has 1 to 80 printable characters",
		"/settings/tokens name=x&life=30d":           "Choose what the token is for",
		"/settings/tokens name=x&scope=read&life=1h": "how long it lasts",
	} {
		path, query, _ := strings.Cut(form, " ")
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		w := send(t, d, path, values)
		if _, doc, _ := parsed(t, w); w.Code != http.StatusUnprocessableEntity || !strings.Contains(text(doc), why) {
			t.Errorf("%s gives %d, and not %q", form, w.Code, why)
		}
	}
	d.actor.Grants = []access.Grant{{Tenant: access.Any, Environment: access.Any, Role: access.Operator}}
	_, doc, _ = visit(t, d, "/settings")
	if all := text(doc); strings.Contains(all, "grafana") || strings.Contains(all, "kim") {
		t.Error("an operator sees people or tokens")
	}
	if w := send(t, d, "/settings/people", url.Values{"name": {"x"}, "role": {"admin"}}); w.Code != http.StatusForbidden {
		t.Errorf("an operator who adds a person gets %d, want 403", w.Code)
	}
}

func person(t testing.TB, d *demo, name string) access.User {
	t.Helper()
	people, err := d.access.Users(t.Context(), d.actor)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(people, func(u access.User) bool { return u.Name == name })
	if i < 0 {
		t.Fatalf("there is no %s among %v", name, people)
	}
	return people[i]
}

func TestSearchFindsWhatIsNamed(t *testing.T) {
	d := livedDemo(t)
	_, doc, _ := visit(t, d, "/search?q=postgres")
	mustRead(t, doc, "Things postgresql.service service unit on db-1")
	r := httptest.NewRequest("GET", "/search?q=nvme0n1", nil)
	r.Header.Set("HX-Request", "true")
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	if body := w.Body.String(); strings.Contains(body, "<html") || !strings.Contains(body, "35 times slower") || !strings.Contains(body, `href="/entities/disk:web-1:nvme0n1?env=production"`) {
		t.Errorf("the palette gets %s", body)
	}
}

func TestQuestionsThatCannotBeAnswered(t *testing.T) {
	d := livedDemo(t)
	for path, want := range map[string]int{
		"/findings?state=odd": 400, "/findings?severity=odd": 400, "/findings/none": 404, "/entities/host:none": 404,
		"/entities/host:web-1?last=2h": 400, "/entities/host:web-1?from=5&to=3": 400, "/entities/host:web-1?at=soon": 400,
		"/entities/host:web-1?from=0001-01-01&to=2026-01-01": 400, "/entities/host:web-1/charts/none.json": 404, "/entities/host:web-1/charts/cpu.png": 404,
		"/entities/host:web-1/charts/cpu.json?from=99999999999999999999": 400, "/changes?from=x": 400, "/estate?at=x": 400, "/assets/none.js": 404,
		"/search?q=" + strings.Repeat("x", 201): 400, "/findings?after=%00": 0,
	} {
		code, _, _ := visit(t, d, path)
		if code >= 500 || want != 0 && code != want {
			t.Errorf("%s gives %d, want %d", path, code, want)
		}
	}
}

// An incident is taken up, spoken about, put off, given away and ended on its
// page, by its buttons.
func TestAnIncidentIsAnsweredOnItsPage(t *testing.T) {
	d := livedDemo(t)
	kim := person(t, d, "kim")
	_, doc, _ := visit(t, d, "/")
	mustRead(t, doc, "Incidents", "35 times slower", "nobody has it", "looked after", "with kim")
	id := d.incident(t, "35 times slower").ID
	_, doc, _ = visit(t, d, incidentURL(id))
	mustRead(t, doc, "Being told: kim, #ops", "I take it", "kim's phone by sms: to be sent", "The finding", "The next step comes in")

	act := func(verb string, form url.Values) *html.Node {
		t.Helper()
		w := send(t, d, incidentURL(id)+"/"+verb, form)
		if w.Code != http.StatusSeeOther {
			_, doc, _ := parsed(t, w)
			return doc
		}
		_, doc, _ := visit(t, d, incidentURL(id))
		return doc
	}
	mustRead(t, act("acknowledge", nil), "robin has taken it up", "not needed any more")
	mustRead(t, act("acknowledge", nil), "It has been taken up already.")
	mustRead(t, act("note", url.Values{"note": {"Moved the report to the replica."}}), "Moved the report to the replica.")
	mustRead(t, act("snooze", url.Values{"until": {"5y"}}), "Choose how long to put it off.")
	mustRead(t, act("snooze", url.Values{"until": {"1h"}}), "robin puts it off until")
	mustRead(t, act("reassign", url.Values{"to": {kim.ID}}), "robin gives it to kim", "Being told: kim")
	mustRead(t, act("resolve", nil), "It is over since", "Open it again")
	mustRead(t, act("reopen", url.Values{"note": {"It came back."}}), "It came back.")
	if code, _, _ := visit(t, d, "/incidents/nothing"); code != http.StatusNotFound {
		t.Errorf("an incident that is none gives %d", code)
	}

	w := send(t, d, "/incidents", url.Values{"title": {"Customers cannot pay"}, "severity": {"critical"}})
	if w.Code != http.StatusSeeOther {
		t.Fatalf("declaring gives %d", w.Code)
	}
	_, doc, _ = visit(t, d, w.Header().Get("Location"))
	mustRead(t, doc, "Customers cannot pay", "A person declared it")
	_, doc, _ = parsed(t, send(t, d, "/incidents", url.Values{"title": {"x"}}))
	mustRead(t, doc, "Declare an incident")

	d.actor.Grants = []access.Grant{{Tenant: access.Any, Environment: access.Any, Role: access.Viewer}}
	_, doc, _ = visit(t, d, incidentURL(id))
	mustRead(t, doc, "You may look, and not answer.")
	if w := send(t, d, incidentURL(id)+"/resolve", nil); w.Code != http.StatusForbidden {
		t.Errorf("a viewer who ends an incident gets %d", w.Code)
	}
}
