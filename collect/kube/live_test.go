package kube

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/lab"
	"github.com/evenkeel/evenkeel/lab/cluster"
	"github.com/evenkeel/evenkeel/store"
)

// bed starts a real control plane, or skips where it has not been built.
func bed(t *testing.T) *cluster.Cluster {
	t.Helper()
	p, ready, err := cluster.Ready(t.Context())
	if err != nil || !ready {
		t.Skipf("needs the control plane's programs; go run ./cmd/evenkeel lab cluster -build builds them (%v)", err)
	}
	stage, err := lab.NewStage("kube")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stage.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := cluster.Start(t.Context(), p, stage)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// world is a cluster, and Evenkeel's estate of it in a real database.
type world struct {
	*testing.T
	bed    *cluster.Cluster
	w      *Watcher
	estate *estate.Service

	mu     sync.Mutex
	deltas int // entities that appeared or vanished
}

func watchBed(t *testing.T, bed *cluster.Cluster, kubeconfig string) *world {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	s, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	x := &world{T: t, bed: bed, estate: estate.NewService(s, log)}
	x.w, err = New(Config{Name: "bed", Kubeconfig: kubeconfig}, Options{Tenant: access.DefaultTenant, Sink: x.estate, Salt: []byte("salt"), Log: log,
		Deltas: func(d estate.Delta) {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.deltas += len(d.Appear) + len(d.Vanish)
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- x.w.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return x
}

func (x *world) kubectl(args ...string) string {
	x.Helper()
	out, err := x.bed.Kubectl(x.Context(), "", args...)
	if err != nil {
		x.Fatal(err)
	}
	return out
}

func (x *world) apply(manifest string) {
	x.Helper()
	if _, err := x.bed.Kubectl(x.Context(), manifest, "apply", "-f", "-"); err != nil {
		x.Fatal(err)
	}
}

// await waits until something is so, and returns how long it took.
func (x *world) await(what string, within time.Duration, is func() bool) time.Duration {
	x.Helper()
	began := time.Now()
	for time.Since(began) < within {
		if is() {
			return time.Since(began)
		}
		time.Sleep(20 * time.Millisecond)
	}
	x.Fatalf("%s: not so after %s; health: %v", what, within, x.w.Health())
	return 0
}

// attribute is one of an entity, as the estate has it now.
func (x *world) attribute(id, key string) string {
	e, _, err := x.estate.Entity(x.Context(), access.Evenkeel(access.DefaultTenant), access.DefaultTenant, "bed", id, time.Time{})
	if err != nil || !e.Until.IsZero() {
		return "(no entity)"
	}
	return e.Attributes[key]
}

func (x *world) entities(kind estate.Kind) (ids []string) {
	f := estate.Filter{Tenant: access.DefaultTenant, Environments: []string{"bed"}, Kinds: []estate.Kind{kind}, Limit: 500}
	for {
		page, err := x.estate.Entities(x.Context(), access.Evenkeel(access.DefaultTenant), f)
		if err != nil {
			x.Fatal(err)
		}
		for _, e := range page.Entities {
			ids = append(ids, e.ID)
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			slices.Sort(ids)
			return ids
		}
	}
}

func (x *world) changes(kind string) []estate.Change {
	page, err := x.estate.Changes(x.Context(), access.Evenkeel(access.DefaultTenant), estate.ChangeFilter{Tenant: access.DefaultTenant, Environments: []string{"bed"}, Kind: kind, Limit: 500})
	if err != nil {
		x.Fatal(err)
	}
	return page.Changes
}

// listed are kubectl's objects of a resource as ids of a kind.
func (x *world) listed(kind, resource string) (ids []string) {
	x.Helper()
	for _, line := range strings.Fields(x.kubectl("get", resource, "-A", "-o", `jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name}{"\n"}{end}`)) {
		space, name, _ := strings.Cut(line, "/")
		id := kind + ":bed:" + name
		if space != "" {
			id = kind + ":bed:" + space + ":" + name
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// same compares the whole estate with what kubectl lists.
func (x *world) same() (problem string) {
	for kind, resource := range map[estate.Kind]string{Node: "nodes", Namespace: "namespaces", Pod: "pods", Service: "services", ConfigMap: "configmaps"} {
		want, got := x.listed(string(kind), resource), x.entities(kind)
		if !slices.Equal(want, got) {
			return fmt.Sprintf("%s: kubectl lists %d, the estate has %d", kind, len(want), len(got))
		}
	}
	where := map[string]string{}
	for _, line := range strings.Split(x.kubectl("get", "pods", "-A", "-o", `jsonpath={range .items[*]}{.metadata.namespace}:{.metadata.name} {.spec.nodeName}{"\n"}{end}`), "\n") {
		if pod, node, _ := strings.Cut(line, " "); node != "" {
			where["pod:bed:"+pod] = "node:bed:" + node
		}
	}
	x.w.mu.Lock()
	defer x.w.mu.Unlock()
	got := map[string]string{}
	for l := range x.w.graph.relations {
		if l.kind == estate.RunsOn {
			got[l.from] = l.to
		}
	}
	if !maps.Equal(where, got) {
		return fmt.Sprintf("pods on nodes: kubectl says %d, the graph %d", len(where), len(got))
	}
	return ""
}

func (x *world) complete(within time.Duration) time.Duration {
	x.Helper()
	return x.await("the cluster is seen", within, func() bool { return x.attribute("kubernetes-cluster:bed", "reachable") == "true" })
}

const shop = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: example.org/web:1
        env: [{name: PASSWORD, value: hunter2-the-first}]
        resources: {requests: {cpu: 500m, memory: 64Mi}}
        readinessProbe: {httpGet: {path: /, port: 80}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  ingressClassName: nobody
  tls: [{hosts: [shop.example.org], secretName: absent}]
  rules: [{host: shop.example.org, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec: {minAvailable: 3, selector: {matchLabels: {app: web}}}
---
apiVersion: v1
kind: Secret
metadata: {name: login, namespace: shop}
stringData: {password: hunter2-the-second}
`

func TestAClusterIsSeenAsItIs(t *testing.T) {
	b := bed(t)
	if err := b.AddNodes(t.Context(), "node", 3); err != nil {
		t.Fatal(err)
	}
	x := watchBed(t, b, b.Kubeconfig)
	t.Logf("complete after %s", x.complete(60*time.Second))
	x.apply(shop)
	x.kubectl("-n", "shop", "rollout", "status", "deployment/web", "--timeout=60s")
	x.await("the estate is what kubectl lists", 20*time.Second, func() bool { return x.same() == "" })
	const web = "workload:bed:shop:deployment/web"
	x.await("endpoints", 20*time.Second, func() bool { return x.attribute("service:bed:shop:web", "endpoints_ready") == "3" })
	for _, c := range []struct{ id, key, want string }{
		{web, "ready", "3"}, {web, "images", "example.org/web:1"}, {web, "requests_cpu", "0.5"}, {web, "probes", "readiness"},
		{"ingress:bed:shop:web", "class_known", "false"}, {"ingress:bed:shop:web", "tls_missing", "shop.example.org=absent"},
		{"ingress:bed:shop:web", "backends_missing", ""}, {"disruption-budget:bed:shop:web", "allowed", "0"},
		{"disruption-budget:bed:shop:web", "selects", "3"}, {"node:bed:node-0", "ready", "true"}, {"node:bed:node-0", "zone", "zone-0"},
		{"secret:bed:shop:login", "keys", "1"}, {"kubernetes-cluster:bed", "version", cluster.Version}, {"kubernetes-cluster:bed", "nodes", "3"},
	} {
		x.await(c.id+" "+c.key+"="+c.want+", not "+x.attribute(c.id, c.key), 5*time.Second, func() bool { return x.attribute(c.id, c.key) == c.want })
	}
	_, relations, err := x.estate.Entity(t.Context(), access.Evenkeel(access.DefaultTenant), access.DefaultTenant, "bed", web, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	count := map[estate.RelationKind]int{}
	for _, r := range relations {
		count[r.Kind]++
	}
	if want := map[estate.RelationKind]int{estate.Owns: 3, In: 1, RoutesTo: 1, LimitedBy: 1, RunsAs: 1}; !maps.Equal(count, want) {
		t.Errorf("the workload's relations: %v, want %v", count, want)
	}

	// What people do is told, once, with who did it.
	x.kubectl("-n", "shop", "scale", "deployment/web", "--replicas=5")
	x.kubectl("-n", "shop", "set", "image", "deployment/web", "app=example.org/web:2")
	x.kubectl("-n", "shop", "set", "env", "deployment/web", "PASSWORD=hunter2-the-third")
	x.kubectl("-n", "shop", "patch", "secret", "login", "-p", `{"stringData":{"password":"hunter2-the-fourth"}}`)
	x.kubectl("cordon", "node-1")
	told := []struct{ kind, part, after string }{
		{"scale", "from 3 to 5", "5"}, {"rollout", "image of app", "image of app: example.org/web:2"},
		{"rollout", "variable PASSWORD of app", "variable PASSWORD of app: ("}, {"secret-change", "changed: password", ""}, {"node-cordon", "node-1", ""},
	}
	for _, c := range told {
		x.await("told of "+c.kind+" "+c.part, 10*time.Second, func() bool {
			return slices.ContainsFunc(x.changes(c.kind), func(e estate.Change) bool {
				return strings.Contains(e.Summary, c.part) && strings.Contains(e.After, c.after) && strings.HasPrefix(e.Who, "kubectl")
			})
		})
	}
	for _, e := range x.changes("") {
		if strings.Contains(e.Summary+e.Before+e.After, "hunter2") {
			t.Errorf("a change shows a secret: %+v", e)
		}
	}
	x.w.mu.Lock()
	if dump := fmt.Sprintf("%+v", x.w.state.objects[secrets]["shop"]["login"]); strings.Contains(dump, "aHVudGVy") || strings.Contains(dump, "hunter2") {
		t.Error("a secret's value is kept")
	}
	x.w.mu.Unlock()

	// A changed object is in the estate within a second.
	began := time.Now()
	x.kubectl("label", "node", "node-2", "node-role.kubernetes.io/edge=", "--overwrite")
	asked := time.Now()
	x.await("the role of the node", 10*time.Second, func() bool { return x.attribute("node:bed:node-2", "role") == "edge" })
	t.Logf("a changed node is stored %s after kubectl ended, %s after it began", time.Since(asked), time.Since(began))
	x.kubectl("-n", "shop", "delete", "deployment", "web")
	x.await("told of the end", 20*time.Second, func() bool { return len(x.changes("workload-gone")) == 1 })
	x.await("the estate is what kubectl lists, at the end", 40*time.Second, func() bool { return x.same() == "" })
}

func TestAnAPIServerThatIsKilledLosesNothing(t *testing.T) {
	b := bed(t)
	if err := b.AddNodes(t.Context(), "node", 2); err != nil {
		t.Fatal(err)
	}
	x := watchBed(t, b, b.Kubeconfig)
	x.complete(60 * time.Second)
	x.apply(shop)
	x.kubectl("-n", "shop", "rollout", "status", "deployment/web", "--timeout=60s")
	x.await("the estate is what kubectl lists", 20*time.Second, func() bool { return x.same() == "" })
	changes := len(x.changes(""))
	if err := b.Kill("kube-apiserver"); err != nil {
		t.Fatal(err)
	}
	t.Logf("seen to be gone after %s", x.await("it is seen to be gone", 20*time.Second, func() bool { return x.attribute("kubernetes-cluster:bed", "reachable") == "false" }))
	if err := x.w.Health(); err == nil || !strings.Contains(err.Error(), "cannot be seen") {
		t.Errorf("health says %v", err)
	}
	time.Sleep(3 * time.Second)
	if got := len(x.entities(Pod)); got != 3 {
		t.Errorf("%d pods are left while nobody can look", got)
	}
	if err := b.Again(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("seen again after %s", x.complete(90*time.Second))
	x.kubectl("-n", "shop", "scale", "deployment/web", "--replicas=4")
	// The controllers were cut off as well, and each of their watches may take
	// its time to come back.
	x.kubectl("-n", "shop", "rollout", "status", "deployment/web", "--timeout=120s")
	x.await("what is done afterwards is seen", 30*time.Second, func() bool { return len(x.changes("scale")) == 1 && len(x.entities(Pod)) == 4 })
	x.await("the estate is what kubectl lists, afterwards", 30*time.Second, func() bool { return x.same() == "" })
	if got := len(x.changes("")); got != changes+1 {
		for _, c := range x.changes("") {
			t.Logf("%s %s %s", c.At.Format(time.TimeOnly), c.Kind, c.Summary)
		}
		t.Errorf("%d changes before, %d after one scaling", changes, got)
	}
}

// account makes a kubeconfig of a service account.
func (x *world) account(name string) string {
	x.Helper()
	token := strings.TrimSpace(x.kubectl("-n", "evenkeel", "create", "token", name))
	file := filepath.Join(x.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: bed, cluster: {server: %q, certificate-authority: %q}}]\nusers: [{name: a, user: {token: %q}}]\ncontexts: [{name: bed, context: {cluster: bed, user: a}}]\ncurrent-context: bed\n", x.bed.URL, x.bed.CA, token)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		x.Fatal(err)
	}
	return file
}

func TestTheRightsAreEnoughAndNoMore(t *testing.T) {
	b := bed(t)
	if err := b.AddNodes(t.Context(), "node", 1); err != nil {
		t.Fatal(err)
	}
	admin := &world{T: t, bed: b}
	admin.kubectl("apply", "-k", filepath.Join("..", "..", "deploy", "kubernetes"))
	admin.apply(shop)
	file := admin.account("evenkeel")
	as := []string{"--as", "system:serviceaccount:evenkeel:evenkeel"}
	x := watchBed(t, b, file)
	x.complete(60 * time.Second)
	if err := x.w.Health(); err != nil {
		t.Errorf("with all rights that the manifest grants: %v", err)
	}
	for _, try := range [][]string{{"-n", "shop", "delete", "deployment", "web"}, {"cordon", "node-0"}, {"create", "namespace", "x"},
		{"-n", "shop", "scale", "deployment/web", "--replicas=0"}, {"-n", "shop", "patch", "secret", "login", "-p", `{"data":{"a":"YQ=="}}`},
		{"-n", "shop", "create", "token", "default"}, {"create", "clusterrolebinding", "x", "--clusterrole=cluster-admin", "--user=x"}} {
		if out, err := b.Kubectl(t.Context(), "", append(try, as...)...); err == nil || !strings.Contains(err.Error(), "orbidden") {
			t.Errorf("%v: %s, %v", try, out, err)
		}
	}
	// Logs may be read by a manifest of their own alone.
	may := append([]string{"auth", "can-i", "get", "pods", "--subresource=log", "-n", "shop"}, as...)
	if out, err := b.Kubectl(t.Context(), "", may...); err == nil {
		t.Errorf("logs may be read without deploy/kubernetes/logs.yaml: %s", out)
	}
	admin.kubectl("apply", "-f", filepath.Join("..", "..", "deploy", "kubernetes", "logs.yaml"))
	if out, err := b.Kubectl(t.Context(), "", may...); err != nil || strings.TrimSpace(out) != "yes" {
		t.Errorf("logs may not be read with deploy/kubernetes/logs.yaml: %s, %v", out, err)
	}
	// Secrets cannot be read, say: that is unknown, and not nothing.
	admin.kubectl("patch", "clusterrole", "evenkeel-secrets", "--type=json", "-p", `[{"op":"replace","path":"/rules","value":[]}]`)
	y := watchBed(t, b, file)
	y.complete(60 * time.Second)
	y.await("it is said that secrets cannot be read", 5*time.Second, func() bool { return y.attribute("kubernetes-cluster:bed", "unreadable") == "secrets" })
	if err := y.w.Health(); err == nil || !strings.Contains(err.Error(), "secrets") {
		t.Errorf("health says %v", err)
	}
	if got := y.attribute("ingress:bed:shop:web", "tls_missing"); got != "" {
		t.Errorf("a secret that cannot be seen is said to be missing: %q", got)
	}
}
