package cluster

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

// stages are two ways in which the simulated kubelets fail, for pods with a
// label: containers that are killed for memory again and again, and images that
// cannot be pulled.
const stages = `
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-crashloop}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: '.metadata.labels["bed/crashloop"]', operator: In, values: ['true']}
    - {key: '.metadata.deletionTimestamp', operator: DoesNotExist}
    - {key: '.status.phase', operator: In, values: [Running]}
  weight: 10000
  delay: {durationMilliseconds: 1000, jitterDurationMilliseconds: 3000}
  next:
    event: {type: Warning, reason: BackOff, message: Back-off restarting failed container}
    statusTemplate: |
      {{ $now := Now }}
      {{ $n := 1 }}
      {{ range .status.containerStatuses }}{{ $n = add .restartCount 1 }}{{ end }}
      conditions:
      - {type: Ready, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ $now | Quote }}}
      - {type: ContainersReady, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ $now | Quote }}}
      containerStatuses:
      {{ range .spec.containers }}
      - image: {{ .image | Quote }}
        name: {{ .name | Quote }}
        ready: false
        restartCount: {{ $n }}
        started: false
        state: {waiting: {reason: CrashLoopBackOff, message: "back-off 5m0s restarting failed container"}}
        lastState: {terminated: {exitCode: 137, reason: OOMKilled, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}}
      {{ end }}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-image-pull}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: '.metadata.labels["bed/imagepull"]', operator: In, values: ['true']}
    - {key: '.metadata.deletionTimestamp', operator: DoesNotExist}
    - {key: '.status.phase', operator: In, values: [Pending]}
  weight: 10000
  next:
    statusTemplate: |
      conditions:
      - {type: Ready, status: "False", reason: ContainersNotReady}
      - {type: ContainersReady, status: "False", reason: ContainersNotReady}
      containerStatuses:
      {{ range .spec.containers }}
      - image: {{ .image | Quote }}
        name: {{ .name | Quote }}
        ready: false
        restartCount: 0
        started: false
        state: {waiting: {reason: ImagePullBackOff, message: "Back-off pulling image: manifest unknown"}}
      {{ end }}
---
`

// trouble is one that is made in a namespace of its own, and mended.
type trouble struct {
	name, space   string
	check, entity string // of the one finding that it is
	says          string // what title, evidence or remedy must say
	calm          string // what is there before
	make, mend    func(x *whole)
}

// labelled patches a label into the template of the deployment web, or out of
// it.
func labelled(space, label, value string) func(x *whole) {
	return func(x *whole) {
		x.kubectl("-n", space, "patch", "deployment", "web", "-p", fmt.Sprintf(`{"spec":{"template":{"metadata":{"labels":{%q:%s}}}}}`, label, value))
	}
}

