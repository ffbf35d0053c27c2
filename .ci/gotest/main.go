// Command gotest runs "go test" and fails when a test was skipped that this
// machine is meant to run.
//
//	go run ./.ci/gotest -allow .ci/skips.txt -- -timeout 20m ./...
//
// Everything after -- is handed to "go test -json". What go test would print
// is printed: the output of what failed, and one line for each package. A test
// that skips because something is missing is good manners on a laptop and a
// hole on the build machine, so each skip must be in the allowlist: a line
// "package-suffix TestName reason...", where * in the name stands for any part
// of it. Exit code: 0 where all passed, 1 otherwise.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
}

func main() {
	allow := flag.String("allow", "", "file with the skips that are expected, and why")
	flag.Parse()
	allowed, err := readAllowed(*allow)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
	cmd := exec.Command("go", append([]string{"test", "-json"}, flag.Args()...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
	skips, readErr := follow(out, os.Stdout)
	failed := false
	if err := errors.Join(readErr, cmd.Wait()); err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		failed = true
	}
	for _, s := range skips {
		if reason, ok := allowed.reason(s); ok {
			fmt.Printf("skipped as expected: %s %s: %s\n", s.Package, s.Test, reason)
			continue
		}
		failed = true
		fmt.Printf("FAIL: %s %s was skipped on a machine that is meant to run it:\n%s", s.Package, s.Test, s.why)
	}
	if failed {
		os.Exit(1)
	}
}

type skip struct {
	event
	why string
}

// follow reads test events, prints what go test would print, and returns the
// tests that were skipped.
func follow(r io.Reader, w io.Writer) (skips []skip, err error) {
	type key struct{ pkg, test string }
	said := map[key][]string{} // the output of running tests
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(w, lines.Text()) // a build failure is not JSON
			continue
		}
		k := key{e.Package, e.Test}
		switch e.Action {
		case "output", "build-output":
			if e.Test != "" {
				said[k] = append(said[k], e.Output)
			} else if e.Output != "PASS\n" {
				fmt.Fprint(w, e.Output)
			}
		case "fail":
			fmt.Fprint(w, strings.Join(said[k], ""))
			delete(said, k)
		case "skip":
			if e.Test != "" { // a package without tests also ends in "skip"
				skips = append(skips, skip{e, strings.Join(said[k], "")})
			}
			delete(said, k)
		case "pass":
			delete(said, k)
		}
	}
	for _, text := range said { // a test that never ended: its package died
		fmt.Fprint(w, strings.Join(text, ""))
	}
	return skips, lines.Err()
}

type allowlist []struct{ pkg, test, why string }

func readAllowed(file string) (list allowlist, err error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for n, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(line)
		if len(words) < 3 {
			return nil, fmt.Errorf("%s:%d: want \"package-suffix TestName reason\"", file, n+1)
		}
		list = append(list, struct{ pkg, test, why string }{words[0], words[1], strings.Join(words[2:], " ")})
	}
	return list, nil
}

func (l allowlist) reason(s skip) (string, bool) {
	i := slices.IndexFunc(l, func(a struct{ pkg, test, why string }) bool {
		if !strings.HasSuffix(s.Package, a.pkg) {
			return false
		}
		before, after, any := strings.Cut(a.test, "*")
		return a.test == s.Test || any && strings.HasPrefix(s.Test, before) && strings.HasSuffix(s.Test, after)
	})
	if i < 0 {
		return "", false
	}
	return l[i].why, true
}
