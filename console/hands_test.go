package console

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// By forms alone, without JavaScript: an incident is declared from a finding and
// names it, becomes part of another one, and what cannot be is said on its page.
func TestAnIncidentByFormsAlone(t *testing.T) {
	d := livedDemo(t)
	send := func(method, path string, form url.Values) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		return w
	}
	f := d.byCheck(t, "disk-latency")
	if page := send("GET", findingURL(f.ID), nil).Body.String(); !strings.Contains(page, "Declare an incident") {
		t.Error("the finding's page does not lead to an incident")
	}
	w := send("POST", "/incidents", url.Values{"title": {"Paying is slow"}, "severity": {"warning"}, "policy": {"night"}, "finding": {f.ID}})
	i := d.incident(t, "Paying is slow")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != incidentURL(i.ID) || i.Finding != f.ID || i.Environment != f.Environment || i.Policy != "night" || i.Severity != finding.Warning {
		t.Fatalf("%d, and the incident is %+v", w.Code, i)
	}
	if page := send("GET", findingURL(f.ID), nil).Body.String(); !strings.Contains(page, incidentURL(i.ID)) || strings.Contains(page, "Declare an incident") {
		t.Error("the finding's page does not lead to its incident, or offers another one")
	}
	if page := send("GET", incidentURL(i.ID), nil).Body.String(); !strings.Contains(page, findingURL(f.ID)) {
		t.Error("the incident does not lead to its finding")
	}
	for path, form := range map[string]url.Values{
		"/role":     {"role": {"boss"}, "to": {d.actor.ID}},
		"/task":     {"text": {"Look"}, "due": {"soon"}},
		"/severity": {"severity": {"awful"}},
		"/split":    {},
		"/merge":    {"into": {i.ID}},
		"/reassign": {"to": {"nobody"}},
	} {
		if w := send("POST", incidentURL(i.ID)+path, form); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `role="alert"`) {
			t.Errorf("%s with %v: %d", path, form, w.Code)
		}
	}
	other := d.incident(t, "35 times slower")
	if w := send("POST", incidentURL(i.ID)+"/merge", url.Values{"into": {other.ID}}); w.Header().Get("Location") != incidentURL(other.ID) {
		t.Errorf("merged: %d, to %s", w.Code, w.Header().Get("Location"))
	}
	if i := d.incident(t, "Paying is slow"); i.MergedInto != other.ID || i.State != respond.Resolved {
		t.Errorf("after the merger it is %+v", i)
	}
	if w := send("GET", incidentURL(other.ID)+"?show=weather", nil); w.Code != http.StatusBadRequest {
		t.Errorf("a part of the story that is not there: %d", w.Code)
	}
}
