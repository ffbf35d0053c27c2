package state

import (
	"strings"
	"testing"
)

func TestTheSchedulersMessageIsTakenApart(t *testing.T) {
	for _, test := range []struct{ message, why, help string }{
		{"0/5 nodes are available: 2 Insufficient cpu, 3 node(s) had untolerated taint {dedicated: gpu}. preemption: 0/5 nodes are available: 5 Preemption is not helpful for scheduling.",
			"the taint dedicated=gpu keeps it off on 3 nodes; not enough cpu is free on 2 nodes", "toleration for dedicated=gpu"},
		{"0/3 nodes are available: 3 Insufficient memory. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.",
			"not enough memory is free on all 3 nodes", "lower its requests for memory"},
		{"0/4 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 3 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.",
			"its node selector or node affinity does not fit on 3 nodes; the taint node-role.kubernetes.io/control-plane keeps it off on 1 node", "nodeSelector"},
		{"0/6 nodes are available: 2 node(s) didn't match pod topology spread constraints, 2 node(s) didn't match pod anti-affinity rules, 2 node(s) didn't match pod affinity rules.",
			"it would be spread too unevenly on 2 nodes; a pod that it must not be next to is there on 2 nodes; the pods that it must be next to are not there on 2 nodes", "ScheduleAnyway"},
		{"0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.", "its volume claim is not bound", "describe pvc"},
		{`0/2 nodes are available: persistentvolumeclaim "data-db-0" not found.`, "its volume claim data-db-0 is missing or being deleted", "Create the claim data-db-0"},
		{"0/3 nodes are available: 1 node(s) had volume node affinity conflict, 1 node(s) were unschedulable, 1 Too many pods.",
			"its volume cannot be reached from there on 1 node; nothing may be placed (cordoned) on 1 node; no further pod is allowed on 1 node", "zone"},
		{"0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.", "a host port that it needs is taken on 1 node", "host port"},
		{"0/2 nodes are available: 2 node(s) had taint {a: b}, that the pod didn't tolerate.", "the taint a=b keeps it off on all 2 nodes", "toleration for a=b"},
		{"0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.",
			"its node selector or node affinity does not fit on 3 nodes; a taint keeps it off on 1 node", "Add a toleration for the taint"},
		{"no nodes available to schedule pods", "the cluster has no nodes", "joined"},
		{"0/7 nodes are available: 7 node(s) had a thing of tomorrow.", "node(s) had a thing of tomorrow on all 7 nodes", ""},
	} {
		u := ParseUnschedulable(test.message)
		if got := u.Why(); got != test.why {
			t.Errorf("%s\n got %s\nwant %s", test.message, got, test.why)
		}
		if !strings.Contains(u.Help(), test.help) {
			t.Errorf("%s: help %q lacks %q", test.message, u.Help(), test.help)
		}
	}
}

// Where two things keep it off, the title names both: either may be the one to mend.
func TestTheTitleNamesBothObstacles(t *testing.T) {
	u := ParseUnschedulable("0/4 nodes are available: 1 node(s) had untolerated taint {dedicated: gpu}, 3 node(s) didn't match Pod's node affinity/selector.")
	if got, want := u.Main(), "its node selector or node affinity does not fit, or the taint dedicated=gpu keeps it off"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzUnschedulable holds the parser to this: it ends, keeps within bounds and
// says something of whatever the scheduler says.
func FuzzUnschedulable(f *testing.F) {
	f.Add("0/5 nodes are available: 2 Insufficient cpu, 3 node(s) had untolerated taint {a: b}. preemption: x")
	f.Add("0/ nodes are available: , {,(\",")
	f.Add("")
	f.Fuzz(func(t *testing.T, message string) {
		u := ParseUnschedulable(message)
		if u.Nodes < 0 || len(u.Obstacle) > len(message)+1 {
			t.Fatalf("%q: %+v", message, u)
		}
		for _, o := range u.Obstacle {
			if o.why() == "" || o.Nodes < 0 {
				t.Fatalf("%q: an obstacle that says nothing: %+v", message, o)
			}
		}
		if u.Main() == "" {
			t.Fatalf("%q: no main reason", message)
		}
		_ = u.Help()
	})
}
