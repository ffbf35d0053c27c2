// Package knob is how an experiment turns what a process does while it runs:
// settings by name, set by HTTP over a Unix socket ("/?delay=2s").
//
// A Unix socket, because an open TCP port would be one more listening service
// for Evenkeel to find.
package knob

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Set holds settings. It is safe for concurrent use.
type Set struct {
	mu     sync.Mutex
	values map[string]string
}

// NewSet returns one with nothing set.
func NewSet() *Set { return &Set{values: map[string]string{}} }

// Listen opens the control socket; an empty path means that there is none.
func (s *Set) Listen(socket string) error {
	if socket == "" {
		return nil
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second}
	go server.Serve(l) // ends with the process
	return nil
}

func (s *Set) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, values := range r.URL.Query() {
		s.Set(name, values[0])
	}
}

// Set turns one.
func (s *Set) Set(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[name] = value
}

// Text is what was set, or nothing.
func (s *Set) Text(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[name]
}

// Duration and Number read a setting; what was never set, or not to a proper
// value, is otherwise.
func (s *Set) Duration(name string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(s.Text(name)); err == nil {
		return d
	}
	return otherwise
}

// Number reads a setting as a number.
func (s *Set) Number(name string, otherwise float64) float64 {
	if n, err := strconv.ParseFloat(s.Text(name), 64); err == nil {
		return n
	}
	return otherwise
}
