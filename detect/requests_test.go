package detect

import (
	"math"
	"strings"
	"testing"
	"time"
)

// Whatever exporter tells of a service or a route, its queries give one series
// each for it alone, also over another window and by customer.
func TestWhatTellsOfRequestsIsOfOneEntity(t *testing.T) {
	for _, exporter := range []string{"otel", "istio", "linkerd", "envoy", "traefik", "haproxy", "ingress-nginx", "servicegraph", "spanmetrics"} {
		s := readScenario(t, "scenarios/exporter-"+exporter+".txtar")
		n, engine := newNumbers(t, s.series), New(loadCatalogue(t), Defaults())
		end := s.end
		for at := time.Duration(0); at <= end; at = s.next(at) {
			if _, err := engine.Round(t.Context(), Env{Tenant: "t", Environment: "e", Querier: n}, start.Add(at)); err != nil {
				t.Fatal(err)
			}
		}
		counted := 0
		for _, x := range engine.watch("t", "e").picture.entities {
			if x.Kind.Name != "service" && x.Kind.Name != routeKind || math.IsNaN(x.load()) {
				continue
			}
			r, ok := engine.Requests("t", "e", []string{x.ID})[x.ID]
			if !ok || r.Entity != x.ID || r.Name != x.Name || r.Window < defaultWindow {
				t.Errorf("%s: %s: %+v", exporter, x.ID, r)
				continue
			}
			counted++
			one := func(what, query string) float64 {
				t.Helper()
				if query == "" {
					return math.NaN()
				}
				samples, err := n.Instant(t.Context(), strings.ReplaceAll(query, "$window", "1m"), start.Add(end))
				if err != nil || len(samples) != 1 {
					t.Errorf("%s: %s of %s: %d series, %v: %s", exporter, what, x.ID, len(samples), err, query)
					return math.NaN()
				}
				return samples[0].V
			}
			traffic := one("traffic", r.Traffic)
			one("errors", r.Errors)
			one("latency", r.Latency)
			if math.Abs(traffic-x.load()) > .02*x.load()+.01 {
				t.Errorf("%s: traffic of %s: %g, as seen %g", exporter, x.ID, traffic, x.load())
			}
			if r.Customers != nil {
				if all := one("requests by customer", r.Customers.All); math.Abs(all-60*traffic) > 3*traffic {
					t.Errorf("%s: %g requests of %s in a minute, %g a second", exporter, all, x.ID, traffic)
				}
			}
		}
		if counted == 0 {
			t.Errorf("%s: nothing is counted", exporter)
		}
	}
}

// Who knows less of a name means the one that there is; what nothing counts, and
// what is no sort of thing, is told as not counted.
func TestRequestsByAShorterName(t *testing.T) {
	s := readScenario(t, "scenarios/exporter-otel.txtar")
	n, engine := newNumbers(t, s.series), New(loadCatalogue(t), Defaults())
	for at := time.Duration(0); at <= s.end; at = s.next(at) {
		if _, err := engine.Round(t.Context(), Env{Tenant: "t", Environment: "e", Querier: n}, start.Add(at)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ ask, want string }{{"service:checkout", "service:shop:checkout"}, {"service:shop:checkout", "service:shop:checkout"},
		{"service:nobody", ""}, {"host:checkout-1", ""}, {"spaceship:checkout", ""}, {"", ""}} {
		if r, ok := engine.Requests("t", "e", []string{c.ask})[c.ask]; r.Entity != c.want || ok != (c.want != "") {
			t.Errorf("%q: %q, %v", c.ask, r.Entity, ok)
		}
	}
}
