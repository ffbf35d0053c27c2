package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/store"
)

// Past is what FillHistory puts into a data folder.
type Past struct {
	Entities int // rounded down to whole hosts of ten entities each
	Findings int // spread over the last 90 days
	Open     int // how many of them are not resolved
}

// pastEnvironment is the default environment's name, and pastPractice one that
// no part of Evenkeel reports for, so that it leaves these findings alone.
const (
	pastEnvironment = "local"
	pastPractice    = "lab"
)

// FillHistory writes a past into the state of a data folder that no Evenkeel
// uses, through the store itself. It returns the ids of the open findings and
// of the hosts.
func FillHistory(ctx context.Context, data string, past Past, now time.Time) (open, hosts []string, err error) {
	s, err := store.Open(ctx, store.Config{Dir: data}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if closeErr := s.Close(); err == nil {
			err = closeErr
		}
	}()
	began := now.Add(-90 * 24 * time.Hour)
	for from := 0; from < past.Entities/10; from += 50 {
		d := estate.Delta{Tenant: access.DefaultTenant, Environment: pastEnvironment, Source: "lab", At: began}
		for n := from; n < min(from+50, past.Entities/10); n++ {
			host := fmt.Sprintf("lab-%05d", n)
			hosts = append(hosts, estate.ID(estate.Host, host))
			appear(&d, host)
		}
		if err := s.ApplyEstate(ctx, d); err != nil {
			return nil, nil, err
		}
	}
	var batch []finding.Applied
	for n := range past.Findings {
		a := pastFinding(n, past, hosts, began, now)
		if a.Finding.State != finding.Resolved {
			open = append(open, a.Finding.ID)
		}
		batch = append(batch, a)
		if len(batch) == 500 || n == past.Findings-1 {
			if err := s.ApplyFindings(ctx, batch); err != nil {
				return nil, nil, err
			}
			batch = batch[:0]
		}
	}
	return open, hosts, nil
}

// appear adds a host with its parts: ten entities, joined as in life.
func appear(d *estate.Delta, host string) {
	id := estate.ID(estate.Host, host)
	add := func(kind estate.Kind, name string, joined estate.RelationKind) {
		e := estate.Entity{Tenant: d.Tenant, Environment: d.Environment, ID: estate.ID(kind, host, name), Kind: kind, Name: name + " on " + host}
		d.Appear = append(d.Appear, e)
		d.Join = append(d.Join, estate.Relation{From: e.ID, Kind: joined, To: id, Source: d.Source, Confidence: 1})
	}
	d.Appear = append(d.Appear, estate.Entity{Tenant: d.Tenant, Environment: d.Environment, ID: id, Kind: estate.Host, Name: host,
		Attributes: map[string]string{"os": "Debian GNU/Linux 12", "kernel": "6.1.0"}})
	for _, disk := range []string{"sda", "sdb"} {
		add(estate.Disk, disk, estate.PartOf)
	}
	for _, mount := range []string{"/", "/var", "/srv"} {
		add(estate.Filesystem, mount, estate.RunsOn)
	}
	add(estate.Interface, "eth0", estate.PartOf)
	for _, unit := range []string{"shop.service", "ssh.service", "cron.service"} {
		add(estate.Unit, unit, estate.RunsOn)
	}
}

// pastFinding is the nth of the past's findings, with its history.
func pastFinding(n int, past Past, hosts []string, began, now time.Time) finding.Applied {
	checks := []string{"cpu-contention", "memory-pressure", "filesystem-filling", "disk-slow", "endpoint-slow"}
	first := began.Add(now.Sub(began) * time.Duration(n) / time.Duration(past.Findings))
	id := ulid.MustNew(ulid.Timestamp(first), &counter{uint64(n)}).String()
	entity := "host:lab-00000"
	if len(hosts) > 0 {
		entity = hosts[n*7919%len(hosts)]
	}
	value, limit := 0.42, 0.2
	f := finding.Finding{
		ID: id,
		Key: finding.Key{Tenant: access.DefaultTenant, Environment: pastEnvironment, Practice: pastPractice,
			Check: fmt.Sprintf("%s-%d", checks[n%len(checks)], n), Entity: entity},
		Report: finding.Report{Severity: finding.Severity(1 + n%3), Title: "CPUs of " + entity + " are fought over", Effect: "Everything that runs there answers late.",
			Remedy: []string{"Move shop.service to another machine.", "Lower its CPUWeight."}, EntityKind: string(estate.Host), EntityName: entity, Host: strings.TrimPrefix(entity, "host:"),
			Culprits: []finding.Culprit{{Name: "shop.service", Share: 0.8, Text: "uses 1.8 of 2 cores; usually 0.1"}},
			Evidence: []finding.Evidence{{Signal: "cpu_pressure", Text: "tasks waited 42 % of the time", Query: `evenkeel_pressure_share{resource="cpu"}`,
				From: first.Add(-10 * time.Minute), To: first, Value: &value, Limit: &limit, Unit: "ratio"}}},
		State: finding.Open, FirstSeen: first, LastSeen: first, ChangedAt: first, Revision: 1,
	}
	a := finding.Applied{Finding: f, Events: []finding.Event{{ID: id + "-1", Finding: id, At: first, Kind: "opened", To: finding.Open, By: "Evenkeel", Text: f.Title}}}
	if n < past.Findings-past.Open {
		end := first.Add(20 * time.Minute)
		a.Finding.State, a.Finding.ResolvedAt, a.Finding.ChangedAt, a.Finding.Reason = finding.Resolved, end, end, "the tasks wait no longer"
		a.Events = append(a.Events, finding.Event{ID: id + "-2", Finding: id, At: end, Kind: "resolved", From: finding.Open, To: finding.Resolved, By: "Evenkeel", Text: a.Finding.Reason})
	}
	return a
}

// counter yields a number as ulid's entropy, so that ids are the same in each run.
type counter struct{ n uint64 }

func (c *counter) Read(p []byte) (int, error) {
	clear(p)
	binary.BigEndian.PutUint64(p[len(p)-8:], c.n)
	return len(p), nil
}
