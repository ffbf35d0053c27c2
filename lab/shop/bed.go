package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/lab"
)

// Where everything is. Each has an address of its own, as machines have, so
// that names, packets and certificates can go wrong for one alone.
const (
	frontIP     = "127.23.0.10"
	checkoutIP  = "127.23.0.12"
	wireIP      = "127.23.0.13" // stands before search
	searchIP    = "127.23.0.14"
	workerIP    = "127.23.0.15"
	bankIP      = "127.23.0.16"
	primaryIP   = "127.23.0.30"
	replicaIP   = "127.23.0.31"
	cacheIP     = "127.23.0.40"
	namesIP     = "127.23.0.53"
	servicePort = "8080"
	metricsPort = "9464"
)

var (
	catalogueIPs = []string{"127.23.0.21", "127.23.0.22", "127.23.0.23"}
	primaryAt    = net.JoinHostPort(primaryIP, "5432")
	replicaAt    = net.JoinHostPort(replicaIP, "5432")
	cacheAt      = net.JoinHostPort(cacheIP, "6379")
	namesAt      = net.JoinHostPort(namesIP, "5300")
	frontAt      = net.JoinHostPort(frontIP, servicePort)
)

// service is one process of the shop: how it is started, and where it runs.
type service struct {
	name    string // of its process
	job     string // as it is scraped; empty where nobody scrapes it
	part    string
	ip      string
	args    []string
	groups  []lab.Cgroup
	away    bool // it was taken out of service on purpose
	process *lab.Process
}

// bed is the running shop.
type bed struct {
	*lab.Stage
	services []*service
	database *cluster

	cpu, memory lab.Cgroup // of search; empty where there are no cgroups
	exporters   []target
	without     []string // what this machine lacks, and so nobody sees or does
}

// target is something to scrape.
type target struct{ job, address string }

// needed tells what the shop needs in any case, and this machine lacks.
func needed() error {
	var missing []string
	if _, err := lab.FindPostgres(); err != nil {
		missing = append(missing, "PostgreSQL (apt install postgresql, with its user)")
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		missing = append(missing, "redis-server (apt install redis-server)")
	}
	if l, err := net.Listen("tcp", net.JoinHostPort(frontIP, servicePort)); err != nil {
		missing = append(missing, fmt.Sprintf("the address %s (%v)", frontIP, err))
	} else {
		l.Close()
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: it lacks %s", lab.ErrCannot, strings.Join(missing, ", "))
	}
	return nil
}

// open starts the shop. The caller closes the stage, also after an error.
func open(ctx context.Context, stage *lab.Stage) (*bed, error) {
	if err := needed(); err != nil {
		return nil, err
	}
	b := &bed{Stage: stage}
	// PostgreSQL runs as somebody else and has to reach its folder.
	if err := os.Chmod(b.Dir, 0o711); err != nil {
		return nil, err
	}
	if err := b.Build("role", "lab/shop/role"); err != nil {
		return nil, err
	}
	if err := b.certificates(); err != nil {
		return nil, err
	}
	var err error
	if b.database, err = openCluster(ctx, b); err != nil {
		return nil, err
	}
	if _, err := b.Start("redis", exec.Command("redis-server", "--bind", cacheIP, "--port", "6379", "--dir", b.Dir,
		"--save", "", "--appendonly", "no", "--protected-mode", "no")); err != nil {
		return nil, err
	}
	b.limits()
	b.cast()
	for _, s := range b.services {
		if err := b.start(s); err != nil {
			return nil, err
		}
	}
	if err := b.export(); err != nil {
		return nil, err
	}
	return b, errors.Join(b.announce(), b.await(ctx))
}

// certificates makes the authority and checkout's certificates: a good one and
// one that has expired.
func (b *bed) certificates() error {
	ca, err := lab.NewAuthority(b.file("ca.pem"))
	if err != nil {
		return err
	}
	return errors.Join(ca.Issue(b.file("good"), time.Now().Add(90*24*time.Hour), net.ParseIP(checkoutIP)),
		ca.Issue(b.file("expired"), time.Now().Add(-time.Hour), net.ParseIP(checkoutIP)))
}

func (b *bed) file(name string) string { return filepath.Join(b.Dir, name) }

// limits makes the groups of search, without limits for now.
func (b *bed) limits() {
	var err error
	if os.Geteuid() == 0 {
		if b.cpu, err = lab.NewCgroup(b.Stage, "cpu", "evenkeel-shop-search", nil); err == nil {
			b.memory, err = lab.NewCgroup(b.Stage, "memory", "evenkeel-shop-search", nil)
		}
	} else {
		err = fmt.Errorf("%w: it lacks root", lab.ErrCannot)
	}
	if err != nil {
		b.without = append(b.without, "limits of CPU and memory: "+err.Error())
	}
}

