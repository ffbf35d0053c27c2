package main

import (
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/lab"
)

// receiver takes webhooks, well or badly, and remembers those that arrived by
// the key that is the same on every try.
type receiver struct {
	url string

	mu       sync.Mutex
	arrived  map[string]int
	promised map[string]bool // was answered 200
	kept     map[string]int  // arrivals after that: only a kill explains them
	well     bool
}

func startReceiver(stage *lab.Stage) (*receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{url: "http://" + l.Addr().String(), arrived: map[string]int{}, promised: map[string]bool{}, kept: map[string]int{}}
	server := &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(l) // ends with the stage
	stage.Undo("receiver", server.Close)
	return r, nil
}

// behave makes it take everything well from now on.
func (r *receiver) behave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.well = true
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	mood := rand.IntN(20)
	if r.well {
		mood = 0
	}
	switch mood {
	case 1, 2, 3:
		r.mu.Unlock()
		if mood == 2 {
			w.Header().Set("Retry-After", "2")
		}
		w.WriteHeader([]int{0, http.StatusInternalServerError, http.StatusTooManyRequests, http.StatusBadRequest}[mood])
		return
	}
	id := req.Header.Get("Webhook-Id")
	r.arrived[id]++
	if r.promised[id] {
		r.kept[id]++
	}
	if mood != 4 {
		r.promised[id] = true
	}
	r.mu.Unlock()
	switch mood {
	case 4: // it has it, and never says so
		time.Sleep(time.Duration(rand.IntN(2000)) * time.Millisecond)
		panic(http.ErrAbortHandler)
	case 5:
		time.Sleep(200 * time.Millisecond)
	}
}
