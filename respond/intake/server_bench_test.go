package intake_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// kept is how many requests' alerts stand before they are sent again.
const kept = 600

// BenchmarkAlertmanager takes alerts in over HTTP, 64 to a request, from eight
// senders at once; each op is one request that is on disk. lab/intake measures
// the whole program.
func BenchmarkAlertmanager(b *testing.B) {
	for _, repeated := range []bool{false, true} {
		b.Run(fmt.Sprintf("repeated=%t", repeated), func(b *testing.B) {
			w := newWorld(b, b.TempDir(), everyDialect())
			w.clock = time.Now()
			body := func(n int64, ends time.Duration) string {
				var list []map[string]any
				for i := n * 64; i < n*64+64; i++ {
					list = append(list, map[string]any{"startsAt": w.clock, "endsAt": w.clock.Add(ends),
						"labels": map[string]string{"alertname": fmt.Sprintf("Rule%d", i%50), "instance": fmt.Sprintf("web-%d.example.org:9100", i),
							"job": "node", "severity": "critical", "cluster": "eu-1", "namespace": "shop"},
						"annotations": map[string]string{"summary": "The disk of web will be full in four hours.",
							"description": "Filesystem /var on web has 3 % left and loses 200 MB a minute.", "runbook_url": "https://wiki.example.org/disk"}})
				}
				raw, err := json.Marshal(list)
				if err != nil {
					b.Fatal(err)
				}
				return string(raw)
			}
			bodies := make([]string, b.N)
			for n := range bodies {
				at := int64(n)
				if repeated {
					at %= kept
				}
				bodies[n] = body(at, 2*time.Hour)
			}
			post := func(text string) {
				req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, w.http.URL+"/alertmanager/api/v2/alerts", strings.NewReader(text))
				if err != nil {
					b.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+key("env:prom"))
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					b.Error(err)
					return
				}
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					b.Error(resp.Status)
				}
			}
			if repeated {
				for n := range int64(kept) {
					post(body(n, time.Hour))
				}
			}
			var next atomic.Int64
			b.SetParallelism(4)
			b.ResetTimer()
			began := time.Now()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					post(bodies[next.Add(1)-1])
				}
			})
			b.ReportMetric(float64(64*b.N)/time.Since(began).Seconds(), "alerts/s")
		})
	}
}
