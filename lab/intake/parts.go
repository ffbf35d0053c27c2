package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/evenkeel/evenkeel/lab"
	"github.com/evenkeel/evenkeel/respond"
)

const notInstalled = "not installed"

// figures are what one server shows when alerts are new, and when they are
// sent again.
type figures struct {
	fresh, again measured
	rss          int64
}

func (s server) figures(ctx context.Context, o options) (f figures, err error) {
	highest := s.highest()
	if f.fresh, err = s.send(ctx, batches(0, o.alerts, time.Now()), o.alerts, o.connections); err != nil {
		return f, err
	}
	var bodies [][]byte
	for range o.rounds {
		bodies = append(bodies, batches(0, o.alerts, time.Now())...)
	}
	if f.again, err = s.send(ctx, bodies, o.alerts*o.rounds, o.connections); err != nil {
		return f, err
	}
	f.rss, err = highest()
	return f, err
}

// steady sends alerts that are new, and the same again as each minute.
func steady(ctx context.Context, stage *lab.Stage, o options) ([]row, error) {
	first := stage.Part() // ends before the other program begins
	peer, err := startPeer(ctx, first, "alertmanager")
	if err != nil {
		return nil, err
	}
	var theirs figures
	if peer.pid != 0 {
		if theirs, err = peer.figures(ctx, o); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(o.progress, "Alertmanager: %+v\n", theirs)
	if err := first.Close(); err != nil {
		return nil, err
	}
	own, err := startOwn(ctx, stage, "evenkeel")
	if err != nil {
		return nil, err
	}
	ours, err := own.figures(ctx, o)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(o.progress, "Evenkeel: %+v\n", ours)
	rate := func(what string, a, b measured) row {
		r := row{what: what, own: fmt.Sprintf("%.0f/s, on disk", a.rate), peer: notInstalled, goal: fmt.Sprintf("≥ %d/s", goalRate), missed: a.rate < goalRate}
		if peer.pid != 0 {
			r.peer, r.ratio = fmt.Sprintf("%.0f/s, in memory only", b.rate), ratio(a.rate, b.rate)
		}
		return r
	}
	p99 := func(what string, a, b measured) row {
		r := row{what: what, own: ms(a.p99), peer: notInstalled}
		if peer.pid != 0 {
			r.peer, r.ratio = ms(b.p99), ratio(float64(a.p99), float64(b.p99))
		}
		return r
	}
	rss := row{what: "highest RSS", own: lab.MB(ours.rss), peer: notInstalled}
	if peer.pid != 0 {
		rss.peer, rss.ratio = lab.MB(theirs.rss), ratio(float64(ours.rss), float64(theirs.rss))
	}
	return []row{
		rate(fmt.Sprintf("%d new alerts", o.alerts), ours.fresh, theirs.fresh), p99("p99 of a request with 64 new ones", ours.fresh, theirs.fresh),
		rate(fmt.Sprintf("the same %d times again", o.rounds), ours.again, theirs.again), p99("p99 of a request with 64 repeated ones", ours.again, theirs.again), rss,
	}, nil
}

func ratio(a, b float64) string { return fmt.Sprintf("%.2f", a/b) }

func ms(d time.Duration) string { return fmt.Sprintf("%.0f ms", float64(d.Microseconds())/1000) }

// storm sends many distinct alerts at once and looks at what becomes of them.
func storm(ctx context.Context, stage *lab.Stage, o options) ([]row, error) {
	if o.storm == 0 {
		return nil, nil
	}
	bodies := batches(1_000_000, o.storm, time.Now())
	run := func(s server) (m measured, rss int64, err error) {
		highest := s.highest()
		if m, err = s.send(ctx, bodies, o.storm, o.connections); err == nil {
			// Whoever is told is told meanwhile.
			err = lab.Wait(ctx, 10*time.Second)
		}
		if err != nil {
			return m, 0, err
		}
		rss, err = highest()
		return m, rss, err
	}
	part := stage.Part()
	peer, err := startPeer(ctx, part, "alertmanager-storm")
	if err != nil {
		return nil, err
	}
	var theirs measured
	var theirRSS int64
	if peer.pid != 0 {
		if theirs, theirRSS, err = run(peer); err != nil {
			return nil, err
		}
	}
	if err := part.Close(); err != nil {
		return nil, err
	}
	own, err := startOwn(ctx, stage, "evenkeel-storm")
	if err != nil {
		return nil, err
	}
	ours, rss, err := run(own)
	if err != nil {
		return nil, err
	}
	raw, err := own.own.Do(ctx, http.MethodGet, "/api/v1/ledger/report", nil)
	if err != nil {
		return nil, err
	}
	var report respond.Report
	if err := json.Unmarshal(raw, &report); err != nil {
		return nil, err
	}
	fmt.Fprintf(o.progress, "storm: %+v and %+v; the ledger: %+v\n", ours, theirs, report)
	// The machine itself may raise an alert meanwhile.
	raw, err = own.own.Do(ctx, http.MethodGet, "/api/v1/incidents?limit=500&q="+url.QueryEscape(summary), nil)
	if err != nil {
		return nil, err
	}
	var page respond.IncidentPage
	if err := json.Unmarshal(raw, &page); err != nil {
		return nil, err
	}
	all, incidents := total(report.Alerts), len(page.Incidents)
	what := fmt.Sprintf("storm of %d distinct alerts: ", o.storm)
	rows := []row{
		{what: what + "taken in", own: fmt.Sprintf("%.0f/s, on disk", ours.rate), peer: notInstalled},
		{what: what + "highest RSS", own: lab.MB(rss), peer: notInstalled, goal: "< " + lab.MB(goalRSS), missed: rss >= goalRSS},
		{what: what + "kept", own: fmt.Sprint(all), peer: "none after a start", goal: fmt.Sprint(o.storm), missed: all < o.storm},
		{what: what + "incidents", own: fmt.Sprint(incidents), goal: fmt.Sprintf("%d, one for each rule", rules), missed: incidents != rules},
		{what: what + "lost or stuck in the ledger", own: fmt.Sprint(report.LostCount + report.StuckCount), goal: "0", missed: !report.Good()},
		{what: what + "messages", own: fmt.Sprint(total(report.Messages))},
		{what: what + "answers of 503", own: fmt.Sprint(ours.busy), peer: fmt.Sprint(theirs.busy)},
	}
	if peer.pid != 0 {
		rows[0].peer, rows[0].ratio = fmt.Sprintf("%.0f/s, in memory only", theirs.rate), ratio(ours.rate, theirs.rate)
		rows[1].peer, rows[1].ratio = lab.MB(theirRSS), ratio(float64(rss), float64(theirRSS))
	}
	return rows, nil
}

func total[K comparable](counts map[K]int) (sum int) {
	for _, n := range counts {
		sum += n
	}
	return sum
}
