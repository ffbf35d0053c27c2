// Package impact says what users felt of a trouble, a case or an incident: how
// many requests went wrong, what that cost of the error budgets that were
// promised, when a budget ends at this rate, and whose requests they were.
//
//	case, incident ──Trouble──▶ who feels it, and a stretch of time
//	               ──slo.Assessor─────▶ harm of what was promised
//	               ──range queries────▶ requests of what nothing was promised of
//	               ──by customer──────▶ customers whose requests failed
//	               ──Sentences──▶ people
//
// What an objective is about is told by the objective. Of all else that feels it,
// the engine knows which PromQL tells what was asked and how that went; it is
// asked for over the whole stretch with a bounded number of points.
//
// Invariants: whom a Trouble concerns, the sums and the sentences are pure. What
// cannot be told is said to be unknown with its reason, and is never zero. What
// is asked is bounded: so many objectives, so many that feel it, so many points.
//
// Failure behaviour: where the figures cannot be had, each part says so, and
// Assess returns an error beside what it could tell.
package impact
