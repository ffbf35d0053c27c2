package console

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/health"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/metric/tsdb"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/evidence"
	"github.com/evenkeel/evenkeel/respond/notify"
	"github.com/evenkeel/evenkeel/respond/reach"
	"github.com/evenkeel/evenkeel/respond/route"
	"github.com/evenkeel/evenkeel/respond/status"
	"github.com/evenkeel/evenkeel/review"
	"github.com/evenkeel/evenkeel/store"
)

// demo is a console on real parts (SQLite, the embedded TSDB, the services)
// with an estate of two hosts that somebody has lived with for six hours.
type demo struct {
	*Console
	now      time.Time
	findings *finding.Service
	estate   *estate.Service
	metrics  *tsdb.DB
	board    *health.Board
	access   *access.Service
	respond  *respond.Service
	reach    *reach.Service
	sources  *heardDemo
	routes   *route.Service
	status   *status.Service
	folder   string // of the status pages
	state    *store.Store
	evidence *evidence.Service
	actor    access.Actor
	cases    *cases.Service
	impact   *impact.Assessor
}

const demoEnv = "production"

// quietDemo has parts that work and nothing in them.
func quietDemo(t testing.TB) *demo {
	t.Helper()
	dir := t.TempDir()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	state, err := store.Open(t.Context(), store.Config{Dir: filepath.Join(dir, "state")}, log)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := tsdb.Open(tsdb.Config{Dir: filepath.Join(dir, "metrics")}, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmp.Or(metrics.Close(), state.Close()); err != nil {
			t.Error(err)
		}
	})
	d := &demo{
		now: time.Now().Truncate(15 * time.Second), metrics: metrics, board: health.NewBoard(),
		findings: finding.NewService(state, log), estate: estate.NewService(state, log),
		actor: access.Actor{Kind: access.Person, ID: "u1", Name: "robin", Grants: []access.Grant{{Tenant: access.Any, Environment: access.Any, Role: access.Admin}}},
	}
	d.state, d.respond = state, respond.NewService(state, respond.Options{}, log)
	d.access = access.NewService(state, log, func() time.Time { return d.now })
	if d.reach, err = reach.New(t.Context(), state, reach.Options{
		Channels: []respond.Channel{respond.Email, respond.SMS, respond.Voice, respond.Slack, respond.Webhook}, Address: notify.CheckAddress,
		People: func(ctx context.Context, tenant string) (map[string]string, error) {
			return d.access.Names(ctx, access.Evenkeel(tenant), tenant)
		},
		Person: d.access.PersonActor, Acknowledge: d.respond.Acknowledge, URL: "https://ops.example.org"}); err != nil {
		t.Fatal(err)
	}
	for _, u := range []struct {
		name string
		role access.Role
	}{{"robin", access.Admin}, {"kim", access.Responder}} {
		user, err := d.access.CreateUser(t.Context(), d.actor, u.name, "", []access.Grant{{Tenant: access.Any, Environment: access.Any, Role: u.role}})
		if err != nil {
			t.Fatal(err)
		}
		if u.name == "robin" {
			d.actor.ID = user.ID
		}
	}
	if _, _, err := d.access.CreateToken(t.Context(), d.actor, "grafana", d.actor.Grants, []access.Permission{access.Read}, d.now.Add(80*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	d.impact = impact.NewAssessor(impact.Options{Objectives: slo.NewAssessor(demoPromises, metrics), Environment: demoEnv, Metrics: metrics, Requests: demoRequests})
	d.cases = demoCases(d, log)
	d.sources = &heardDemo{now: d.now}
	d.routes = demoRoutes(t, state, d.now)
	d.evidence = evidence.NewService(state, evidence.Options{Metrics: metrics, Incidents: d.respond, Impact: d.impact, Questions: func(_ context.Context, a respond.Alert) (out []evidence.Question, err error) {
		if a.Fingerprint != "disk" {
			return nil, nil
		}
		f := d.byCheck(t, "disk-latency")
		for _, e := range f.Evidence {
			if e.Query != "" {
				out = append(out, evidence.Question{Title: e.Text, Query: e.Query, Unit: e.Unit, Limit: e.Limit, Usual: e.Usual, Onset: f.FirstSeen})
			}
		}
		return out, nil
	}}, log)
	d.Console = New(Services{
		Findings: d.findings, Estate: d.estate, Metrics: metrics, Health: d.board,
		OnCall: d.duties(), Routing: d.routes, Reach: d.reach, Sources: d.sources, Status: d.statusPages(t),
		Access: d.access, Incidents: d.respond, Evidence: d.evidence, Reviews: review.NewService(state, d.respond, d.estate, d.access, d.evidence, d.findings), SLOs: demoSLOs(d.now), Suggest: demoSuggestions, Probes: demoProbes(d.now), Targets: demoTargets(d.now), Checks: demoChecks, Rules: demoRules, Sights: demoSights, Calls: demoCalls(d.now), Storage: demoStorage,
		Simulate: demoSimulator(), Cases: d.cases,
		About: []Fact{{"Version", "0.1.0 (demo)"}, {"Licence", "Apache-2.0"}},
	}, Options{Actor: func(context.Context) access.Actor { return d.actor }, Now: func() time.Time { return d.now }, Log: log, Version: "0.1.0"})
	return d
}

// demoPromises are what incidents of the demo cost.
var demoPromises = slo.Config{{ID: "checkout", Title: "Checkout answers", Service: "checkout", Target: 99.9,
	Bad:   `sum(increase(http_requests_total{job="checkout",code=~"5.."}[$window]))`,
	Total: `sum(increase(http_requests_total{job="checkout"}[$window]))`}}

// demoRequests say who tells of the requests of the shop, of which nothing was
// promised, and of checkout, whose customers are told apart.
func demoRequests([]string) map[string]detect.Requests {
	return map[string]detect.Requests{"service:checkout": demoRequestsOf("service:checkout", "checkout"), "endpoint:shop": demoRequestsOf("endpoint:shop", "shop")}
}

func demoRequestsOf(entity, job string) detect.Requests {
	all, bad := `http_requests_total{job="`+job+`"}`, `http_requests_total{job="`+job+`",code=~"5.."}`
	by := "sum by (customer, tenant, customer_id, tenant_id) (increase("
	return detect.Requests{Entity: entity, Name: job, Traffic: "sum(rate(" + all + "[$window]))", Errors: "sum(rate(" + bad + "[$window])) / sum(rate(" + all + "[$window]))",
		Latency: `avg_over_time(evenkeel_probe_duration_seconds{probe="` + job + `"}[$window])`, Mean: true, UsualErrors: ptr(.001), UsualLatency: ptr(.11), Window: 45 * time.Second,
		Customers: &detect.Events{Bad: by + bad + "[$window]))", All: by + all + "[$window]))"}}
}

// demoSuggestions are one that history supports, and two that it does not.
func demoSuggestions(context.Context) ([]slo.Suggestion, int, error) {
	return []slo.Suggestion{
		{Entity: "service:search", Name: "search", About: "answers", Title: "search answers without an error", Target: 99.5, Backtest: &slo.Backtest{Days: 27, Kept: 25, Pages: 1, Slow: 2, Left: .38, Events: 4e6, Bad: 12_400},
			YAML: "- id: search-answers\n  title: search answers without an error\n  service: search\n  target: 99.5\n  window: 30d\n"},
		{Entity: "service:search", Name: "search", About: "latency", Reason: "It varied too much: even 95 % would not have been kept on three days of four, with at most one page a week."},
		{Entity: "service:images", Name: "images", About: "latency", Reason: "It waits by design: about 30 s whatever the load."},
	}, 2, nil
}

// demoSLOs are objectives in every state.
func demoSLOs(now time.Time) func() []slo.Status {
	status := func(id, title, service string, j slo.Judgement) slo.Status {
		return slo.Status{Objective: slo.Objective{ID: id, Title: title, Service: service, Target: 99.9}, Judgement: j, At: now}
	}
	list := []slo.Status{
		status("search", "", "search", slo.Judgement{Verdict: slo.Kept, Known: true, Left: .83}),
		status("checkout", "Checkout answers", "checkout", slo.Judgement{Verdict: slo.Burning, Severity: finding.Critical, Long: time.Hour, Short: 5 * time.Minute, Rate: .021, Burn: 21, Known: true, Left: .61, Gone: 20 * time.Hour}),
		status("mail", "Mail goes out", "mail", slo.Judgement{Verdict: slo.NoData, Reason: "There is no such series: sum(increase(mail_total[1h]))"}),
		status("reports", "", "reports", slo.Judgement{Verdict: slo.NoTraffic}),
		status("sitemap", "", "sitemap", slo.Judgement{Verdict: slo.Kept, Reason: "Over 30 days it cannot be counted. A query reads more than one query may; make it smaller with a recording rule."}),
		status("images", "Images load", "images", slo.Judgement{Verdict: slo.Kept, Known: true, Left: -.4}),
	}
	return func() []slo.Status { return slices.Clone(list) }
}

// livedDemo adds hosts, figures, changes and one of each sort of finding.
func livedDemo(t testing.TB) *demo {
	t.Helper()
	d := quietDemo(t)
	d.furnish(t)
	d.measure(t)
	d.trouble(t)
	d.page(t)
	d.reachable(t)
	d.hush(t)
	d.rota(t)
	d.promise(t)
	d.sources.listen(t)
	d.announce(t)
	return d
}

// promise makes the services known that objectives name, and that call each other.
func (d *demo) promise(t testing.TB) {
	t.Helper()
	o := estate.Observation{Tenant: access.DefaultTenant, Environment: demoEnv, Source: slo.Practice, At: d.now.Add(-time.Minute)}
	for _, s := range demoSLOs(d.now)() {
		o.Entities = append(o.Entities, estate.Entity{ID: estate.ID(estate.KindService, s.Objective.Service), Kind: estate.KindService, Name: s.Objective.Service})
	}
	for _, name := range demoCallees {
		o.Entities = append(o.Entities, estate.Entity{ID: estate.ID(estate.KindService, name), Kind: estate.KindService, Name: name})
	}
	if err := d.estate.Observe(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

func (d *demo) furnish(t testing.TB) {
	t.Helper()
	for _, part := range []string{"host", "probe", "detect", "store", "metrics"} {
		d.board.Expect(part, 15*time.Second, d.now.Add(-6*time.Hour))
		d.board.Report(part, d.now.Add(-4*time.Second), 31*time.Millisecond, nil)
	}
	o := estate.Observation{Tenant: access.DefaultTenant, Environment: demoEnv, Source: "host", At: d.now.Add(-6 * time.Hour), Complete: true}
	add := func(kind estate.Kind, name string, facts map[string]string, parts ...string) string {
		id := estate.ID(kind, parts...)
		o.Entities = append(o.Entities, estate.Entity{ID: id, Kind: kind, Name: name, Attributes: facts})
		return id
	}
	join := func(from string, k estate.RelationKind, to string) {
		o.Relations = append(o.Relations, estate.Relation{From: from, Kind: k, To: to, Confidence: 1})
	}
	for _, h := range []string{"web-1", "db-1"} {
		host := add(estate.Host, h, map[string]string{"kernel": "6.12.48-amd64", "os": "Debian GNU/Linux 13", "cpus": "4", "model": "KVM"}, h)
		disk := add(estate.Disk, "nvme0n1", map[string]string{"size": "100 GiB", "kind": "ssd"}, h, "nvme0n1")
		join(disk, estate.PartOf, host)
		for _, m := range []string{"/", "/var", "/srv"} {
			join(add(estate.Filesystem, m, map[string]string{"type": "ext4", "device": "/dev/nvme0n1p2"}, h, m), estate.StoredOn, disk)
		}
		join(add(estate.Interface, "eth0", map[string]string{"mac": "52:54:00:12:34:56"}, h, "eth0"), estate.PartOf, host)
		for _, u := range []string{"nginx.service", "postgresql.service", "cron.service", "ssh.service", "backup.service"} {
			join(add(estate.Unit, u, map[string]string{"state": "active"}, h, u), estate.RunsOn, host)
		}
		for _, p := range []string{"22", "80", "443", "5432"} {
			join(add(estate.Listener, "tcp/"+p, nil, h, "tcp/"+p), estate.RunsOn, host)
		}
	}
	for _, p := range []string{"shop", "checkout", "resolver"} {
		join(estate.ID(estate.Listener, "web-1", "tcp/443"), estate.Answers, add(estate.Endpoint, p, map[string]string{"url": "https://" + p + ".example.org/"}, p))
	}
	add(estate.Target, "node db-1:9100", nil, "node", "db-1:9100")
	join(add(estate.Certificate, "shop", map[string]string{"issuer": "Example CA"}, "shop"), estate.Secures, "endpoint:shop")
	for i, c := range []estate.Change{
		{Entity: "host:web-1", Kind: "package-upgrade", Summary: "nginx was upgraded", Who: "unattended-upgrade", Before: "1.26.3-3", After: "1.26.3-4"},
		{Entity: "unit:web-1:nginx.service", Kind: "unit-restart", Summary: "nginx.service was restarted", Who: "systemd"},
		{Entity: "unit:web-1:backup.service", Kind: "unit-start", Summary: "backup.service was started"},
		{Entity: "listener:db-1:tcp/5432", Kind: "listener-new", Summary: "A process began to listen on port 5432"},
	} {
		c.At, c.Key = d.now.Add(-time.Duration([]int{170, 55, 41, 20}[i])*time.Minute), fmt.Sprint(i)
		o.Changes = append(o.Changes, c)
	}
	if err := d.estate.Observe(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// measure writes six hours of figures in steps of half a minute. From 40
// minutes ago, a backup on web-1 keeps the disk and the processor busy.
func (d *demo) measure(t testing.TB) {
	t.Helper()
	const stepping = 30 * time.Second
	rng := rand.New(rand.NewPCG(1, 2))
	totals := map[string]float64{}
	var batch []metric.Sample
	at := d.now.Add(-6 * time.Hour)
	begin := d.now.Add(-40 * time.Minute)
	put := func(v float64, name string, pairs ...string) {
		ls := labels.FromStrings(append([]string{"__name__", name}, pairs...)...)
		batch = append(batch, metric.Sample{Labels: ls, Point: metric.Point{T: at, V: v}})
	}
	count := func(rate float64, name string, pairs ...string) {
		key := name + fmt.Sprint(pairs)
		totals[key] += math.Max(0, rate) * stepping.Seconds()
		put(totals[key], name, pairs...)
	}
	wave := func(base, swing float64, period time.Duration) float64 {
		return base + swing*math.Sin(2*math.Pi*float64(at.Unix())/period.Seconds()) + swing/3*rng.NormFloat64()
	}
	for ; !at.After(d.now); at = at.Add(stepping) {
		failing := 0.01
		if at.After(begin) {
			failing = 6
		}
		count(60-failing, "http_requests_total", "job", "checkout", "code", "200", "tenant", "Nordwind")
		count(failing, "http_requests_total", "job", "checkout", "code", "503", "tenant", "Nordwind")
		count(118-failing/3, "http_requests_total", "job", "shop", "code", "200")
		count(failing/3, "http_requests_total", "job", "shop", "code", "503")
		for _, h := range []string{"web-1", "db-1"} {
			in := []string{"instance", h, "job", "host"}
			busy := 0.0
			if h == "web-1" && at.After(begin) {
				busy = 1
			}
			l := func(pairs ...string) []string { return append(append([]string{}, in...), pairs...) }
			use := math.Max(.02, wave(.22, .08, 90*time.Minute))
			for cpu := range 4 {
				c := fmt.Sprint(cpu)
				user, system, wait, steal := use*.7+.35*busy, use*.2+.08*busy, .01+.22*busy, .003
				count(user, "node_cpu_seconds_total", l("cpu", c, "mode", "user")...)
				count(system, "node_cpu_seconds_total", l("cpu", c, "mode", "system")...)
				count(wait, "node_cpu_seconds_total", l("cpu", c, "mode", "iowait")...)
				count(steal, "node_cpu_seconds_total", l("cpu", c, "mode", "steal")...)
				count(.004, "node_cpu_seconds_total", l("cpu", c, "mode", "softirq")...)
				count(math.Max(0, 1-user-system-wait-steal-.004), "node_cpu_seconds_total", l("cpu", c, "mode", "idle")...)
			}
			// The noise is small beside the distance to the next word, and drawn in
			// a fixed order: what a person reads must not hang on luck.
			for _, r := range []struct {
				resource string
				share    float64
			}{{"cpu", .03 + .12*busy}, {"io", .02 + .38*busy}, {"memory", .002}} {
				p := math.Max(0, r.share+r.share/20*rng.NormFloat64())
				count(p, "node_pressure_"+r.resource+"_waiting_seconds_total", in...)
				put(p, "evenkeel_pressure_share", l("resource", r.resource, "kind", "some")...)
			}
			total := 16.0 * (1 << 30)
			put(total, "node_memory_MemTotal_bytes", in...)
			put(total*(1-wave(.52, .03, 3*time.Hour)), "node_memory_MemAvailable_bytes", in...)
			count(0, "node_vmstat_pswpin", in...)
			count(math.Max(0, 3*busy*rng.Float64()), "node_vmstat_pswpout", in...)
			dev := l("device", "nvme0n1")
			reads, writes := wave(40, 15, time.Hour)+300*busy, wave(120, 30, 2*time.Hour)+900*busy
			count(reads, "node_disk_reads_completed_total", dev...)
			count(writes, "node_disk_writes_completed_total", dev...)
			count(reads*(.0008+.011*busy), "node_disk_read_time_seconds_total", dev...)
			count(writes*(.0011+.038*busy), "node_disk_write_time_seconds_total", dev...)
			count(reads*22e3, "node_disk_read_bytes_total", dev...)
			count(writes*31e3, "node_disk_written_bytes_total", dev...)
			count(math.Min(.99, .08+.88*busy), "node_disk_io_time_seconds_total", dev...)
			count(.3+28*busy, "node_disk_io_time_weighted_seconds_total", dev...)
			for m, full := range map[string]float64{"/": .41, "/var": .83 + .02*busy, "/srv": .22} {
				fs := l("mountpoint", m, "fstype", "ext4", "device", "/dev/nvme0n1p2")
				size := 40.0 * (1 << 30)
				full += float64(at.Sub(d.now.Add(-6*time.Hour))/time.Minute) * .00008
				put(size, "node_filesystem_size_bytes", fs...)
				put(size*(1-full), "node_filesystem_free_bytes", fs...)
				put(size*(1-full)*.95, "node_filesystem_avail_bytes", fs...)
				put(2e6, "node_filesystem_files", fs...)
				put(2e6*(1-full/3), "node_filesystem_files_free", fs...)
			}
			nic := l("device", "eth0")
			count(wave(2.2e6, 9e5, time.Hour), "node_network_receive_bytes_total", nic...)
			count(wave(6.1e6, 2e6, time.Hour)*(1-.3*busy), "node_network_transmit_bytes_total", nic...)
			count(wave(3e3, 900, time.Hour), "node_network_receive_packets_total", nic...)
			count(wave(5e3, 900, time.Hour), "node_network_transmit_packets_total", nic...)
			count(0, "node_network_receive_drop_total", nic...)
			count(1800+rng.Float64()*200, "node_netstat_Tcp_OutSegs", in...)
			count(2+rng.Float64()*3, "node_netstat_Tcp_RetransSegs", in...)
			put(.011+.002*rng.Float64(), "evenkeel_tcp_rtt_seconds", l("peer", "remote", "quantile", "0.5")...)
			put(.042+.02*rng.Float64(), "evenkeel_tcp_rtt_seconds", l("peer", "remote", "quantile", "0.95")...)
			for g, share := range map[string][4]float64{
				"nginx.service": {.35, .01, 410e6, 3e5}, "postgresql.service": {.28, .02, 3.9e9, 2.6e6}, "backup.service": {1.7 * busy, .6 * busy, 220e6 + 4e8*busy, 28e6 * busy},
				"cron.service": {.01, 0, 6e6, 1e3}, "ssh.service": {.01, 0, 14e6, 0}, "(others)": {.08, .01, 610e6, 2e4},
			} {
				if h == "db-1" && g == "backup.service" {
					continue
				}
				gr := l("group", g, "kind", "unit")
				count(share[0]*(1+.1*rng.NormFloat64()), "evenkeel_group_cpu_seconds_total", gr...)
				count(share[1], "evenkeel_group_cpu_delay_seconds_total", gr...)
				count(share[3]*.3, "evenkeel_group_read_bytes_total", gr...)
				count(share[3]*.7, "evenkeel_group_written_bytes_total", gr...)
				put(share[2], "evenkeel_group_memory_bytes", gr...)
				put(4, "evenkeel_group_processes", gr...)
				put(17, "evenkeel_group_threads", gr...)
			}
		}
		slow := 0.0
		if at.After(begin) {
			slow = 1
		}
		for p, base := range map[string]float64{"shop": .12, "checkout": .21, "resolver": .004} {
			pr := []string{"instance", "web-1", "job", "probe", "probe", p, "type", "http", "target", "https://" + p}
			whole := base * (1 + .15*rng.Float64() + 5*slow*rng.Float64())
			put(whole, "evenkeel_probe_duration_seconds", pr...)
			put(1, "evenkeel_probe_up", pr...)
			for ph, share := range map[string]float64{"resolve": .05, "connect": .08, "tls": .12, "send": .01, "wait": .66, "receive": .08} {
				put(whole*share, "evenkeel_probe_phase_seconds", append(append([]string{}, pr...), "phase", ph)...)
			}
			put(float64(d.now.Add(21*24*time.Hour).Unix()), "evenkeel_probe_certificate_not_after_timestamp_seconds", pr...)
			put(1, "evenkeel_probe_certificate_valid", pr...)
		}
		if len(batch) > 20000 {
			d.write(t, &batch)
		}
	}
	d.write(t, &batch)
}

func (d *demo) write(t testing.TB, batch *[]metric.Sample) {
	t.Helper()
	if err := d.metrics.Append(t.Context(), *batch); err != nil {
		t.Fatal(err)
	}
	*batch = (*batch)[:0]
}

func ptr(v float64) *float64 { return &v }

// trouble records findings of each urgency and state.
func (d *demo) trouble(t testing.TB) {
	t.Helper()
	ago := func(m int) time.Time { return d.now.Add(-time.Duration(m) * time.Minute) }
	d.fire(t, "disk-latency", "disk:web-1:nvme0n1", ago(38), finding.Report{
		Severity: finding.Critical, EntityKind: "disk", EntityName: "nvme0n1 on web-1",
		Title:  "The disk nvme0n1 of web-1 answers 35 times slower than usual",
		Effect: "Everything that reads or writes files on web-1 waits: pages of the shop take up to 0.7 s instead of 0.12 s.",
		Remedy: []string{"Pause the backup: `systemctl stop backup.service`.", "Give it less of the disk: set `IOWeight=10` in the unit, then start it again.", "If it must run by day, move its target to another disk."},
		Culprits: []finding.Culprit{
			{Entity: "unit:web-1:backup.service", Name: "backup.service", Share: .89, Text: "writes 20 MB/s; it wrote nothing before 14:20"},
			{Entity: "unit:web-1:postgresql.service", Name: "postgresql.service", Share: .08, Text: "writes 1.8 MB/s, as usual"},
		},
		Evidence: []finding.Evidence{
			{Signal: "disk await", Text: "A write takes 39 ms", Query: `rate(node_disk_write_time_seconds_total{instance="web-1",device="nvme0n1"}[2m]) / rate(node_disk_writes_completed_total{instance="web-1",device="nvme0n1"}[2m])`, From: ago(43), To: d.now, Value: ptr(.0391), Usual: ptr(.0011), Limit: ptr(.02), Unit: "seconds"},
			{Signal: "io stall", Text: "Tasks waited for the disk 40 % of the time", Query: `rate(node_pressure_io_waiting_seconds_total{instance="web-1"}[2m])`, From: ago(43), To: d.now, Value: ptr(.4), Usual: ptr(.02), Limit: ptr(.1), Unit: "ratio"},
			{Signal: "latency", Text: "The shop answers in up to 0.7 s", Query: `max by (probe) (evenkeel_probe_duration_seconds{probe=~"shop|checkout"})`, From: ago(43), To: d.now, Value: ptr(.7), Usual: ptr(.12), Unit: "seconds"},
			{Text: "The disk reports no errors, so it is load and not a failing disk."},
		},
	})
	d.fire(t, "filesystem-filling", "filesystem:web-1:/var", ago(95), finding.Report{
		Severity: finding.Warning, EntityKind: "filesystem", EntityName: "/var on web-1",
		Title:    "/var on web-1 will be full in about two days",
		Effect:   "Nothing yet. When it is full, logs are lost and the package manager fails.",
		Remedy:   []string{"See what grows: `du -xh --max-depth=2 /var | sort -h | tail`.", "Shorten the journal: `journalctl --vacuum-size=500M`."},
		Culprits: []finding.Culprit{{Name: "backup.service", Text: "wrote 9 GiB below /var/backups in six hours"}},
		Evidence: []finding.Evidence{{Text: "88 % is in use", Query: `1 - node_filesystem_avail_bytes{instance="web-1",mountpoint="/var"} / node_filesystem_size_bytes{instance="web-1",mountpoint="/var"}`, Value: ptr(.88), Limit: ptr(.95), Unit: "ratio"}},
	})
	d.fire(t, "certificate-expiring", "certificate:shop", ago(240), finding.Report{
		Severity: finding.Warning, EntityKind: "certificate", EntityName: "shop.example.org",
		Title: "The certificate of shop.example.org expires in 21 days", Effect: "Nothing yet. From then on browsers refuse the shop.",
		Remedy: []string{"Renew it: `certbot renew`."}, Evidence: []finding.Evidence{{Text: "It is valid for 21 more days.", Value: ptr(21), Unit: "days"}},
	})
	d.fire(t, "reboot-required", "host:db-1", ago(300), finding.Report{
		Severity: finding.Info, EntityKind: "host", EntityName: "db-1", Title: "db-1 waits for a restart: a newer kernel is installed",
		Effect: "Nobody feels it. Until then the older kernel runs, without its fixes.", Remedy: []string{"Restart it at a quiet time."},
		Evidence: []finding.Evidence{{Text: "6.12.48 is installed, 6.12.43 runs."}},
	})
	d.fire(t, "unit-failed", "unit:db-1:backup.service", ago(200), finding.Report{
		Severity: finding.Warning, EntityKind: "unit", EntityName: "backup.service on db-1", Title: "backup.service on db-1 has failed",
		Effect: "There is no backup of last night.", Remedy: []string{"Read why: `journalctl -u backup.service -n 50`."}, Evidence: []finding.Evidence{{Text: "It ended with status 2."}},
	})
	unseen := d.fire(t, "dns-slow", "endpoint:resolver", ago(120), finding.Report{
		Severity: finding.Warning, EntityKind: "endpoint", EntityName: "resolver", Host: "web-1", Title: "The resolver answers slowly", Effect: "Every new connection begins late.",
		Remedy: []string{"Ask another resolver."}, Evidence: []finding.Evidence{{Text: "95 of 100 answers took up to 0.9 s.", Value: ptr(.9), Unit: "seconds"}},
	})
	over := d.fire(t, "cpu-contention", "host:db-1", ago(180), finding.Report{
		Severity: finding.Critical, EntityKind: "host", EntityName: "db-1", Title: "Tasks on db-1 wait for a processor", Effect: "Queries take twice as long.",
		Remedy: []string{"Stop the report."}, Evidence: []finding.Evidence{{Text: "Tasks waited 42 % of the time.", Value: ptr(.42), Unit: "ratio"}},
	})
	d.record(t, finding.Observation{Key: unseen.Key, At: ago(9), Sign: finding.NoData, Reason: "the probe has not run since 14:51"})
	d.record(t, finding.Observation{Key: over.Key, At: ago(150), Sign: finding.Clear, Reason: "Tasks have waited under 5 % for five minutes."})
	if _, err := d.findings.Acknowledge(t.Context(), d.actor, access.DefaultTenant, d.byCheck(t, "unit-failed").ID, "Looking at the target's credentials", ago(30)); err != nil {
		t.Fatal(err)
	}
}

// page lets three alerts come in: nobody has the first yet, kim looks after the
// second, and the third is over.
func (d *demo) page(t testing.TB) {
	t.Helper()
	kim := person(t, d, "kim")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(d.state.PutContact(t.Context(), respond.Contact{ID: "kim-phone", Tenant: access.DefaultTenant, Person: kim.ID, Name: "kim's phone", Channel: respond.SMS, Address: "+4915112345678", Verified: d.now.Add(-time.Hour)}))
	must(d.state.PutContact(t.Context(), respond.Contact{ID: "ops", Tenant: access.DefaultTenant, Name: "#ops", Channel: respond.Slack, Address: "C024BE91L", Verified: d.now.Add(-time.Hour)}))
	must(d.state.PutPolicy(t.Context(), respond.Policy{ID: "default", Tenant: access.DefaultTenant, Name: "Everything", Rounds: 2, Steps: []respond.Step{
		{Notify: []respond.Recipient{{Kind: respond.ToPerson, ID: kim.ID}, {Kind: respond.ToChannel, ID: "ops"}}, Wait: 5 * time.Minute},
		{Notify: []respond.Recipient{{Kind: respond.ToPerson, ID: d.actor.ID}}, Wait: 10 * time.Minute},
	}}))
	alert := func(name, title, text string, severity finding.Severity, status respond.Status) {
		t.Helper()
		carries := map[string]string{"alertname": name}
		if name == "disk" {
			carries["service"], carries["customer"] = "checkout", "Nordwind"
		}
		must(d.respond.Receive(t.Context(), []respond.Alert{{
			AlertKey:    respond.AlertKey{Tenant: access.DefaultTenant, Source: "findings", Fingerprint: name},
			Environment: demoEnv, Status: status, Severity: severity, Title: title, Text: text,
			Labels: carries, StartsAt: d.now.Add(-4 * time.Minute), ReceivedAt: d.now,
			Links: []respond.Link{{Text: "The finding", URL: findingURL(d.byCheck(t, "disk-latency").ID)}},
		}}))
		must(d.respond.Wake(t.Context(), time.Now()))
	}
	alert("old", "Tasks on db-1 wait for a processor", "Queries take twice as long.", finding.Critical, respond.Firing)
	alert("old", "Tasks on db-1 wait for a processor", "Queries take twice as long.", finding.Critical, respond.Ended)
	alert("backup", "backup.service on db-1 has failed", "There is no backup of last night.", finding.Warning, respond.Firing)
	_, err := d.respond.Acknowledge(t.Context(), access.Actor{Kind: access.Person, ID: kim.ID, Name: "kim", Grants: d.actor.Grants}, access.DefaultTenant,
		d.incident(t, "backup.service").ID, "Looking at the target's credentials.", time.Now())
	must(err)
	tended := d.incident(t, "backup.service").ID
	_, err = d.respond.GiveRole(t.Context(), d.actor, access.DefaultTenant, tended, respond.Commander, respond.By{ID: kim.ID, Name: "kim"}, "", time.Now())
	must(err)
	_, err = d.respond.AddTask(t.Context(), d.actor, access.DefaultTenant, tended, respond.NewTask{Text: "Renew the credentials of the backup's target", Owner: respond.By{ID: kim.ID, Name: "kim"}, DueAt: time.Now().Add(time.Hour)}, time.Now())
	must(err)
	_, err = d.respond.AddTask(t.Context(), d.actor, access.DefaultTenant, tended, respond.NewTask{Text: "Run last night's backup by hand"}, time.Now())
	must(err)
	seen, err := d.respond.AddTask(t.Context(), d.actor, access.DefaultTenant, tended, respond.NewTask{Text: "Read the unit's log"}, time.Now())
	must(err)
	done := true
	_, err = d.respond.ChangeTask(t.Context(), d.actor, access.DefaultTenant, tended, seen.ID, respond.TaskChange{Done: &done}, time.Now())
	must(err)
	alert("disk", "The disk of web-1 answers 35 times slower than usual", "Checkout takes up to 0.7 s.", finding.Critical, respond.Firing)
	must(d.evidence.Round(t.Context(), d.now))
}

// incident is the newest whose title holds the text.
func (d *demo) incident(t testing.TB, text string) respond.Incident {
	t.Helper()
	list, err := d.respond.List(t.Context(), d.actor, respond.IncidentFilter{Tenant: access.DefaultTenant, Text: text})
	if err != nil || len(list.Incidents) == 0 {
		t.Fatalf("no incident about %q: %v", text, err)
	}
	return list.Incidents[0]
}

// fire reports a finding and returns it.
func (d *demo) fire(t testing.TB, check, entity string, since time.Time, r finding.Report) finding.Finding {
	t.Helper()
	r.Host = cmp.Or(r.Host, subjectOf(entity).host)
	d.record(t, finding.Observation{
		Key: finding.Key{Tenant: access.DefaultTenant, Environment: demoEnv, Practice: "detect", Check: check, Entity: entity},
		At:  since, Since: since, Sign: finding.Firing, Report: r,
	})
	return d.byCheck(t, check)
}

func (d *demo) record(t testing.TB, o finding.Observation) {
	t.Helper()
	if err := d.findings.Record(t.Context(), []finding.Observation{o}); err != nil {
		t.Fatal(err)
	}
}

func (d *demo) byCheck(t testing.TB, check string) finding.Finding {
	t.Helper()
	page, err := d.findings.List(t.Context(), d.actor, finding.Filter{Tenant: access.DefaultTenant, Check: check})
	if err != nil || len(page.Findings) == 0 {
		t.Fatalf("no finding of check %s: %v", check, err)
	}
	return page.Findings[0]
}

func demoProbes(now time.Time) func(context.Context) []Probe {
	return func(context.Context) []Probe {
		return []Probe{
			{Name: "shop", Type: "http", Target: "https://shop.example.org/", Known: true, Up: true, At: now.Add(-8 * time.Second), Took: 320 * time.Millisecond},
			{Name: "checkout", Type: "http", Target: "https://checkout.example.org/health", Known: true, Detail: "the body lacks \"ok\"", At: now.Add(-8 * time.Second), Took: 1200 * time.Millisecond},
			{Name: "resolver", Type: "dns", Target: "127.0.0.53"},
		}
	}
}

func demoTargets(now time.Time) func(context.Context) []Target {
	return func(context.Context) []Target {
		return []Target{{Job: "node", Instance: "db-1:9100", Known: true, Up: true, At: now.Add(-3 * time.Second), Took: 21 * time.Millisecond}}
	}
}

func demoChecks(context.Context) []Check {
	return []Check{
		{ID: "disk-latency", Title: "Disk latency at its load", Looked: 2, Firing: 1},
		{ID: "cpu-contention", Title: "Work waits for a processor", Looked: 2},
		{ID: "dns-slow", Unknown: 1, Reason: "the probe has not run since 14:51"},
		{ID: "memory-cgroup", Title: "OOM kills in containers", Off: true},
	}
}

func demoRules() []review.Rule {
	return []review.Rule{
		{ID: "disk-latency", Practice: "detect", Entity: "disk", About: "It takes several times as long as usual for each request, at a load that is not above the usual.",
			Limits: map[string]float64{"times": 3, "floor": .02}, Notes: "Three times is past what neighbours on shared storage do to each other in an ordinary week."},
		{ID: "cpu-contention", Practice: "detect", Entity: "host", About: "Work waits for a processor, and users wait with it."},
		{ID: "slo:checkout", Practice: "slo", Entity: "service", About: "Checkout answers: 3.4 % go wrong, 0.1 % may."},
	}
}

func demoStorage(context.Context) []Fact {
	return []Fact{{"Data folder", "/var/lib/evenkeel"}, {"State", "4.2 MiB, SQLite"}, {"Metrics", "118 MiB in 3 blocks, kept for 15 days or 2 GiB"}, {"Series now", "1,842"}}
}

// TestServeDemo serves the demo for a person to look at:
//
//	CONSOLE_DEMO=127.0.0.1:7071 go test ./console -run TestServeDemo -timeout 0
func TestServeDemo(t *testing.T) {
	address := os.Getenv("CONSOLE_DEMO")
	if address == "" {
		t.Skip("CONSOLE_DEMO names no address to serve on")
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	lived, quiet, steady := livedDemo(t), quietDemo(t), quietDemo(t)
	steady.furnish(t)
	steady.measure(t)
	quiet.board.Expect("host", 15*time.Second, quiet.now)
	quiet.board.Expect("detect", 15*time.Second, quiet.now)
	quiet.board.Report("host", quiet.now, time.Second, nil)
	t.Log("serving on ", address)
	err = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch cookie, _ := r.Cookie("demo"); {
		case cookie != nil && cookie.Value == "quiet":
			quiet.ServeHTTP(w, r)
		case cookie != nil && cookie.Value == "steady":
			steady.ServeHTTP(w, r)
		default:
			lived.ServeHTTP(w, r)
		}
	}))
	t.Log(err)
}
