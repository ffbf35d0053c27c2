package respond_test

import (
	"bufio"
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
	"github.com/evenkeel/evenkeel/store"
)

// life is what a child process is told: it takes alerts in, escalates and sends
// until it is killed.
type life struct {
	Dir, DSN, Receiver string
	Began              time.Time     // of the whole test: its clock runs 60 times as fast since
	Ahead              time.Duration // how far the clock is off in this life
	Drain              bool          // nothing new comes in; end after a while
}

const (
	lifeVariable = "EVENKEEL_TEST_LEDGER_LIFE"
	pace         = 60
	// crashStep is the wait of the crash test's policy.
	crashStep = time.Minute
)

func (l life) now() time.Time { return l.Began.Add(time.Since(l.Began) * pace).Add(l.Ahead) }

func TestMain(m *testing.M) {
	if text := os.Getenv(lifeVariable); text != "" {
		var l life
		err := json.Unmarshal([]byte(text), &l)
		if err == nil {
			err = l.live(os.Stdout)
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
	s, err := store.Open(ctx, store.Config{Dir: l.Dir, DSN: l.DSN}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: 150 * time.Millisecond}
	service := respond.NewService(s, respond.Options{Now: l.now, Lease: 30 * time.Second, Workers: 16, StormLimit: 40,
		Router: func(context.Context, string) (respond.Router, error) { return byRule{}, nil },
		Senders: map[respond.Channel]respond.Sender{
			respond.Webhook: post{l.Receiver + "/plain", client},
			respond.Ntfy:    askable{post{l.Receiver + "/asked", client}},
		}}, slog.New(slog.DiscardHandler))
	if err := l.people(ctx, s); err != nil {
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
		if err != nil && !errors.Is(err, respond.ErrState) && !errors.Is(err, context.Canceled) {
			failed <- err
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

// people are those who are told, and how.
func (l life) people(ctx context.Context, s *store.Store) error {
	then := l.Began
	for n, channel := range []respond.Channel{respond.Webhook, respond.Ntfy} {
		err := s.PutContact(ctx, respond.Contact{ID: fmt.Sprint("c", n), Tenant: "t", Person: fmt.Sprint("p", n), Name: string(channel),
			Channel: channel, Verified: then})
		if err != nil {
			return err
		}
	}
	return s.PutPolicy(ctx, respond.Policy{ID: "default", Tenant: "t", Name: "Default", Rounds: 2, Steps: []respond.Step{
		{Notify: []respond.Recipient{{Kind: respond.ToPerson, ID: "p0"}}, Wait: crashStep},
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
		return err
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
	l := life{Dir: t.TempDir(), DSN: dsn, Receiver: server.URL, Began: time.Now()}
	alerts, answers := map[string]bool{}, map[string]int64{}
	for n := range kills {
		l.Ahead = 0
		switch n % 7 {
		case 3:
			l.Ahead = 24 * time.Hour
		case 5:
			l.Ahead = -24 * time.Hour
		}
		for _, line := range lived(t, l) {
			words := strings.Fields(line)
			switch words[0] {
			case "alert":
				alerts[words[1]] = true
			case string(respond.Acknowledged), string(respond.Resolved):
				revision, err := strconv.ParseInt(words[2], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				answers[words[1]] = max(answers[words[1]], revision)
			}
		}
	}
	r.mu.Lock()
	r.well = true
	r.mu.Unlock()
	l.Ahead, l.Drain = 0, true
	lived(t, l)

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
	t.Logf("%d kills: %d alerts and %d answers acknowledged and there, %d messages arrived; lost %d, stuck %d; duplicates by kills %d, "+
		"by a receiver that took one and did not say so %d, marked as possible %d; %v %v %v", kills, len(alerts), len(answers), len(r.arrived),
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

// lived runs a child, kills it at some moment unless it drains, and returns
// what it said.
func lived(t *testing.T, l life) (said []string) {
	t.Helper()
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), lifeVariable+"="+string(text))
	var problem strings.Builder
	cmd.Stderr = &problem
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == "ready" && !l.Drain {
			time.AfterFunc(time.Duration(rand.Int64N(int64(600*time.Millisecond))), func() {
				// An error means that it has ended by itself, which Wait tells.
				_ = cmd.Process.Kill()
			})
		}
		said = append(said, lines.Text())
	}
	if err := cmd.Wait(); (err == nil) != l.Drain || problem.Len() > 0 {
		t.Fatalf("the child ended by itself: %v: %s", err, problem.String())
	}
	return said
}
