// Package fleet makes the exposition pages of a whole installation: machines,
// kubelets, a cluster's state, services with histograms, PostgreSQL and Redis.
//
// A page is a pure function of the time, so that everybody who scrapes a fleet
// sees the same figures. Counters rise at all times and gauges move a little
// around what is usual for each. Names and labels are those of the real
// exporters; how many series there are of each kind follows what one sees in
// such installations, and Size tells how many nodes make how many.
package fleet

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// Size is how large a fleet is.
type Size struct {
	Nodes      int // machines, each with a node_exporter and a kubelet
	Pods       int // on each node
	Services   int // with two instances each
	PostgreSQL int
	Redis      int
}

// Hundred is a fleet of about 100,000 series.
var Hundred = Size{Nodes: 36, Pods: 11, Services: 50, PostgreSQL: 8, Redis: 8}

// Target is one page with the labels that its job gives it.
type Target struct {
	Job, Instance string
	Path          string
	page          func(p *page)
}

// Targets are all pages of a fleet.
func (s Size) Targets() (list []Target) {
	add := func(job, instance, path string, write func(p *page)) {
		list = append(list, Target{job, instance, path, write})
	}
	for n := range s.Nodes {
		node := fmt.Sprintf("node-%d", n)
		add("node-exporter", node+":9100", "/node/"+node, machine)
		add("kubelet", node+":10250", "/cadvisor/"+node, s.containers(n))
	}
	add("kube-state-metrics", "ksm:8080", "/ksm", s.state)
	for n := range s.Services {
		for i := range 2 {
			instance := fmt.Sprintf("10.1.%d.%d:9464", n, i+1)
			add(fmt.Sprintf("svc-%d", n), instance, "/otel/"+instance, s.service(n))
		}
	}
	for n := range s.PostgreSQL {
		instance := fmt.Sprintf("pg-%d:9187", n)
		add("postgres", instance, "/postgres/"+instance, postgres)
	}
	for n := range s.Redis {
		instance := fmt.Sprintf("redis-%d:9121", n)
		add("redis", instance, "/redis/"+instance, redis)
	}
	return list
}

// Write writes the page as of a time and says how many series are on it.
func (t Target) Write(to io.Writer, at time.Time) (series int, err error) {
	out := bufio.NewWriterSize(to, 64<<10)
	p := &page{out: out, t: float64(at.UnixMilli()) / 1000, seed: seedOf(t.Path)}
	t.page(p)
	return p.series, out.Flush()
}

// epoch keeps counters small enough to be read.
const epoch = 1_700_000_000

type page struct {
	out    *bufio.Writer
	t      float64
	seed   uint64
	series int
}

func seedOf(text string) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range []byte(text) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}

// phase is a number of its own for each series, 0 to 1.
func (p *page) phase() float64 {
	x := p.seed + uint64(p.series)*0x9e3779b97f4a7c15
	x ^= x >> 31
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 29
	return float64(x>>11) / (1 << 53)
}

func (p *page) put(name, labels string, v float64) {
	p.series++
	p.out.WriteString(name)
	if labels != "" {
		p.out.WriteByte('{')
		p.out.WriteString(labels)
		p.out.WriteByte('}')
	}
	fmt.Fprintf(p.out, " %g\n", v)
}

// fixed never changes.
func (p *page) fixed(name, labels string, v float64) { p.put(name, labels, v) }

// gauge moves by a few hundredths around what is usual.
func (p *page) gauge(name, labels string, usual float64) {
	f := p.phase()
	p.put(name, labels, usual*(.9+.2*f)*(1+.03*math.Sin(p.t/300+6*f)+.01*math.Sin(p.t/7.3+40*f)))
}

// counted is what a counter has come to that rises by rate a second, give or
// take a third.
func (p *page) counted(rate float64) float64 {
	f := p.phase()
	return rate * (.7 + .6*f) * (p.t - epoch + 4*math.Sin(p.t/97+6*f))
}

// counter rises by rate each second.
func (p *page) counter(name, labels string, rate float64) {
	p.put(name, labels, math.Floor(p.counted(rate)))
}

// seconds is a counter of time.
func (p *page) seconds(name, labels string, rate float64) {
	p.put(name, labels, p.counted(rate))
}

var edges = []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}

// histogram has rate events a second whose middle one takes usual seconds.
func (p *page) histogram(name, labels string, rate, usual float64) {
	count := math.Floor(p.counted(rate))
	for _, le := range edges {
		share := 1 / (1 + math.Pow(usual/le, 2.5))
		p.put(name+"_bucket", fmt.Sprintf(`%s,le="%g"`, labels, le), math.Floor(count*share))
	}
	p.put(name+"_bucket", labels+`,le="+Inf"`, count)
	p.put(name+"_sum", labels, count*usual*1.2)
	p.put(name+"_count", labels, count)
}

func label(pairs ...string) string {
	var out strings.Builder
	for n := 0; n < len(pairs); n += 2 {
		if n > 0 {
			out.WriteByte(',')
		}
		out.WriteString(pairs[n] + `="` + pairs[n+1] + `"`)
	}
	return out.String()
}