func troubles(u *usage) []trouble {
	calm := func(space string) string {
		return spaced(space) + deployed(space, "web", 2, "", "") + served(space, "web")
	}
	gone := func(space string, args ...string) func(x *whole) {
		return func(x *whole) {
			x.kubectl(append([]string{"-n", space, "delete", "--wait=false"}, args...)...)
		}
	}
	applied := func(manifest string) func(x *whole) { return func(x *whole) { x.apply(manifest) } }
	pending := func(space, pod string) string { return deployed(space, "late", 1, "", pod) }
	workload := func(space, name string) string { return "workload:bed:" + space + ":deployment/" + name }
	claim := "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: t-volume}\nspec: {storageClassName: absent, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n---\n"
	ingress := "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: t-secret}\nspec:\n  ingressClassName: known\n  %s\n  rules: [{host: shop.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]\n---\n"
	class := "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: known}\nspec: {controller: example.org/none}\n---\n"
	policy := func(from string) string {
		return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: t-policy}\nspec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: " + from + "}}}]}]}\n---\n"
	}
	quota := "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: small, namespace: t-quota}\nspec: {hard: {pods: \"%d\"}}\n---\n"
	return []trouble{
		{"crash loop with OOM", "t-oom", "pod-out-of-memory", workload("t-oom", "web"), "OOMKilled", calm("t-oom"),
			labelled("t-oom", "bed/crashloop", `"true"`), labelled("t-oom", "bed/crashloop", "null")},
		{"image pull failure", "t-pull", "pod-image-pull", workload("t-pull", "web"), "manifest unknown", calm("t-pull"),
			labelled("t-pull", "bed/imagepull", `"true"`), labelled("t-pull", "bed/imagepull", "null")},
		{"pending for cpu", "t-cpu", "pod-unschedulable", workload("t-cpu", "late"), "not enough cpu", calm("t-cpu"),
			applied(strings.Replace(pending("t-cpu", ""), "cpu: 100m", `cpu: "9000"`, 1)), gone("t-cpu", "deployment", "late")},
		{"pending for affinity", "t-affinity", "pod-unschedulable", workload("t-affinity", "late"), "node selector or node affinity", calm("t-affinity"),
			applied(pending("t-affinity", "      nodeSelector: {disk: none}")), gone("t-affinity", "deployment", "late")},
		{"pending for a taint", "t-taint", "pod-unschedulable", workload("t-taint", "late"), "a taint keeps it off on 1 node", calm("t-taint"),
			applied(pending("t-taint", "      nodeSelector: {kubernetes.io/hostname: node-3}")), gone("t-taint", "deployment", "late")},
		{"pending for a volume", "t-volume", "claim-pending", "claim:bed:t-volume:data", "there is no storage class absent", calm("t-volume"),
			applied(claim + pending("t-volume", "      volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]")), gone("t-volume", "deployment/late", "pvc/data")},
		{"autoscaler at its maximum", "t-max", "autoscaler-at-maximum", "autoscaler:bed:t-max:web", "4 of at most 4 replicas", calm("t-max") + `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: t-max}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 4
  behavior: {scaleDown: {stabilizationWindowSeconds: 0}}
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
---
`,
			func(x *whole) { u.use("t-max", "400m") }, func(x *whole) { u.use("t-max", "50m") }},
		// Who calls whom is in the figures that the program scrapes: see meshFigures.
		{"policy that cuts a called path", "t-policy", "policy-cuts-called-path", "network-policy:bed:t-policy:web", workload("t-policy", "front") + "->" + workload("t-policy", "web"),
			calm("t-policy") + deployed("t-policy", "front", 2, "", ""), applied(policy("web")), applied(policy("front"))},
		{"budget that blocks", "t-budget", "budget-blocks-drains", "disruption-budget:bed:t-budget:stiff", "2 of 2", calm("t-budget"),
			applied("apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: stiff, namespace: t-budget}\nspec: {minAvailable: 2, selector: {matchLabels: {app: web}}}\n"),
			gone("t-budget", "pdb", "stiff")},
		{"service without endpoints", "t-service", "service-without-endpoints", "service:bed:t-service:typo", "fits no pod", calm("t-service"),
			applied(strings.Replace(served("t-service", "typo"), "app: typo", "app: wep", 1)), applied(strings.Replace(served("t-service", "typo"), "app: typo", "app: web", 1))},
		{"ingress with a missing secret", "t-secret", "ingress-tls-secret-missing", "ingress:bed:t-secret:web", "absent", calm("t-secret") + class + fmt.Sprintf(ingress, ""),
			applied(fmt.Sprintf(ingress, "tls: [{hosts: [shop.example], secretName: absent}]")),
			func(x *whole) {
				x.kubectl("-n", "t-secret", "create", "secret", "generic", "absent", "--type=kubernetes.io/tls", "--from-literal=tls.crt=", "--from-literal=tls.key=")
			}},
		{"rollout stuck", "t-stuck", "rollout-stuck", workload("t-stuck", "web"), "ProgressDeadlineExceeded", calm("t-stuck"),
			func(x *whole) {
				x.kubectl("-n", "t-stuck", "patch", "deployment", "web", "-p", `{"spec":{"progressDeadlineSeconds":1,"template":{"spec":{"schedulerName":"nobody"}}}}`)
			}, func(x *whole) { x.kubectl("-n", "t-stuck", "rollout", "undo", "deployment/web") }},
		{"quota full", "t-quota", "quota-full", "quota:bed:t-quota:small", "pods", calm("t-quota") + fmt.Sprintf(quota, 4),
			func(x *whole) { x.kubectl("-n", "t-quota", "scale", "deployment/web", "--replicas=6") },
			func(x *whole) { x.kubectl("-n", "t-quota", "scale", "deployment/web", "--replicas=2") }},
	}
}

