// Package review says what was learnt: the document of an incident, drafted
// from its ledger and finished by people, and the figures of many incidents.
//
//	respond's story ──Draft──▶ Document ──people──▶ Document ──Markdown──▶ file
//	incidents, alerts, pages ──Measure──▶ Figures
//
// A draft is made from what the ledger holds whenever it is asked for, and is
// stored only once a person saves it: from then on it is theirs, and nothing
// changes it but people.
//
// Invariants: Draft and Measure are pure. A time that is not known stays out of
// every mean, and how many are missing is said beside it. Definitions of the
// times stand with them (Times). Nothing is concluded that the ledger does not
// say: causes and lessons are for people to write.
//
// Failure behaviour: a document is stored on the revision that it was read at;
// two people who edit at once lose nothing, the later one is told.
package review
