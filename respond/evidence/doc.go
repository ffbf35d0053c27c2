// Package evidence keeps the figures that raised an incident, so that they are
// still there when the metrics are gone by their retention, or the place where
// they are kept is down: at the moment at which people look for them most.
//
// When an incident opens, the questions of its alerts (the queries of findings,
// the expressions of alerting rules) are asked once, from before it began until
// now; when it is over they are asked again over the whole of it. The answers
// are stored with the incident and deleted with it.
//
// Invariants: what is due follows from what is stored, so that a restart forgets
// nothing; taking evidence stands in nobody's way, no page waits for it; each
// incident has at most two records, of a bounded size.
//
// Failure behaviour: where the figures cannot be had, it is tried again for half
// an hour, and then the record says that and why. A question that cannot be
// answered is a chart with its problem; the others are kept.
package evidence