// cast says who plays.
func (b *bed) cast() {
	hosts := []string{"front=" + frontIP, "checkout=" + checkoutIP, "search=" + wireIP, "bank=" + bankIP, "worker=" + workerIP,
		"catalogue=" + strings.Join(catalogueIPs, ",")}
	names := []string{"-names", namesAt}
	b.services = []*service{
		{name: "shop-names", part: "names", args: []string{"-listen", namesAt, "-hosts", strings.Join(hosts, ";")}},
		{name: "shop-bank", part: "bank", ip: bankIP},
		{name: "shop-search", job: "search", part: "search", ip: searchIP, args: []string{"-replica", replicaAt}},
		{name: "shop-wire", part: "wire", args: []string{"-listen", net.JoinHostPort(wireIP, servicePort), "-to", net.JoinHostPort(searchIP, servicePort)}},
	}
	if b.memory != "" {
		b.of("shop-search").groups = []lab.Cgroup{b.cpu, b.memory}
	}
	for n, ip := range catalogueIPs {
		b.services = append(b.services, &service{name: fmt.Sprintf("shop-catalog-%d", n+1), job: "catalogue", part: "catalogue", ip: ip,
			args: []string{"-primary", primaryAt, "-cache", cacheAt}})
	}
	b.services = append(b.services,
		&service{name: "shop-checkout", job: "checkout", part: "checkout", ip: checkoutIP,
			args: append(names, "-primary", primaryAt, "-replica", replicaAt, "-cert", b.file("good.crt"), "-key", b.file("good.key"))},
		&service{name: "shop-worker", job: "worker", part: "worker", ip: workerIP, args: []string{"-primary", primaryAt}},
		&service{name: "shop-front", job: "front", part: "front", ip: frontIP, args: append(names, "-ca", b.file("ca.pem"))})
}

// of returns the service whose process has the name.
func (b *bed) of(name string) *service {
	return b.services[slices.IndexFunc(b.services, func(s *service) bool { return s.name == name })]
}

// start starts a service, or starts it again.
func (b *bed) start(s *service, more ...string) error {
	args := s.args
	if s.ip != "" {
		args = append([]string{"-ip", s.ip}, args...)
	}
	p, err := b.Play("role", s.name, s.part, append(args, more...)...)
	if err != nil {
		return err
	}
	s.process = p
	for _, g := range s.groups {
		if err := g.Add(p.PID); err != nil {
			return err
		}
	}
	return nil
}

// turn sets a knob of a service, until the part is closed: then it is set to
// what it was, which is named.
func (b *bed) turn(part *lab.Stage, name, knob, value, back string) error {
	part.Undo("turn "+knob+" of "+name+" back", func() error { return b.of(name).process.Turn(knob, back) })
	return b.of(name).process.Turn(knob, value)
}

// lagQuery is what an exporter of before 0.13 must be given to tell how far a
// replica is behind; newer ones know it by themselves, under another name.
const lagQuery = `pg_replication:
  query: "SELECT CASE WHEN pg_is_in_recovery() AND (pg_is_wal_replay_paused() OR pg_last_wal_receive_lsn() <> pg_last_wal_replay_lsn()) THEN greatest(0, extract(epoch FROM now() - pg_last_xact_replay_timestamp())) ELSE 0 END AS lag"
  metrics:
    - lag: {usage: GAUGE, description: "Seconds since the newest transaction that was replayed."}
`

// export starts the exporters that this machine has.
func (b *bed) export() error {
	if err := os.WriteFile(b.file("queries.yaml"), []byte(lagQuery), 0o644); err != nil {
		return err
	}
	for _, e := range []struct {
		program, job, listen string
		args, env            []string
	}{
		{"prometheus-postgres-exporter", "postgres-primary", primaryIP + ":9187", []string{"--web.listen-address=" + primaryIP + ":9187", "--extend.query-path=" + b.file("queries.yaml")},
			[]string{"DATA_SOURCE_NAME=postgres://postgres@" + primaryAt + "/shop?sslmode=disable"}},
		{"prometheus-postgres-exporter", "postgres-replica", replicaIP + ":9187", []string{"--web.listen-address=" + replicaIP + ":9187", "--extend.query-path=" + b.file("queries.yaml")},
			[]string{"DATA_SOURCE_NAME=postgres://postgres@" + replicaAt + "/shop?sslmode=disable"}},
		{"prometheus-redis-exporter", "redis", cacheIP + ":9121", []string{"--web.listen-address=" + cacheIP + ":9121", "--redis.addr=redis://" + cacheAt}, nil},
	} {
		program, err := exec.LookPath(e.program)
		if err != nil {
			b.without = append(b.without, "figures of "+e.job+": it lacks "+e.program)
			continue
		}
		cmd := exec.Command(program, e.args...)
		cmd.Env = append(os.Environ(), e.env...)
		if _, err := b.Start(e.job+"-exporter", cmd); err != nil {
			return err
		}
		b.exporters = append(b.exporters, target{e.job, e.listen})
	}
	return nil
}

// await waits until an order goes through.
func (b *bed) await(ctx context.Context) error {
	client := http.Client{Timeout: 2 * time.Second}
	var last error
	for range 100 {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+frontAt+"/orders?item=7", nil)
		if err != nil {
			return err
		}
		a, err := client.Do(r)
		if err == nil {
			a.Body.Close()
			if a.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(a.Status)
		}
		last = err
		wait(ctx, 200*time.Millisecond)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return fmt.Errorf("no order went through within 20 s (%w); the logs are in %s", last, b.Dir)
}

