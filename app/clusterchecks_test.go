package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/collect/kube"
	"github.com/evenkeel/evenkeel/detect/state"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/lab"
	"github.com/evenkeel/evenkeel/lab/cluster"
	"github.com/evenkeel/evenkeel/store"
)

// bedChecks is a real control plane, and what Evenkeel finds in it.
type bedChecks struct {
	*testing.T
	bed   *cluster.Cluster
	store *store.Store
}

func watchTheBed(t *testing.T) *bedChecks {
	if testing.Short() {
		t.Skip("takes two minutes")
	}
	t.Parallel()
	p, ready, err := cluster.Ready(t.Context())
	if err != nil || !ready {
		t.Skipf("needs the control plane's programs; go run ./cmd/evenkeel lab cluster -build builds them (%v)", err)
	}
	stage, err := lab.NewStage("cluster-checks")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stage.Close(); err != nil {
			t.Error(err)
		}
	})
	x := &bedChecks{T: t}
	if x.bed, err = cluster.Start(t.Context(), p, stage); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if x.store, err = store.Open(t.Context(), store.Config{Dir: t.TempDir()}, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.store.Close() })
	checks, err := newClusterChecks(access.DefaultTenant, x.store, finding.NewService(x.store, log))
	if err != nil {
		t.Fatal(err)
	}
	w, err := kube.New(kube.Config{Name: "bed", Kubeconfig: x.bed.Kubeconfig}, kube.Options{Tenant: access.DefaultTenant,
		Sink: estate.NewService(x.store, log), Salt: []byte("salt"), Log: log, Deltas: checks.take})
	if err != nil {
		t.Fatal(err)
	}
	checks.lines = func(_, pod string) []kube.LastLines { return w.LastLines(pod) }
	ctx, stop := context.WithCancel(t.Context())
	watched, judged := make(chan error, 1), make(chan error, 1)
	go func() { watched <- w.Run(ctx) }()
	go func() {
		for ctx.Err() == nil {
			if err := checks.judge(ctx, time.Now()); err != nil && ctx.Err() == nil {
				judged <- err
				return
			}
			time.Sleep(clusterChecksEvery)
		}
		judged <- nil
	}()
	t.Cleanup(func() {
		stop()
		for _, end := range []chan error{watched, judged} {
			if err := <-end; err != nil {
				t.Error(err)
			}
		}
	})
	return x
}

func (x *bedChecks) kubectl(manifest string, args ...string) {
	x.Helper()
	if _, err := x.bed.Kubectl(x.Context(), manifest, args...); err != nil {
		x.Fatal(err)
	}
}

// found are the findings that stand, by check and entity.
func (x *bedChecks) found() map[string]finding.Finding {
	x.Helper()
	list, err := x.store.CurrentFindings(x.Context(), access.DefaultTenant, "bed", state.Practice, time.Now())
	if err != nil {
		x.Fatal(err)
	}
	out := map[string]finding.Finding{}
	for _, f := range list {
		if f.State != finding.Resolved {
			out[f.Check+" "+f.Entity] = f
		}
	}
	return out
}

func (x *bedChecks) await(what string, within time.Duration, is func() bool) {
	x.Helper()
	began := time.Now()
	for !is() {
		if time.Since(began) > within {
			for key, f := range x.found() {
				x.Logf("stands: %s: %s %+v", key, f.Title, f.Evidence)
			}
			x.Fatalf("%s: not so after %s", what, within)
		}
		time.Sleep(100 * time.Millisecond)
	}
	x.Logf("%s after %s", what, time.Since(began).Round(100*time.Millisecond))
}

// deployment is one whose pods have what is given.
func deployment(name string, replicas int, spec, pod string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: shop}
spec:
  replicas: %[2]d
%[3]s
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
%[4]s
      containers:
      - {name: app, image: "example.org/%[1]s:1"}
