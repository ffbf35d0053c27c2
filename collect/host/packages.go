package host

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

// packageEvent is one line of a package manager's log.
type packageEvent struct {
	at     time.Time
	action string // "install", "upgrade" or "remove"
	name   string
}

// packageRun is what was done to packages in one go.
type packageRun struct {
	at     time.Time
	action string
	names  []string // sorted, without doubles
}

const (
	packageLookBack = 7 * 24 * time.Hour // how old a change may be on the first look
	packageLogTail  = 256 << 10
	packageQuiet    = time.Minute // a run has ended when nothing was done for so long
	packagesNamed   = 5
)

// readPackageRuns tells what was done to packages since the time. Where the
// package manager keeps no log that we can read, the time of its database's
// last change is all that is known.
func readPackageRuns(r roots, since, now time.Time) ([]packageRun, error) {
	// A log that was not written to since then tells nothing; reading it at
	// every look was a twentieth of all that Evenkeel does on a quiet machine.
	if st, err := os.Stat(r.rootPath("var/log/dpkg.log")); err == nil && !st.ModTime().After(since) {
		return nil, nil
	}
	b, err := tail(r.rootPath("var/log/dpkg.log"), packageLogTail)
	switch {
	case err == nil:
		return packageRuns(parseDpkgLog(b, time.Local), since, now), nil
	case !gone(err):
		return nil, err
	}
	for _, db := range []string{"var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/rpmdb.sqlite", "var/lib/rpm/Packages", "lib/apk/db/installed", "var/lib/pacman/local"} {
		st, err := os.Stat(r.rootPath(db))
		if err != nil {
			continue
		}
		if at := st.ModTime().Truncate(time.Second); at.After(since) && now.Sub(at) >= packageQuiet {
			return []packageRun{{at: at, action: "change"}}, nil
		}
		return nil, nil
	}
	return nil, nil
}

// tail returns at most the last n bytes of a file, from the start of a line.
func tail(path string, n int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() <= n {
		return io.ReadAll(f)
	}
	b := make([]byte, n)
	got, err := f.ReadAt(b, st.Size()-n)
	if err != nil && err != io.EOF {
		return nil, err
	}
	_, b, _ = bytes.Cut(b[:got], []byte{'\n'})
	return b, nil
}

// parseDpkgLog reads lines such as
//
//	2026-03-01 06:25:10 upgrade nginx:amd64 1.22.1-8 1.22.1-9
func parseDpkgLog(b []byte, zone *time.Location) []packageEvent {
	var events []packageEvent
	for line := range bytes.Lines(b) {
		f := strings.Fields(string(line))
		if len(f) < 5 {
			continue
		}
		action := f[2]
		if action == "purge" {
			action = "remove"
		}
		if action != "install" && action != "upgrade" && action != "remove" {
			continue
		}
		at, err := time.ParseInLocation("2006-01-02 15:04:05", f[0]+" "+f[1], zone)
		if err != nil {
			continue
		}
		name, _, _ := strings.Cut(f[3], ":")
		events = append(events, packageEvent{at, action, clean(name)})
	}
	return events
}

// packageRuns folds events into runs: of one kind, and without a minute's
// pause. A run that may still be going on is left for the next look, so that
// it is told of once and whole.
func packageRuns(events []packageEvent, since, now time.Time) []packageRun {
	var runs []packageRun
	open := map[string]int{} // action -> its last run
	last := map[string]time.Time{}
	for _, e := range events {
		i, ok := open[e.action]
		if !ok || e.at.Sub(last[e.action]) > packageQuiet {
			i = len(runs)
			runs = append(runs, packageRun{at: e.at, action: e.action})
			open[e.action] = i
		}
		last[e.action] = e.at
		if !slices.Contains(runs[i].names, e.name) {
			runs[i].names = append(runs[i].names, e.name)
		}
	}
	for action, at := range last {
		if now.Sub(at) < packageQuiet {
			runs[open[action]].at = time.Time{} // not yet
		}
	}
	runs = slices.DeleteFunc(runs, func(r packageRun) bool { return r.at.IsZero() || !r.at.After(since) })
	for i := range runs {
		slices.Sort(runs[i].names)
	}
	return runs
}

func (r packageRun) same(other packageRun) bool {
	return r.at.Equal(other.at) && r.action == other.action
}

// change turns a run into a change of the host.
func (r packageRun) change(host string) estate.Change {
	done := map[string]string{"install": "installed", "upgrade": "upgraded", "remove": "removed"}[r.action]
	summary := "packages were changed"
	if n := len(r.names); n == 1 {
		summary = fmt.Sprintf("package %s was %s", r.names[0], done)
	} else if n > 1 {
		summary = fmt.Sprintf("%d packages were %s: %s", n, done, joined(r.names, packagesNamed))
	}
	return estate.Change{
		At: r.at.UTC(), Entity: estate.ID(estate.Host, host), Kind: "package-" + r.action, Summary: summary,
		Key: fmt.Sprintf("package-%s:%d", r.action, r.at.Unix()),
	}
}
