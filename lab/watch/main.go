// Command watch measures what it costs to watch 100,000 series of a whole
// installation (lab/fleet), scraped each 15 s: Evenkeel with all that it does,
// beside Debian's Prometheus that evaluates the rules of kubernetes-mixin and
// node-mixin (rules.yaml) over the same series in the same run.
//
//	go run ./lab/watch -for 10m -markdown > docs/watch.md
//
// Evenkeel judges all its checks each 15 s and an objective for each service.
// What of that is the database's alone is seen beside it: an Evenkeel that keeps
// the same series under names of which it knows nothing, so that there is nothing
// to judge, and a Prometheus without rules. Prometheus evaluates each 30 s, which is
// what kube-prometheus sets.
//
// CPU is user and kernel time of each process from /proc over the measured
// time, after a warm-up; memory is the mean and the highest of samples taken
// each 5 s. Exit code: 0 where Evenkeel used less than 25 % of a core and less
// than 400 MB more than the one that only keeps them, 1 where it used more, 2 where
// the run did not come to its end.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/evenkeel/evenkeel/lab"
	"github.com/evenkeel/evenkeel/lab/fleet"
)

//go:embed rules.yaml
var rules []byte

// Goals.
const (
	mostCPU    = .25
	mostMemory = 400e6
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "watch:", err)
	}
	os.Exit(code)
}

// one is a program that is measured.
type one struct {
	name     string
	pid      int
	cpu      float64 // seconds
	rss, top int64
}

func run(ctx context.Context, args []string, out, progress io.Writer) (code int, err error) {
	fs := flag.NewFlagSet("watch", flag.ContinueOnError)
	length := fs.Duration("for", 10*time.Minute, "how long to measure")
	warm := fs.Duration("warm", 4*time.Minute, "how long everything runs before")
	markdown := fs.Bool("markdown", false, "print the page for the documentation")
	program := fs.String("evenkeel", "", "`file` of a built evenkeel; it is built otherwise")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	stage, err := lab.NewStage("watch")
	if err != nil {
		return 2, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	if err := errors.Join(stage.BuildEvenkeel(*program), stage.BuildActor()); err != nil {
		return 2, err
	}
	all, e, err := start(ctx, stage)
	if err != nil {
		return 2, err
	}
	fmt.Fprintf(progress, "warming up for %s, measuring for %s\n", *warm, *length)
	if err := measure(ctx, all, *warm, *length); err != nil {
		return 2, err
	}
	seen, err := e.Query(ctx, `count({job=~"node-exporter|kubelet|kube-state-metrics|svc-.*|postgres|redis"})`)
	if err != nil {
		return 2, err
	}
	t := lab.Table{Header: []string{"What", "CPU seconds", "of one core", "RSS, mean", "RSS, highest"}}
	for _, o := range all {
		t.Add(o.name, fmt.Sprintf("%.1f", o.cpu), fmt.Sprintf("%.1f %%", 100*o.cpu/length.Seconds()), lab.MB(o.rss), lab.MB(o.top))
	}
	beyond := all[0].rss - all[1].rss
	if all[0].cpu > mostCPU*length.Seconds() || beyond > mostMemory {
		code = 1
	}
	if *markdown {
		head(out, *length)
	} else {
		err = t.Print(out)
	}
	if *markdown {
		t.Markdown(out)
	}
	fmt.Fprintf(out, "\n%.0f series. Evenkeel used %.1f %% of a core (goal: < 25 %%) and %s beyond what the figures themselves need (goal: < 400 MB).\n",
		seen["map[]"], 100*all[0].cpu/length.Seconds(), lab.MB(beyond))
	return code, err
}

func head(out io.Writer, length time.Duration) {
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		kernel = []byte("unknown")
	}
	fmt.Fprintf(out, `# Watching 100,000 series

What it costs to watch a whole installation, side by side in one run. Made by

    go run ./lab/watch -for %s -markdown

on a machine with %d CPUs, Linux %s. See lab/watch for what is run and how it is measured, and lab/fleet for the series.

`, length, runtime.NumCPU(), strings.TrimSpace(string(kernel)))
}

