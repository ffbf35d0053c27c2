// Package replay runs a time that has passed again: with the checks, the
// objectives, the correlation and the ways of paging of today, on the figures,
// the relations and the changes of then. It says what would have been found and
// who would have been paged, beside what was found at the time.
//
// It has no rules of its own. A Stage is an Evenkeel of which the clock is
// turned by hand, and which keeps what it does apart from what is real; the
// Service lets it do one round after the other and reads off what came of it.
// Before the time in question it is given some hours to learn what is usual.
//
// Failure behaviour: nothing real is changed, whatever happens. One replay runs
// at a time, and it ends with the one who asked. What cannot be run again is
// named in LeftOut; a round of which the figures could not be read in full is
// counted in Failed, one of which there are none in Blind, and neither is taken
// for one in which all was well.
package replay
