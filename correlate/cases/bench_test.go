package cases

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

// city is an estate of 2,000 services of ten pods each on 500 nodes, in which
// each service calls three others.
func city(r *rand.Rand) (list []estate.Relation) {
	add := func(from string, kind estate.RelationKind, to string) {
		list = append(list, estate.Relation{From: from, Kind: kind, To: to, Source: "kube", Confidence: 1})
	}
	for n := range 500 {
		for _, d := range []string{"sda", "sdb"} {
			add(fmt.Sprintf("disk:n%d:%s", n, d), estate.PartOf, fmt.Sprintf("host:n%d", n))
		}
	}
	for s := range 2000 {
		service := fmt.Sprintf("service:s%d", s)
		for p := range 10 {
			pod := fmt.Sprintf("pod:s%d:%d", s, p)
			add(service, "served-by", pod)
			add(pod, estate.RunsOn, fmt.Sprintf("host:n%d", r.IntN(500)))
		}
		for range 3 {
			if s > 0 {
				add(service, estate.Calls, fmt.Sprintf("service:s%d", r.IntN(s)))
			}
		}
	}
	return list
}

// gather makes cases over and over, and tells also the CPU time, which on a busy
// machine says more than the time that went by.
func gather(b *testing.B, before []Case, in Input) {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	var began time.Duration
	for n := 0; b.Loop(); n++ {
		if n == 0 {
			began = used()
		}
		Gather(before, in)
	}
	b.ReportMetric((used()-began).Seconds()/float64(b.N), "cpu-s/op")
}

// storm is an estate of a city in which 50 disks are slow and 300 services burn
// their budgets.
func storm(r *rand.Rand) Input {
	in := Input{Tenant: "t", Environment: "e", Relations: city(r), Now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	at := func() time.Time { return in.Now.Add(-time.Duration(r.IntN(600)) * time.Second) }
	for n := range 350 {
		f := finding.Finding{ID: fmt.Sprint("f", n), State: finding.Open, FirstSeen: at(), Key: finding.Key{Check: "slo:x", Entity: fmt.Sprintf("service:s%d", r.IntN(2000))},
			Report: finding.Report{Severity: finding.Critical, Title: "slow"}}
		if n < 50 {
			f.Check, f.Entity = "disk-slow", fmt.Sprintf("disk:n%d:sda", r.IntN(500))
		}
		in.Findings = append(in.Findings, f)
	}
	return in
}

// BenchmarkStorm makes cases of a storm of which only findings are known.
func BenchmarkStorm(b *testing.B) {
	in := storm(rand.New(rand.NewPCG(1, 1)))
	gather(b, nil, in)
}

// BenchmarkStormCalls makes cases of a storm in which each service and each call
// has its figures, and those of whom budgets burn are late.
func BenchmarkStormCalls(b *testing.B) {
	in := storm(rand.New(rand.NewPCG(1, 1)))
	since := map[string]time.Time{}
	for _, f := range in.Findings {
		since[f.Entity] = f.FirstSeen
	}
	add := func(c detect.Course, late string) {
		for signal, usual := range map[string]float64{"traffic": 20, "errors": 0, "latency_mean": .05} {
			c.Signal, c.Usual, c.Value, c.Known, c.Better = signal, usual, usual, true, "lower"
			c.Size, c.Worse, c.Earliest, c.Latest = 0, false, time.Time{}, time.Time{}
			if at, ok := since[late]; ok && signal == "latency_mean" {
				c.Value, c.Size, c.Worse, c.Earliest, c.Latest = .5, 20, true, at.Add(-time.Minute), at.Add(-30*time.Second)
			}
			in.Courses = append(in.Courses, c)
		}
	}
	edges := map[string]bool{}
	for _, r := range in.Relations {
		if id := "edge:" + r.From + ">" + r.To; r.Kind == estate.Calls && !edges[id] && len(in.Courses) < 14_000 {
			edges[id] = true
			add(detect.Course{Entity: id, Kind: "edge", Caller: r.From, Callee: r.To}, r.To)
		}
	}
	for s := range 2000 {
		id := fmt.Sprintf("service:s%d", s)
		add(detect.Course{Entity: id, Kind: "service", Name: fmt.Sprint("s", s)}, id)
	}
	gather(b, nil, in)
}

// BenchmarkStormGoesOn is the round after that, in which nothing has changed.
func BenchmarkStormGoesOn(b *testing.B) {
	in := storm(rand.New(rand.NewPCG(1, 1)))
	var before []Case
	for _, o := range Gather(nil, in) {
		before = append(before, o.Case)
	}
	in.Now = in.Now.Add(15 * time.Second)
	gather(b, before, in)
}

// BenchmarkOne makes the case of one slow disk and the services that feel it.
func BenchmarkOne(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	in := Input{Tenant: "t", Environment: "e", Relations: city(r), Now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	in.Findings = append(in.Findings, finding.Finding{ID: "d", State: finding.Open, FirstSeen: in.Now, Key: finding.Key{Check: "disk-slow", Entity: "disk:n7:sda"},
		Report: finding.Report{Severity: finding.Warning, Title: "slow"}})
	for n := range 5 {
		in.Findings = append(in.Findings, finding.Finding{ID: fmt.Sprint("f", n), State: finding.Open, FirstSeen: in.Now, Key: finding.Key{Check: "slo:x", Entity: fmt.Sprintf("service:s%d", n)},
			Report: finding.Report{Severity: finding.Critical, Title: "slow"}})
	}
	gather(b, nil, in)
}
