// Package kube watches Kubernetes clusters and draws them as a graph: nodes,
// namespaces, workloads, pods, services and what else is in them, how they
// hang together, and what somebody changed.
//
// Each resource is listed page by page and then watched (watch.go). What
// arrives is decoded straight into the few fields that are needed
// (objects.go), so that nothing else of an object is ever held. A change marks
// what must be mapped anew; four times a second the mapping (map*.go), which
// asks nobody, turns that into entities and relations, the graph finds what is
// different (graph.go), and that alone is told (flush.go).
//
// What a cluster may have besides (custom.go), such as the Gateway API, Argo
// CD, Flux and cert-manager, is asked for at its stable version.
//
// Invariants: it only ever reads. Values of secrets, config maps and variables
// are hashed when they are decoded and kept nowhere. What RBAC denies is
// absent from the graph and named on the cluster's entity, never taken for
// empty. Nothing is told of but the cluster itself before all that can be read
// has been listed once, so a start removes nothing. A list that is read anew
// changes only what is another.
//
// Failure behaviour: an API server that is gone, slow or says 429 is asked
// again after a wait that doubles and is random; meanwhile everything stays as
// it was seen last, the cluster's entity says reachable=false and Health says
// why. What could not be stored is told again.
package kube
