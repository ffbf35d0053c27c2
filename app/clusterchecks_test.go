package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
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

// What a container wrote before it was killed is evidence of its crash loop, with
// its secrets masked. lab/cluster makes all kinds of troubles.
func TestACrashLoopShowsItsLastLines(t *testing.T) {
	x := watchTheBed(t)
	if err := x.bed.AddNodes(t.Context(), "node", 2); err != nil {
		t.Fatal(err)
	}
	x.kubectl("", "create", "namespace", "shop")
	x.kubectl(deployment("web", 2, "", "")+deployment("oom", 2, "", ""), "apply", "-f", "-")
	for _, name := range []string{"web", "oom"} {
		x.kubectl("", "-n", "shop", "rollout", "status", "deployment/"+name, "--timeout=60s")
	}
	// As the simulated kubelets serve it.
	wrote := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(wrote, []byte("2026-03-01T03:00:00.000000000Z stdout F reading orders\n2026-03-01T03:00:01.000000000Z stderr F open postgres://shop:hunter2@db/orders: no memory\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	x.kubectl(fmt.Sprintf("apiVersion: kwok.x-k8s.io/v1alpha1\nkind: ClusterLogs\nmetadata: {name: all}\nspec: {logs: [{logsFile: %[1]q, previousLogsFile: %[1]q}]}\n", wrote), "apply", "-f", "-")
	if out := x.found(); len(out) > 0 {
		t.Fatalf("before any trouble: %v", out)
	}

	out, err := x.bed.Kubectl(t.Context(), "", "-n", "shop", "get", "pods", "-l", "app=oom", "-o", "jsonpath={.items[0].metadata.name}")
	if err != nil {
		t.Fatal(err)
	}
	x.kubectl("", "-n", "shop", "patch", "pod", strings.TrimSpace(out), "--subresource=status", "-p",
		fmt.Sprintf(`{"status":{"conditions":[{"type":"Ready","status":"False"},{"type":"ContainersReady","status":"False"}],"containerStatuses":[{"name":"app","image":"x","imageID":"","ready":false,"restartCount":5,"state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off"}},"lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled","finishedAt":%q}}}]}}`, time.Now().UTC().Format(time.RFC3339)))
	const loop = "pod-out-of-memory workload:bed:shop:deployment/oom"
	x.await("the crash loop is found", 10*time.Second, func() bool {
		return slices.ContainsFunc(x.found()[loop].Evidence, func(e finding.Evidence) bool { return strings.Contains(e.Text, "OOMKilled") })
	})
	x.await("what the container wrote is evidence", 40*time.Second, func() bool {
		return slices.ContainsFunc(x.found()[loop].Evidence, func(e finding.Evidence) bool {
			return strings.Join(e.Lines, "|") == "reading orders|open postgres://shop:[masked]@db/orders: no memory"
		})
	})
	for key, f := range x.found() {
		if f.Severity > finding.Info && key != loop {
			t.Errorf("beside it: %s: %s", key, f.Title)
		}
	}
}