---
`, name, replicas, spec, pod)
}

// TestTroublesOfARealCluster makes twelve troubles in a real control plane: each is
// one finding, at the right entity and with its reason, within ten seconds, and
// goes when it is mended.
func TestTroublesOfARealCluster(t *testing.T) {
	x := watchTheBed(t)
	if err := x.bed.AddNodes(t.Context(), "node", 4); err != nil {
		t.Fatal(err)
	}
	x.kubectl("", "create", "namespace", "shop")
	x.kubectl("", "taint", "node", "node-3", "dedicated=gpu:NoSchedule")
	calm := ""
	for _, name := range []string{"web", "oom", "pull", "lost"} {
		calm += deployment(name, 2, "", "")
	}
	calm += "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n"
	x.kubectl(calm, "apply", "-f", "-")
	for _, name := range []string{"web", "oom", "pull", "lost"} {
		x.kubectl("", "-n", "shop", "rollout", "status", "deployment/"+name, "--timeout=60s")
	}
	time.Sleep(15 * time.Second)
	for key, f := range x.found() {
		if f.Severity > finding.Info {
			t.Fatalf("before any trouble: %s: %s", key, f.Title)
		}
	}

	// What the container wrote, as the simulated kubelets serve it.
	wrote := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(wrote, []byte("2026-03-01T03:00:00.000000000Z stdout F reading orders\n2026-03-01T03:00:01.000000000Z stderr F open postgres://shop:hunter2@db/orders: no memory\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	x.kubectl(fmt.Sprintf("apiVersion: kwok.x-k8s.io/v1alpha1\nkind: ClusterLogs\nmetadata: {name: all}\nspec: {logs: [{logsFile: %[1]q, previousLogsFile: %[1]q}]}\n", wrote), "apply", "-f", "-")

	status := func(app, reason, last string) {
		out, err := x.bed.Kubectl(t.Context(), "", "-n", "shop", "get", "pods", "-l", "app="+app, "-o", "jsonpath={.items[0].metadata.name}")
		if err != nil {
			t.Fatal(err)
		}
		patch := fmt.Sprintf(`{"status":{"conditions":[{"type":"Ready","status":"False"},{"type":"ContainersReady","status":"False"}],"containerStatuses":[{"name":"app","image":"x","imageID":"","ready":false,"restartCount":5,"state":{"waiting":{"reason":%q,"message":"as it happens"}},"lastState":{%s}}]}}`, reason, last)
		x.kubectl("", "-n", "shop", "patch", "pod", strings.TrimSpace(out), "--subresource=status", "-p", patch)
	}
	killed := fmt.Sprintf(`"terminated":{"exitCode":137,"reason":"OOMKilled","finishedAt":%q}`, time.Now().UTC().Format(time.RFC3339))
	claim := "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: shop}\nspec: {storageClassName: absent, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n---\n"
	for _, trouble := range []struct {
		name, check, entity, says string
		make                      func()
	}{
		{"pending for cpu", "pod-unschedulable", "workload:bed:shop:deployment/greedy", "not enough cpu", func() {
			x.kubectl(strings.Replace(deployment("greedy", 1, "", ""), `greedy:1"}`, `greedy:1", resources: {requests: {cpu: "9000"}}}`, 1), "apply", "-f", "-")
		}},
		{"pending for affinity", "pod-unschedulable", "workload:bed:shop:deployment/picky", "node selector or node affinity", func() {
			x.kubectl(deployment("picky", 1, "", "      nodeSelector: {disk: none}"), "apply", "-f", "-")
		}},
		{"pending for a taint", "pod-unschedulable", "workload:bed:shop:deployment/tainted", "a taint keeps it off on 1 node", func() {
			x.kubectl(deployment("tainted", 1, "", "      nodeSelector: {kubernetes.io/hostname: node-3}"), "apply", "-f", "-")
		}},
		{"pending for a volume", "claim-pending", "claim:bed:shop:data", "there is no storage class absent", func() {
			x.kubectl(claim+deployment("stored", 1, "", "      volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]"), "apply", "-f", "-")
		}},
		{"crash loop with OOM", "pod-out-of-memory", "workload:bed:shop:deployment/oom", "OOMKilled", func() { status("oom", "CrashLoopBackOff", killed) }},
		{"image pull failure", "pod-image-pull", "workload:bed:shop:deployment/pull", "as it happens", func() { status("pull", "ImagePullBackOff", "") }},
		{"budget that blocks", "budget-blocks-drains", "disruption-budget:bed:shop:stiff", "2 of 2", func() {
			x.kubectl("apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: stiff, namespace: shop}\nspec: {minAvailable: 2, selector: {matchLabels: {app: web}}}\n", "apply", "-f", "-")
		}},
		{"service without endpoints", "service-without-endpoints", "service:bed:shop:typo", "fits no pod", func() {
			x.kubectl("apiVersion: v1\nkind: Service\nmetadata: {name: typo, namespace: shop}\nspec: {selector: {app: wep}, ports: [{port: 80}]}\n", "apply", "-f", "-")
		}},
		{"ingress with a missing secret", "ingress-tls-secret-missing", "ingress:bed:shop:web", "absent", func() {
			x.kubectl("apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: known}\nspec: {controller: example.org/none}\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: shop}\nspec:\n  ingressClassName: known\n  tls: [{hosts: [shop.example], secretName: absent}]\n  rules: [{host: shop.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]\n", "apply", "-f", "-")
		}},
		{"rollout stuck", "rollout-stuck", "workload:bed:shop:deployment/stuck", "ProgressDeadlineExceeded", func() {
			x.kubectl(deployment("stuck", 1, "  progressDeadlineSeconds: 1", "      schedulerName: nobody"), "apply", "-f", "-")
		}},
		{"quota full", "quota-full", "quota:bed:tight:small", "pods", func() {
			x.kubectl("apiVersion: v1\nkind: Namespace\nmetadata: {name: tight}\n---\napiVersion: v1\nkind: ResourceQuota\nmetadata: {name: small, namespace: tight}\nspec: {hard: {pods: \"1\"}}\n---\n"+
				strings.ReplaceAll(deployment("full", 2, "", ""), "namespace: shop", "namespace: tight"), "apply", "-f", "-")
		}},
	} {
		trouble.make()
		x.await(trouble.name, 10*time.Second, func() bool {
			f, ok := x.found()[trouble.check+" "+trouble.entity]
			said := f.Title
			for _, e := range f.Evidence {
				said += "\n" + e.Text
			}
			return ok && strings.Contains(said+strings.Join(f.Remedy, "\n"), trouble.says)
		})
	}
	x.await("what the container wrote is evidence", 40*time.Second, func() bool {
		for _, e := range x.found()["pod-out-of-memory workload:bed:shop:deployment/oom"].Evidence {
			if strings.Join(e.Lines, "|") == "reading orders|open postgres://shop:[masked]@db/orders: no memory" {
				return true
			}
		}
		return false
	})
	count := map[string]int{}
	for _, f := range x.found() {
		if f.Severity > finding.Info {
			count[f.Entity]++
			if count[f.Entity] > 1 {
				t.Errorf("%s has more than one finding: %s", f.Entity, f.Title)
			}
		}
	}

	x.kubectl("", "delete", "namespace", "shop", "tight", "--wait=false")
	x.await("all is mended", 3*time.Minute, func() bool {
		for _, f := range x.found() {
			if f.Severity > finding.Info {
				return false
			}
		}
		return true
	})

	// The kubelets fall silent. Kubernetes itself takes most of a minute to
	// believe it; the ten seconds begin there.
	if err := x.bed.Kill("kwok"); err != nil {
		t.Fatal(err)
	}
	x.await("Kubernetes counts node-2 as lost", 2*time.Minute, func() bool {
		out, err := x.bed.Kubectl(t.Context(), "", "get", "node", "node-2", "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
		return err == nil && strings.TrimSpace(out) == "Unknown"
	})
	x.await("node not ready", 10*time.Second, func() bool {
		return strings.Contains(x.found()["node-not-ready node:bed:node-2"].Title, "has gone silent")
	})
}
