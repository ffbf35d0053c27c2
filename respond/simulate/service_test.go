package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/store"
)

// shifts is a roster: people by the hour of the day, in UTC; nil for nobody.
type shifts map[string][24]string

func (s shifts) OnCall(schedule string, at time.Time) ([]respond.Duty, time.Time, error) {
	hours, ok := s[schedule]
	if !ok {
		return nil, time.Time{}, fmt.Errorf("there is no schedule %q", schedule)
	}
	at = at.UTC()
	if who := hours[at.Hour()]; who != "" {
		return []respond.Duty{{Person: who, Why: fmt.Sprintf("shift of %02d:00", at.Hour())}}, time.Time{}, nil
	}
	next := at.Truncate(time.Hour)
	for range 24 {
		if next = next.Add(time.Hour); hours[next.Hour()] != "" {
			return nil, next, nil
		}
	}
	return nil, time.Time{}, nil
}

// ways is a router: fixed targets, of which some are muted before an hour.
type ways []struct {
	respond.Target
	from, before int // muted between these hours of the first day
}

func (w ways) Route(_ respond.Alert, now time.Time) (out []respond.Target) {
	for _, x := range w {
		t := x.Target
		hour := func(h int) time.Time { return start.Truncate(24 * time.Hour).Add(time.Duration(h) * time.Hour) }
		if until := hour(x.before); now.Before(until) && !now.Before(hour(x.from)) {
			t.Muted, t.MutedUntil = "Maintenance of the network", until
		}
		out = append(out, t)
	}
	return out
}

// start is a Sunday, two in the morning.
var start = time.Date(2027, 3, 28, 2, 0, 0, 0, time.UTC)

// within is how long the property is looked at, in steps of tick: all waits are
// multiples of it.
const within, tick = 6 * time.Hour, 30 * time.Second

// anyWorld makes up people, policies, schedules and routes.
func anyWorld(r *rand.Rand) (World, []respond.Contact) {
	people := []string{"ana", "ben", "cleo", "dan"}
	minutes := func(most int) time.Duration { return time.Duration(r.IntN(most+1)) * time.Minute }
	var contacts []respond.Contact
	for n, channel := range []respond.Channel{respond.SMS, respond.Email} {
		for _, p := range append(people, "") {
			c := respond.Contact{ID: fmt.Sprintf("%s-%s", cmp.Or(p, "room"), channel), Tenant: "t", Person: p, Name: fmt.Sprintf("%s %d", channel, n), Channel: channel,
				Address: "x", After: time.Duration(n) * minutes(6), Verified: start.AddDate(0, -1, 0)}
			switch r.IntN(6) {
			case 0:
				c.Verified = time.Time{}
			case 1:
				c.Urgency = []respond.Urgency{respond.High}
			case 2:
				c.Quiet = &respond.Quiet{From: "23:00", To: fmt.Sprintf("%02d:30", 2+r.IntN(6)), Zone: "Europe/Berlin", Silent: r.IntN(2) == 0}
			case 3:
				c.Disabled = "its owner switched it off"
			}
			contacts = append(contacts, c)
		}
	}
	roster := shifts{}
	for _, name := range []string{"first", "second", "office"} {
		var hours [24]string
		for h := range hours {
			if r.IntN(3) > 0 && (name != "office" || h >= 7) {
				hours[h] = people[r.IntN(len(people))]
			}
		}
		roster[name] = hours
	}
	recipient := func() respond.Recipient {
		switch r.IntN(4) {
		case 0:
			return respond.Recipient{Kind: respond.ToPerson, ID: people[r.IntN(len(people))]}
		case 1:
			return respond.Recipient{Kind: respond.ToChannel, ID: "room-" + []string{"sms", "email"}[r.IntN(2)]}
		}
		return respond.Recipient{Kind: respond.ToSchedule, ID: []string{"first", "second", "none"}[min(2, r.IntN(9)/4)]}
	}
	w := World{World: respond.World{Roster: roster, Book: respond.NewBook(contacts), StormLimit: 5, StormWindow: 5 * time.Minute}, People: map[string]string{}}
	for _, p := range people {
		w.People[p] = strings.ToUpper(p[:1]) + p[1:]
	}
	for _, id := range []string{"default", "web", "data"} {
		p := respond.Policy{ID: id, Tenant: "t", Name: "Policy " + id, Rounds: 1 + r.IntN(3)}
		for range 1 + r.IntN(3) {
			s := respond.Step{Wait: time.Minute + minutes(20)}
			for range 1 + r.IntN(2) {
				s.Notify = append(s.Notify, recipient())
			}
			p.Steps = append(p.Steps, s)
		}
		if r.IntN(2) == 0 {
			p.LastResort = []respond.Recipient{recipient()}
		}
		if r.IntN(2) == 0 {
			p.Hours = "office"
		}
		w.Policies = append(w.Policies, p)
	}
	var router ways
	for n := range 1 + r.IntN(3) {
		router = append(router, struct {
			respond.Target
			from, before int
		}{respond.Target{Route: fmt.Sprintf("route %d", n), Policy: []string{"", "web", "data"}[n], Group: "g", Wait: minutes(2)}, r.IntN(2) * 3, 2 + r.IntN(4)})
	}
	w.Router = router
	return w, contacts
}

