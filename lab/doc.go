// Package lab holds what every experiment on the real program shares: a Stage
// on which processes play and which leaves nothing behind, an Evenkeel that
// runs as a process of its own, and figures about processes from /proc.
//
// The experiments are commands below this folder: faults makes real faults and
// asks whether they are found, quiet asks that nothing is found where nothing
// is, crash kills the program at any moment, footprint and load measure it
// beside its peers. actor plays the parts.
//
// Invariants: an experiment sees Evenkeel only as a user does, by its command
// line, its files and its API. Every process is the leader of a session of its
// own and dies with its stage, also on Ctrl-C. What a stage did is undone in
// the reverse order, and what cannot be undone is named.
//
// Failure behaviour: an experiment that cannot be carried out on this machine
// says what is missing (ErrCannot) and is never counted as passed.
package lab

import "errors"

// ErrCannot is wrapped when this machine lacks what an experiment needs: root,
// a tool, a kernel feature.
var ErrCannot = errors.New("cannot be done on this machine")
