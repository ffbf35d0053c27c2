// Command intake measures how fast alerts are taken in, beside Debian's
// Alertmanager in the same run:
//
//	go run ./lab/intake -markdown    # the figures of docs/intake.md
//	go run ./lab/intake -storm 0
//
// Both get the same batches, 64 alerts to a request as Prometheus sends them,
// over loopback from eight connections, one program after the other so that
// neither takes the other's processors. Evenkeel runs as a whole, with all that
// it watches. It answers when alerts, incidents and what must be told of them
// are on disk; Alertmanager answers when they are in memory, and persists no
// alert at all. Then a storm of distinct alerts at once: the highest memory,
// and what becomes of them.
//
// Exit code: 0 where the goals were met, 1 where one was missed, 2 where the
// run did not come to its end.
package main

import (
	"context"
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
)

// Goals, on two cores.
const (
	goalRate = 5000  // alerts a second that are on disk
	goalRSS  = 300e6 // bytes in a storm
)

type options struct {
	alerts, rounds, storm int
	connections           int
	progress              io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "intake:", err)
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string, out, progress io.Writer) (code int, err error) {
	fs := flag.NewFlagSet("intake", flag.ContinueOnError)
	o := options{progress: progress}
	fs.IntVar(&o.alerts, "alerts", 40_000, "distinct alerts that are sent")
	fs.IntVar(&o.rounds, "rounds", 3, "how often they are sent again")
	fs.IntVar(&o.storm, "storm", 100_000, "distinct alerts in the storm; 0 for none")
	fs.IntVar(&o.connections, "connections", 8, "senders at once")
	markdown := fs.Bool("markdown", false, "print the page for the documentation")
	program := fs.String("evenkeel", "", "`file` of a built evenkeel; it is built otherwise")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	stage, err := lab.NewStage("intake")
	if err != nil {
		return 2, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	if err := stage.BuildEvenkeel(*program); err != nil {
		return 2, err
	}
	t := lab.Table{Header: []string{"What", "Evenkeel", "Alertmanager (Debian)", "Ratio", "Goal", "Met"}}
	for _, x := range []func(context.Context, *lab.Stage, options) ([]row, error){steady, storm} {
		part := stage.Part()
		rows, err := x(ctx, part, o)
		if err := errors.Join(err, part.Close()); err != nil {
			return 2, err
		}
		for _, r := range rows {
			met := ""
			if r.goal != "" {
				met = "yes"
			}
			if r.missed {
				met, code = "no", 1
			}
			t.Add(r.what, r.own, r.peer, r.ratio, r.goal, met)
		}
	}
	if !*markdown {
		return code, t.Print(out)
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return 2, err
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 2, err
	}
	fmt.Fprintf(out, "Made by `go run ./lab/intake -markdown` on a machine with %d CPUs, Linux %s, on %s; the load average at its end was %s.\n\n",
		runtime.NumCPU(), strings.TrimSpace(string(kernel)), time.Now().UTC().Format(time.DateOnly), strings.Join(strings.Fields(string(load))[:3], ", "))
	t.Markdown(out)
	return code, nil
}

// row is a line of the table.
type row struct {
	what, own, peer, ratio, goal string
	missed                       bool
}

// server takes alerts in at a URL.
type server struct {
	url, secret string
	pid         int
	own         *lab.Evenkeel // nil for the peer
}

const secret = "a secret of the laboratory"

// config routes nothing by itself: alerts of one name make one incident. Its
// pages go nowhere, so that messages are made and counted.
const config = `
log_level: error
respond:
  policies: [{id: default, rounds: 1, steps: [{wait: 5m, notify: [{kind: channel, id: nowhere}]}]}]
  contacts: [{id: nowhere, channel: webhook, address: "http://127.0.0.1:9/"}]
  integrations: [{id: lab, dialect: alertmanager, secret: "env:LAB_INTAKE_SECRET"}]
`

func startOwn(ctx context.Context, stage *lab.Stage, name string) (server, error) {
	if err := os.Setenv("LAB_INTAKE_SECRET", secret); err != nil {
		return server{}, err
	}
	e, err := stage.StartEvenkeel(ctx, lab.Options{Name: name, Config: config})
	if err != nil {
		return server{}, err
	}
	return server{url: e.URL + "/alertmanager/api/v2/alerts", secret: secret, pid: e.PID, own: e}, nil
}

// startPeer starts Alertmanager; its pid is 0 where it is not installed.
func startPeer(ctx context.Context, stage *lab.Stage, name string) (server, error) {
	program, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		return server{}, nil
	}
	file := filepath.Join(stage.Dir, name+".yml")
	if err := os.WriteFile(file, []byte("route: {receiver: nobody, group_by: [alertname]}\nreceivers: [{name: nobody}]\n"), 0o600); err != nil {
		return server{}, err
	}
	address, err := lab.FreePort()
	if err != nil {
		return server{}, err
	}
	p, err := stage.Start(name, exec.Command(program, "--config.file="+file, "--storage.path="+filepath.Join(stage.Dir, name+"-data"),
		"--web.listen-address="+address, "--cluster.listen-address=", "--log.level=error"))
	if err != nil {
		return server{}, err
	}
	s := server{url: "http://" + address + "/api/v2/alerts", pid: p.PID}
	return s, s.await(ctx)
}
