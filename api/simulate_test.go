package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/simulate"
)

// testSimulator knows one person with a phone.
func testSimulator() *simulate.Service {
	world := func(context.Context, string) (simulate.World, error) {
		return simulate.World{People: map[string]string{"u1": "ana"}, World: respond.World{
			Book: respond.NewBook([]respond.Contact{{ID: "c", Person: "u1", Name: "phone", Channel: respond.SMS, Address: "+491", Verified: time.Now()}}),
			Policies: []respond.Policy{{ID: "default", Name: "Everything", Rounds: 1, Steps: []respond.Step{
				{Notify: []respond.Recipient{{Kind: respond.ToPerson, ID: "u1"}}, Wait: 5 * time.Minute}}}}}}, nil
	}
	return simulate.NewService(simulate.Options{World: world, Draft: func(_ context.Context, _ string, draft []byte) (simulate.World, error) {
		return simulate.World{}, fmt.Errorf("%w: the draft: %.20q is none", respond.ErrInvalid, draft)
	}})
}

func TestWhatWouldHappenIsToldAndNothingIsStored(t *testing.T) {
	s := serve(t)
	before := s.ask(t, http.MethodGet, "/api/v1/incidents", admin, "").body
	got := s.ask(t, http.MethodPost, "/api/v1/simulate", admin, `{"labels":{"severity":"critical"},"at":"2027-03-28T02:30:00+01:00","zone":"Europe/Berlin","acknowledgeAfter":"2m","by":"ana"}`)
	for _, want := range []string{`"verdict":"paged"`, "ana would be paged by phone at once, at Sun 28 Mar 2027 03:30:00 CEST", "does not exist in Europe/Berlin", "ana has taken it up 2 min after the alert."} {
		if got.status != http.StatusOK || !strings.Contains(got.body, want) {
			t.Errorf("%d, without %q: %s", got.status, want, got.body)
		}
	}
	if after := s.ask(t, http.MethodGet, "/api/v1/incidents", admin, "").body; after != before {
		t.Error("a simulation has left incidents:", after)
	}
	for body, want := range map[string]string{
		`{"labels":{},"at":"soon"}`:                      "cannot be read",
		`{"labels":{},"acknowledgeAfter":"a while"}`:     "body.acknowledgeAfter",
		`{"labels":{},"draft":"respond: nonsense"}`:      "the draft",
		`{"labels":{},"by":"zoe"}`:                       "there is no person",
		`{"labels":{},"zone":"Mars/Olympus","at":"now"}`: "there is no time zone",
	} {
		if got := s.ask(t, http.MethodPost, "/api/v1/simulate", admin, body); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	if got := s.ask(t, http.MethodPost, "/api/v1/simulate", "", `{"labels":{}}`); got.status != http.StatusUnauthorized {
		t.Errorf("nobody is told: %d", got.status)
	}
}
