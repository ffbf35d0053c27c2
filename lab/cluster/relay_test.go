package cluster

import (
	"io"
	"net"
	"sync"
	"testing"
)

// relay stands between a program and the API server, as a network does. While
// it holds, connections are taken and what is sent on them goes nowhere, as
// where a firewall drops everything: nobody hears of an end.
type relay struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	turn  *sync.Cond
	held  bool
	over  bool
	dials int // connections that were made
	open  map[net.Conn]bool
}

func startRelay(t *testing.T, to string) *relay {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l, to: to, open: map[net.Conn]bool{}}
	r.turn = sync.NewCond(&r.mu)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.dials++
			r.mu.Unlock()
			all.Go(func() { r.serve(c) })
		}
	})
	t.Cleanup(func() {
		r.mu.Lock()
		r.over = true
		r.turn.Broadcast()
		for c := range r.open {
			c.Close()
		}
		r.mu.Unlock()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		all.Wait()
	})
	return r
}

// hold begins a partition, or ends it.
func (r *relay) hold(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = on
	r.turn.Broadcast()
}

// connections is how many were made so far.
func (r *relay) connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dials
}

// pass waits until nothing is held, and says false at the end.
func (r *relay) pass() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.held && !r.over {
		r.turn.Wait()
	}
	return !r.over
}

func (r *relay) serve(near net.Conn) {
	defer near.Close()
	if !r.pass() {
		return
	}
	far, err := net.Dial("tcp", r.to)
	if err != nil {
		return // the API server is gone: so is the connection
	}
	defer far.Close()
	r.mu.Lock()
	r.open[near], r.open[far] = true, true
	over := r.over
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.open, near)
		delete(r.open, far)
		r.mu.Unlock()
	}()
	if over {
		return
	}
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		go func() {
			r.copy(way[1], way[0])
			ended <- struct{}{}
		}()
	}
	<-ended
	near.Close()
	far.Close()
	<-ended
}

// copy carries what comes from one to the other, or keeps it while it is held.
func (r *relay) copy(to io.Writer, from io.Reader) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if !r.pass() {
			return
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