// arrives is a channel by which everything arrives.
type arrives struct{}

func (arrives) Send(context.Context, respond.Message) respond.Outcome {
	return respond.Outcome{State: respond.Sent}
}

// told is what the simulation and the service are compared by.
type told struct {
	Number int64
	At     string
	To     string
	Ways   string
	Why    string
}

// What is simulated is what happens: the same people are paged at the same
// times by the same contacts as a Service on a real store does it, whose clock
// knows nothing of the simulation's.
func TestWhatIsSimulatedIsWhatHappens(t *testing.T) {
	for seed := range uint64(12) {
		// One after another: the Service's clock leaps ahead by the tick, and a
		// delivery that got no CPU between reading it and asking what is due
		// would take that for a clock that was set back.
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			w, contacts := anyWorld(r)
			ask := Ask{Tenant: "t", Labels: map[string]string{"alertname": "CheckoutFails", "severity": []string{"critical", "warning"}[r.IntN(2)]},
				At: start.Format(time.RFC3339), Zone: "UTC", Within: within}
			if r.IntN(2) == 0 {
				ask.Acknowledged, ask.After = true, time.Duration(r.IntN(60))*time.Minute
				ask.By = []string{"", "Ana", "ben"}[r.IntN(3)]
			}
			trace, err := Simulate(t.Context(), w, ask, start)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Simulate(t.Context(), w, ask, start)
			if err != nil || !reflect.DeepEqual(trace, again) {
				t.Fatal("the same question has two answers", err)
			}
			real := happens(t, w, contacts, ask)
			for _, i := range trace.Incidents {
				var want []told
				var over time.Time
				for _, e := range trace.Events {
					if e.Incident != i.Number {
						continue
					}
					var ways []string
					for _, c := range e.Contacts {
						ways = append(ways, c.Name+" "+c.At.UTC.Format("15:04:05"))
					}
					switch e.Kind {
					case Page, Message, Acknowledged:
						want = append(want, told{e.Incident, e.UTC.Format("15:04:05"), e.Who, strings.Join(ways, ", "), e.Why})
					case Exhausted:
						over = e.UTC
					}
				}
				got := real[i.Number]
				for _, list := range [][]told{got, want} {
					slices.SortFunc(list, func(a, b told) int {
						return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.To, b.To), cmp.Compare(a.Why, b.Why), cmp.Compare(a.Ways, b.Ways))
					})
				}
				if len(got) > len(want) && !over.IsZero() {
					for _, x := range got[len(want):] {
						if x.At < over.Add(time.Hour).Format("15:04:05") {
							t.Errorf("this happened and was not simulated: %+v", x)
						}
					}
					got = got[:len(want)]
				}
				if !slices.Equal(got, want) {
					t.Errorf("incident %d: simulated\n%s\nhappened\n%s", i.Number, lines(want), lines(got))
				}
			}
			if len(real) != len(trace.Incidents) {
				t.Errorf("%d incidents were simulated, %d happened", len(trace.Incidents), len(real))
			}
		})
	}
}

