// Package detect answers one question: is something wrong now?
//
// Four kinds of data files say everything that is particular to an exporter
// or a fault, so that adding either needs no Go:
//
//   - kinds.yaml: what sorts of things there are, and which labels name one.
//   - signals/*.yaml: what series mean. A Signal is a figure about one entity,
//     such as cpu_pressure of a host; its PromQL may differ by exporter.
//   - mappings/*.yaml: what one exporter's series mean: how it is known to be
//     there, which labels name an entity, and how signals are worked out. What
//     is not there is not asked for.
//   - checks/*.yaml: rules over the signals of one entity, in CEL: when they
//     fire, when they are clear, what people feel, who is to blame, what to do.
//
// Each Round reads every signal once into a picture of the environment, judges
// each check on each entity with the pure function Judge, folds symptoms into
// the finding that explains them, lets baselines learn, and returns
// finding.Observations and Coverage. Nothing is stored here; State and Restore
// carry what the engine has learned over a restart.
//
// Invariants: the same picture, memory and time give the same verdict; a
// baseline never learns from an entity while a check that reads it fires; one
// fault gives one finding, which carries its echoes as evidence.
//
// Failure behaviour: a signal that cannot be had makes the checks that need it
// Unknown, with the reason; a finding that was open becomes no data and is
// never cleared by silence. Every map is bounded, and a round that runs out of
// time says which signals it did not reach.
package detect
