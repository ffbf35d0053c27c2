package console

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/simulate"
)

const simulatedURL = "/simulate?labels=severity%3Dcritical%0Aservice%3Dcheckout&at=2027-03-28+02%3A30&zone=Europe%2FBerlin&by=first&after=20"

// weekly is a schedule that ben has.
type weekly struct{}

func (weekly) OnCall(schedule string, _ time.Time) ([]respond.Duty, time.Time, error) {
	if schedule != "web" {
		return nil, time.Time{}, fmt.Errorf("there is no schedule %q", schedule)
	}
	return []respond.Duty{{Person: "ben", Why: "layer Weeks, since Mon 22 Mar 09:00"}}, time.Time{}, nil
}

// demoSimulator has people of whom one can hardly be reached.
func demoSimulator() *simulate.Service {
	proved := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := simulate.World{People: map[string]string{"ana": "ana", "ben": "ben"}, World: respond.World{Roster: weekly{},
		Book: respond.NewBook([]respond.Contact{
			{ID: "1", Person: "ana", Name: "phone", Channel: respond.SMS, Verified: proved}, {ID: "2", Person: "ana", Name: "mail", Channel: respond.Email, Verified: proved, After: 3 * time.Minute},
			{ID: "3", Person: "ben", Name: "phone", Channel: respond.SMS}, {ID: "room", Name: "#ops", Channel: respond.Slack, Verified: proved}}),
		Policies: []respond.Policy{{ID: "default", Name: "Everything", Rounds: 2, Steps: []respond.Step{
			{Notify: []respond.Recipient{{Kind: respond.ToSchedule, ID: "web"}}, Wait: 5 * time.Minute},
			{Notify: []respond.Recipient{{Kind: respond.ToPerson, ID: "ana"}, {Kind: respond.ToChannel, ID: "room"}}, Wait: 10 * time.Minute}}}}}}
	return simulate.NewService(simulate.Options{World: func(context.Context, string) (simulate.World, error) { return w, nil }})
}

func TestWhatIfTellsItStepByStep(t *testing.T) {
	d := livedDemo(t)
	ask := func(path string) (int, string) {
		w := httptest.NewRecorder()
		d.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	status, page := ask(simulatedURL)
	for _, want := range []string{"ana would be paged by phone at once", "02:30 on Sunday, 28 March 2027 does not exist in Europe/Berlin",
		"ben cannot be told (layer Weeks, since Mon 22 Mar 09:00). No contact can be used: phone is not verified.", "ana is told by mail too", "#ops is paged", "ana has taken it up 20 min after the alert.", "03:30 CEST"} {
		if status != http.StatusOK || !strings.Contains(page, want) {
			t.Errorf("%d, without %q", status, want)
		}
	}
	for path, want := range map[string]string{"/simulate?labels=x": "is not a label", "/simulate?labels=a%3Db&at=soon": "cannot be read", "/simulate?labels=a%3Db&by=first&after=x": "as a number",
		"/simulate?labels=a%3Db&by=zoe&after=1": "There is no person"} {
		if status, page := ask(path); status != http.StatusUnprocessableEntity || !strings.Contains(page, want) || !strings.Contains(page, `name="labels"`) {
			t.Errorf("%s: %d, without %q", path, status, want)
		}
	}
	d.actor = access.Actor{}
	if status, _ := ask(simulatedURL); status != http.StatusForbidden {
		t.Errorf("nobody is told: %d", status)
	}
}
