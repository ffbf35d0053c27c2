package main

import (
	"fmt"
	"math"
	"time"
)

// call is whom a service asks, and how often for each of its own requests.
type call struct {
	to  string
	per float64
}

// service answers requests and tells of them in OpenTelemetry's words.
type service struct {
	name      string
	instances int
	host      int
	own       float64 // seconds that it takes by itself
	calls     []call
	database  string
	queries   float64
	at        float64 // route weight of the first of its routes; 0 for .9

	pages  []*exporter
	since  []time.Time
	memory []float64
	late   wander
	rate   float64 // requests a second, of all instances
	mean   float64 // seconds that an answer takes
	errors float64 // share
	query  float64 // seconds that a query takes
	next   float64 // what is asked of it by callers that come first
}

func (e *estate) add(s *service) {
	for n := range s.instances {
		s.pages = append(s.pages, newExporter(s.name, fmt.Sprintf("10.0.%d.%d:9464", len(e.services)+1, n+1)))
		s.since, s.memory = append(s.since, e.began.Add(-240*time.Hour)), append(s.memory, 0)
	}
	e.services = append(e.services, s)
}

// spread hands requests on to those whom it asks.
func (x *service) spread(e *estate, s *sheet) {
	if x.next > 0 {
		x.rate = x.next
	}
	x.next = 0
	for _, c := range x.calls {
		e.named(c.to).next += x.rate * c.per
	}
}

// work says how long it takes and how much of it fails.
func (x *service) work(e *estate, s *sheet) {
	busy := min(1, x.rate/float64(20*x.running(e, s.at)))
	own := x.own * (1 + .3*busy*busy) * math.Exp(x.late.next(s.r, .05, .9))
	x.errors = .0003
	x.query = .002 * math.Exp(.5*x.late.x) * (1 + .25*e.batch(s.at))
	if e.faults {
		if x.name == "catalogue" {
			own *= 1 + 14*e.share(s.at, slow)
		}
		if x.name == "payments" {
			own += .9 * e.share(s.at, loss)
			x.errors += .12 * e.share(s.at, loss)
		}
		if full := x.memory[0] / 1.9e9; x.name == "search" && full > .8 {
			own *= 1 + 30*(full-.8)
			x.errors += .5 * (full - .8)
		}
	}
	x.mean = own + x.queries*x.query
	for _, c := range x.calls {
		to := e.named(c.to)
		x.mean += c.per * (to.mean + .0008)
		x.errors += c.per * to.errors
	}
}

// running is how many instances there are now.
func (x *service) running(e *estate, at time.Time) int {
	if x.name == "catalogue" && e.during(at, smaller) {
		return x.instances - 1
	}
	return x.instances
}

func (x *service) write(e *estate, s *sheet) {
	running := x.running(e, s.at)
	for n, page := range x.pages {
		if n >= running {
			s.away(page)
			x.since[n] = time.Time{}
			continue
		}
		away := time.Minute
		if x.instances == 1 {
			away = s.step // who is alone is started anew within one scrape
		}
		for d, v := range deploys { // one instance after another
			begin := e.began.Add(time.Duration((float64(24*v.day) + v.from + .03*float64(n)) * float64(time.Hour)))
			if age := s.at.Sub(begin); (d+len(x.name))%2 == 0 && age >= 0 && age < away {
				x.since[n] = time.Time{}
			}
		}
		if x.since[n].IsZero() { // it starts: nothing is to be had of it for a moment
			x.since[n] = s.at
			page.anew()
			x.memory[n] = 0
			s.silent(page)
			continue
		}
		s.up(page)
		x.tell(e, s, page, n, float64(s.step.Seconds())*x.rate/float64(running))
	}
}

func (x *service) tell(e *estate, s *sheet, page *exporter, n int, asked float64) {
	me := []string{"service_name", x.name, "service_namespace", "shop"}
	with := func(pairs ...string) []string { return append(me[:len(me):len(me)], pairs...) }
	s.gauge(page, 1, "target_info", with("telemetry_sdk_language", "go")...)
	for r, share := range []float64{.85, .15} {
		route := []string{"http_request_method", "GET", "http_route", fmt.Sprintf("/v1/%s/%d", x.name, r)}
		all := poisson(s.r, asked*share)
		bad := binomial(s.r, all, x.errors)
		s.histogram(page, all-bad, x.mean*(1+.4*float64(r)), "http_server_request_duration_seconds", with(append(route, "http_response_status_code", "200")...)...)
		s.histogram(page, bad, x.mean*.7, "http_server_request_duration_seconds", with(append(route, "http_response_status_code", "500")...)...)
	}
	for _, c := range x.calls {
		to := e.named(c.to)
		all := poisson(s.r, asked*c.per)
		bad := binomial(s.r, all, to.errors)
		whom := []string{"server_address", c.to, "server_port", "8080", "http_request_method", "GET"}
		s.histogram(page, all-bad, to.mean+.0008, "http_client_request_duration_seconds", with(append(whom, "http_response_status_code", "200")...)...)
		s.histogram(page, bad, to.mean+.0008, "http_client_request_duration_seconds", with(append(whom, "http_response_status_code", "500")...)...)
	}
	if x.database != "" {
		s.histogram(page, poisson(s.r, asked*x.queries), x.query, "db_client_operation_duration_seconds",
			with("db_system_name", "postgresql", "server_address", map[string]string{"pg-shop": "10.0.0.30", "pg-shop-replica": "10.0.0.31"}[x.database], "server_port", "5432")...)
		used := x.rate / float64(x.instances) * x.queries * x.query
		s.gauge(page, math.Round(used+.4), "db_client_connection_count", with("db_client_connection_state", "used", "db_client_connection_pool_name", "main")...)
		s.gauge(page, 20, "db_client_connection_max", with("db_client_connection_pool_name", "main")...)
		s.gauge(page, 0, "db_client_connection_pending_requests", with("db_client_connection_pool_name", "main")...)
	}
	x.runtime(e, s, page, n)
}

// runtime is what a Go program tells of itself.
func (x *service) runtime(e *estate, s *sheet, page *exporter, n int) {
	per := x.rate / float64(x.instances)
	if e.faults && x.name == "search" && e.during(s.at, leak) {
		x.memory[n] += 1.9e9 / 7 / 3600 * s.step.Seconds()
		if x.memory[n] > 1.9e9 {
			x.since[n] = time.Time{} // killed; it is started again
		}
	}
	// The collector lets the heap rise and fall.
	heap := 6e7 + 2e6*per + 2e7*math.Abs(math.Mod(s.at.Sub(x.since[n]).Minutes(), 8)/8-.5) + x.memory[n]
	s.gauge(page, heap, "go_memstats_heap_inuse_bytes")
	s.gauge(page, heap*1.3+2e7, "process_resident_memory_bytes")
	s.gauge(page, 20+math.Round(per*(1+x.mean)), "go_goroutines")
	s.count(page, 1e-4*s.step.Seconds()*(1+per/10), "go_gc_duration_seconds_sum")
	s.count(page, .05*s.step.Seconds(), "go_gc_duration_seconds_count")
	s.count(page, (.004+.003*per)*s.step.Seconds(), "process_cpu_seconds_total")
	s.gauge(page, 20+math.Round(per/2), "process_open_fds")
	s.gauge(page, 4096, "process_max_fds")
	s.gauge(page, float64(x.since[n].Unix()), "process_start_time_seconds")
}