func lines(list []told) string {
	var b strings.Builder
	for _, x := range list {
		fmt.Fprintf(&b, "  %+v\n", x)
	}
	return b.String()
}

// happens lets a Service do it, and tells who was paged, which contacts were used
// later, and who took it up, by incident.
func happens(t *testing.T, w World, contacts []respond.Contact, ask Ask) map[int64][]told {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := store.Open(ctx, store.Config{Dir: t.TempDir()}, slog.New(slog.DiscardHandler))
	must(err)
	defer func() { must(s.Close()) }()
	for _, p := range w.Policies {
		must(s.PutPolicy(ctx, p))
	}
	for _, c := range contacts {
		must(s.PutContact(ctx, c))
	}
	var clock atomic.Int64
	clock.Store(start.UnixNano())
	service := respond.NewService(s, respond.Options{
		Now:     func() time.Time { return time.Unix(0, clock.Load()).UTC() },
		Router:  func(context.Context, string) (respond.Router, error) { return w.Router, nil },
		Roster:  func(context.Context, string) (respond.Roster, error) { return w.Roster, nil },
		Senders: map[respond.Channel]respond.Sender{respond.SMS: arrives{}, respond.Email: arrives{}}}, slog.New(slog.DiscardHandler))
	delivering, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		service.Deliver(delivering, func(err error) {
			if err != nil && delivering.Err() == nil {
				t.Error(err)
			}
		})
	}()
	defer func() { stop(); <-done }()
	severity, err := finding.ParseSeverity(ask.Labels["severity"])
	must(err)
	must(service.Receive(ctx, []respond.Alert{{AlertKey: respond.AlertKey{Tenant: "t", Source: "s", Fingerprint: "f"}, Status: respond.Firing, Severity: severity,
		Title: ask.Labels["alertname"], Labels: ask.Labels}}))
	taken := map[string]bool{}
	var incidents []respond.Incident
	for now := start; !now.After(start.Add(within)); now = now.Add(tick) {
		clock.Store(now.UnixNano())
		must(service.Wake(ctx, now))
		incidents, err = s.IncidentsAfter(ctx, "t", "", 100)
		must(err)
		for _, i := range incidents {
			for _, m := range sentBy(t, s, service, i.ID, now) {
				theirs := m.Kind == respond.PageMessage && m.State == respond.Sent && m.Contact.Person != "" && (ask.By == "" || strings.EqualFold(ask.By, m.Contact.Person))
				if taken[i.ID] || !ask.Acknowledged || !theirs || now.Before(m.SentAt.Add(ask.After)) {
					continue
				}
				taken[i.ID] = true
				p := access.Actor{Kind: access.Person, ID: m.Contact.Person, Name: w.People[m.Contact.Person],
					Grants: []access.Grant{{Tenant: "t", Environment: access.Any, Role: access.Responder}}}
				_, err := service.Acknowledge(ctx, p, "t", i.ID, "", now)
				must(err)
			}
		}
	}
	out := map[int64][]told{}
	for _, i := range incidents {
		out[i.Number] = []told{}
		story, err := service.Get(ctx, access.Evenkeel("t"), "t", i.ID)
		must(err)
		for _, e := range story.Entries {
			x := told{Number: i.Number, At: e.At.UTC().Format("15:04:05")}
			switch e.Kind {
			case respond.Taken:
			case respond.PageBegun:
				p := story.Pages[slices.IndexFunc(story.Pages, func(p respond.Page) bool { return p.ID == e.Page })]
				x.Why, x.To = p.Why, w.People[p.Person]
				var ways []string
				for _, m := range story.Messages {
					if m.Page == p.ID {
						ways = append(ways, m.Contact.Name+" "+m.CreatedAt.Add(first(m)).UTC().Format("15:04:05"))
						x.To = cmp.Or(x.To, m.Contact.Name)
					}
				}
				x.Ways = strings.Join(ways, ", ")
			default:
				continue
			}
			out[i.Number] = append(out[i.Number], x)
		}
		for _, m := range story.Messages {
			if at := m.SentAt.UTC().Format("15:04:05"); m.Kind == respond.PageMessage && m.State == respond.Sent && first(m) > 0 {
				out[i.Number] = append(out[i.Number], told{Number: i.Number, At: at, To: cmp.Or(w.People[m.Contact.Person], m.Contact.Name), Ways: m.Contact.Name + " " + at})
			}
		}
	}
	return out
}

