// Command role plays one part of the shop: a service, its name server, a
// network between two services, or a neighbour that disturbs.
//
//	role PART [flags] [-ctl SOCKET]
//
// The services are front, checkout, catalogue, search and worker; bank is a
// third party. Each listens on an address of its own in 127.23.0.0/24, finds
// the others by DNS, and shows Prometheus metrics with the names that
// OpenTelemetry's semantic conventions have when Prometheus exports them.
// Timeouts, retries, pools and what is wrong with a service are knobs
// (lab/knob) that are turned while it runs; each part's file names its own.
//
// A part ends with exit code 1 and the reason where it cannot begin. What it
// cannot reach while it runs is part of the play: it answers with an error and
// counts it.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/evenkeel/evenkeel/lab/knob"
)

// parts are what can be played. Each runs until it fails or is told to end.
var parts = map[string]func(fs *flag.FlagSet, k *knob.Set) func() error{
	"front":     front,
	"checkout":  checkout,
	"catalogue": catalogue,
	"search":    search,
	"worker":    worker,
	"bank":      bank,
	"names":     names,
	"wire":      wire,
	"spin":      spin,
	"fill":      fill,
	"report":    report,
}

func main() {
	if len(os.Args) < 2 || parts[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "role: name a part: front, checkout, catalogue, search, worker, bank, names, wire, spin, fill or report")
		os.Exit(1)
	}
	fs := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	ctl := fs.String("ctl", "", "Unix `socket` to be turned by")
	k := knob.NewSet()
	run := parts[os.Args[1]](fs, k)
	if err := fs.Parse(os.Args[2:]); err != nil {
		os.Exit(1)
	}
	err := k.Listen(*ctl)
	if err == nil {
		err = run()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "role %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
