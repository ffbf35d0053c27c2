package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/metric/tsdb"
)

// TestMain lets a test start this binary as the program.
func TestMain(m *testing.M) {
	if os.Getenv("EVENKEEL_TEST_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

// program is a running "evenkeel up".
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	said chan string // what it prints, line by line
	errs bytes.Buffer
}

// up starts the program on a data folder. It does not wait for anything.
func startUp(t *testing.T, data string) *program {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, said: make(chan string, 100)}
	p.cmd = exec.Command(self, "up", "--data", data, "--listen", "127.0.0.1:0")
	p.cmd.Env = append(os.Environ(), "EVENKEEL_TEST_MAIN=1", "EVENKEEL_BOOTSTRAP_TOKEN=t")
	p.cmd.Stderr = &p.errs
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // where the test ended it, this is an error
		for range p.said {
		}
	})
	go func() {
		defer close(p.said)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.said <- lines.Text()
		}
	}()
	return p
}

// await returns the first line that the program prints with the pattern in it.
func (p *program) await(pattern string) []string {
	p.t.Helper()
	match, late := regexp.MustCompile(pattern), time.After(20*time.Second)
	for {
		select {
		case line, ok := <-p.said:
			if !ok {
				p.t.Fatalf("the program ended before it said %q; on stderr: %s", pattern, p.end())
			}
			if found := match.FindStringSubmatch(line); found != nil {
				return found
			}
		case <-late:
			p.t.Fatalf("the program did not say %q within 20 s", pattern)
		}
	}
}

// end waits for the program's end and returns its errors.
func (p *program) end() string {
	for range p.said {
	}
	_ = p.cmd.Wait() // the exit code is in ProcessState
	return p.errs.String()
}

// ask sends a request with the token.
func (p *program) ask(method, path string) (status int, header http.Header, body string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer t")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(text)
}

// slowFigures makes a data folder with four samples of a series, a minute
// apart, the last one a minute ago. Each is in a segment of the write-ahead
// log of its own; the third segment is a pipe, so that reading it back lasts
// until feed is called. Feed gives it what is in the segment, once.
func slowFigures(t *testing.T) (data string, feed func()) {
	t.Helper()
	data = t.TempDir()
	dir := filepath.Join(data, "metrics")
	for i := range 4 {
		db, err := tsdb.Open(tsdb.Config{Dir: dir}, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(time.Duration(i-4) * time.Minute)
		if err := db.Append(context.Background(), []metric.Sample{{Labels: labels.FromStrings("__name__", "past"), Point: metric.Point{T: at, V: float64(i + 1)}}}); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	segment := filepath.Join(dir, "wal", "00000002")
	content, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(segment); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(segment, 0o600); err != nil {
		t.Skipf("no pipe can be made here: %v", err)
	}
	return data, func() {
		if err := os.WriteFile(segment, content, 0); err != nil {
			t.Error(err)
		}
	}
}

// While the figures of the past are read back, people and programs get in and
// are told; nothing that has no figures is taken for fine; then all is there.
func TestItServesWhileTheFiguresOfThePastAreReadBack(t *testing.T) {
	data, feed := slowFigures(t)
	p := startUp(t, data)
	p.url = p.await(`Log in +(http://[^/]+)/login/link`)[1]
	p.await(`The figures of the past are being read back: about 0 % done\.`)

	for _, c := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/login", 200, "Log in"},
		{"GET", "/healthz", 200, "ok"},
		{"GET", "/readyz", 503, "the figures of the past are being read back: about 0 % done"},
		{"GET", "/api/v1/findings", 200, `"findings":[]`},
		{"GET", "/api/v1/entities", 200, `"entities":[]`},
		{"GET", "/api/v1/health", 200, `"part":"figures","state":"starting"`},
		{"GET", "/api/v1/checks", 200, `"checks":[]`},
		{"POST", "/api/v1/backups", 503, "being read back"},
		{"GET", "/prometheus/api/v1/query?query=past", 503, `"errorType":"unavailable"`},
		{"GET", "/prometheus/api/v1/query_range?query=past&start=0&end=1&step=1", 503, `"errorType":"unavailable"`},
		{"GET", "/prometheus/api/v1/query_exemplars?query=past&start=0&end=1", 503, `"errorType":"unavailable"`},
		{"GET", "/prometheus/api/v1/series?match[]=past", 503, `"errorType":"unavailable"`},
		{"GET", "/prometheus/api/v1/status/tsdb", 503, `"errorType":"unavailable"`},
		{"GET", "/prometheus/api/v1/query?query=past(", 400, `"errorType":"bad_data"`},
		{"POST", "/prometheus/api/v1/write", 503, "being read back"},
		{"GET", "/metrics", 200, "go_goroutines"},
		{"GET", "/", 200, "The figures of the past are being read back: about 0 % done."},
		{"GET", "/settings", 200, "being read back"},
	} {
		status, header, body := p.ask(c.method, c.path)
		if status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %s: %d, want %d with %q\n%s", c.method, c.path, status, c.status, c.want, body[:min(len(body), 400)])
		}
		if status == 503 && c.path != "/readyz" && header.Get("Retry-After") == "" {
			t.Errorf("%s %s: nobody is told when to come again", c.method, c.path)
		}
	}

	feed() // it is looked through for damage, then read
	p.await(`The figures of the past are being read back: about [1-9]\d % done\.`)
	feed()
	p.await(`Ready: `)
	if status, _, body := p.ask("GET", "/readyz"); status != 200 {
		t.Errorf("/readyz: %d %s", status, body)
	}
	query := url.Values{"query": {"sum(sum_over_time(past[10m]))"}}.Encode()
	if _, _, body := p.ask("GET", "/prometheus/api/v1/query?"+query); !strings.Contains(body, `"10"]`) {
		t.Errorf("not all of the past is there: %s", body)
	}
	if status, _, body := p.ask("POST", "/prometheus/api/v1/write"); status == 503 {
		t.Errorf("remote write: %d %s", status, body)
	}
}

func TestItCanBeStoppedWhileTheFiguresOfThePastAreReadBack(t *testing.T) {
	data, feed := slowFigures(t)
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		p := startUp(t, data)
		p.await(`being read back`)
		began := time.Now()
		if err := p.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		errs := p.end()
		if code := p.cmd.ProcessState.ExitCode(); code != exitOK || strings.Contains(errs, "ERROR") {
			t.Errorf("%s: exit code %d, %s", signal, code, errs)
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("%s: it took %s to stop", signal, took)
		}
	}
	p := startUp(t, data)
	p.await(`about 0 %`)
	feed()
	p.await(`about [1-9]\d %`)
	feed()
	p.await(`Ready: `)
}

// What cannot be read back ends the program, with the reason.
func TestFiguresThatCannotBeReadEndTheProgram(t *testing.T) {
	data := t.TempDir()
	if err := os.MkdirAll(filepath.Join(data, "metrics"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "metrics", "wal"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := startUp(t, data)
	errs := p.end()
	if code := p.cmd.ProcessState.ExitCode(); code != exitUnsure || !strings.Contains(errs, "write-ahead log") || !strings.Contains(errs, fmt.Sprint(filepath.Join(data, "metrics"))) {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if _, err := os.Stat(filepath.Join(data, "instance.json")); !os.IsNotExist(err) {
		t.Errorf("the way to the process is still there: %v", err)
	}
}
