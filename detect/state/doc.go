// Package state answers the question "is something wrong now?" from what a
// cluster says of its things, rather than from series: a node that is not
// ready, pods that find no place, a service that nothing answers.
//
// Three data files say everything that is particular to Kubernetes, so that a
// check needs no Go:
//
//   - kinds.yaml: the kinds of entity, the types of their attributes, and the
//     resource that somebody must be allowed to read to know of them.
//   - checks/*.yaml: rules in CEL over the attributes of an entity and over
//     those that hang together with it; texts in text/template.
//   - alerts.yaml: which of the kubernetes-mixin's alerts each check stands
//     for, and why some are left out on purpose.
//
// A check is judged on a group: one entity, or (by: owner) all pods of one
// workload, so that a trouble of forty pods is one finding at their workload
// and the pods are its evidence. Judge is pure. An Engine's Round judges only
// groups of which something has changed in the World, and those for which the
// time itself decides.
//
// Invariants: the same world, memory and time give the same verdict; one
// trouble is one finding, and what it brings about is told with it; what flaps
// clears ever later, so that it is one finding and not twenty.
//
// Failure behaviour: a cluster that cannot be reached, a resource that may not
// be read and a fact that the cluster does not tell make checks Unknown with
// the reason; a finding that was open has then no data, and is never cleared
// by silence. Content that is wrong is an error at load, with file and line.
package state
