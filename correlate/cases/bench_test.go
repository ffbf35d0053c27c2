package cases

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

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

// BenchmarkStorm makes cases of a storm: 50 disks are slow, and 300 services
// burn their budgets.
func BenchmarkStorm(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
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
	for b.Loop() {
		Gather(nil, in)
	}
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
	for b.Loop() {
		Gather(nil, in)
	}
}
