package console

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/metric"
)

// bed is a cluster as collect/kube tells of one, for tests to change and to
// observe again.
type bed struct {
	name      string
	entities  map[string]estate.Entity
	relations map[estate.Relation]bool
}

func newBed(name string) *bed {
	b := &bed{name: name, entities: map[string]estate.Entity{}, relations: map[estate.Relation]bool{}}
	b.add(kindCluster, name, map[string]string{"reachable": "true", "version": "v1.34.2", "nodes": "3", "unreadable": "secrets"}, "")
	return b
}

func (b *bed) id(kind estate.Kind, parts ...string) string {
	return estate.ID(kind, append([]string{b.name}, parts...)...)
}

// add puts an entity in; path is empty for the cluster itself.
func (b *bed) add(kind estate.Kind, name string, facts map[string]string, path ...string) string {
	id := b.id(kind, path...)
	if kind == kindCluster {
		id = b.id(kind)
	}
	b.entities[id] = estate.Entity{ID: id, Kind: kind, Name: name, Attributes: facts}
	return id
}

func (b *bed) join(from string, kind estate.RelationKind, to string) {
	b.relations[estate.Relation{From: from, Kind: kind, To: to, Confidence: 1}] = true
}

func (b *bed) node(name string, facts map[string]string) {
	f := map[string]string{"ready": "true", "cordoned": "false", "kubelet": "v1.34.2", "runtime": "containerd://2.1.4", "allocatable_cpu": "8", "allocatable_memory": "33554432000",
		"allocatable_pods": "110", "lease_age_state": "fresh", "flaps": "0", "zone": "north-1a"}
	for k, v := range facts {
		f[k] = v
	}
	b.join(b.add(kindNode, name, f, name), "in", b.id(kindCluster))
}

func (b *bed) space(name string) {
	b.join(b.add(kindNamespace, name, map[string]string{"phase": "Active", "pods": "6", "policies": "0"}, name), "in", b.id(kindCluster))
}

// within puts a thing into a namespace.
func (b *bed) within(kind estate.Kind, space, name string, facts map[string]string) string {
	facts["namespace"] = space
	id := b.add(kind, space+"/"+name, facts, space, name)
	b.join(id, "in", b.id(kindNamespace, space))
	return id
}

// deploy puts a deployment and its pods in; the first ready ones are ready.
func (b *bed) deploy(space, name, image, revision string, wanted, ready int, at time.Time, more map[string]string) string {
	f := map[string]string{"kind": "Deployment", "wanted": strconv.Itoa(wanted), "ready": strconv.Itoa(ready), "available": strconv.Itoa(ready), "updated": strconv.Itoa(wanted), "failed": "0",
		"images": image, "requests_cpu": "0.5", "requests_memory": "536870912", "generation": "3", "observed_generation": "3", "strategy": "RollingUpdate", "probes": "readiness,liveness", "paused": "false"}
	for k, v := range more {
		f[k] = v
	}
	id := b.add(kindWorkload, space+"/"+name, f, space, "deployment/"+name)
	b.join(id, "in", b.id(kindNamespace, space))
	for other := range b.relations {
		if other.From == id && other.Kind == estate.Owns { // its former pods
			b.remove(other.To)
		}
	}
	for i := range wanted {
		p := map[string]string{"phase": "Running", "ready": strconv.FormatBool(i < ready), "node": fmt.Sprintf("node-%d", i%3+1), "created": at.UTC().Format(time.RFC3339), "restarts": "0", "qos": "Burstable",
			"requests_cpu": "0.5", "requests_memory": "536870912", "workload": id}
		if i >= ready {
			p["restarts"], p["waiting"], p["last_exit"], p["last_exit_at"] = "7", "app=CrashLoopBackOff", "app=OOMKilled:137", at.Add(4*time.Minute).UTC().Format(time.RFC3339)
		}
		pod := b.within(kindPod, space, fmt.Sprintf("%s-%s-%s", name, revision, []string{"2bcdf", "4ghjk", "5lmnp", "6qrst", "7vwxz", "8bcdf"}[i%6]), p)
		b.join(id, estate.Owns, pod)
		b.join(pod, estate.RunsOn, b.id(kindNode, p["node"]))
	}
	return id
}

func (b *bed) remove(id string) {
	delete(b.entities, id)
	for r := range b.relations {
		if r.From == id || r.To == id {
			delete(b.relations, r)
		}
	}
}

// observation is all that is there now.
func (b *bed) observation(at time.Time, changes ...estate.Change) estate.Observation {
	o := estate.Observation{Tenant: access.DefaultTenant, Environment: b.name, Source: "kubernetes", At: at, Complete: true, Changes: changes}
	for _, e := range b.entities {
		o.Entities = append(o.Entities, e)
	}
	for r := range b.relations {
		o.Relations = append(o.Relations, r)
	}
	return o
}

