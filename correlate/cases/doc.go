// Package cases makes one case of all findings that one cause explains, and
// says which cause that most likely is.
//
// Gather is pure: the cases that stood before, the findings, the relations of
// the estate and its changes give the cases that stand now, each with what was
// learned since. Two findings belong together where one lies on what the other
// depends on (topology), began at a fitting time (onset) and is of a kind that
// can do that (mechanism); the product of the three is the strength of a link.
// A case is what links hold together. Its hypotheses are ranked by how strongly
// they explain what users feel, less what they themselves owe to something
// deeper; who shares a suspect and is well speaks against it.
//
// Service applies what Gather says, keeps it in a Store, and answers people.
//
// Invariants: every finding that stands and needs somebody is in exactly one
// open case; a case keeps its id for as long as it stands, and what becomes of
// it (joined, merged, split, over) is in its history with a reason; the order of
// findings, relations and changes does not matter; the scores of one case sum
// to at most 1. "No single cause found" is an answer, and so is that nobody is
// known to feel it.
//
// Failure behaviour: a store that cannot be written leaves the cases as they
// were, and the next round tries again. The work is bounded: so many things are
// reached from a finding, and so many members, hypotheses and exclusions are
// kept; what was cut off is said in the case.
package cases
