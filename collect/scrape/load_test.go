package scrape_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/evenkeel/evenkeel/collect/scrape"
	"github.com/evenkeel/evenkeel/metric/tsdb"
)

const (
	loadTargets = 100
	loadSeries  = 1000 // of each target
	loadEnv     = "EVENKEEL_TEST_EXPORTER"
)

// TestMain lets the test's own binary be the exporters, so that their cost is
// not counted.
func TestMain(m *testing.M) {
	if os.Getenv(loadEnv) != "" {
		export()
		return
	}
	os.Exit(m.Run())
}

func export() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(l.Addr())
	var round atomic.Uint64
	err = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := round.Add(1)
		out := bufio.NewWriter(w)
		defer out.Flush()
		for i := range loadSeries {
			if i%20 == 0 {
				fmt.Fprintf(out, "# HELP %[1]s A figure.\n# TYPE %[1]s counter\n", loadName(i))
			}
			fmt.Fprintf(out, "%s{device=\"dev%d\",mode=\"active\"} %d\n", loadName(i), i%20, n*uint64(i%17))
		}
	}))
	fmt.Println(err)
}

func loadName(i int) string { return fmt.Sprintf("node_figure_%d_total", i/20) }

// BenchmarkHundredThousandSeries scrapes 100 targets of 1,000 series every 15
// seconds for a minute, on top of an hour of history, and reports the share
// of one core and the memory of this process. It takes about 90 seconds.
func BenchmarkHundredThousandSeries(b *testing.B) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), loadEnv+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	addr = strings.TrimSpace(addr)

	db, err := tsdb.Open(tsdb.Config{Dir: b.TempDir()}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	history(b, db)

	text := strings.Builder{}
	text.WriteString("scrape_configs:\n- job_name: node\n  scrape_interval: 15s\n  relabel_configs: [{source_labels: [host], target_label: instance}, {regex: host, action: labeldrop}]\n  static_configs:\n")
	for i := range loadTargets {
		fmt.Fprintf(&text, "  - {targets: [%q], labels: {host: %q, __metrics_path__: /t/%d}}\n", addr, loadInstance(i), i)
	}
	m, err := scrape.New(parse(b, text.String(), ""), db.Storage(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	defer func() { cancel(); <-done }()
	eventually(b, db, 30*time.Second, `sum(up)`, loadTargets)

	for b.Loop() {
		before, began := cpu(b), time.Now()
		time.Sleep(time.Minute)
		b.ReportMetric(100*(cpu(b)-before).Seconds()/time.Since(began).Seconds(), "%-of-a-core")
		b.ReportMetric(rss(b), "MB-RSS")
		b.ReportMetric(float64(db.ActiveSeries()), "series")
	}
	if got, _ := value(b, db, `sum(up)`); got != loadTargets {
		b.Errorf("%v targets are up, want %d", got, loadTargets)
	}
}

func loadInstance(i int) string { return fmt.Sprintf("web-%d:9100", i) }

// history writes the last hour of all series.
func history(b *testing.B, db *tsdb.DB) {
	b.Helper()
	var series []labels.Labels
	for t := range loadTargets {
		for i := range loadSeries {
			series = append(series, labels.FromStrings("__name__", loadName(i), "device", fmt.Sprintf("dev%d", i%20), "instance", loadInstance(t), "job", "node", "mode", "active"))
		}
	}
	refs := make([]storage.SeriesRef, len(series))
	now := time.Now()
	for at := now.Add(-time.Hour); at.Before(now.Add(-15 * time.Second)); at = at.Add(15 * time.Second) {
		app := db.Storage().AppenderV2(context.Background())
		for i, ls := range series {
			ref, err := app.Append(refs[i], ls, 0, at.UnixMilli(), float64(at.Unix()/15*int64(i%17)), nil, nil, storage.AOptions{})
			if err != nil {
				b.Fatal(err)
			}
			refs[i] = ref
		}
		if err := app.Commit(); err != nil {
			b.Fatal(err)
		}
	}
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rss is the resident memory in MB.
func rss(b *testing.B) float64 {
	b.Helper()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("there is no /proc here")
	}
	pages, err := strconv.ParseFloat(strings.Fields(string(data))[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return pages * float64(os.Getpagesize()) / 1e6
}