// announce writes down what is to be scraped, as a service discovery does.
func (b *bed) announce() error {
	jobs := map[string][]string{}
	for _, t := range b.targets() {
		jobs[t.job] = append(jobs[t.job], t.address)
	}
	for job, addresses := range jobs {
		text, err := json.Marshal([]map[string][]string{{"targets": addresses}})
		if err != nil {
			return err
		}
		file := b.file("targets-" + job + ".json")
		if err := errors.Join(os.WriteFile(file+".new", text, 0o600), os.Rename(file+".new", file)); err != nil {
			return err
		}
	}
	return nil
}

// targets are everything that is scraped.
func (b *bed) targets() []target {
	list := slices.Clone(b.exporters)
	for _, s := range b.services {
		if s.job != "" && !s.away {
			list = append(list, target{s.job, net.JoinHostPort(s.ip, metricsPort)})
		}
	}
	return list
}

// config is what the shop's people would write down for Evenkeel.
func (b *bed) config() string {
	var y strings.Builder
	y.WriteString("interval: 5s\nglobal: {scrape_interval: 5s, scrape_timeout: 4s}\nscrape_configs:\n")
	var jobs []string
	for _, t := range b.targets() {
		if !slices.Contains(jobs, t.job) {
			jobs = append(jobs, t.job)
		}
	}
	for _, job := range jobs {
		fmt.Fprintf(&y, "- job_name: %s\n  file_sd_configs: [{files: [%q], refresh_interval: 5s}]\n", job, b.file("targets-"+job+".json"))
	}
	y.WriteString("probes:\n")
	for _, p := range []string{
		"name: shop, type: http, target: \"http://" + frontAt + "/items/1\"",
		"name: checkout, type: http, target: \"https://" + net.JoinHostPort(checkoutIP, servicePort) + "/healthz\", tls: {ca_file: \"" + b.file("ca.pem") + "\"}",
		"name: names, type: dns, target: \"" + namesAt + "\", dns: {name: catalogue.shop.example}",
		"name: cache, type: redis, target: \"redis://" + cacheAt + "\"",
	} {
		fmt.Fprintf(&y, "- {%s, interval: 5s}\n", p)
	}
	y.WriteString("slos:\n")
	for _, o := range []struct{ id, what, route, method string }{{"items", "Items", "/items/{id}", "GET"}, {"search", "Searches", "/search", "GET"}, {"orders", "Orders", "/orders", "POST"}, {"order", "Looks at orders", "/orders/{id}", "GET"}} {
		selector := fmt.Sprintf(`job="front",http_route="%s",http_request_method="%s"`, o.route, o.method)
		fmt.Fprintf(&y, "- id: %s-answered\n  title: %s are answered\n  service: front\n  target: 99.9\n  bad: 'sum(increase(http_server_request_duration_seconds_count{%s,http_response_status_code=~\"5..\"}[$window]))'\n", o.id, o.what, selector)
		fmt.Fprintf(&y, "  total: 'sum(increase(http_server_request_duration_seconds_count{%s}[$window]))'\n", selector)
		fmt.Fprintf(&y, "- id: %s-fast\n  title: %s are answered within 250 ms\n  service: front\n  target: 99\n  latency: {histogram: http_server_request_duration_seconds, selector: '%s', under: 250ms}\n", o.id, o.what, selector)
	}
	return y.String()
}

// edges are the part of Evenkeel's configuration that says what needs what, for
// those who write it down. Nothing in it tells what goes wrong.
func (b *bed) edges() (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", err
	}
	group := func(name string) string { return "group:" + host + ":" + name }
	var y strings.Builder
	y.WriteString("cases:\n  edges:\n")
	edge := func(from, kind string, to ...string) {
		for _, t := range to {
			fmt.Fprintf(&y, "  - {from: %q, to: %q, kind: %s}\n", from, t, kind)
		}
	}
	catalogue := []string{group("shop-catalog-1"), group("shop-catalog-2"), group("shop-catalog-3")}
	edge("service:front", "served-by", group("shop-front"))
	edge(group("shop-front"), "calls", append(catalogue, group("shop-checkout"), group("shop-wire"), "endpoint:checkout", "endpoint:names")...)
	edge(group("shop-wire"), "calls", group("shop-search"))
	edge(group("shop-search"), "calls", group("postgres"))
	edge(group("shop-checkout"), "calls", append(catalogue, group("shop-bank"), group("postgres"), "endpoint:names")...)
	for _, instance := range catalogue {
		edge(instance, "calls", group("redis-server"), "endpoint:cache", group("postgres"))
	}
	if b.cpu != "" {
		edge(group("shop-search"), "runs-on", "cgroup:"+host+":/"+filepath.Base(string(b.cpu)))
	}
	if b.database.writes != "" {
		edge(group("postgres"), "stored-on", "filesystem:"+host+":"+b.database.data.Mount, "filesystem:"+host+":"+b.database.log.Mount)
	}
	return y.String(), nil
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
