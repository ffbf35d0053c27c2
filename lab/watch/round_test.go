package main

import (
	"bytes"
	"log/slog"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/lab/fleet"
	"github.com/evenkeel/evenkeel/metric/tsdb"
)

// BenchmarkRound is a round of all checks over a fleet of 100,000 series in the
// embedded engine; the fleet goes on between the rounds, which is not counted.
//
//	go test ./lab/watch -run xxx -bench Round -cpuprofile cpu.prof
func BenchmarkRound(b *testing.B) {
	db, err := tsdb.Open(tsdb.Config{Dir: b.TempDir()}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	catalogue, err := detect.Load()
	if err != nil {
		b.Fatal(err)
	}
	engine := detect.New(catalogue, detect.Defaults())
	targets := fleet.Hundred.Targets()
	at := time.Unix(1_790_000_000, 0)
	known := map[string]labels.Labels{}
	refs := map[string]storage.SeriesRef{}
	scrape := func() {
		at = at.Add(15 * time.Second)
		app := db.Storage().AppenderV2(b.Context())
		var page bytes.Buffer
		for _, target := range targets {
			page.Reset()
			if _, err := target.Write(&page, at); err != nil {
				b.Fatal(err)
			}
			for line := range bytes.Lines(page.Bytes()) {
				end := bytes.LastIndexByte(line, ' ')
				key := target.Instance + "\x00" + string(line[:end])
				l, ok := known[key]
				if !ok {
					if l, err = parser.NewParser(parser.Options{}).ParseMetric(string(line[:end])); err != nil {
						b.Fatal(err)
					}
					l = labels.NewBuilder(l).Set("job", target.Job).Set("instance", target.Instance).Labels()
					known[key] = l
				}
				v, err := strconv.ParseFloat(string(bytes.TrimSpace(line[end+1:])), 64)
				if err != nil {
					b.Fatal(err)
				}
				if refs[key], err = app.Append(refs[key], l, 0, at.UnixMilli(), v, nil, nil, storage.AOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		}
		if err := app.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	round := func() detect.Result {
		r, err := engine.Round(b.Context(), detect.Env{Tenant: "default", Environment: "test", Querier: db}, at)
		if err != nil {
			b.Fatal(err)
		}
		return r
	}
	for range 24 {
		scrape()
	}
	for range 12 { // until exporters count as settled
		scrape()
		round()
	}
	var used time.Duration
	var last detect.Result
	for b.Loop() {
		b.StopTimer()
		scrape()
		before := cpu(b)
		b.StartTimer()
		last = round()
		used += cpu(b) - before
	}
	b.ReportMetric(used.Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric(float64(last.Entities), "entities")
	b.ReportMetric(float64(len(known)), "series")
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
