// Command actor plays one part in an experiment: a web server that can turn
// slow, a process that fills a disk, a name server with a delay.
//
//	actor PART [flags] [-ctl SOCKET]
//
// The lab links this program to another name for each part, because Evenkeel
// names a process group after its program, and a culprit is to be recognised.
// A part is turned at run time by HTTP over the Unix socket -ctl:
// "/?delay=2s" sets a knob (lab/knob).
//
// An actor never outlives its experiment: the lab starts it as the leader of
// a session of its own and kills the whole session. What an actor cannot do
// (a full disk while it fills the disk) is part of its play; what it cannot
// begin (an address in use) ends it with exit code 1 and the reason.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/evenkeel/evenkeel/lab/knob"
)

// parts are what an actor can play. Each runs until it fails or is killed.
var parts = map[string]func(fs *flag.FlagSet, k *knob.Set) func() error{
	"work":    work,
	"web":     web,
	"name":    nameServer,
	"sync":    syncing,
	"fill":    fill,
	"send":    send,
	"receive": receive,
	"leak":    leak,
	"series":  series,
	"fleet":   wholeFleet,
}

func main() {
	if len(os.Args) < 2 || parts[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "actor: name a part: work, web, name, sync, fill, send, receive, leak, series or fleet")
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
	fmt.Fprintf(os.Stderr, "actor %s: %v\n", os.Args[1], err)
	os.Exit(1)
}
