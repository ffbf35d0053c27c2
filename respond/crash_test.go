package respond_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/oncall"
	"github.com/evenkeel/evenkeel/store"
)

// life is what a child process is told: it takes alerts in, escalates and sends
// until it is killed.
type life struct {
	Dir, DSN, Receiver string
	Began              time.Time     // of the whole test: its clock runs 60 times as fast since
	Epoch              time.Time     // what its clock showed then
	Ahead              time.Duration // how far the clock is off in this life
	Drain              bool          // nothing new comes in; end after a while
}

// exitReplaced is how a life ends whose database another one has taken over.
const exitReplaced = 3

const (
	lifeVariable = "EVENKEEL_TEST_LEDGER_LIFE"
	pace         = 60
	// crashStep is the wait of the crash test's policy.
	crashStep = time.Minute
)

func (l life) now() time.Time { return l.Epoch.Add(time.Since(l.Began) * pace).Add(l.Ahead) }

func TestMain(m *testing.M) {
	if text := os.Getenv(lifeVariable); text != "" {
		var l life
		err := json.Unmarshal([]byte(text), &l)
		if err == nil {
			err = l.live(os.Stdout)
		}
		if errors.Is(err, store.ErrInUse) {
			os.Exit(exitReplaced)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// post is a sender over HTTP; its receiver belongs to the test.
type post struct {
	url    string
	client *http.Client
}

func (p post) Send(ctx context.Context, m respond.Message) respond.Outcome {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/"+m.ID, nil)
	if err != nil {
		return respond.Outcome{State: respond.Failed, Reason: err.Error()}
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return respond.Outcome{State: respond.Due, Uncertain: true, Reason: "It did not answer."}
	}
	resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return respond.Outcome{State: respond.Sent}
	case http.StatusTooManyRequests:
		return respond.Outcome{State: respond.Due, RetryAfter: 20 * time.Second, Reason: "It asked to wait."}
	case http.StatusBadRequest:
		return respond.Outcome{State: respond.Failed, Reason: "It refuses."}
	}
	return respond.Outcome{State: respond.Due, Reason: "It answered " + resp.Status}
}

// askable is a post whose receiver can be asked.
type askable struct{ post }

func (p askable) Ask(ctx context.Context, m respond.Message) (respond.Outcome, bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/"+m.ID, nil)
	if err != nil {
		return respond.Outcome{}, false, err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return respond.Outcome{}, false, err
	}
	resp.Body.Close()
	return respond.Outcome{State: respond.Sent}, resp.StatusCode == http.StatusOK, nil
}

// live is a whole life of the child.
func (l life) live(out io.Writer) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s, err := store.Open(ctx, store.Config{Dir: l.Dir, DSN: l.DSN, Standby: l.DSN != ""}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	schedules := oncall.NewService(s, oncall.Options{People: func(context.Context, string) (map[string]string, error) {
		return map[string]string{"p0": "p0", "p1": "p1"}, nil
	}})
	client := &http.Client{Timeout: 150 * time.Millisecond}
	service := respond.NewService(s, respond.Options{Now: l.now, Lease: 30 * time.Second, Workers: 16, StormLimit: 40,
		Router: func(context.Context, string) (respond.Router, error) { return byRule{}, nil },
		Roster: func(ctx context.Context, tenant string) (respond.Roster, error) {
			return schedules.Roster(ctx, tenant, l.now().Add(-48*time.Hour))
		},
		Senders: map[respond.Channel]respond.Sender{
			respond.Webhook: post{l.Receiver + "/plain", client},
			respond.Ntfy:    askable{post{l.Receiver + "/asked", client}},
		}}, slog.New(slog.DiscardHandler))
	if err := l.people(ctx, s, schedules); err != nil {
		return err
	}
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, format+"\n", args...)
	}
	failed := make(chan error, 8)
	fail := func(err error) {
		// A disk without room is waited for; what was refused is not counted on.
		if err != nil && !errors.Is(err, respond.ErrState) && !errors.Is(err, context.Canceled) && !errors.Is(err, store.ErrFull) {
			select {
			case failed <- err:
			default: // one says enough
			}
		}
	}
	var running sync.WaitGroup
	running.Go(func() { service.Deliver(ctx, fail) })
	running.Go(func() {
		for ctx.Err() == nil {
			fail(service.Wake(ctx, l.now()))
			select {
			case <-service.Due():
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	say("ready")
	if l.Drain {
		select {
		case err := <-failed:
			return err
		case <-time.After(4 * time.Second):
		}
		cancel()
		running.Wait()
		return s.Close()
	}
	for range 2 {
		go func() {
			for {
				fail(l.disturb(ctx, service, say))
				time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
			}
		}()
	}
	return <-failed
}

// people are those who are told, and how. Turns change at 02:30 in Berlin, and a
// second layer begins and ends beside the hour that is skipped or comes twice
// when the clocks are changed.
func (l life) people(ctx context.Context, s *store.Store, schedules *oncall.Service) error {
	then := l.Epoch
	berlin := oncall.Schedule{ID: "berlin", Name: "Berlin", Zone: "Europe/Berlin", Layers: []oncall.Layer{
		{Name: "days", Handoff: "daily", Start: "2026-01-01T02:30", Turns: []oncall.Turn{{"p0"}, {"p1"}}},
		{Name: "nights", Handoff: "every 1 hours", Start: "2026-01-01T00:30", Turns: []oncall.Turn{{"p1"}, {"p0"}},
			Hours: []oncall.Hours{{From: "01:45", To: "03:15"}}},
	}}
	if err := schedules.Configure(ctx, "t", oncall.Config{berlin}, then); err != nil {
		return err
	}
	for n, channel := range []respond.Channel{respond.Webhook, respond.Ntfy} {
		err := s.PutContact(ctx, respond.Contact{ID: fmt.Sprint("c", n), Tenant: "t", Person: fmt.Sprint("p", n), Name: string(channel),
			Channel: channel, Verified: then})
		if err != nil {
			return err
		}
	}
	return s.PutPolicy(ctx, respond.Policy{ID: "default", Tenant: "t", Name: "Default", Rounds: 2, Steps: []respond.Step{
		{Notify: []respond.Recipient{{Kind: respond.ToSchedule, ID: "berlin"}}, Wait: crashStep},
		{Notify: []respond.Recipient{{Kind: respond.ToPerson, ID: "p1"}}, Wait: crashStep}}})
}

// disturb lets alerts come, end and come again, and people answer; it says what
// was acknowledged to it.
func (l life) disturb(ctx context.Context, service *respond.Service, say func(string, ...any)) error {
	var batch []respond.Alert
	for range 1 + rand.IntN(20) {
		n := rand.IntN(2000)
		a := labelled(n)
		a.Severity, a.EndsAt = finding.Severity(2+rand.IntN(2)), l.now().Add(time.Hour)
		if rand.IntN(3) == 0 {
			a.Status = respond.Ended
		}
		batch = append(batch, a)
	}
	if err := service.Receive(ctx, batch); err != nil {
		return err // what is not acknowledged may be there or not
	}
	for _, a := range batch {
		if a.Status == respond.Firing {
			say("alert %s", a.ID())
		}
	}
	if rand.IntN(4) > 0 {
		return nil
	}
	actor := access.Actor{Kind: access.Person, ID: "p0", Name: "P", Grants: []access.Grant{{Tenant: "t", Environment: "*", Role: access.Responder}}}
	page, err := service.List(ctx, actor, respond.IncidentFilter{Tenant: "t", States: []respond.State{respond.Triggered}, Limit: 10})
	if err != nil || len(page.Incidents) == 0 {
		return err
	}
	i := page.Incidents[rand.IntN(len(page.Incidents))]
	if rand.IntN(2) == 0 {
		i, err = service.Resolve(ctx, actor, "t", i.ID, "", l.now())
	} else {
		i, err = service.Acknowledge(ctx, actor, "t", i.ID, "", l.now())
	}
	if err == nil {
		say("%s %s %d", i.State, i.ID, i.Revision)
	}
	return err
}

// receiver takes messages, well or badly, and remembers those that arrived.
type receiver struct {
	mu       sync.Mutex
	arrived  map[string]int  // by idempotency key
	promised map[string]bool // was answered 200
	kept     map[string]int  // arrivals after it was answered so: only a kill explains them
	well     bool
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	id := req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:]
	r.mu.Lock()
	defer r.mu.Unlock()
	if req.Method == http.MethodGet {
		if r.arrived[id] == 0 {
			w.WriteHeader(http.StatusNotFound)
		}
		return
	}
	mood := rand.IntN(20)
	if r.well {
		mood = 0
	}
	switch mood {
	case 1:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case 2:
		w.Header().Set("Retry-After", "20")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case 3:
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.arrived[id]++
	if r.promised[id] {
		r.kept[id]++
	}
	if mood == 4 { // it has it, and does not say so
		r.mu.Unlock()
		<-req.Context().Done()
		r.mu.Lock()
		return
	}
	r.promised[id] = true
	if mood == 5 {
		r.mu.Unlock()
		time.Sleep(50 * time.Millisecond)
		r.mu.Lock()
	}
}

func TestNoPageIsLostWhenTheProcessIsKilled(t *testing.T) {
	kills := 10
	if text := os.Getenv("EVENKEEL_TEST_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal("EVENKEEL_TEST_KILLS is not a number")
		}
		kills = n
	}
	databases(t, func(t *testing.T, dsn string) {
		n := kills
		if dsn != "" {
			n = max(3, kills*2/5)
		}
		crash(t, dsn, n)
	})
}

func crash(t *testing.T, dsn string, kills int) {
	r := &receiver{arrived: map[string]int{}, promised: map[string]bool{}, kept: map[string]int{}}
	server := httptest.NewServer(r)
	defer server.Close()
	// The clocks are put forward, or back, a minute or two after the test's clock
	// begins, and in many of the lives that are a day ahead or behind.
	epoch := time.Date(2027, 3, 28, 0, 58, 0, 0, time.UTC)
	if dsn != "" {
		epoch = time.Date(2026, 10, 25, 0, 58, 0, 0, time.UTC)
	}
	l := life{Dir: t.TempDir(), DSN: dsn, Receiver: server.URL, Began: time.Now(), Epoch: epoch}
	b := &book{alerts: map[string]bool{}, answers: map[string]int64{}}
	var told string
	if dsn == "" {
		told = alone(t, l, kills, b)
	} else {
		told = replicas(t, l, kills, b)
	}
	alerts, answers := b.alerts, b.answers
	r.mu.Lock()
	r.well = true
	r.mu.Unlock()
	l.Ahead, l.Drain = 0, true
	if end := lived(t, l, b.note, func(*exec.Cmd) {}); end != endWell {
		t.Fatalf("the last life: %s", end)
	}

	s, err := store.Open(t.Context(), store.Config{Dir: l.Dir, DSN: dsn}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	report, err := respond.Verify(t.Context(), s, "t", l.now())
	if err != nil {
		t.Fatal(err)
	}
	if report.LostCount > 0 || report.StuckCount > 0 {
		t.Errorf("%d lost: %+v; %d stuck: %+v", report.LostCount, report.Lost[:min(5, len(report.Lost))],
			report.StuckCount, report.Stuck[:min(5, len(report.Stuck))])
	}
	for id := range alerts {
		if list, err := s.AlertsByID(t.Context(), []string{id}); err != nil || len(list) != 1 {
			t.Errorf("alert %s was acknowledged and is lost: %v", id, err)
		}
	}
	for id, revision := range answers {
		if i, err := s.Incident(t.Context(), "t", id); err != nil || i.Revision < revision {
			t.Errorf("what a person did to incident %s is lost: revision %d of %d, %v", id, i.Revision, revision, err)
		}
	}
	byKill, byReceiver := held(t, s, r)
	// The goal is one for each kill on average, of which a few kills say little:
	// what is on its way at the moment of one is now none, now three.
	most := kills
	if kills < 100 {
		most = 3 * kills
	}
	if byKill > most {
		t.Errorf("%d duplicates by %d kills", byKill, kills)
	}
	if len(alerts) == 0 || len(answers) == 0 || len(r.arrived) == 0 {
		t.Errorf("the test shows nothing: %d alerts, %d answers, %d messages", len(alerts), len(answers), len(r.arrived))
	}
	t.Logf("%d kills (%s): %d alerts and %d answers acknowledged and there, %d messages arrived; lost %d, stuck %d; duplicates by kills %d, "+
		"by a receiver that took one and did not say so %d, marked as possible %d; %v %v %v", kills, told, len(alerts), len(answers), len(r.arrived),
		report.LostCount, report.StuckCount, byKill, byReceiver, report.PossibleDuplicates, report.Incidents, report.Pages, report.Messages)
}

// held compares what the ledger says of messages with what arrived.
func held(t *testing.T, s *store.Store, r *receiver) (byKill, byReceiver int) {
	t.Helper()
	check := func(m respond.Message) {
		n := r.arrived[m.ID]
		if (m.State == respond.Sent || m.State == respond.Delivered) && n == 0 {
			t.Errorf("message %s is %s and has not arrived", m.ID, m.State)
		}
		if n > 1 && !m.PossibleDuplicate {
			t.Errorf("message %s arrived %d times and is not marked as a possible duplicate", m.ID, n)
		}
		byKill += r.kept[m.ID]
		byReceiver += max(0, n-1-r.kept[m.ID])
	}
	for after := ""; ; {
		list, err := s.IncidentsAfter(t.Context(), "t", after, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		after = list[len(list)-1].ID
		var ids []string
		for _, i := range list {
			ids = append(ids, i.ID)
		}
		messages, err := s.MessagesOf(t.Context(), ids, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			check(m)
		}
	}
	for after := ""; ; {
		list, err := s.DigestMessages(t.Context(), "t", after, false, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			return byKill, byReceiver
		}
		for _, m := range list {
			check(m)
		}
		after = list[len(list)-1].ID
	}
}
