// Package correlate says what caused a symptom: it takes one symptom, the call
// graph and the figures of a normal and of the incident's time, and gives ranked
// causes with evidence for and against, what was excluded and why, and what
// could not be seen.
//
// The method is accounting before statistics (docs/rootcause.md). A symptom has
// an excess: seconds waited or requests failed beyond what is usual. The excess
// of a caller is paid by the excess of those whom it calls, sample by sample;
// what nobody below pays for stays with the entity itself, and that is its
// claim to be the cause. Whether the symptom is real at all is decided by
// comparing it with every window of the same length in normal operation.
//
// Invariants: pure and deterministic; names carry no meaning, so that renaming
// every entity or giving the series in another order gives the same answer; the
// scores of one diagnosis lie between 0 and 1 and sum to at most 1. "None" (the
// symptom is within what is usual) and "unknown" (there is a symptom, and
// nothing that was seen explains it, or too little was seen) are answers.
//
// Failure behaviour: input that cannot be judged is an error that says what is
// missing. A sample that is not there (NaN) is no traffic or no data, never
// zero. The work is bounded by rounds × calls × samples.
package correlate
