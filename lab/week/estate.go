package main

import (
	"fmt"
	"math"
	"time"
)

// estate is a shop as it goes through a week: services that call each other,
// databases, a cache and machines, in the order in which they need each other,
// callers first.
type estate struct {
	began    time.Time // midnight of the first day
	customer wander
	services []*service
	stores   []store
	machines []*machine
	faults   bool
}

// event is a time of the week with something in it.
type event struct {
	day      int // from the first day on
	from, to float64
}

// share is how much of an event there is, 0 to 1: it comes and goes within ten
// minutes.
func (e *estate) share(at time.Time, v event) float64 {
	hour := at.Sub(e.began).Hours() - float64(24*v.day)
	return max(0, min(1, min((hour-v.from)*6, (v.to-hour)*6)))
}

func (e *estate) during(at time.Time, v event) bool { return e.share(at, v) > 0 }

// nightly is the share of what goes on from one to another hour of each day.
func (e *estate) nightly(at time.Time, from, to float64) float64 {
	return e.share(at, event{int(at.Sub(e.began).Hours() / 24), from, to})
}

// What is not as on other days, and all of it in order.
var (
	rush     = event{5, 18, 22} // three times as many customers
	deploys  = []event{{2, 10, 10.1}, {4, 15, 15.1}, {6, 11, 11.1}}
	smaller  = event{3, 22, 30}                     // the catalogue does with two instances
	gaps     = []event{{3, 13, 13.13}, {5, 4, 4.1}} // a database's exporter is silent
	restarts = event{4, 3.5, 3.52}                  // of the cart's cache
)

// The faults, where they are asked for.
var (
	slow = event{3, 14, 14.7}   // the catalogue answers late
	loss = event{4, 11, 11.7}   // payments lie behind a bad cable
	leak = event{6, 11.5, 21.5} // search eats memory, and is killed for it
)

// customers is how many requests a second there are.
func (e *estate) customers(s *sheet) float64 {
	hour := s.at.Sub(e.began).Hours()
	day := .1 + .9*math.Pow(.5-.5*math.Cos(2*math.Pi*(hour-3.5)/24), 1.3)
	if w := s.at.Weekday(); w == time.Saturday || w == time.Sunday {
		day *= .65
	}
	return 40 * day * math.Exp(e.customer.next(s.r, .06, .97)) * (1 + 2*e.share(s.at, rush))
}

func newEstate(began time.Time, faults bool) *estate {
	e := &estate{began: began, faults: faults}
	for _, s := range []*service{
		{name: "front", instances: 2, host: 0, own: .006, calls: []call{{"catalogue", .8}, {"search", .25}, {"recommend", .3}, {"cart", .1}, {"checkout", .05}}, at: 1},
		{name: "checkout", instances: 2, host: 1, own: .02, calls: []call{{"payments", 1}, {"cart", 1}}, database: "pg-shop", queries: 4},
		{name: "search", instances: 2, host: 1, own: .012, database: "pg-shop-replica", queries: 1},
		{name: "recommend", instances: 1, host: 1, own: .015, calls: []call{{"catalogue", 1}}},
		{name: "catalogue", instances: 3, host: 0, own: .005, database: "pg-shop", queries: 1},
		{name: "cart", instances: 2, host: 0, own: .004},
		{name: "payments", instances: 1, host: 2, own: .12},
		{name: "reports", instances: 1, host: 2, own: .4, database: "pg-shop", queries: 8},
	} {
		e.add(s)
	}
	e.stores = []store{
		newPostgres(e, "pg-shop", "10.0.0.30:5432", false), newPostgres(e, "pg-shop-replica", "10.0.0.31:5432", true),
		newPostgres(e, "pg-archive", "10.0.0.32:5432", false), newPostgres(e, "pg-archive-replica", "10.0.0.33:5432", true), newCache("redis-cart"),
	}
	for n := range 4 {
		e.machines = append(e.machines, &machine{exporter: newExporter("node", fmt.Sprintf("node-%d:9100", n)), number: n})
	}
	return e
}

// write writes down how all is.
func (e *estate) write(s *sheet) {
	e.services[0].rate = e.customers(s)
	e.named("reports").rate = .02 + 2*e.nightly(s.at, 2, 3.5)
	for _, x := range e.services { // callers first
		x.spread(e, s)
	}
	for n := len(e.services) - 1; n >= 0; n-- { // those who are called first
		e.services[n].work(e, s)
	}
	for _, x := range e.services {
		x.write(e, s)
	}
	for _, x := range e.stores {
		x.write(e, s)
	}
	for _, x := range e.machines {
		x.write(e, s)
	}
}

func (e *estate) named(name string) *service {
	for _, s := range e.services {
		if s.name == name {
			return s
		}
	}
	return nil
}

// batch is how much of the nightly batch there is: reports, and what the
// database does for them.
func (e *estate) batch(at time.Time) float64 { return e.nightly(at, 2, 3.5) }
