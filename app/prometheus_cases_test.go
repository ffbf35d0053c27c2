package app

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

// shopFigures are 100 minutes of a shop as a tracer's service graph tells of it,
// in OpenMetrics: front calls checkout, checkout calls payment, front calls search;
// in the last ten minutes payment fails, and those that call it with it.
func shopFigures(now time.Time) []byte {
	calls := []struct {
		client, server string
		rate, failing  float64 // of the requests, once it has begun
	}{{"user", "front", 20, .5}, {"front", "checkout", 10, .85}, {"checkout", "payment", 10, .9}, {"front", "search", 30, 0}}
	const step = 15 * time.Second
	begin := now.Add(-100 * time.Minute).Truncate(step)
	var b bytes.Buffer
	for _, what := range []string{"request", "request_failed"} {
		name := "traces_service_graph_" + what
		fmt.Fprintf(&b, "# TYPE %s counter\n", name)
		for _, c := range calls {
			total := 0.0
			for at := begin; at.Before(now.Add(4 * time.Minute)); at = at.Add(step) {
				rate := c.rate
				if what == "request_failed" {
					rate *= .0005
					if at.After(now.Add(-10 * time.Minute)) {
						rate = c.rate * max(.0005, c.failing)
					}
				}
				total += rate * step.Seconds()
				fmt.Fprintf(&b, "%s_total{client=%q,server=%q} %g %d\n", name, c.client, c.server, total, at.Unix())
			}
		}
	}
	b.WriteString("# EOF\n")
	return b.Bytes()
}

// prometheusWith starts Debian's Prometheus over figures of the past, and
// returns its address. The test is skipped where there is none.
func prometheusWith(t *testing.T, figures []byte) string {
	t.Helper()
	server, err1 := exec.LookPath("prometheus")
	tool, err2 := exec.LookPath("promtool")
	if err1 != nil || err2 != nil {
		t.Skip("there is no prometheus with its promtool on this machine")
	}
	dir := t.TempDir()
	file, data, config := filepath.Join(dir, "figures"), filepath.Join(dir, "data"), filepath.Join(dir, "prometheus.yml")
	for name, body := range map[string][]byte{file: figures, config: []byte("global: {scrape_interval: 1h}\n")} {
		if err := os.WriteFile(name, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(tool, "tsdb", "create-blocks-from", "openmetrics", file, data).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	var said bytes.Buffer
	p := exec.Command(server, "--config.file", config, "--storage.tsdb.path", data, "--web.listen-address", address)
	p.Stdout, p.Stderr = &said, &said
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		p.Wait()
	})
	for range 200 {
		if r, err := http.Get("http://" + address + "/-/ready"); err == nil {
			io.Copy(io.Discard, r.Body)
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return "http://" + address
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("Prometheus does not come up: %s", said.String())
	return ""
}

// A Prometheus that somebody runs already is attached by its address. Who calls
// whom and who fails both come from its figures, and make one case, of which the
// lowest that fails is the cause.
func TestACaseArisesFromAPrometheusAlone(t *testing.T) {
	url := prometheusWith(t, shopFigures(time.Now()))
	var objectives strings.Builder
	for _, s := range []string{"front", "checkout", "payment"} {
		count := func(name string) string {
			return fmt.Sprintf("sum(increase(traces_service_graph_%s_total{server=%q}[$window]))", name, s)
		}
		fmt.Fprintf(&objectives, "  - {id: %s, title: %q, service: %s, target: 99, bad: '%s', total: '%s'}\n", s, upper(s)+" answers", s, count("request_failed"), count("request"))
	}
	a := startWith(t, t.TempDir(), "environment: home\nmetrics: {external: {url: "+url+"}}\nslos:\n"+objectives.String(), nil)
	titled := func(s string) string { return upper(s) + " answers: " }
	x := awaitCase(t, a, titled("front"), titled("checkout"), titled("payment"))
	for range 60 { // until what calls whom is known and joins them
		if best := x.Best(); best != nil && best.Entity == "service:payment" && len(x.Members) == 3 {
			break
		}
		time.Sleep(time.Second)
		x = awaitCase(t, a, titled("front"), titled("checkout"), titled("payment"))
	}
	best := x.Best()
	if best == nil || best.Entity != "service:payment" || len(x.Members) != 3 || !strings.Contains(x.Sentence, "Payment answers") {
		t.Errorf("%s\n%+v", x.Sentence, x.Case)
	}
	for _, e := range x.Edges {
		if e.Kind != "calls" || e.Source != "the service graph of traces" || e.Sure == "" {
			t.Errorf("an edge that the figures do not tell: %+v", e)
		}
	}
	if len(x.Edges) == 0 {
		t.Error("it is not said who calls whom")
	}
	// All three were promised, and none of their requests is told twice.
	if m := x.Impact; m == nil || len(m.Objectives) != 3 || len(m.Requests) != 0 || m.Objectives[0].Bad == nil || *m.Objectives[0].Bad < 1000 || m.Told || !m.Live {
		t.Errorf("what users felt: %+v", m)
	}
	// Nothing was promised of search: its requests are counted by what the engine
	// knows of them.
	if err := a.findings.Record(t.Context(), []finding.Observation{trouble("failing", "service:search", "Search fails", finding.Critical, time.Now().Add(-5*time.Minute))}); err != nil {
		t.Fatal(err)
	}
	m := awaitCase(t, a, "Search fails").Impact
	if m == nil || len(m.Requests) != 1 || m.Requests[0].Total == nil || *m.Requests[0].Total < 5000 || *m.Requests[0].Failed > 20 || m.Unpromised != "" && len(m.Objectives) > 0 {
		t.Errorf("what users felt of search: %+v", m)
	}
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
