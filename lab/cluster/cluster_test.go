package cluster

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/lab"
)

// bed starts a cluster, or skips where its programs have not been built: that
// takes minutes, and only EVENKEEL_LAB asks for it.
func bed(t *testing.T) *Cluster {
	t.Helper()
	p, ready, err := Ready(t.Context())
	if err != nil {
		t.Skipf("the test bed cannot be found here: %v", err)
	}
	if !ready {
		if os.Getenv("EVENKEEL_LAB") == "" {
			t.Skip("the control plane's programs have not been built; go run ./cmd/evenkeel lab cluster builds them, as does EVENKEEL_LAB=1")
		}
		if p, err = Build(t.Context(), func(program string) { t.Log("building " + program) }); err != nil {
			t.Fatal(err)
		}
	}
	stage, err := lab.NewStage("cluster")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stage.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := Start(t.Context(), p, stage)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: default}
spec:
  replicas: 6
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers: [{name: shop, image: example.org/shop:1, resources: {requests: {cpu: "1"}}}]
`

// A deployment rolls out over the nodes; a node that fails is seen to fail. Two
// clusters do not disturb each other.
func TestAClusterLives(t *testing.T) {
	c, other := bed(t), bed(t)
	if err := c.AddNodes(t.Context(), "node", 3); err != nil {
		t.Fatal(err)
	}
	say := func(args ...string) string {
		t.Helper()
		out, err := c.Kubectl(t.Context(), "", args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if _, err := c.Kubectl(t.Context(), deployment, "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	say("rollout", "status", "deployment/shop", "--timeout=60s")
	if nodes := strings.Fields(say("get", "pods", "-o", "jsonpath={.items[*].spec.nodeName}")); len(nodes) != 6 {
		t.Errorf("the pods are on %v", nodes)
	}
	say("label", "node", "node-1", "node-not-ready.stage.kwok.x-k8s.io=true")
	await := func(what string, seen func() bool) {
		t.Helper()
		for range 300 {
			if seen() {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Errorf("%s is not seen after 30 s", what)
	}
	await("that the node is not ready", func() bool {
		return strings.Contains(say("get", "node", "node-1", "-o", `jsonpath={.spec.taints[*].key}`), "node.kubernetes.io/not-ready")
	})
	if v := say("version", "-o", "json"); !strings.Contains(v, `"gitVersion": "`+Version+`"`) {
		t.Errorf("the versions are %s", v)
	}
	if out, err := other.Kubectl(t.Context(), "", "get", "nodes,deployments", "-A", "-o", "name"); err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("the other cluster holds %q, %v", out, err)
	}
}
