package respond_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/store"
	"github.com/evenkeel/evenkeel/store/storetest"
)

// BenchmarkReceive takes alerts in as Prometheus sends them, 64 to a request,
// from eight senders at once, into 50 groups; each op is one alert that is on
// disk. New alerts first fire; repeated ones are sent again as every minute.
func BenchmarkReceive(b *testing.B) {
	for _, db := range []string{"SQLite", "PostgreSQL"} {
		for _, repeat := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/repeated=%t", db, repeat), func(b *testing.B) {
				dsn := ""
				if db == "PostgreSQL" {
					dsn = storetest.Postgres(b)
				}
				d := benchDesk(b, dsn)
				receive := func(from, to int) {
					var batch []respond.Alert
					for n := from; n < to; n++ {
						batch = append(batch, labelled(n))
					}
					if err := d.Receive(b.Context(), batch); err != nil {
						b.Error(err)
					}
				}
				const kept = 20_000
				if repeat {
					for n := 0; n < kept; n += 1000 {
						receive(n, n+1000)
					}
				}
				b.ReportAllocs()
				b.ResetTimer()
				start := time.Now()
				var wg sync.WaitGroup
				var mu sync.Mutex
				next := 0
				for range 8 {
					wg.Go(func() {
						for {
							mu.Lock()
							from := next
							next += 64
							mu.Unlock()
							if from >= b.N {
								return
							}
							if repeat {
								from %= kept
							}
							receive(from, from+64)
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(max(b.N, 64))/time.Since(start).Seconds(), "alerts/s")
			})
		}
	}
}

// labelled is an alert as one of a few hundred rules on many hosts makes it.
func labelled(n int) respond.Alert {
	a := alert(n)
	a.Labels = map[string]string{"alertname": fmt.Sprintf("Rule%d", n%50), "instance": fmt.Sprintf("web-%d.example.org:9100", n),
		"job": "node", "severity": "critical", "cluster": "eu-1", "namespace": "shop"}
	a.Annotations = map[string]string{"summary": "The disk of web will be full in four hours.",
		"description": "Filesystem /var on web has 3 % left and loses 200 MB a minute.", "runbook_url": "https://wiki.example.org/disk"}
	a.EndsAt = time.Now().Add(4 * time.Minute)
	return a
}

// byRule groups by the alert's name.
type byRule struct{}

func (byRule) Route(a respond.Alert, _ time.Time) []respond.Target {
	return []respond.Target{{Route: "all", Policy: "default", Group: a.Labels["alertname"], Wait: 30 * time.Second}}
}

func benchDesk(b *testing.B, dsn string) *respond.Service {
	b.Helper()
	service, _ := benchService(b, dsn, respond.Options{
		Router: func(context.Context, string) (respond.Router, error) { return byRule{}, nil }})
	return service
}

func benchService(b *testing.B, dsn string, opt respond.Options) (*respond.Service, *store.Store) {
	b.Helper()
	s, err := store.Open(b.Context(), store.Config{DSN: dsn, Dir: b.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return respond.NewService(s, opt, slog.New(slog.DiscardHandler)), s
}
