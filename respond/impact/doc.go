// Package impact says what users felt of an incident: how many requests went
// wrong, what that cost of the error budgets that were promised, when a budget
// ends at this rate, and which customers its alerts name.
//
//	incident, alerts ──Span, Concerns──▶ objectives and a stretch of time
//	                 ──slo.Assessor───▶ counts ──▶ Impact ──Sentences──▶ people
//
// Counted are the objectives of a service that an alert of the incident names,
// and those whose own alert is part of it; from five minutes before the first
// alert (alarms come after the harm) until the incident was over.
//
// Invariants: Span, Concerns and Sentences are pure. What cannot be told is
// said to be unknown with its reason, and is never zero.
//
// Failure behaviour: where the figures cannot be had, each objective says so, and
// Assess returns an error beside what it could tell.
package impact