// cluster adds a cluster to the demo: since a rollout 25 minutes ago, one of
// the three pods of checkout crashes.
func (d *demo) cluster(t testing.TB) *bed {
	t.Helper()
	b := newBed("prod")
	born, rolled := d.now.Add(-5*time.Hour), d.now.Add(-25*time.Minute)
	b.node("node-1", map[string]string{"ready_since": born.UTC().Format(time.RFC3339)})
	b.node("node-2", map[string]string{"pressure": "memory"})
	b.node("node-3", map[string]string{"cordoned": "true", "taints": "node.kubernetes.io/unschedulable=:NoSchedule"})
	for _, s := range []string{"shop", "kube-system", "batch"} {
		b.space(s)
	}
	for i, name := range []string{"web", "cart", "search", "mail", "images"} {
		b.deploy("shop", name, "registry.example.org/shop/"+name+":2.4."+strconv.Itoa(i), "7d4b9c6f5", 2, 2, born, nil)
	}
	checkout := b.deploy("shop", "checkout", "registry.example.org/shop/checkout:5.1.0", "6c9f7d8b4", 3, 3, born, nil)
	b.within(kindQuota, "shop", "limits", map[string]string{"used": "pods=13,requests.cpu=6500m", "hard": "pods=15,requests.cpu=20", "nearest": "0.867", "nearest_resource": "pods"})
	b.join(b.id(kindNamespace, "shop"), "limited-by", b.id(kindQuota, "shop", "limits"))
	service := b.within("service", "shop", "checkout", map[string]string{"type": "ClusterIP", "ports": "80/TCP,443/TCP", "endpoints_ready": "2", "endpoints_not_ready": "1"})
	b.join(service, "routes-to", checkout)
	b.join(b.within("ingress", "shop", "shop", map[string]string{"hosts": "shop.example.org", "class": "nginx", "backends": "checkout:80"}), "routes-to", service)
	b.join(checkout, "scaled-by", b.within("autoscaler", "shop", "checkout", map[string]string{"min": "3", "max": "3", "desired": "3", "current": "3", "active": "true", "at_max_since": rolled.UTC().Format(time.RFC3339)}))
	b.join(checkout, "limited-by", b.within("disruption-budget", "shop", "checkout", map[string]string{"healthy": "2", "wanted_healthy": "2", "allowed": "0", "blocks_since": rolled.UTC().Format(time.RFC3339)}))
	b.join(checkout, "allowed-by", b.within("network-policy", "shop", "checkout", map[string]string{"types": "Ingress,Egress", "allows_dns": "true"}))
	cronjob := b.add(kindWorkload, "batch/report", map[string]string{"kind": "CronJob", "namespace": "batch", "schedule": "0 3 * * *", "suspended": "false", "last_success": d.now.Add(-20 * time.Hour).UTC().Format(time.RFC3339)}, "batch", "cronjob/report")
	b.join(cronjob, "in", b.id(kindNamespace, "batch"))
	if err := d.estate.Observe(t.Context(), b.observation(born)); err != nil {
		t.Fatal(err)
	}
	checkout = b.deploy("shop", "checkout", "registry.example.org/shop/checkout:5.2.0", "5b8c4d6f9", 3, 2, rolled, map[string]string{"unavailable_since": rolled.Add(time.Minute).UTC().Format(time.RFC3339)})
	config := b.within("config-map", "shop", "checkout", map[string]string{"keys": "4", "hash": "1f6b"})
	for r := range b.relations {
		if r.From == checkout && r.Kind == estate.Owns {
			b.join(r.To, "mounts", config)
		}
	}
	err := d.estate.Observe(t.Context(), b.observation(rolled,
		estate.Change{At: rolled, Entity: checkout, Kind: "rollout", Who: "argocd-controller", Summary: "shop/checkout is rolled out anew: image of app, resources of app", Key: "1",
			Before: "image of app: registry.example.org/shop/checkout:5.1.0\nresources of app: requests cpu=500m memory=512Mi, limits memory=1Gi", After: "image of app: registry.example.org/shop/checkout:5.2.0\nresources of app: requests cpu=500m memory=512Mi, limits memory=640Mi"},
		estate.Change{At: rolled.Add(-time.Minute), Entity: config, Kind: "config-map-change", Summary: "The config map shop/checkout is another (changed: timeouts.yaml)", Before: "9ac0", After: "1f6b", Key: "2"},
		estate.Change{At: rolled.Add(-40 * time.Minute), Entity: b.id(kindNode, "node-3"), Kind: "node-cordon", Summary: "The node node-3 was cordoned: it takes no new pods", Who: "kubectl-cordon", Key: "3"}))
	if err != nil {
		t.Fatal(err)
	}
	d.board.Expect("kubernetes prod", 15*time.Second, born)
	d.board.Report("kubernetes prod", d.now.Add(-4*time.Second), 3*time.Millisecond, nil)
	for i, f := range []struct {
		check, entity string
		report        finding.Report
	}{
		{"kubernetes-crash-loop", b.id(kindPod, "shop", "checkout-5b8c4d6f9-5lmnp"), finding.Report{Severity: finding.Warning, Title: "A pod of shop/checkout crashes again and again: it takes more memory than it may", EntityName: "shop/checkout", EntityKind: "workload", Effect: "One of three pods does not answer.",
			Evidence: []finding.Evidence{{Text: "Container app of shop/checkout-5b8c4d6f9-5lmnp ended with OOMKilled (exit code 137) at " + d.now.Add(-6*time.Minute).UTC().Format(time.DateTime) + " UTC; what it wrote last:", To: d.now.Add(-6 * time.Minute), Lines: []string{
				"INFO  reading 48,211 orders of the catalogue into memory", "INFO  connected to postgres://checkout:[masked]@orders:5432/shop", "WARN  heap 612 MiB of 640 MiB, <b>slow</b> " + strings.Repeat("collected.", 24)}}}}},
		{"kubernetes-node-pressure", b.id(kindNode, "node-2"), finding.Report{Severity: finding.Warning, Title: "node-2 is short of memory", EntityName: "node-2", EntityKind: "node"}},
	} {
		since := rolled.Add(time.Duration(i+2) * time.Minute)
		d.record(t, finding.Observation{Key: finding.Key{Tenant: access.DefaultTenant, Environment: b.name, Practice: "kubernetes", Check: f.check, Entity: f.entity},
			At: since, Since: since, Sign: finding.Firing, Report: f.report})
	}
	d.clusterFigures(t, b)
	return b
}

