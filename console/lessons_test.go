package console

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
)

// A draft is read, written by a person, kept, and taken away; two who write at
// once lose nothing.
func TestWhatWasLearntIsWrittenDown(t *testing.T) {
	d := livedDemo(t)
	i := d.incident(t, "wait for a processor")
	_, doc, _ := visit(t, d, incidentURL(i.ID))
	mustRead(t, doc, "What was learnt")
	path := documentURL(i.ID)
	_, doc, _ = visit(t, d, path)
	mustRead(t, doc, "A draft, made from what the ledger holds", "Nobody took it up", "Queries take twice as long.", "Time to resolve", "None yet.")

	kim := person(t, d, "kim")
	form := url.Values{"revision": {"0"}, "summary": {"The report ran at noon.\r\nIt should not."}, "factors": {"- a *report*"},
		"action": {"Run the report at night", "Nothing", ""}, "owner": {kim.ID, "", ""}, "due": {"2020-01-01", "", ""}, "done": {"1"},
		"moment-at": {"2027-03-28T01:00:00Z", "2027-03-28 00:59", "2027-03-28T02:00:00Z"}, "moment-by": {"Evenkeel", "", ""}, "moment": {"It began.", "The report started.", " "}}
	if w := send(t, d, path, form); w.Code != http.StatusSeeOther || w.Header().Get("Location") != path {
		t.Fatalf("saving gives %d: %s", w.Code, w.Body)
	}
	_, doc, _ = visit(t, d, path)
	mustRead(t, doc, "Being written", "by robin", "The report ran at noon. It should not.", "- a *report*", "Run the report at night with kim due 2020-01-01", "Nothing with nobody yet done")
	if all := text(doc); strings.Index(all, "The report started.") > strings.Index(all, "It began.") {
		t.Error("the timeline is not in the order of time")
	}

	// Somebody else had the draft open, too.
	form.Set("summary", "I know better.")
	code, doc, raw := parsed(t, send(t, d, path, form))
	if code != http.StatusUnprocessableEntity || !strings.Contains(raw, "I know better.") {
		t.Errorf("a second first save gives %d", code)
	}
	mustRead(t, doc, "Somebody else has saved this document meanwhile")
	form.Set("revision", "1")
	form.Set("final", "1")
	if w := send(t, d, path, form); w.Code != http.StatusSeeOther {
		t.Errorf("saving again gives %d", w.Code)
	}
	form.Set("revision", "2")
	form["moment-at"][1] = "noon"
	_, doc, _ = parsed(t, send(t, d, path, form))
	mustRead(t, doc, "“noon” is not a time")

	w := httptest.NewRecorder()
	d.ServeHTTP(w, httptest.NewRequest("GET", path+".md", nil))
	if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/markdown") || !strings.Contains(w.Body.String(), "I know better.") {
		t.Errorf("the Markdown is %s:\n%s", got, w.Body)
	}
	d.now = d.now.Add(time.Minute) // incidents are opened by the real clock
	_, doc, _ = visit(t, d, "/lessons")
	mustRead(t, doc, "Three incidents", "To be done", "was due 2020-01-01", "finished", "To acknowledge")

	d.actor.Grants = []access.Grant{{Tenant: access.Any, Environment: access.Any, Role: access.Viewer}}
	if _, doc, _ := visit(t, d, path+"?edit"); find(doc, "textarea") != nil {
		t.Error("who may only look gets a form")
	}
	if w := send(t, d, path, form); w.Code != http.StatusForbidden {
		t.Errorf("a viewer who saves gets %d", w.Code)
	}
}

func TestWhatWasPromisedIsListedWorstFirst(t *testing.T) {
	_, doc, _ := visit(t, livedDemo(t), "/slos")
	mustRead(t, doc, "burns 21 times as fast as it may", "61 % of the error budget of 30 days is left, for 20 h at this rate.", "There is no such series", "nothing was asked of it in the last hour",
		"The error budget of 30 days is used up, 40 % over.", "83 % of the error budget", "burns no faster than it may", "Over 30 days it cannot be counted.")
	all := text(doc)
	last := -1
	for _, name := range []string{"Checkout answers", "Mail goes out", "reports answers", "Images load", "search answers"} {
		at := strings.Index(all, name)
		if at < last {
			t.Errorf("%s stands too early", name)
		}
		last = at
	}
}

func TestWhatCouldBePromisedIsToldWithWhatItWouldHaveMeant(t *testing.T) {
	_, doc, _ := visit(t, livedDemo(t), "/slos/suggestions")
	mustRead(t, doc, "search answers without an error", "99.5 % in 30 days", "kept with half of the day's budget to spare on 25", "1 time fast enough to wake somebody and 2 times slowly",
		"38 % of the budget would be left", "slos: - id: search-answers", "search: how long it takes It varied too much", "images: how long it takes It waits by design", "Go on")
	if _, doc, _ = visit(t, livedDemo(t), "/slos"); !strings.Contains(text(doc), "Objectives that four weeks of history support") {
		t.Error("the page of objectives does not lead there")
	}
}
