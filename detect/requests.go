package detect

import (
	"strings"
	"time"
)

// Requests are what tells what was asked of one entity, and how that went. All
// PromQL has $window for the time that a figure is made from; it is "" where
// nothing tells.
type Requests struct {
	Entity  string
	Name    string
	Traffic string // requests a second
	Errors  string // the share of them that failed
	Latency string // how long answers took, in seconds
	Mean    bool   // Latency is a mean, not a quantile
	// UsualErrors and UsualLatency are what is usual of both; nil while that is
	// not known.
	UsualErrors, UsualLatency *float64
	// Window is how much time a figure needs at least.
	Window time.Duration
	// Customers counts in $window, with the labels that name a customer; nil
	// where the exporter tells a share only.
	Customers *Events
}

// CustomerLabels are the labels that name a customer, as people use them.
var CustomerLabels = []string{"customer", "tenant", "customer_id", "tenant_id"}

// Requests says what tells of the requests of entities, also of those that have
// fallen silent of late, by the ids that are asked for; what nothing counts is not
// there. It waits for a round that is under way.
func (e *Engine) Requests(tenant, environment string, entities []string) map[string]Requests {
	w := e.watch(tenant, environment)
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]Requests{}
	for _, id := range entities {
		kind := e.catalogue.kinds[string(kindOf(id))]
		if kind == nil {
			continue
		}
		if x := w.picture.entities[name{kind, w.picture.meet(kind, id)}]; x != nil {
			if r := x.requests(3 * e.config.Interval); r.Traffic != "" {
				out[id] = r
			}
		}
	}
	return out
}

// requests is what tells of the requests of an entity; least is how much time a
// figure needs at least.
func (e *Entity) requests(least time.Duration) Requests {
	out := Requests{Entity: e.ID, Name: e.Name}
	for _, s := range e.Kind.signals {
		if len(s.sources) == 0 || e.courses == nil || e.courses[s.index] == nil {
			continue
		}
		src := s.sources[e.source[s.index]]
		text := strings.Join(strings.Fields(src.fill(src.expr, e.Kind, e, "$window")), " ")
		switch s.Name {
		case "traffic":
			out.Traffic, out.Window = text, max(s.Window, least)
		case "errors":
			out.Errors, out.UsualErrors, out.Customers = text, e.usually(s), src.customers(e)
		case "latency_mean":
			out.Latency, out.UsualLatency, out.Mean = text, e.usually(s), true
		case "latency":
			if out.Latency == "" { // some exporters give the mean alone
				out.Latency, out.UsualLatency, out.Mean = text, e.usually(s), len(src.form.Mean) == 2
			}
		}
	}
	return out
}

// usually is what is usual of a signal, or what is healthy for all; nil where
// neither is known.
func (e *Entity) usually(s *Signal) *float64 {
	if b := e.usual[s.index]; b.aware() {
		v := b.Median()
		return &v
	}
	return s.Healthy
}

// customers is what counts the answers of an entity by customer; nil where the
// source tells a share only.
func (s *source) customers(of *Entity) *Events {
	all := s.events(of)
	if all == nil {
		return nil
	}
	by := func(text string) string {
		return strings.Replace(text, "sum(", "sum by ("+strings.Join(CustomerLabels, ", ")+") (", 1)
	}
	return &Events{Bad: by(all.Bad), All: by(all.All), Exporter: all.Exporter}
}
