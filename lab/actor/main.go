// Command actor plays one part in an experiment: a web server that can turn
// slow, a process that fills a disk, a name server with a delay.
//
//	actor PART [flags] [-ctl SOCKET]
//
// The lab links this program to another name for each part, because Evenkeel
// names a process group after its program, and a culprit is to be recognised.
// A part is turned at run time by HTTP over the Unix socket -ctl:
// "/?delay=2s" sets a knob. A Unix socket, because an open TCP port would be
// one more listening service for Evenkeel to find.
//
// An actor never outlives its experiment: the lab starts it as the leader of
// a session of its own and kills the whole session. What an actor cannot do
// (a full disk while it fills the disk) is part of its play; what it cannot
// begin (an address in use) ends it with exit code 1 and the reason.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// parts are what an actor can play. Each runs until it fails or is killed.
var parts = map[string]func(fs *flag.FlagSet, k *knobs) func() error{
	"work":    work,
	"web":     web,
	"name":    nameServer,
	"sync":    syncing,
	"fill":    fill,
	"send":    send,
	"receive": receive,
	"leak":    leak,
	"series":  series,
}

func main() {
	if len(os.Args) < 2 || parts[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "actor: name a part: work, web, name, sync, fill, send, receive, leak or series")
		os.Exit(1)
	}
	fs := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	ctl := fs.String("ctl", "", "Unix `socket` to be turned by")
	k := &knobs{values: map[string]string{}}
	run := parts[os.Args[1]](fs, k)
	if err := fs.Parse(os.Args[2:]); err != nil {
		os.Exit(1)
	}
	err := k.listen(*ctl)
	if err == nil {
		err = run()
	}
	fmt.Fprintf(os.Stderr, "actor %s: %v\n", os.Args[1], err)
	os.Exit(1)
}

// knobs are the settings that can be turned at run time.
type knobs struct {
	mu     sync.Mutex
	values map[string]string
}

// listen opens the control socket; an empty path means that there is none.
func (k *knobs) listen(socket string) error {
	if socket == "" {
		return nil
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	s := &http.Server{Handler: k, ReadHeaderTimeout: 5 * time.Second}
	go s.Serve(l) // ends with the process
	return nil
}

func (k *knobs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, values := range r.URL.Query() {
		k.set(name, values[0])
	}
}

func (k *knobs) set(name, value string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.values[name] = value
}

func (k *knobs) text(name string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.values[name]
}

// duration and number read a knob; what was never turned, or not to a proper
// value, is otherwise.
func (k *knobs) duration(name string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(k.text(name)); err == nil {
		return d
	}
	return otherwise
}

func (k *knobs) number(name string, otherwise float64) float64 {
	if n, err := strconv.ParseFloat(k.text(name), 64); err == nil {
		return n
	}
	return otherwise
}
