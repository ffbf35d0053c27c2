package correlate

import "math"

// rounds bounds how many calls deep blame is passed on, and ends it in cycles.
const rounds = 48

// share of callee b's requests that come from a: by a's traffic among all who
// call b. What calls are counted in is not known, so that traffic stands in.
func (l *ledger) share(a, b, sample int) float64 {
	callers := l.list[b].callers
	if len(callers) == 1 {
		return 1
	}
	own, all := 0.0, 0.0
	for _, c := range callers {
		n := l.list[c].calls[sample]
		all += n
		if c == a {
			own = n
		}
	}
	if all == 0 {
		return 1 / float64(len(callers))
	}
	return own / all
}

// blame passes the symptom's excess down the calls. In each sample every entity
// hands on what its callees' excess accounts for and keeps the rest. What is
// kept, weighed over the samples by the symptom's own excess, is its claim.
// passed is what went through it; both are shares of the whole.
func (l *ledger) blame(from int) (kept, passed []float64) {
	n := len(l.list)
	kept, passed = make([]float64, n), make([]float64, n)
	total := 0.0
	for _, x := range l.list[from].cost {
		total += x
	}
	l.weight = make([]float64, len(l.after))
	for i, x := range l.list[from].cost {
		if total > 0 {
			l.weight[i] = x / total
		}
	}
	for i, w := range l.weight {
		if w > 0 {
			l.flow(from, i, w, kept, passed)
		}
	}
	return kept, passed
}

func (l *ledger) flow(from, sample int, w float64, kept, passed []float64) {
	at := map[int]float64{from: w}
	order := []int{from}
	for range rounds {
		next := map[int]float64{}
		var following []int
		for _, a := range order {
			mass := at[a]
			passed[a] += mass
			e := &l.list[a]
			sum := 0.0
			paid := make([]float64, len(e.callees))
			for k, b := range e.callees {
				if c := &l.list[b]; !c.newborn && b != from {
					paid[k] = c.cost[sample] * l.share(a, b, sample)
					sum += paid[k]
				}
			}
			whole := max(e.cost[sample], sum)
			if whole == 0 || sum == 0 {
				kept[a] += mass
				continue
			}
			for k, b := range e.callees {
				if part := mass * paid[k] / whole; part > 1e-9 {
					if _, ok := next[b]; !ok {
						following = append(following, b)
					}
					next[b] += part
				}
			}
			kept[a] += mass * (1 - sum/whole)
		}
		if len(following) == 0 {
			return
		}
		at, order = next, following
	}
	for _, a := range order {
		kept[a] += at[a]
	}
}

// reachable are the entities that the symptom's entity depends on.
func (l *ledger) reachable(from int) []bool {
	seen := make([]bool, len(l.list))
	queue := []int{from}
	seen[from] = true
	for len(queue) > 0 {
		a := queue[0]
		queue = queue[1:]
		for _, b := range l.list[a].callees {
			if !seen[b] {
				seen[b] = true
				queue = append(queue, b)
			}
		}
	}
	return seen
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
