// Package cluster is a test bed: a real Kubernetes control plane (etcd, API
// server, controller manager, scheduler) on loopback, with kubelets that kwok
// simulates. Pods are scheduled, deployments roll out, nodes fail and taints
// evict, as they do elsewhere; only the containers do not run.
//
// The programs are built from source, from the modules below testbed/, once:
// the result is kept in the user's cache folder under a name that changes with
// the versions. The first build takes some twelve minutes of CPU.
//
// Invariants: clusters can run side by side, each with ports, keys and a folder
// of its own; every process dies with its stage; nothing listens beyond
// loopback.
//
// Failure behaviour: what cannot be built or does not get ready is an error
// that names the part and holds the end of its log.
package cluster
