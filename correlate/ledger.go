package correlate

import "math"

// entity is what the case knows about one entity for the symptom's signal.
type entity struct {
	name    string
	kpi     *Series // latency or errors, as the symptom's
	traffic *Series
	usual   usual
	base    float64   // what it would have been without the incident
	cost    []float64 // excess of each sample of the incident: seconds waited or requests failed
	calls   []float64 // requests of each sample of the incident; 1 where unknown
	strong  float64   // how many spreads the excess is above the usual
	sure    float64   // strong as a share, 0 to 1
	newborn bool      // nobody called it before
	before  bool      // as bad before the symptom
	better  bool      // moved the other way
	callees []int
	callers []int
}

// ledger is the case, prepared: entities in the order in which calls and series
// name them, and which samples are before and in the incident.
type ledger struct {
	list          []entity
	index         map[string]int
	before, after []int // places in Case.Times
	weight        []float64
}

func open(c *Case) *ledger {
	l := &ledger{index: map[string]int{}}
	at := func(name string) int {
		i, ok := l.index[name]
		if !ok {
			i = len(l.list)
			l.index[name], l.list = i, append(l.list, entity{name: name})
		}
		return i
	}
	for i := range c.Series {
		s := &c.Series[i]
		e := &l.list[at(s.Entity)]
		switch s.Signal {
		case c.Symptom.Signal:
			e.kpi = s
		case Traffic:
			e.traffic = s
		}
	}
	seen := map[[2]int]bool{}
	for _, call := range c.Calls {
		a, b := at(call.Caller), at(call.Callee)
		if a == b || seen[[2]int{a, b}] {
			continue
		}
		seen[[2]int{a, b}] = true
		l.list[a].callees = append(l.list[a].callees, b)
		l.list[b].callers = append(l.list[b].callers, a)
	}
	for i, t := range c.Times {
		if t+c.Step <= c.Symptom.At {
			l.before = append(l.before, i)
		} else {
			l.after = append(l.after, i)
		}
	}
	for i := range l.list {
		l.list[i].account(l, c.Symptom.Signal)
	}
	return l
}

func pick(v []float64, at []int) []float64 {
	out := make([]float64, len(at))
	for i, j := range at {
		out[i] = v[j]
	}
	return out
}

// account fills in what the entity's excess costs.
func (e *entity) account(l *ledger, signal Signal) {
	e.cost, e.calls = make([]float64, len(l.after)), make([]float64, len(l.after))
	for i := range e.calls {
		e.calls[i] = 1
	}
	if e.traffic != nil {
		for i, x := range pick(e.traffic.Window, l.after) {
			if e.calls[i] = x; math.IsNaN(x) {
				e.calls[i] = 0
			}
		}
		busy := 0
		for _, x := range e.traffic.Normal {
			if x > 0 {
				busy++
			}
		}
		quiet := 20*busy < len(e.traffic.Normal) || len(e.traffic.Normal) == 0
		e.newborn = quiet && !(mean(pick(e.traffic.Window, l.before)) > 0)
	}
	if e.kpi == nil {
		return
	}
	e.usual = usualOf(e.kpi.Normal)
	now, before := pick(e.kpi.Window, l.after), pick(e.kpi.Window, l.before)
	e.base = e.usual.median
	prior := mean(before)
	if !math.IsNaN(prior) && (e.usual.n < enough || math.Abs(prior-e.base) > 2*e.usual.spread) {
		e.base = prior
		e.before = prior > e.usual.high
	}
	if e.usual.n < enough && math.IsNaN(prior) {
		if !e.newborn {
			return // too little is known of it
		}
		e.base = 0
	}
	var excess, calls, reach float64
	for i, x := range now {
		if math.IsNaN(x) || e.calls[i] == 0 {
			continue
		}
		e.cost[i] = max(0, x-e.base) * e.calls[i]
		calls += e.calls[i]
		excess += (x - e.base) * e.calls[i]
		reach = max(reach, x-e.base)
	}
	if calls == 0 {
		return
	}
	spread := e.usual.spread
	if signal == Errors {
		// What chance does with a share of so many requests.
		p := min(.5, max(e.base, .25/calls*float64(len(now))))
		spread = max(spread, math.Sqrt(p*(1-p)*float64(len(now))/calls))
	}
	e.strong = excess / calls / max(spread, 1e-12)
	e.better = e.strong < -3
	// An excess that began late has a mean that is small; its height counts too.
	e.strong = max(e.strong, reach/max(spread, 1e-12)/2)
	e.sure = min(1, max(0, (e.strong-1.5)/3))
	for i := range e.cost {
		e.cost[i] *= e.sure
	}
}
