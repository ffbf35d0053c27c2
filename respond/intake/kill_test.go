package intake_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/intake"
	"github.com/evenkeel/evenkeel/store"
)

// lifeVariable names the folder of a process that takes alerts in until it is
// killed.
const lifeVariable = "EVENKEEL_TEST_INTAKE_LIFE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(lifeVariable); dir != "" {
		fmt.Fprintln(os.Stderr, live(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// live serves until it is killed, and says where.
func live(dir string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, store.Config{Dir: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	service := respond.NewService(s, respond.Options{}, slog.New(slog.DiscardHandler))
	server, err := intake.New(ctx, "t", everyDialect(), intake.Options{Receiver: service, Alerts: alive{s, service}, Store: s, Secrets: keys{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	server.Register(mux)
	fmt.Println(l.Addr())
	return http.Serve(l, mux)
}

type alive struct {
	*store.Store
	service *respond.Service
}

func (a alive) Orphans(ctx context.Context, tenant, source string, known func(string) bool) ([]respond.Alert, error) {
	return a.service.Orphans(ctx, tenant, source, known)
}

// Whatever was answered with success is there after the process was killed, at
// whatever moment.
func TestWhatWasAcknowledgedOutlivesAKill(t *testing.T) {
	dir, acknowledged := t.TempDir(), map[string]bool{}
	for life := range 4 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), lifeVariable+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		address, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		url := "http://" + strings.TrimSpace(address) + "/alertmanager/api/v2/alerts"
		var mu sync.Mutex
		var wg sync.WaitGroup
		enough := make(chan struct{})
		for sender := range 4 {
			wg.Go(func() {
				for n := 0; ; n++ {
					name := fmt.Sprintf("alert-%d-%d-%d", life, sender, n)
					if !posted(url, fmt.Sprintf(`[{"labels":{"alertname":%q}},{"labels":{"alertname":%q}}]`, name, name+"-b")) {
						return // it was killed
					}
					mu.Lock()
					acknowledged[name], acknowledged[name+"-b"] = true, true
					if n == 5 && sender == 0 {
						close(enough)
					}
					mu.Unlock()
				}
			})
		}
		<-enough
		time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		_ = cmd.Wait() // it was killed
	}
	s, err := store.Open(t.Context(), store.Config{Dir: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	there := map[string]bool{}
	for after := ""; ; {
		list, err := s.StandingAlerts(t.Context(), "t", after, 500)
		if err != nil {
			t.Fatal(err)
		}
		for _, st := range list {
			there[st.Labels["alertname"]] = true
			after = st.ID
		}
		if len(list) < 500 {
			break
		}
	}
	lost := 0
	for name := range acknowledged {
		if !there[name] {
			lost++
		}
	}
	if lost > 0 || len(acknowledged) < 48 {
		t.Errorf("of %d acknowledged alerts %d are lost", len(acknowledged), lost)
	}
}

// posted says whether a batch was acknowledged.
func posted(url, body string) bool {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "Bearer "+key("env:prom"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