// first is how long after its page a message was to be sent.
func first(m respond.Message) time.Duration { return m.NextAt.Sub(m.CreatedAt) }

// sentBy waits until what is due of an incident has gone out, and returns its
// messages in the order of sending.
func sentBy(t *testing.T, s *store.Store, service *respond.Service, incident string, now time.Time) []respond.Message {
	t.Helper()
	for range 5000 {
		list, err := s.MessagesOf(t.Context(), []string{incident}, false)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(list, func(m respond.Message) bool {
			return m.State == respond.Sending || m.State == respond.Due && !m.NextAt.After(now)
		}) {
			slices.SortStableFunc(list, func(a, b respond.Message) int { return cmp.Or(a.SentAt.Compare(b.SentAt), cmp.Compare(a.ID, b.ID)) })
			return list
		}
		service.MessagesStored()
		time.Sleep(time.Millisecond)
	}
	t.Fatal("messages stay unsent")
	return nil
}

func TestOnlyThoseWhoMaySeeIncidentsAreTold(t *testing.T) {
	asked := 0
	s := NewService(Options{
		World: func(context.Context, string) (World, error) {
			asked++
			w, _ := anyWorld(rand.New(rand.NewPCG(1, 1)))
			return w, nil
		},
		Draft: func(_ context.Context, _ string, draft []byte) (World, error) {
			return World{}, fmt.Errorf("%w: the draft is not good: %s", respond.ErrInvalid, draft)
		}})
	viewer := access.Actor{Kind: access.Person, ID: "v", Name: "v", Grants: []access.Grant{{Tenant: "t", Environment: "shop", Role: access.Viewer}}}
	ask := Ask{Tenant: "t", Labels: map[string]string{"severity": "critical"}}
	if _, err := s.Simulate(t.Context(), access.Actor{}, ask, nil, start); !errors.Is(err, access.ErrForbidden) || asked > 0 {
		t.Errorf("nobody: %v", err)
	}
	ask.Environment = "other"
	if _, err := s.Simulate(t.Context(), viewer, ask, nil, start); !errors.Is(err, access.ErrForbidden) || asked > 0 {
		t.Errorf("another environment: %v", err)
	}
	ask.Environment = "shop"
	if _, err := s.Simulate(t.Context(), viewer, ask, nil, start); err != nil || asked != 1 {
		t.Errorf("a viewer: %v", err)
	}
	if _, err := s.Simulate(t.Context(), viewer, ask, []byte("x"), start); !errors.Is(err, respond.ErrInvalid) {
		t.Errorf("a bad draft: %v", err)
	}
	if _, err := s.Simulate(t.Context(), viewer, ask, make([]byte, MaxDraft+1), start); !errors.Is(err, respond.ErrInvalid) {
		t.Errorf("a huge draft: %v", err)
	}
	for what, change := range map[string]func(*Ask){
		"zone": func(a *Ask) { a.Zone = "Local" }, "time": func(a *Ask) { a.At = "soon" }, "severity": func(a *Ask) { a.Severity = "awful" },
		"person": func(a *Ask) { a.By = "nobody" }, "after": func(a *Ask) { a.Acknowledged, a.After = true, -1 }, "within": func(a *Ask) { a.Within = 1000 * time.Hour },
		"label": func(a *Ask) { a.Labels = map[string]string{"a": "\x00"} },
	} {
		bad := ask
		change(&bad)
		if _, err := s.Simulate(t.Context(), viewer, bad, nil, start); !errors.Is(err, respond.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
