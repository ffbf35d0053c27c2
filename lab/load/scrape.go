package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/evenkeel/evenkeel/lab"
)

// scrape has an exporter with many series scraped each 15 s by Evenkeel and by
// Prometheus, and measures both.
func scrape(ctx context.Context, stage *lab.Stage, o options) ([]result, error) {
	exporter, err := lab.FreePort()
	if err != nil {
		return nil, err
	}
	if _, err := stage.Actor("labexporter", "series", "-listen", exporter, "-count", fmt.Sprint(o.series)); err != nil {
		return nil, err
	}
	jobs := fmt.Sprintf("scrape_configs:\n- {job_name: lab, scrape_interval: 15s, static_configs: [{targets: [%q]}]}\n", exporter)
	e, err := stage.StartEvenkeel(ctx, lab.Options{Config: jobs})
	if err != nil {
		return nil, err
	}
	peer, err := startPrometheus(stage, jobs)
	if err != nil {
		return nil, err
	}
	if err := lab.Wait(ctx, o.warm); err != nil {
		return nil, err
	}
	got, err := e.Query(ctx, `count({job="lab",__name__=~"lab_requests_.*"})`)
	if err != nil {
		return nil, err
	}
	if got["map[]"] != float64(o.series) {
		return nil, fmt.Errorf("%v series are there after %s, want %d", got["map[]"], o.warm, o.series)
	}
	own, err := watch(ctx, o.length, e.PID, peer)
	if err != nil {
		return nil, err
	}
	share := func(u lab.Usage) float64 { return 100 * u.CPU / o.length.Seconds() }
	r := []result{
		{what: fmt.Sprintf("%d series each 15 s: CPU", o.series), value: fmt.Sprintf("%.1f %% of a core", share(own[0])), peer: "not installed",
			goal: "< 10 % of a core", missed: share(own[0]) >= 10},
		{what: fmt.Sprintf("%d series each 15 s: RSS, highest", o.series), value: lab.MB(own[0].RSS), peer: "not installed",
			goal: "< 400 MB", missed: own[0].RSS >= 400e6},
	}
	if peer != 0 {
		r[0].peer, r[1].peer = fmt.Sprintf("%.1f %% of a core", share(own[1])), lab.MB(own[1].RSS)
	}
	return r, nil
}

// startPrometheus starts the peer and returns its process, or 0 where it is
// not installed.
func startPrometheus(stage *lab.Stage, jobs string) (pid int, err error) {
	program, err := exec.LookPath("prometheus")
	if err != nil {
		return 0, nil
	}
	file := filepath.Join(stage.Dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(jobs), 0o600); err != nil {
		return 0, err
	}
	address, err := lab.FreePort()
	if err != nil {
		return 0, err
	}
	p, err := stage.Start("prometheus", exec.Command(program, "--config.file="+file,
		"--storage.tsdb.path="+filepath.Join(stage.Dir, "prometheus-data"), "--web.listen-address="+address))
	if err != nil {
		return 0, err
	}
	return p.PID, nil
}

// watch returns what the processes used: CPU over the time, and the highest
// memory of samples taken each 5 s. A pid of 0 is passed over.
func watch(ctx context.Context, length time.Duration, pids ...int) ([]lab.Usage, error) {
	begin, used := make([]lab.Usage, len(pids)), make([]lab.Usage, len(pids))
	for end := time.Now().Add(length); ; {
		for i, pid := range pids {
			if pid == 0 {
				continue
			}
			u, err := lab.UsageOf(pid)
			if err != nil {
				return nil, err
			}
			if begin[i].CPU == 0 {
				begin[i] = u
			}
			used[i] = lab.Usage{CPU: u.CPU - begin[i].CPU, RSS: max(used[i].RSS, u.RSS), PSS: max(used[i].PSS, u.PSS)}
		}
		left := time.Until(end)
		if left <= 0 {
			return used, nil
		}
		if err := lab.Wait(ctx, min(left, 5*time.Second)); err != nil {
			return nil, err
		}
	}
}
