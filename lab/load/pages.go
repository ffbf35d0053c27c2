package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/lab"
)

// pages asks for lists and pages over a long history, as people and programs
// do, with the machine's own watching going on beside.
func pages(ctx context.Context, stage *lab.Stage, o options) ([]result, error) {
	data := filepath.Join(stage.Dir, "pages-data")
	began := time.Now()
	open, hosts, err := lab.FillHistory(ctx, data, lab.Past{Entities: o.entities, Findings: o.findings, Open: 200}, time.Now())
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(o.progress, "filled %d entities and %d findings in %s\n", o.entities, o.findings, time.Since(began).Round(time.Second))
	e, err := stage.StartEvenkeel(ctx, lab.Options{Name: "pages", Data: data})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(o.progress, "ready after %d ms\n", e.Ready.Milliseconds())
	machine, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	begin := began.Add(-30 * 24 * time.Hour).UTC()
	var results []result
	for _, p := range []struct {
		what string
		path func(n int) string
	}{
		{"API: findings, first page", func(int) string { return "/api/v1/findings" }},
		{"API: findings of one entity", func(n int) string {
			return "/api/v1/findings?" + url.Values{"entity": {hosts[n*37%len(hosts)]}}.Encode()
		}},
		{"API: findings of one host", func(n int) string {
			return "/api/v1/findings?host=" + strings.TrimPrefix(hosts[n*37%len(hosts)], "host:")
		}},
		{"API: findings by a text that few have", func(n int) string { return fmt.Sprintf("/api/v1/findings?q=lab-%05d", n*37%len(hosts)) }},
		{"API: findings by a text that many have", func(n int) string { return "/api/v1/findings?q=" + []string{"disk", "cpu-contention", "shop"}[n%3] }},
		{"API: findings by two letters", func(n int) string { return "/api/v1/findings?q=" + []string{"sh", "07", "zq"}[n%3] }},
		{"API: one finding with its history", func(n int) string { return "/api/v1/findings/" + open[n%len(open)] }},
		{"API: entities, first page", func(int) string { return "/api/v1/entities" }},
		{"API: entities a month ago, first page", func(n int) string {
			return fmt.Sprintf("/api/v1/entities?at=%s", begin.Add(time.Duration(n)*time.Hour).Format(time.RFC3339))
		}},
		{"API: entities a month ago by text", func(n int) string {
			return fmt.Sprintf("/api/v1/entities?at=%s&q=lab-%05d", begin.Add(time.Duration(n)*time.Hour).Format(time.RFC3339), n*37%len(hosts))
		}},
		{"API: one entity", func(n int) string { return "/api/v1/entities/" + url.PathEscape(hosts[n*37%len(hosts)]) }},
		{"console: findings", func(int) string { return "/findings" }},
		{"console: the estate", func(int) string { return "/estate" }},
		{"console: this machine's page", func(int) string { return "/entities/" + url.PathEscape("host:"+machine) }},
		{"console: an entity's page", func(n int) string { return "/entities/" + url.PathEscape(hosts[n*37%len(hosts)]) }},
	} {
		r, err := ask(ctx, e, p.what, p.path)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// ask requests 200 times, after 10 that do not count.
func ask(ctx context.Context, e *lab.Evenkeel, what string, path func(n int) string) (result, error) {
	const uncounted, counted = 10, 200
	var took []time.Duration
	for n := range uncounted + counted {
		began := time.Now()
		if _, err := e.Do(ctx, http.MethodGet, path(n), nil); err != nil {
			return result{}, fmt.Errorf("%s: %w", what, err)
		}
		if n >= uncounted {
			took = append(took, time.Since(began))
		}
	}
	slices.Sort(took)
	p50, p95 := took[counted/2], took[counted*95/100]
	return result{what: what, value: fmt.Sprintf("p50 %.1f ms, p95 %.1f ms", ms(p50), ms(p95)), goal: "p95 < 50 ms", missed: p95 >= 50*time.Millisecond}, nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
