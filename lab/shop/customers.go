package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// customers ask the shop at an open loop: a slow answer keeps no other from
// being asked for, as it is with people. What they feel is what a fault's
// consequence is judged by.
type customers struct {
	http *http.Client
	// pace multiplies the traffic, in thousandths; buying is whether they buy.
	pace   atomic.Int64
	buying atomic.Bool
	flying chan struct{} // bounds what is asked at once

	mu    sync.Mutex
	felt  []experience // since the last take, oldest first
	order string
}

// experience is one answer, or none.
type experience struct {
	route string
	at    time.Time
	took  time.Duration
	good  bool
}

const (
	// rate is how many requests there are in a second at a pace of one.
	rate = 30
	// patience is when a customer goes away.
	patience = 5 * time.Second
	// mostFlying and mostFelt bound what is kept.
	mostFlying, mostFelt = 2000, 200_000
)

func newCustomers() *customers {
	c := &customers{flying: make(chan struct{}, mostFlying),
		http: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 256, MaxIdleConns: 256}}}
	c.pace.Store(1000)
	c.buying.Store(true)
	return c
}

// come sends requests until the context ends.
func (c *customers) come(ctx context.Context) {
	next := time.Now()
	for ctx.Err() == nil {
		// Arrivals are Poisson's.
		next = next.Add(time.Duration(rand.ExpFloat64() * 1000 / float64(c.pace.Load()) / rate * float64(time.Second)))
		wait(ctx, time.Until(next))
		route, method, path := c.choose()
		select {
		case c.flying <- struct{}{}:
			go func() {
				defer func() { <-c.flying }()
				c.ask(ctx, route, method, path)
			}()
		default: // more are waiting than a town has people
			c.feel(experience{route, time.Now(), patience, false})
		}
	}
}

// choose is what a customer wants: 40 % look at an item, 30 % search, the rest
// buy or look after what was bought last.
func (c *customers) choose() (route, method, path string) {
	c.mu.Lock()
	order := c.order
	c.mu.Unlock()
	n := rand.IntN(100)
	buying := c.buying.Load()
	switch {
	case n < 22 && buying:
		return "buy", http.MethodPost, fmt.Sprintf("/orders?item=%d", popular())
	case n < 30 && order != "" && buying:
		return "order", http.MethodGet, "/orders/" + order
	case n < 60:
		return "search", http.MethodGet, fmt.Sprintf("/search?q=w%d", rand.IntN(words))
	}
	return "item", http.MethodGet, fmt.Sprintf("/items/%d", popular())
}

// popular is an item: most want the same few.
func popular() int { return 1 + min(1999, int(rand.ExpFloat64()*40)) }

// mostPopular are the items, from the first on, that all but one in a thousand ask for.
const mostPopular = 280

func (c *customers) ask(ctx context.Context, route, method, path string) {
	began := time.Now()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+frontAt+path, nil)
	if err != nil {
		return
	}
	a, err := c.http.Do(r)
	good := false
	if err == nil {
		_, err = io.Copy(io.Discard, a.Body)
		a.Body.Close()
		good = err == nil && a.StatusCode == http.StatusOK
		if order := a.Header.Get("Shop-Order"); good && route == "buy" && order != "" {
			c.mu.Lock()
			c.order = order
			c.mu.Unlock()
		}
	}
	if ctx.Err() != nil {
		return // the experiment is over
	}
	c.feel(experience{route, began, time.Since(began), good})
}

func (c *customers) feel(e experience) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.felt) < mostFelt {
		c.felt = append(c.felt, e)
	}
}

// take returns what was felt by requests that began at or after a time, and
// forgets the rest.
func (c *customers) take(since time.Time) []experience {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.felt = slices.DeleteFunc(c.felt, func(e experience) bool { return e.at.Before(since) })
	return slices.Clone(c.felt)
}

// feeling is what customers felt of one route, or of all, over a while.
type feeling struct {
	Requests int     `json:"requests"`
	Failed   int     `json:"failed"`
	Median   float64 `json:"medianSeconds"`
	Slow     float64 `json:"p95Seconds"`
}

// share is that of requests that failed.
func (f feeling) share() float64 { return float64(f.Failed) / float64(max(1, f.Requests)) }

// sumUp is pure.
func sumUp(felt []experience, route string) feeling {
	var took []float64
	f := feeling{}
	for _, e := range felt {
		if route != "" && e.route != route {
			continue
		}
		f.Requests++
		if !e.good {
			f.Failed++
		}
		took = append(took, e.took.Seconds())
	}
	if len(took) > 0 {
		slices.Sort(took)
		f.Median, f.Slow = took[len(took)/2], took[len(took)*95/100]
	}
	return f
}

// routes are what customers ask for.
var routes = []string{"buy", "order", "search", "item"}

// Least changes that count as a consequence: this many requests of a route
// fail more, or its slow ones become slower by that factor and that much.
const (
	leastFailed = .03
	leastFactor = 1.5
	leastSlower = .02 // seconds
	leastAsked  = 8   // requests of a route
)

// consequence tells what changed for customers, in a few words; empty where
// nothing did. It is pure.
func consequence(before, during []experience) string {
	worst, text := 0.0, ""
	for _, route := range routes {
		b, d := sumUp(before, route), sumUp(during, route)
		if b.Requests < leastAsked || d.Requests < leastAsked {
			continue
		}
		if more := d.share() - b.share(); more >= leastFailed && 10+more > worst {
			worst, text = 10+more, fmt.Sprintf("%s: %.0f %% fail", route, 100*d.share())
		}
		if d.Slow > leastFactor*b.Slow && d.Slow-b.Slow > leastSlower && min(9, d.Slow-b.Slow) > worst {
			worst, text = min(9, d.Slow-b.Slow), fmt.Sprintf("%s: p95 %.0f ms instead of %.0f", route, 1000*d.Slow, 1000*b.Slow)
		}
	}
	return text
}

// Of so many requests of a route in a row so many must be worse than before,
// for customers to feel that something is wrong.
const onsetOf, onsetLeast = 20, 3

// onset is how long after the beginning the first request was answered, or
// failed, of those by which customers first feel it; nil where they never do. It
// is pure.
func onset(began time.Time, before, during []experience) *float64 {
	var first *float64
	for _, route := range routes {
		usual := sumUp(before, route)
		if usual.Requests < leastAsked {
			continue
		}
		var bad []int // places among the requests of the route
		list := of(during, route)
		for n, e := range list {
			if took := e.took.Seconds(); e.good && (took <= leastFactor*usual.Slow || took-usual.Slow <= leastSlower) {
				continue
			}
			bad = append(bad, n)
			if k := len(bad) - onsetLeast; k >= 0 && n-bad[k] < onsetOf {
				e := list[bad[k]]
				if after := e.at.Add(e.took).Sub(began).Seconds(); first == nil || after < *first {
					first = &after
				}
				break
			}
		}
	}
	return first
}
