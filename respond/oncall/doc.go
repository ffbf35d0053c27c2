// Package oncall says who is on call: at a time, over a time, and why.
//
// A Schedule is layers of people who take turns, in the time of one place.
// Later layers stand before earlier ones where both have somebody; an Override,
// which a person makes, stands before all layers. A Rota is a schedule with its
// overrides, ready to be asked; Final is the one computation that everything
// else is made from.
//
//	layers (turns × hours × holidays) ──later wins──▶ base ──overrides──▶ shifts
//
// Time is that of the clock on the wall: a hand-over at 09:00 is at 09:00 all
// year. A time that the clock skips (it goes ahead) means the moment at which it
// goes ahead; a time that comes twice (it goes back) means the first. So turns
// always meet without a gap and never overlap; a turn that lies in a skipped
// hour alone is empty, and one over a doubled hour is an hour longer.
//
// Invariants: the shifts of a Rota are in order and never overlap; OnCall says
// what Final says; nothing is computed for more than 400 days at once, and the
// sizes of schedules are bounded.
//
// Failure behaviour: a schedule that is not right is refused when it is made,
// with the place and the remedy. One that is stored and cannot be read any more
// is an error for those who ask for it, and leaves the others alone.
package oncall
