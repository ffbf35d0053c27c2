// Command faults makes ten real faults on this machine, one after another, and
// holds what Evenkeel says about them against the goals: found within 60 s,
// the culprit named, resolved within 120 s of the end, and one finding each.
//
//	go run ./lab/faults                      # all, as a table; about 35 minutes
//	go run ./lab/faults -only full-filesystem,slow-dns -output json
//	go run ./lab/faults -dry                 # make the faults without Evenkeel
//	go run ./lab/faults -only out-of-memory -pictures docs/images
//
// The faults are real: a loop device with a throttle below it, packets dropped
// in a network namespace, a process that the kernel kills for memory. It needs
// root and changes this machine while it runs (one namespace, three cgroups,
// two loop devices, all named evenkeel-lab or lab...); all of it is undone at
// the end and on Ctrl-C. What the services are, and which of them is to be
// named, stands in the file of each fault.
//
// Exit code: 0 where every goal was met, 1 where one was missed, 2 where a
// fault could not be made here.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/evenkeel/evenkeel/lab"
)

// faults are what can be made, in the order in which they are.
var faults = []fault{
	{name: "cpu-contention", what: "stress-ng beside a small service that needs its CPU", tools: []string{"stress-ng"},
		check: `^cpu-contention$`, entity: "host:", culprit: `stress-ng`, prepare: cpuContention},
	{name: "full-filesystem", what: "a log runs away on a 128 MB filesystem", tools: []string{"mkfs.ext4", "losetup"},
		check: `^filesystem-(full|filling)$`, entity: "filesystem:", culprit: `labfiller`, prepare: fullFilesystem},
	{name: "slow-disk", what: "a disk turns slow below a service that waits for each record to be written", tools: []string{"mkfs.ext4", "losetup"},
		check: `^(disk-slow|disk-saturated|storage-stall)$`, entity: "", culprit: `labledger|loop\d+`, prepare: slowDisk},
	{name: "packet-loss", what: "10 % of the packets to a peer are dropped", tools: []string{"ip", "nft"},
		check: `^tcp-retransmits$`, entity: "host:", culprit: `labsender|10\.231\.77\.2`, prepare: packetLoss},
	{name: "slow-dns", what: "a name server takes 2 s to answer",
		check: `^dns-slow$`, entity: "endpoint:lab-names", culprit: `labnames`, prepare: slowDNS},
	{name: "stopped-service", what: "a web server is killed",
		check: `^endpoint-down$`, entity: "endpoint:lab-shop", culprit: `labshop`, prepare: stoppedService},
	{name: "expired-certificate", what: "a web server shows an expired certificate",
		check: `^certificate-expired$`, entity: "certificate:lab-vault", culprit: `lab-?vault`, prepare: expiredCertificate},
	{name: "slow-endpoint", what: "a web server takes 3 s to answer",
		check: `^endpoint-slow$`, entity: "endpoint:lab-cart", culprit: `labcart`, prepare: slowEndpoint},
	{name: "out-of-memory", what: "a worker outgrows the memory limit of its cgroup and is killed, again and again",
		check: `^oom-kill$`, entity: "", culprit: `labworker`, prepare: outOfMemory},
	{name: "cpu-quota", what: "a service wants five times the CPU quota of its cgroup",
		check: `^cpu-throttled$`, entity: "", culprit: `labencoder`, prepare: cpuQuota},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string, out, progress io.Writer) (int, error) {
	fs := flag.NewFlagSet("faults", flag.ContinueOnError)
	only := fs.String("only", "", "comma-separated `names`; all by default")
	output := fs.String("output", "table", "table, markdown or json")
	program := fs.String("evenkeel", "", "`file` of a built evenkeel; it is built otherwise")
	dry := fs.Bool("dry", false, "make each fault for -hold without Evenkeel, to see its effect by other means")
	pictures := fs.String("pictures", "", "`folder` for pictures of the pages during each fault; needs Chromium")
	var pace pace
	fs.DurationVar(&pace.settle, "settle", 90*time.Second, "quiet time before the first fault, for baselines")
	fs.DurationVar(&pace.calm, "calm", 2*time.Minute, "longest wait before a fault for other findings to end")
	fs.DurationVar(&pace.hold, "hold", 20*time.Second, "how long a fault goes on after it was found, for echoes")
	fs.DurationVar(&pace.after, "after", 30*time.Second, "how long to watch after a fault was resolved, for echoes")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	chosen, err := choose(*only)
	if err != nil {
		return 2, err
	}
	if err := lab.NeedTools(); err != nil {
		return 2, err
	}
	r, err := newRunner(chosen, *program, pace, progress)
	if err != nil {
		return 2, err
	}
	if *pictures != "" {
		r.camera = &camera{*pictures}
	}
	var results []outcome
	if *dry {
		err = r.rehearse(ctx)
	} else {
		results, err = r.run(ctx)
	}
	if closeErr := r.scene.Close(); closeErr != nil {
		fmt.Fprintln(progress, "could not be undone:", closeErr)
	}
	if err != nil || *dry {
		return 2, err
	}
	if err := show(out, *output, results); err != nil {
		return 2, err
	}
	return exitCode(results), nil
}

func choose(only string) ([]fault, error) {
	if only == "" {
		return faults, nil
	}
	var chosen []fault
	for name := range strings.SplitSeq(only, ",") {
		before := len(chosen)
		for _, f := range faults {
			if f.name == name {
				chosen = append(chosen, f)
			}
		}
		if len(chosen) == before {
			return nil, fmt.Errorf("there is no fault %q; the names are %s", name, names())
		}
	}
	return chosen, nil
}

func names() string {
	var list []string
	for _, f := range faults {
		list = append(list, f.name)
	}
	return strings.Join(list, ", ")
}

func exitCode(results []outcome) int {
	code := 0
	for _, o := range results {
		switch {
		case o.Cannot != "":
			return 2
		case len(o.Missed) > 0:
			code = 1
		}
	}
	return code
}

func show(out io.Writer, format string, results []outcome) error {
	if format == "json" {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(results)
	}
	t := lab.Table{Header: []string{"Fault", "Found after", "Finding", "Culprit named", "Resolved after", "Findings", "Goals"}}
	for _, o := range results {
		goals := "met"
		if len(o.Missed) > 0 {
			goals = strings.Join(o.Missed, "; ")
		}
		if o.Cannot != "" {
			goals = "could not be made: " + o.Cannot
		}
		culprit := o.Culprit
		if culprit == "" {
			culprit = "none"
		}
		if !o.Named {
			culprit = "no (" + culprit + ")"
		}
		t.Add(o.Fault, seconds(o.Found), o.Title, culprit, seconds(o.Resolved), fmt.Sprint(o.Raised), goals)
	}
	if format == "markdown" {
		t.Markdown(out)
		return nil
	}
	if err := t.Print(out); err != nil {
		return err
	}
	for _, o := range results {
		for _, other := range o.Others {
			fmt.Fprintf(out, "%s also raised %s\n", o.Fault, other)
		}
	}
	return nil
}

func seconds(s *float64) string {
	if s == nil {
		return "never"
	}
	return fmt.Sprintf("%.0f s", *s)
}
