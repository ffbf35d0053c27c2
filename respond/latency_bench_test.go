package respond_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/store/storetest"
)

// watch is a channel that notes when each incident's first message is sent.
type watch struct {
	mu   sync.Mutex
	seen map[string]time.Time // by title
}

func (w *watch) Send(_ context.Context, m respond.Message) respond.Outcome {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.seen[m.Content.Title]; !ok {
		w.seen[m.Content.Title] = time.Now()
	}
	return respond.Outcome{State: respond.Sent}
}

// BenchmarkAlertToRequest takes in 20 alerts a second, each an incident of its
// own, among 1,000 repeated ones a second, and measures from the call of
// Receive to the call of the sender.
func BenchmarkAlertToRequest(b *testing.B) {
	for _, db := range []string{"SQLite", "PostgreSQL"} {
		b.Run(db, func(b *testing.B) {
			dsn := ""
			if db == "PostgreSQL" {
				dsn = storetest.Postgres(b)
			}
			w := &watch{seen: map[string]time.Time{}}
			service := paged(b, dsn, respond.Options{StormLimit: 1 << 30, Senders: map[respond.Channel]respond.Sender{respond.Webhook: w}})
			for n := 0; n < 20_000; n += 1000 {
				receive(b, service, 1_000_000+n, 1000)
			}
			ctx, stop := context.WithCancel(b.Context())
			var running sync.WaitGroup
			running.Go(func() { // the load
				for n := 0; ctx.Err() == nil; n = (n + 50) % 20_000 {
					receive(b, service, 1_000_000+n, 50)
					time.Sleep(50 * time.Millisecond)
				}
			})
			first := settle(b, service, w)
			b.ResetTimer()
			begun := map[string]time.Time{}
			for n := range b.N {
				a := alert(n)
				begun[a.Title] = time.Now()
				if err := service.Receive(b.Context(), []respond.Alert{a}); err != nil {
					b.Fatal(err)
				}
				time.Sleep(50 * time.Millisecond)
			}
			for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline) && w.count() < first+b.N; time.Sleep(10 * time.Millisecond) {
			}
			stop()
			running.Wait()
			var took []time.Duration
			for title, at := range begun {
				took = append(took, w.seen[title].Sub(at))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
		})
	}
}

func (w *watch) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.seen)
}

// settle waits until what was loaded before has been told.
func settle(b *testing.B, service *respond.Service, w *watch) int {
	b.Helper()
	if err := service.Wake(b.Context(), time.Now()); err != nil {
		b.Fatal(err)
	}
	for n := -1; n != w.count(); time.Sleep(300 * time.Millisecond) {
		n = w.count()
	}
	return w.count()
}

// paged is a service whose loops run, with one policy that tells one room.
func paged(b *testing.B, dsn string, opt respond.Options) *respond.Service {
	b.Helper()
	opt.Router = func(context.Context, string) (respond.Router, error) { return byTitle{}, nil }
	service, s := benchService(b, dsn, opt)
	then := time.Now()
	if err := s.PutContact(b.Context(), respond.Contact{ID: "room", Tenant: "t", Name: "room", Channel: respond.Webhook, Verified: then}); err != nil {
		b.Fatal(err)
	}
	err := s.PutPolicy(b.Context(), respond.Policy{ID: "default", Tenant: "t", Name: "Default", Rounds: 1, Steps: []respond.Step{
		{Notify: []respond.Recipient{{Kind: respond.ToChannel, ID: "room"}}, Wait: time.Hour}}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	report := func(err error) {
		if err != nil && ctx.Err() == nil {
			b.Error(err)
		}
	}
	running.Go(func() { service.Deliver(ctx, report) })
	running.Go(func() {
		for ctx.Err() == nil {
			report(service.Wake(ctx, time.Now()))
			select {
			case <-ctx.Done():
			case <-service.Due():
			case <-time.After(time.Second):
			}
		}
	})
	b.Cleanup(func() { stop(); running.Wait() })
	return service
}

// byTitle makes each alert below a million an incident of its own, and the
// others those of 50 rules.
type byTitle struct{}

func (byTitle) Route(a respond.Alert, _ time.Time) []respond.Target {
	t := respond.Target{Route: "all", Policy: "default", Group: a.Title}
	if name := a.Labels["alertname"]; name != "DiskFull" {
		t.Group = name
	}
	return []respond.Target{t}
}

func receive(b *testing.B, service *respond.Service, from, n int) {
	var batch []respond.Alert
	for n := range n {
		batch = append(batch, labelled(from+n))
	}
	if err := service.Receive(b.Context(), batch); err != nil {
		b.Error(err)
	}
}

// BenchmarkStorm takes in 100,000 distinct alerts as fast as they can be sent:
// into 50 groups, and each an incident of its own. It measures the heap at its
// highest, and how many messages go out.
func BenchmarkStorm(b *testing.B) {
	const storm = 100_000
	for _, own := range []bool{false, true} {
		b.Run(fmt.Sprintf("own=%t", own), func(b *testing.B) {
			for range b.N {
				w := &watch{seen: map[string]time.Time{}}
				service := paged(b, "", respond.Options{Senders: map[respond.Channel]respond.Sender{respond.Webhook: w}})
				var peak uint64
				var mem runtime.MemStats
				start := time.Now()
				for n := 0; n < storm; n += 64 {
					if own {
						var batch []respond.Alert
						for k := range 64 {
							batch = append(batch, alert(n+k))
						}
						if err := service.Receive(b.Context(), batch); err != nil {
							b.Fatal(err)
						}
					} else {
						receive(b, service, n, 64)
					}
					if n%6400 == 0 {
						runtime.ReadMemStats(&mem)
						peak = max(peak, mem.HeapInuse)
					}
				}
				b.ReportMetric(storm/time.Since(start).Seconds(), "alerts/s")
				if err := service.Wake(b.Context(), time.Now()); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(time.Since(start).Seconds(), "s-until-all-decided")
				b.ReportMetric(float64(peak)/1e6, "peak-heap-MB")
				b.ReportMetric(float64(w.count()), "messages")
			}
		})
	}
}
