// Package respond carries an alert to a recovered service.
//
// An Alert comes in from any source, is kept before it is acknowledged, and
// goes by its routes into an Incident. Decide, a pure function of the incident,
// its Policy, who is on call and the time, says which Pages begin, which end,
// and when to look again; the Service applies that in one transaction together
// with the Messages that must go out because of it. Messages are claimed by a
// lease, sent by a Sender, and end in one explained state. Everything that
// happens is an Entry in the ledger, which is only ever added to.
//
//	alert ──route──▶ incident ──Decide──▶ pages ──▶ messages ──Sender──▶ outcome
//	                    ▲                                            │
//	                    └───────────── entries (the ledger) ◀────────┘
//
// Invariants: what was acknowledged to a sender is in the store; an incident
// that is not resolved, acknowledged or snoozed has a time at which it wakes;
// each alert ends in exactly one explained state; a message that may have gone
// out twice says so. Nothing that a person waits for lives only in memory.
//
// Failure behaviour: a store that cannot be written to is ErrUnavailable, and
// the sender of the alert is asked to come again. A channel that fails is tried
// again and then told of; the page goes on to the person's next contact, and the
// escalation goes on in any case.
package respond
