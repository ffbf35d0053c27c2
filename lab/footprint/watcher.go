package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/lab"
)

// watcher is one way to watch a machine: the processes that it takes.
type watcher struct {
	name   string
	pids   []int
	absent string // why it was not measured

	cpu     float64 // seconds over the measured time
	samples []lab.Usage
}

func (w *watcher) rss() int64 { return w.mean(func(u lab.Usage) int64 { return u.RSS }) }
func (w *watcher) pss() int64 { return w.mean(func(u lab.Usage) int64 { return u.PSS }) }

func (w *watcher) mean(of func(lab.Usage) int64) int64 {
	if len(w.samples) == 0 {
		return 0
	}
	var sum int64
	for _, u := range w.samples {
		sum += of(u)
	}
	return sum / int64(len(w.samples))
}

// measure lets everything run and samples it.
func measure(ctx context.Context, all []*watcher, warm, length time.Duration) error {
	if err := lab.Wait(ctx, warm); err != nil {
		return err
	}
	begin := make([]lab.Usage, len(all))
	for i, w := range all {
		var err error
		if begin[i], err = lab.UsageOf(w.pids...); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	for end := time.Now().Add(length); time.Now().Before(end); {
		if err := lab.Wait(ctx, min(10*time.Second, time.Until(end))); err != nil {
			return err
		}
		for i, w := range all {
			u, err := lab.UsageOf(w.pids...)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			w.samples = append(w.samples, u)
			w.cpu = u.CPU - begin[i].CPU
		}
	}
	return nil
}

// startAll starts Evenkeel first and the Prometheus family second, which is
// what verdict relies on, then the family's parts by themselves, and Netdata.
func startAll(ctx context.Context, stage *lab.Stage, progress io.Writer) ([]*watcher, error) {
	e, err := stage.StartEvenkeel(ctx, lab.Options{})
	if err != nil {
		return nil, err
	}
	family := &watcher{name: "Prometheus + node_exporter + Alertmanager"}
	all := []*watcher{{name: "Evenkeel", pids: []int{e.PID}}, family}
	parts, err := startFamily(ctx, stage)
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		if part.absent != "" {
			family.absent = part.name + " " + part.absent
		}
		family.pids = append(family.pids, part.pids...)
		part.name = "of these, " + part.name
	}
	if family.absent != "" {
		family.pids = nil
	}
	netdata, err := startNetdata(ctx, stage)
	if err != nil {
		return nil, err
	}
	all = append(append(all, parts...), netdata)
	for _, w := range all {
		if w.absent != "" {
			fmt.Fprintf(progress, "%s: %s\n", w.name, w.absent)
		}
	}
	return all, nil
}

const notInstalled = "is not installed"

// startFamily starts Debian's Prometheus, node_exporter and Alertmanager.
func startFamily(ctx context.Context, stage *lab.Stage) ([]*watcher, error) {
	var ports [3]string
	for i := range ports {
		var err error
		if ports[i], err = lab.FreePort(); err != nil {
			return nil, err
		}
	}
	file := func(name string) string { return filepath.Join(stage.Dir, name) }
	config := fmt.Sprintf(`global: {scrape_interval: 15s}
alerting: {alertmanagers: [{static_configs: [{targets: ["%[3]s"]}]}]}
scrape_configs:
- {job_name: prometheus, static_configs: [{targets: ["%[1]s"]}]}
- {job_name: node, static_configs: [{targets: ["%[2]s"]}]}
- {job_name: alertmanager, static_configs: [{targets: ["%[3]s"]}]}
`, ports[0], ports[1], ports[2])
	if err := os.WriteFile(file("prometheus.yml"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(file("alertmanager.yml"), []byte("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"), 0o600); err != nil {
		return nil, err
	}
	var parts []*watcher
	for i, args := range [][]string{
		{"prometheus", "--config.file=" + file("prometheus.yml"), "--storage.tsdb.path=" + file("prometheus-data"), "--web.listen-address=" + ports[0]},
		{"prometheus-node-exporter", "--web.listen-address=" + ports[1]},
		{"prometheus-alertmanager", "--config.file=" + file("alertmanager.yml"), "--storage.path=" + file("alertmanager-data"), "--web.listen-address=" + ports[2], "--cluster.listen-address="},
	} {
		path := "/-/ready"
		if args[0] == "prometheus-node-exporter" {
			path = "/"
		}
		w, err := startPeer(ctx, stage, args, "http://"+ports[i]+path)
		if err != nil {
			return nil, err
		}
		parts = append(parts, w)
	}
	return parts, nil
}

// startNetdata starts Debian's Netdata as it comes, with its files on the stage.
func startNetdata(ctx context.Context, stage *lab.Stage) (*watcher, error) {
	address, err := lab.FreePort()
	if err != nil {
		return nil, err
	}
	_, port, _ := strings.Cut(address, ":")
	dir := filepath.Join(stage.Dir, "netdata")
	for _, sub := range []string{"cache", "lib", "log"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	config := fmt.Sprintf("[directories]\ncache = %[1]s/cache\nlib = %[1]s/lib\nlog = %[1]s/log\nhome = %[1]s/lib\n[web]\nbind to = 127.0.0.1\ndefault port = %[2]s\n[registry]\nenabled = no\n", dir, port)
	if err := os.WriteFile(filepath.Join(dir, "netdata.conf"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	w, err := startPeer(ctx, stage, []string{"netdata", "-D", "-c", filepath.Join(dir, "netdata.conf"), "-u", "root"}, "http://"+address+"/api/v1/info")
	if err == nil {
		w.name = "Netdata, at 1 s"
	}
	return w, err
}

// startPeer starts a program and waits until its URL answers.
func startPeer(ctx context.Context, stage *lab.Stage, args []string, ready string) (*watcher, error) {
	w := &watcher{name: args[0]}
	cmd, ok := command(args[0], args[1:]...)
	if !ok {
		w.absent = notInstalled
		return w, nil
	}
	p, err := stage.Start(args[0], cmd)
	if err != nil {
		return nil, err
	}
	w.pids = []int{p.PID}
	for range 300 {
		if answer, err := http.Get(ready); err == nil {
			answer.Body.Close()
			if answer.StatusCode < 400 {
				return w, nil
			}
		}
		if p.Ended() {
			return nil, fmt.Errorf("%s ended at once; see %s.log", args[0], filepath.Join(stage.Dir, args[0]))
		}
		if err := lab.Wait(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s does not answer at %s", args[0], ready)
}
