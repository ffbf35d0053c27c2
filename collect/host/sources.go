package host

import (
	"cmp"
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// Source is the state of one place that figures or facts are read from.
type Source struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"` // why it could not be read in full, in plain English
}

// sourceBoard keeps what each source last said of itself. A change is logged
// once; the state goes out as evenkeel_host_source_up.
type sourceBoard struct {
	log *slog.Logger
	mu  sync.Mutex
	all map[string]Source
}

var descSourceUp = describe("host_source_up",
	"1 where a source of the host's figures could be read in full, 0 where it failed.", "source")

func newSourceBoard(log *slog.Logger) *sourceBoard {
	return &sourceBoard{log: log, all: map[string]Source{}}
}

// report notes how reading a source ended. A source that is not there at all
// on this machine is not reported.
func (b *sourceBoard) report(name string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Source{Name: name, OK: err == nil}
	if err != nil {
		s.Reason = err.Error()
	}
	old, known := b.all[name]
	b.all[name] = s
	switch {
	case known && old.OK == s.OK, !known && s.OK:
	case s.OK:
		b.log.Info("host source can be read again", "source", name)
	default:
		b.log.Warn("host source cannot be read in full; what it would tell is unknown", "source", name, "reason", s.Reason)
	}
}

func (b *sourceBoard) list() []Source {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Source, 0, len(b.all))
	for _, s := range b.all {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Source) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func (b *sourceBoard) emit(e emitter) {
	for _, s := range b.list() {
		up := 0.0
		if s.OK {
			up = 1
		}
		e.gauge(descSourceUp, up, s.Name)
	}
}

// Sources tells what could be read at the last look and what could not, by
// name.
func (h *Host) Sources() []Source { return h.sources.list() }

// gone says that a file or process has vanished between listing and reading,
// which is no failure.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)
}

// denied says that only another user may read it.
func denied(err error) bool {
	return errors.Is(err, fs.ErrPermission)
}