// start starts the fleet and all who scrape it: Evenkeel first, then the one
// that only keeps the series, then Prometheus with and without rules.
func start(ctx context.Context, stage *lab.Stage) ([]*one, *lab.Evenkeel, error) {
	exporter, err := lab.FreePort()
	if err != nil {
		return nil, nil, err
	}
	if _, err := stage.Actor("labfleet", "fleet", "-listen", exporter); err != nil {
		return nil, nil, err
	}
	jobs := scrapes(fleet.Hundred, exporter, "")
	e, err := stage.StartEvenkeel(ctx, lab.Options{Config: jobs + objectives(fleet.Hundred)})
	if err != nil {
		return nil, nil, err
	}
	idle, err := stage.StartEvenkeel(ctx, lab.Options{Name: "idle", Config: scrapes(fleet.Hundred, exporter, "unknown_")})
	if err != nil {
		return nil, nil, err
	}
	all := []*one{{name: "Evenkeel: all checks each 15 s, objectives", pid: e.PID}, {name: "Evenkeel that only keeps the series", pid: idle.PID}}
	ruled := filepath.Join(stage.Dir, "rules.yaml")
	if err := os.WriteFile(ruled, rules, 0o600); err != nil {
		return nil, nil, err
	}
	for _, p := range []struct{ name, what, more string }{
		{"ruled", fmt.Sprintf("Prometheus (Debian): %d rules of the mixins each 30 s", strings.Count(string(rules), "record:")+strings.Count(string(rules), "alert:")), "global: {evaluation_interval: 30s}\nrule_files: [" + ruled + "]\n"},
		{"plain", "Prometheus (Debian) without rules", ""},
	} {
		pid, err := startPrometheus(stage, p.name, jobs+p.more)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, &one{name: p.what, pid: pid})
	}
	return all, e, nil
}

// scrapes is the configuration of all scrapes; a prefix is put before all names
// of metrics.
func scrapes(size fleet.Size, exporter, prefix string) string {
	var out strings.Builder
	out.WriteString("scrape_configs:\n")
	jobs := map[string][]string{}
	var names []string
	for _, t := range size.Targets() {
		if jobs[t.Job] == nil {
			names = append(names, t.Job)
		}
		more := ""
		if t.Job == "kubelet" {
			more = ", metrics_path: /metrics/cadvisor"
		}
		jobs[t.Job] = append(jobs[t.Job], fmt.Sprintf("  - {targets: [%q], labels: {__metrics_path__: %q, instance: %q%s}}\n", exporter, t.Path, t.Instance, more))
	}
	for _, name := range names {
		fmt.Fprintf(&out, "- job_name: %s\n  scrape_interval: 15s\n  honor_labels: %t\n", name, name == "kube-state-metrics")
		if prefix != "" {
			fmt.Fprintf(&out, "  metric_relabel_configs: [{source_labels: [__name__], target_label: __name__, replacement: '%s$1'}]\n", prefix)
		}
		fmt.Fprintf(&out, "  static_configs:\n%s", strings.Join(jobs[name], ""))
	}
	return out.String()
}

// objectives promise of each service that it answers.
func objectives(size fleet.Size) string {
	var out strings.Builder
	out.WriteString("slos:\n")
	for n := range size.Services {
		of := fmt.Sprintf(`service_name="svc-%d"`, n)
		fmt.Fprintf(&out, "- {id: svc-%d, title: svc-%d answers, service: svc-%d, target: 99.5, bad: 'sum(increase(http_server_request_duration_seconds_count{%s,http_response_status_code=~\"5..\"}[$window]))', total: 'sum(increase(http_server_request_duration_seconds_count{%s}[$window]))'}\n", n, n, n, of, of)
	}
	return out.String()
}

func startPrometheus(stage *lab.Stage, name, config string) (pid int, err error) {
	program, err := exec.LookPath("prometheus")
	if err != nil {
		return 0, fmt.Errorf("%w: prometheus is not installed", lab.ErrCannot)
	}
	file := filepath.Join(stage.Dir, name+".yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return 0, err
	}
	address, err := lab.FreePort()
	if err != nil {
		return 0, err
	}
	p, err := stage.Start(name, exec.Command(program, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(stage.Dir, name+"-data"), "--web.listen-address="+address))
	if err != nil {
		return 0, err
	}
	return p.PID, nil
}

// measure lets everything run, and then takes what each has used.
func measure(ctx context.Context, all []*one, warm, length time.Duration) error {
	if err := lab.Wait(ctx, warm); err != nil {
		return err
	}
	begin := map[*one]float64{}
	n := int64(0)
	for end := time.Now().Add(length); ; n++ {
		for _, o := range all {
			u, err := lab.UsageOf(o.pid)
			if err != nil {
				return fmt.Errorf("%s: %w", o.name, err)
			}
			if n == 0 {
				begin[o] = u.CPU
			}
			o.cpu = u.CPU - begin[o]
			o.rss = (o.rss*n + u.RSS) / (n + 1)
			o.top = max(o.top, u.RSS)
		}
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		if err := lab.Wait(ctx, min(left, 5*time.Second)); err != nil {
			return err
		}
	}
}
