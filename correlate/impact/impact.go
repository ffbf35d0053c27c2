package impact

import (
	"time"

	"github.com/evenkeel/evenkeel/detect/slo"
)

// Impact is what users felt of a trouble.
type Impact struct {
	From time.Time `json:"from" doc:"since when it is counted: when the first of it began"`
	To   time.Time `json:"to" doc:"until when: now, or when it was over"`
	Live bool      `json:"live" doc:"it goes on, and the figures with it"`
	// Objectives are what it cost, the one that lost most first.
	Objectives []slo.Harm `json:"objectives" doc:"what it cost of what was promised; the one that lost most first"`
	More       int        `json:"more,omitempty" doc:"how many objectives were not counted, past the bound"`
	// Requests are those of who feels it and has no objective, where most failed first.
	Requests     []Requests `json:"requests,omitempty" doc:"what was asked of those that feel it and have no objective, and how that went"`
	MoreRequests int        `json:"moreRequests,omitempty" doc:"how many more feel it and were not counted, past the bound"`
	Uncounted    []string   `json:"uncounted,omitempty" doc:"who feels it too, and nothing counts what is asked of them"`
	// Unpromised says why there is no objective to tell of.
	Unpromised string `json:"unpromised,omitempty" doc:"why it is not known what this is of an error budget"`
	// Hit are customers whose requests failed, Customers those that alerts name.
	Hit           []Customer `json:"customersHit,omitempty" doc:"customers whose requests failed, where series tell them apart; the one with most first"`
	MoreHit       int        `json:"moreCustomersHit,omitempty" doc:"how many more there are, at least"`
	Told          bool       `json:"customersTold,omitempty" doc:"series tell customers apart"`
	Customers     []string   `json:"customers,omitempty" doc:"customers that its alerts name, in order of their names"`
	MoreCustomers int        `json:"moreCustomers,omitempty"`
	// Unknown says why nothing can be told of what users felt.
	Unknown string `json:"unknown,omitempty"`
}

// Requests are what was asked of one entity in that time, and how that went. A
// figure that is not known is not there, and never zero.
type Requests struct {
	Entity       string    `json:"entity"`
	Name         string    `json:"name"`
	From         time.Time `json:"from"`
	Total        *float64  `json:"total,omitempty" doc:"requests"`
	Failed       *float64  `json:"failed,omitempty" doc:"how many of them failed"`
	UsualFailed  *float64  `json:"usuallyFailed,omitempty" doc:"share that fails usually"`
	Latency      *float64  `json:"latencySeconds,omitempty" doc:"how long an answer took"`
	UsualLatency *float64  `json:"usualLatencySeconds,omitempty"`
	Mean         bool      `json:"mean,omitempty" doc:"the latency is the mean; else it is of the slowest few"`
	Seen         float64   `json:"seen" doc:"share of the time of which there are figures"`
	// Missing says why nothing could be counted.
	Missing string `json:"missing,omitempty"`
}

// share is how many of its requests failed, where that is known.
func (r Requests) share() float64 {
	if r.Failed == nil || r.Total == nil || *r.Total <= 0 {
		return 0
	}
	return *r.Failed / *r.Total
}

// Worse tells whether more of its requests failed than usual, or answers took
// longer.
func (r Requests) Worse() bool {
	usual := 0.0
	if r.UsualFailed != nil {
		usual = *r.UsualFailed
	}
	return r.share() > unlike*usual+nobody || r.slower()
}

// slower tells whether answers took longer than usual.
func (r Requests) slower() bool {
	return r.Latency != nil && r.UsualLatency != nil && *r.Latency >= unlike*(*r.UsualLatency)
}

// Customer is one whose requests failed. A request that fails on its way through
// several services is counted once: where most of the customer's failed.
type Customer struct {
	Name   string  `json:"name"`
	Failed float64 `json:"failed" doc:"requests"`
	Total  float64 `json:"total" doc:"all requests of the customer"`
}
