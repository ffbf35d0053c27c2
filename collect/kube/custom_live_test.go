package kube

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

// others are definitions of what others install, without their schemas.
func others() string {
	var b strings.Builder
	for _, d := range []struct{ plural, group, version, kind, scope string }{
		{"virtualservices", "networking.istio.io", "v1", "VirtualService", "Namespaced"},
		{"destinationrules", "networking.istio.io", "v1", "DestinationRule", "Namespaced"},
		{"gateways", "networking.istio.io", "v1", "Gateway", "Namespaced"},
		{"peerauthentications", "security.istio.io", "v1", "PeerAuthentication", "Namespaced"},
		{"rollouts", "argoproj.io", "v1alpha1", "Rollout", "Namespaced"},
		{"nodeclaims", "karpenter.sh", "v1", "NodeClaim", "Cluster"},
		{"vulnerabilityreports", "aquasecurity.github.io", "v1alpha1", "VulnerabilityReport", "Namespaced"},
	} {
		fmt.Fprintf(&b, `---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %s.%s, annotations: {"api-approved.kubernetes.io": "unapproved"}}
spec:
  group: %s
  scope: %s
  names: {plural: %s, kind: %s}
  versions: [{name: %s, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
`, d.plural, d.group, d.group, d.scope, d.plural, d.kind, d.version)
	}
	return b.String()
}