// told is what was seen of a trouble.
type told struct {
	found, gone time.Duration
	f           finding.Finding
}

// TestTwelveTroubles makes, in the whole program's sight, the troubles of a real
// control plane: each is one finding and nothing else in its namespace, of the
// right entity and with its reason, within ten seconds, and gone when it is
// mended.
//
// EVENKEEL_KUBE_NODES says among how many nodes, with ten pods each; otherwise
// there are four, and no other pods.
//
//	EVENKEEL_LAB=1 EVENKEEL_KUBE_NODES=200 go test ./lab/cluster -run TestTwelveTroubles -v
func TestTwelveTroubles(t *testing.T) {
	needsLab(t)
	t.Parallel()
	b := bed(t)
	if count := nodesOr(t, 4); count > 4 {
		filled(t, b, count)
	} else if err := b.AddNodes(t.Context(), "node", count); err != nil {
		t.Fatal(err)
	}
	u := serveUsage(t, b)
	x := watch(t, b, "", "scrape_configs:\n  - {job_name: mesh, scrape_interval: 5s, static_configs: [{targets: ["+meshFigures(t)+"]}]}\n")
	x.seen(time.Minute)
	x.kubectl("taint", "node", "node-3", "dedicated=gpu:NoSchedule")
	all := troubles(u)
	calm := stages
	for _, one := range all {
		calm += one.calm
		u.use(one.space, "50m")
	}
	x.apply(calm)
	x.await("all pods are ready", time.Minute, func() bool {
		out := x.kubectl("get", "deployments", "-A", "-o", `jsonpath={range .items[*]}{.status.readyReplicas}{"\n"}{end}`)
		return strings.Count(out, "2") == len(all)+1
	})
	x.right(30 * time.Second)
	x.await("the autoscaler has its figures", time.Minute, func() bool { return x.attribute("autoscaler:bed:t-max:web", "active") == "true" })
	x.await("it is known who calls whom", 2*time.Minute, func() bool {
		raw, err := x.e.Do(t.Context(), http.MethodGet, "/api/v1/entities/service:t-policy:web", nil)
		return err == nil && strings.Contains(string(raw), `"calls"`)
	})
	time.Sleep(16 * time.Second) // the cluster's policies are told of it each 15 s
	x.await("nothing is found", 2*time.Minute, func() bool { return len(x.standing()) == 0 })

	// They are made one after the other, each is watched by itself.
	seen := make([]told, len(all))
	var watching sync.WaitGroup
	look := func(i int) (mine []finding.Finding) {
		for _, f := range x.findings(time.Now().Add(-10 * time.Minute)) {
			if strings.Contains(f.Entity, ":"+all[i].space) {
				mine = append(mine, f)
			}
		}
		return mine
	}
	for i, one := range all {
		one.make(x)
		watching.Go(func() { // no x.Fatal here
			began := time.Now()
			for time.Since(began) < 30*time.Second {
				for _, f := range look(i) {
					said := f.Title + "\n" + strings.Join(f.Remedy, "\n")
					for _, e := range f.Evidence {
						said += "\n" + e.Text
					}
					if f.Check == one.check && f.Entity == one.entity && f.State == finding.Open && strings.Contains(said, one.says) {
						seen[i].found, seen[i].f = time.Since(began), f
						return
					}
				}
				time.Sleep(200 * time.Millisecond)
			}
			t.Errorf("%s: not found after %s", one.name, time.Since(began).Round(time.Second))
		})
	}
	watching.Wait()
	time.Sleep(20 * time.Second) // what follows from a trouble comes later than the trouble
	alone := func(i int) {
		for _, f := range look(i) {
			if f.Check != all[i].check || f.Entity != all[i].entity {
				t.Errorf("%s: it is told of beside it: %s of %s (%s): %s", all[i].name, f.Check, f.Entity, f.Severity, f.Title)
			}
		}
	}
	for i, one := range all {
		alone(i)
		one.mend(x)
		watching.Go(func() {
			began := time.Now()
			for time.Since(began) < 2*time.Minute {
				if list := look(i); !slices.ContainsFunc(list, func(f finding.Finding) bool { return f.State != finding.Resolved }) {
					seen[i].gone = time.Since(began)
					return
				}
				time.Sleep(200 * time.Millisecond)
			}
			t.Errorf("%s: not gone after %s", one.name, time.Since(began).Round(time.Second))
		})
	}
	watching.Wait()
	table := "\n| trouble | finding | of | says | found after | gone after |\n|---|---|---|---|---|---|\n"
	for i, one := range all {
		alone(i)
		if n := len(look(i)); n > 1 {
			t.Errorf("%s: %d findings", one.name, n)
		}
		if seen[i].found > 10*time.Second {
			t.Errorf("%s: found after %s, more than ten seconds", one.name, seen[i].found.Round(100*time.Millisecond))
		}
		table += row(one.name, seen[i])
	}

	// A node fails, with pods on it.
	const node = "node:bed:node-1"
	began := time.Now()
	x.kubectl("label", "node", "node-1", "node-not-ready.stage.kwok.x-k8s.io=true")
	x.await("Kubernetes itself knows", time.Minute, func() bool {
		return x.kubectl("get", "node", "node-1", "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`) == "False"
	})
	known := time.Now()
	var it told
	is := func(state finding.State) func() bool {
		return func() bool {
			for _, f := range x.findings(began) {
				if f.Check == "node-not-ready" && f.Entity == node && f.State == state {
					it.f = f
					return true
				}
			}
			return false
		}
	}
	x.await("the node is found", 30*time.Second, is(finding.Open))
	if it.found = time.Since(known); it.found > 10*time.Second {
		t.Errorf("node not ready: found after %s, more than ten seconds", it.found)
	}
	time.Sleep(20 * time.Second)
	for _, f := range x.standing() {
		if f.Check != "node-not-ready" || f.Entity != node {
			t.Errorf("node not ready: it is told of beside it: %s of %s (%s): %s", f.Check, f.Entity, f.Severity, f.Title)
		}
	}
	x.kubectl("label", "node", "node-1", "node-not-ready.stage.kwok.x-k8s.io-")
	x.ready("node-1")
	began2 := time.Now()
	x.await("the node's finding is gone", time.Minute, is(finding.Resolved))
	it.gone = time.Since(began2)
	table += row("node not ready", it)
	x.await("nothing is found any more", 2*time.Minute, func() bool { return len(x.standing()) == 0 })
	t.Log(table)
}

func row(name string, s told) string {
	return fmt.Sprintf("| %s | `%s` | `%s` | %s | %.1f s | %.1f s |\n", name, s.f.Check, s.f.Entity, s.f.Title, s.found.Seconds(), s.gone.Seconds())
}

// ready makes a simulated node ready, which kwok does only for new ones.
func (x *whole) ready(node string) {
	x.kubectl("patch", "node", node, "--subresource=status", "-p",
		fmt.Sprintf(`{"status":{"conditions":[{"type":"Ready","status":"True","reason":"KubeletReady","lastHeartbeatTime":%q,"lastTransitionTime":%[1]q}]}}`, time.Now().UTC().Format(time.RFC3339)))
}
