// Package simulate tells what would happen with an alert at a time: who would
// be paged, when, by what and why, and who could not be.
//
// It has no rules of its own. A respond.Rehearsal receives the alert and is
// woken on a clock that jumps from one due time to the next; people answer, or
// nobody does; what the rehearsal writes into its ledger becomes a Trace.
//
//	labels + time + how people behave ──respond.Rehearsal──▶ entries ──▶ Trace
//
// Invariants: nothing is stored and nothing is sent; the same World and Ask
// give the same Trace; a simulation ends, after a bounded number of looks.
// Every message is taken to arrive. No other alert and no other incident
// stands; what is left out of account is said in the Trace.
//
// Failure behaviour: a question that cannot be right is respond.ErrInvalid.
// What cannot be told, for instance because a schedule cannot be read, is told
// as Unknown and never as nobody.
package simulate