const meshed = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: "example.org/web:1"}, {name: istio-proxy, image: "example.org/proxyv2:1.22.1"}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: bare, namespace: shop}
spec:
  selector: {matchLabels: {app: bare}}
  template: {metadata: {labels: {app: bare}}, spec: {containers: [{name: app, image: "example.org/bare:1"}]}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec: {hosts: [web], http: [{route: [{destination: {host: web, subset: v2}}], timeout: 5s, retries: {attempts: 3, perTryTimeout: 2s}}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: api, namespace: shop}
spec:
  replicas: 2
  strategy: {canary: {}}
  template: {metadata: {labels: {app: api}}, spec: {containers: [{name: app, image: "example.org/api:1"}]}}
---
apiVersion: karpenter.sh/v1
kind: NodeClaim
metadata: {name: general-1, labels: {karpenter.sh/nodepool: general}}
status: {conditions: [{type: Launched, status: "True"}, {type: Registered, status: "False", reason: NodeNotFound, message: nothing}]}
---
apiVersion: aquasecurity.github.io/v1alpha1
kind: VulnerabilityReport
metadata: {name: web, namespace: shop, labels: {trivy-operator.resource.kind: Deployment, trivy-operator.resource.name: web}}
report: {summary: {criticalCount: 2, highCount: 1}, vulnerabilities: [{vulnerabilityID: CVE-1}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cluster-autoscaler-status, namespace: kube-system}
data: {status: "autoscalerStatus: Running\nclusterWide: {health: {status: Unhealthy}}\n"}
`

// What others install is seen though it came after Evenkeel, read with the
// rights of deploy/kubernetes alone.
func TestWhatOthersInstallIsSeen(t *testing.T) {
	b := bed(t)
	if err := b.AddNodes(t.Context(), "node", 2); err != nil {
		t.Fatal(err)
	}
	admin := &world{T: t, bed: b}
	admin.kubectl("apply", "-k", "../../deploy/kubernetes")
	x := watchBed(t, b, admin.account("evenkeel"))
	x.complete(60 * time.Second)
	x.apply(others())
	for _, line := range strings.Fields(x.kubectl("get", "crd", "-o", "name")) {
		x.kubectl("wait", "--for=condition=established", "--timeout=30s", line)
	}
	x.apply(meshed)
	x.kubectl("-n", "shop", "rollout", "status", "deployment/web", "--timeout=60s")
	for _, c := range []struct{ id, key, want string }{
		{"custom-resource-definition:bed:rollouts.argoproj.io", "established", "true"},
		{"virtual-service:bed:shop:web", "subsets_missing", "web/v2"},
		{"virtual-service:bed:shop:web", "retries_cut", "route 1: 3 retries of 2s each in 5s"},
		{"namespace:bed:shop", "mtls", "strict"}, {"namespace:bed:shop", "mesh_pods", "1"},
		{"workload:bed:shop:deployment/web", "proxy_versions", "1.22.1"}, {"workload:bed:shop:deployment/web", "vulnerabilities", "critical=2,high=1"},
		{"workload:bed:shop:rollout/api", "wanted", "2"}, {"node-claim:bed:general-1", "registered", "false"},
		{"service-account:bed:shop:default", "used_by", "2"}, {"cluster-autoscaler:bed:kube-system:cluster-autoscaler", "health", "Unhealthy"},
	} {
		x.await(c.id+" "+c.key+"="+c.want, 20*time.Second, func() bool { return x.attribute(c.id, c.key) == c.want })
	}
	x.await("the pod without a sidecar", 10*time.Second, func() bool {
		return slices.ContainsFunc(x.entities(Pod), func(id string) bool {
			return strings.HasPrefix(id, "pod:bed:shop:bare-") && x.attribute(id, "mesh_missing") == "istio"
		})
	})
	if err := x.w.Health(); err != nil {
		t.Errorf("with the rights of deploy/kubernetes: %v", err)
	}

	// A Rollout's pods, made as its controller makes them.
	x.apply(`
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: api-7d
  namespace: shop
  ownerReferences: [{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: api, uid: ` + x.kubectl("-n", "shop", "get", "rollout", "api", "-o", "jsonpath={.metadata.uid}") + `, controller: true}]
spec:
  replicas: 2
  selector: {matchLabels: {app: api}}
  template: {metadata: {labels: {app: api}}, spec: {containers: [{name: app, image: "example.org/api:1"}]}}
`)
	x.await("the Rollout's pods", 30*time.Second, func() bool {
		n := 0
		for _, id := range x.entities(Pod) {
			if x.attribute(id, "workload") == "workload:bed:shop:rollout/api" {
				n++
			}
		}
		return n == 2
	})

	// What people do to rules is told, with who did it.
	x.kubectl("-n", "shop", "patch", "virtualservice", "web", "--type=json", "-p", `[{"op":"replace","path":"/spec/http/0/timeout","value":"9s"}]`)
	x.kubectl("-n", "shop", "patch", "rollout", "api", "--type=json", "-p", `[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"example.org/api:2"}]`)
	x.kubectl("-n", "shop", "delete", "peerauthentication", "default")
	for _, c := range []struct{ kind, part, after string }{
		{"virtual-service-change", "timeout of route 1", "timeout of route 1: 9s"}, {"rollout", "shop/api", "image of app: example.org/api:2"}, {"peer-authentication-gone", "shop/default", ""},
	} {
		x.await("told of "+c.kind, 10*time.Second, func() bool {
			return slices.ContainsFunc(x.changes(c.kind), func(e estate.Change) bool {
				return strings.Contains(e.Summary, c.part) && strings.Contains(e.After, c.after) && (c.after == "" || strings.HasPrefix(e.Who, "kubectl"))
			})
		})
	}
	x.await("the namespace is permissive", 10*time.Second, func() bool { return x.attribute("namespace:bed:shop", "mtls") == "permissive" })
	x.await("the retries fit", 10*time.Second, func() bool { return x.attribute("virtual-service:bed:shop:web", "retries_cut") == "" })

	// An object of another form than it should have hides its resource alone.
	x.kubectl("patch", "nodeclaim", "general-1", "--type=merge", "-p", `{"status":{"conditions":[{"type":true}]}}`)
	x.await("its resource cannot be read", 10*time.Second, func() bool { return x.attribute("kubernetes-cluster:bed", "unreadable") == "nodeclaims" })
	if err := x.w.Health(); err == nil || !strings.Contains(err.Error(), "nodeclaims of the cluster bed cannot be read") || x.attribute("kubernetes-cluster:bed", "reachable") != "true" {
		t.Errorf("reachable is %s, health says %v", x.attribute("kubernetes-cluster:bed", "reachable"), err)
	}

	// And when it is taken away again, it is gone.
	x.kubectl("delete", "crd", "rollouts.argoproj.io")
	x.await("told of the end", 20*time.Second, func() bool { return len(x.changes("custom-resource-definition-gone")) == 1 })
	x.await("the Rollout is gone", 20*time.Second, func() bool { return !slices.Contains(x.entities(Workload), "workload:bed:shop:rollout/api") })
}