// clusterFigures are an hour of what pods use and of what checkout is asked.
func (d *demo) clusterFigures(t testing.TB, b *bed) {
	t.Helper()
	const stepping = 30 * time.Second
	totals := map[string]float64{}
	var batch []metric.Sample
	for at := d.now.Add(-time.Hour); !at.After(d.now); at = at.Add(stepping) {
		put := func(v float64, name string, pairs ...string) {
			batch = append(batch, metric.Sample{Labels: labels.FromStrings(append([]string{"__name__", name, "cluster", b.name}, pairs...)...), Point: metric.Point{T: at, V: v}})
		}
		count := func(rate float64, name string, pairs ...string) {
			totals[name+fmt.Sprint(pairs)] += rate * stepping.Seconds()
			put(totals[name+fmt.Sprint(pairs)], name, pairs...)
		}
		phases := map[string]float64{}
		for id, e := range b.entities {
			if e.Kind != kindPod {
				continue
			}
			k := subjectOf(id).cube
			weight := float64(len(k.own)%5+1) * (1 + .3*float64(k.own[len(k.own)-1]%4)) // no two pods are alike
			wave := 1 + .3*math.Sin(float64(at.Unix())/400+weight)
			is := []string{"namespace", k.space, "pod", k.own, "container", "app", "node", e.Attributes["node"]}
			count(.06*weight*wave, "container_cpu_usage_seconds_total", is...)
			put((60+40*weight*wave)*(1<<20), "container_memory_working_set_bytes", is...)
			count(10, "container_cpu_cfs_periods_total", is...)
			count(weight*.3, "container_cpu_cfs_throttled_periods_total", is...)
			put(640*(1<<20), "kube_pod_container_resource_limits", "namespace", k.space, "pod", k.own, "resource", "memory")
			put(1, "kube_pod_info", "namespace", k.space, "pod", k.own, "node", e.Attributes["node"])
			phases[e.Attributes["phase"]]++
			if e.Attributes["workload"] == b.id(kindWorkload, "shop", "deployment/checkout") {
				count(20*wave, "http_requests_total", append(is, "code", "200")...)
				count(.2*weight, "http_requests_total", append(is, "code", "503")...)
				for i, le := range []string{"0.05", "0.1", "0.5", "+Inf"} {
					count(20*[]float64{.6, .9, .99, 1}[i], "http_request_duration_seconds_bucket", append(is, "le", le)...)
				}
			}
		}
		for phase, n := range phases {
			put(n, "kube_pod_status_phase", "phase", phase)
		}
		put(3, "kube_deployment_spec_replicas", "namespace", "shop", "deployment", "checkout")
		put(map[bool]float64{true: 2, false: 3}[at.After(d.now.Add(-24*time.Minute))], "kube_deployment_status_replicas_ready", "namespace", "shop", "deployment", "checkout")
	}
	d.write(t, &batch)
}
