package kube

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/collect"
	"github.com/evenkeel/evenkeel/metric/tsdb"
)

// seen is a watcher that has seen a state in full.
func seen(t *testing.T, s *state) *Watcher {
	t.Helper()
	w := &Watcher{cfg: Config{Name: "c"}, state: s, graph: newGraph(), complete: true, errs: map[string]error{}, answered: map[string]bool{}, dirty: newDirty()}
	return w
}

// trouble is a cluster in which much is wrong. Each part of it is for an alert.
func trouble() map[string][]string {
	meta := func(name, more string) string {
		return fmt.Sprintf(`"metadata":{"name":%q,"namespace":"shop","uid":"u-%[1]s","generation":4,"creationTimestamp":"2026-03-01T01:00:00Z"%s}`, name, more)
	}
	owned := func(kind, name string) string {
		return fmt.Sprintf(`,"ownerReferences":[{"kind":%q,"name":%q,"controller":true}]`, kind, name)
	}
	return map[string][]string{
		nodes: {
			`{"metadata":{"name":"n1"},"spec":{"taints":[{"key":"node.kubernetes.io/unreachable","effect":"NoSchedule"}]},"status":{"capacity":{"cpu":"4","memory":"8Gi","pods":"1"},
				"allocatable":{"cpu":"3900m","memory":"7Gi","pods":"1","ephemeral-storage":"10Gi","example.com/card":"2"},"conditions":[{"type":"Ready","status":"Unknown"},{"type":"MemoryPressure","status":"True"}],
				"addresses":[{"type":"InternalIP","address":"10.0.0.1"}],"nodeInfo":{"kubeletVersion":"v1.37.2"}}}`,
		},
		namespaces: {`{"metadata":{"name":"shop"},"status":{"phase":"Active"}}`},
		pods: {
			`{` + meta("web-1", owned(kindReplicaSet, "web-5d")) + `,"spec":{"nodeName":"n1","restartPolicy":"Always","containers":[{"name":"app","resources":{"requests":{"cpu":"5","memory":"9Gi"},"limits":{"memory":"10Gi"}}}]},
				"status":{"phase":"Running","podIP":"10.1.0.1","qosClass":"Burstable","conditions":[{"type":"Ready","status":"False"},{"type":"PodScheduled","status":"True"}],
				"containerStatuses":[{"name":"app","image":"web:1","restartCount":7,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"reason":"OOMKilled","exitCode":137,"finishedAt":"2026-03-01T02:00:00Z"}}}]}}`,
			`{` + meta("web-2", owned(kindReplicaSet, "web-5d")) + `,"spec":{"containers":[{"name":"app","resources":{"requests":{"cpu":"1"}}}]},"status":{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable"}]}}`,
			`{` + meta("web-3", owned(kindReplicaSet, "web-5d")) + `,"spec":{"nodeName":"n1","containers":[{"name":"app"}]},"status":{"phase":"Pending","containerStatuses":[{"name":"app","image":"web:2","state":{"waiting":{"reason":"ImagePullBackOff"}}}]}}`,
		},
		replicaSets: {`{` + meta("web-5d", owned(kindDeployment, "web")) + `,"spec":{"replicas":3},"status":{"replicas":3,"readyReplicas":0}}`},
		deployments: {`{` + meta("web", "") + `,"spec":{"replicas":3,"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":"25%","maxSurge":"25%"}}},
				"status":{"observedGeneration":3,"replicas":3,"updatedReplicas":1,"unavailableReplicas":3,"conditions":[{"type":"Progressing","status":"False","reason":"ProgressDeadlineExceeded"}]}}`},
		statefulSets: {`{` + meta("db", "") + `,"spec":{"replicas":3},"status":{"observedGeneration":2,"replicas":3,"readyReplicas":1,"updatedReplicas":1,"currentRevision":"db-1","updateRevision":"db-2"}}`},
		daemonSets:   {`{` + meta("agent", "") + `,"status":{"observedGeneration":4,"desiredNumberScheduled":3,"currentNumberScheduled":2,"numberMisscheduled":1,"numberReady":1,"numberAvailable":1,"updatedNumberScheduled":2,"numberUnavailable":2}}`},
		jobs:         {`{` + meta("mail", owned(kindCronJob, "mails")) + `,"spec":{"completions":1,"parallelism":1},"status":{"active":1,"failed":1,"startTime":"2026-02-28T01:00:00Z","conditions":[{"type":"Failed","status":"True","reason":"BackoffLimitExceeded"}]}}`},
		cronJobs:     {`{` + meta("mails", "") + `,"spec":{"schedule":"*/5 * * * *","concurrencyPolicy":"Forbid"},"status":{"active":[{"name":"mail"}],"lastScheduleTime":"2026-02-28T01:00:00Z","lastSuccessfulTime":"2026-02-27T01:00:00Z"}}`},
		autoscalers:  {`{` + meta("web", "") + `,"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"},"minReplicas":2,"maxReplicas":3},"status":{"currentReplicas":3,"desiredReplicas":4,"conditions":[{"type":"ScalingLimited","status":"True"}]}}`},
		budgets:      {`{` + meta("web", "") + `,"status":{"desiredHealthy":3,"currentHealthy":1,"disruptionsAllowed":0,"expectedPods":3}}`},
		quotas: {`{` + meta("all", "") + `,"status":{"hard":{"requests.cpu":"10","pods":"5"},"used":{"requests.cpu":"9500m","pods":"5"}}}`,
			`{` + meta("memory", "") + `,"status":{"hard":{"requests.memory":"16Gi"},"used":{"requests.memory":"17Gi"}}}`},
		services: {`{` + meta("web", "") + `,"spec":{"type":"LoadBalancer","clusterIP":"10.2.0.1","ports":[{"port":80}]},"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.1"}]}}}`},
		endpointSlices: {`{"metadata":{"name":"web-x","namespace":"shop","labels":{"kubernetes.io/service-name":"web"}},"addressType":"IPv4","ports":[{"name":"http","port":8080,"protocol":"TCP"}],
				"endpoints":[{"addresses":["10.1.0.1"],"conditions":{"ready":false},"targetRef":{"kind":"Pod","name":"web-1"},"nodeName":"n1"}]}`},
		ingresses:  {`{` + meta("web", "") + `,"spec":{"tls":[{"hosts":["shop.example.org"],"secretName":"tls"}],"rules":[{"host":"shop.example.org","http":{"paths":[{"path":"/","pathType":"Prefix","backend":{"service":{"name":"web","port":{"number":80}}}}]}}]}}`},
		claims:     {`{` + meta("data", "") + `,"spec":{"storageClassName":"fast","volumeName":"pv-1","accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}},"status":{"phase":"Pending"}}`},
		volumes:    {`{"metadata":{"name":"pv-1"},"spec":{"storageClassName":"fast","capacity":{"storage":"1Gi"},"persistentVolumeReclaimPolicy":"Retain","csi":{"driver":"disk.example.org","volumeHandle":"v-7"},"claimRef":{"namespace":"shop","name":"data"}},"status":{"phase":"Failed"}}`},
		storages:   {`{"metadata":{"name":"fast"},"provisioner":"disk.example.org","volumeBindingMode":"Immediate","reclaimPolicy":"Delete"}`},
		configMaps: {`{` + meta("settings", "") + `,"data":{"a":"hunter2"}}`},
		secrets:    {`{` + meta("login", "") + `,"type":"Opaque","data":{"password":"aHVudGVyMg=="}}`},
	}
}

// What the kubernetes-mixin's alerts and recording rules select from
// kube-state-metrics, for each alert that docs/kubernetes-checks.md maps.
var mixin = map[string]string{
	"KubePodCrashLooping":                 `max_over_time(kube_pod_container_status_waiting_reason{reason="CrashLoopBackOff",JOB}[5m]) >= 1`,
	"KubePodNotReady":                     `sum by (namespace,pod,cluster) (max by (namespace,pod,cluster) (kube_pod_status_phase{JOB,phase=~"Pending|Unknown|Failed"}) * on (namespace,pod,cluster) group_left(owner_kind) topk by (namespace,pod,cluster) (1, max by (namespace,pod,owner_kind,cluster) (kube_pod_owner{owner_kind!="Job"}))) > 0`,
	"KubeDeploymentGenerationMismatch":    `kube_deployment_status_observed_generation{JOB} != kube_deployment_metadata_generation{JOB}`,
	"KubeDeploymentReplicasMismatch":      `(kube_deployment_spec_replicas{JOB} > kube_deployment_status_replicas_available{JOB}) and (changes(kube_deployment_status_replicas_updated{JOB}[10m]) == 0)`,
	"KubeDeploymentRolloutStuck":          `kube_deployment_status_condition{condition="Progressing",status="false",JOB} != 0`,
	"KubeStatefulSetReplicasMismatch":     `(kube_statefulset_status_replicas_ready{JOB} != kube_statefulset_replicas{JOB}) and (changes(kube_statefulset_status_replicas_updated{JOB}[10m]) == 0)`,
	"KubeStatefulSetGenerationMismatch":   `kube_statefulset_status_observed_generation{JOB} != kube_statefulset_metadata_generation{JOB}`,
	"KubeStatefulSetUpdateNotRolledOut":   `max by (namespace,statefulset,job,cluster) (kube_statefulset_status_current_revision{JOB} unless kube_statefulset_status_update_revision{JOB}) * on (namespace,statefulset,job,cluster) (kube_statefulset_replicas{JOB} != kube_statefulset_status_replicas_updated{JOB})`,
	"KubeDaemonSetRolloutStuck":           `kube_daemonset_status_current_number_scheduled{JOB} != kube_daemonset_status_desired_number_scheduled{JOB} or kube_daemonset_status_number_misscheduled{JOB} != 0 or kube_daemonset_status_updated_number_scheduled{JOB} != kube_daemonset_status_desired_number_scheduled{JOB} or kube_daemonset_status_number_available{JOB} != kube_daemonset_status_desired_number_scheduled{JOB}`,
	"KubeContainerWaiting":                `kube_pod_container_status_waiting_reason{reason!="CrashLoopBackOff",JOB} > 0`,
	"KubeDaemonSetNotScheduled":           `kube_daemonset_status_desired_number_scheduled{JOB} - kube_daemonset_status_current_number_scheduled{JOB} > 0`,
	"KubeDaemonSetMisScheduled":           `kube_daemonset_status_number_misscheduled{JOB} > 0`,
	"KubeJobNotCompleted":                 `time() - max by (namespace,job_name,cluster) (kube_job_status_start_time{JOB} and kube_job_status_active{JOB} > 0) > 43200`,
	"KubeJobFailed":                       `kube_job_failed{JOB} > 0`,
	"KubeHpaReplicasMismatch":             `kube_horizontalpodautoscaler_status_desired_replicas{JOB} != kube_horizontalpodautoscaler_status_current_replicas{JOB}`,
	"KubeHpaMaxedOut":                     `kube_horizontalpodautoscaler_status_current_replicas{JOB} == kube_horizontalpodautoscaler_spec_max_replicas{JOB}`,
	"KubePdbNotEnoughHealthyPods":         `kube_poddisruptionbudget_status_desired_healthy{JOB} - kube_poddisruptionbudget_status_current_healthy{JOB} > 0`,
	"KubeCPUOvercommit":                   `sum by (cluster) (sum by (namespace,pod,cluster) (max by (namespace,pod,container,cluster) (kube_pod_container_resource_requests{resource="cpu",JOB})) * on (namespace,pod,cluster) group_left() max by (namespace,pod,cluster) (kube_pod_status_phase{phase=~"Pending|Running"} == 1)) - sum by (cluster) (kube_node_status_allocatable{JOB,resource="cpu"}) > 0`,
	"KubeMemoryOvercommit":                `sum by (cluster) (max by (namespace,pod,container,cluster) (kube_pod_container_resource_requests{resource="memory",JOB})) - sum by (cluster) (kube_node_status_allocatable{JOB,resource="memory"}) > 0`,
	"KubeCPUQuotaOvercommit":              `sum by (cluster) (min without (resource) (kube_resourcequota{JOB,type="hard",resource=~"(cpu|requests.cpu)"})) / sum by (cluster) (kube_node_status_allocatable{resource="cpu",JOB}) > 1.5`,
	"KubeQuotaAlmostFull":                 `kube_resourcequota{JOB,type="used"} / ignoring(instance,job,type) (kube_resourcequota{JOB,type="hard"} > 0) > 0.9 < 1`,
	"KubeQuotaFullyUsed":                  `kube_resourcequota{JOB,type="used"} / ignoring(instance,job,type) (kube_resourcequota{JOB,type="hard"} > 0) == 1`,
	"KubeQuotaExceeded":                   `kube_resourcequota{JOB,type="used"} / ignoring(instance,job,type) (kube_resourcequota{JOB,type="hard"} > 0) > 1`,
	"KubeMemoryQuotaOvercommit":           `sum by (cluster) (min without (resource) (kube_resourcequota{JOB,type="hard",resource=~"(memory|requests.memory)"})) / sum by (cluster) (kube_node_status_allocatable{resource="memory",JOB}) > 1.5`,
	"KubeNodeReadinessFlapping":           `sum by (cluster,node) (changes(kube_node_status_condition{JOB,status="true",condition="Ready"}[15m])) >= 1`,
	"KubePersistentVolumeErrors":          `kube_persistentvolume_status_phase{phase=~"Failed|Pending",JOB} > 0`,
	"KubeNodeNotReady":                    `kube_node_status_condition{JOB,condition="Ready",status="true"} == 0 and on (cluster,node) kube_node_spec_unschedulable{JOB} == 0`,
	"KubeNodePressure":                    `kube_node_status_condition{JOB,condition=~"(MemoryPressure|DiskPressure|PIDPressure)",status="true"} == 1 and on (cluster,node) kube_node_spec_unschedulable{JOB} == 0`,
	"KubeNodeUnreachable":                 `(kube_node_spec_taint{JOB,key="node.kubernetes.io/unreachable",effect="NoSchedule"} unless ignoring(key,value) kube_node_spec_taint{JOB,key="ToBeDeletedByClusterAutoscaler"}) == 1`,
	"KubeletTooManyPods":                  `count by (cluster,node) ((kube_pod_status_phase{JOB,phase="Running"} == 1) * on (namespace,pod,cluster) group_left(node) topk by (namespace,pod,cluster) (1, kube_pod_info{JOB})) / max by (cluster,node) (kube_node_status_capacity{JOB,resource="pods"}) > 0.95`,
	"namespace_workload_pod":              `max by (cluster,namespace,workload,pod) (label_replace(label_replace(kube_pod_owner{JOB,owner_kind="ReplicaSet"}, "replicaset", "$1", "owner_name", "(.*)") * on (cluster,replicaset,namespace) group_left(owner_name) topk by (cluster,replicaset,namespace) (1, max by (cluster,replicaset,namespace,owner_name) (kube_replicaset_owner{JOB,owner_kind="Deployment"})), "workload", "$1", "owner_name", "(.*)"))`,
	"node_namespace_pod":                  `topk by (cluster,namespace,pod) (1, max by (cluster,node,namespace,pod) (label_replace(kube_pod_info{JOB,node!=""}, "pod", "$1", "pod", "(.*)")))`,
	"cluster:namespace:pod_memory:limits": `kube_pod_container_resource_limits{resource="memory",JOB} * on (namespace,pod,cluster) group_left() max by (namespace,pod,cluster) (kube_pod_status_phase{phase=~"Pending|Running"} == 1)`,
}

func TestTheRulesOfTheFieldFindTheStateOfACluster(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "kubernetes-checks.md"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := tsdb.Open(tsdb.Config{Dir: t.TempDir()}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	w := seen(t, load(t, trouble()))
	r := collect.NewRecorder(labels.FromStrings("job", "kube-state-metrics", "cluster", "c"), w.StateSeries(), db.Storage(), w.MaxSeries())
	for _, at := range []time.Time{t0, t0.Add(15 * time.Second)} {
		if err := r.Record(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	// The node gets ready for once.
	n, _ := one[*node](w.state, nodes, "", "n1")
	ready := *n
	ready.Status.Conditions = slices.Clone(n.Status.Conditions)
	ready.Status.Conditions[0].Status = "True"
	w.state.put(nodes, &ready)
	if err := r.Record(t.Context(), t0.Add(18*time.Second)); err != nil {
		t.Fatal(err)
	}
	w.state.put(nodes, n)
	if err := r.Record(t.Context(), t0.Add(19*time.Second)); err != nil {
		t.Fatal(err)
	}
	ask := func(expr string) int {
		t.Helper()
		got, err := db.Instant(t.Context(), strings.ReplaceAll(expr, "JOB", `job="kube-state-metrics"`), t0.Add(20*time.Second))
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		return len(got)
	}
	for name, expr := range mixin {
		if strings.HasPrefix(name, "Kube") && !bytes.Contains(page, []byte("| "+name+" |")) {
			t.Errorf("docs/kubernetes-checks.md does not speak of %s", name)
		}
		if ask(expr) == 0 {
			t.Errorf("%s finds nothing: %s", name, expr)
		}
	}
	for expr, want := range map[string]int{
		`kube_pod_info{cluster="c",namespace="shop",pod="web-1",node="n1",created_by_kind="ReplicaSet",host_network="false",uid="u-web-1"}`: 1,
		`kube_pod_container_status_restarts_total{namespace="shop",pod="web-1",container="app"} == 7`:                                       1,
		`kube_pod_container_status_last_terminated_reason{reason="OOMKilled",container="app"} == 1`:                                         1,
		`kube_pod_container_status_last_terminated_exitcode == 137`:                                                                         1,
		`kube_pod_status_phase{pod="web-1"}`:                                                                                                5,
		`kube_pod_status_phase{pod="web-1"} == 1`:                                                                                           1,
		`kube_deployment_spec_strategy_rollingupdate_max_unavailable == 0 and kube_deployment_spec_strategy_rollingupdate_max_surge == 1`:   1,
		`kube_node_status_allocatable{resource="example_com_card",unit="integer"} == 2`:                                                     1,
		`kube_node_status_allocatable{resource="cpu",unit="core"} == 3.9`:                                                                   1,
		`kube_endpointslice_endpoints{address="10.1.0.1",ready="false",targetref_name="web-1"}`:                                             1,
		`kube_ingress_info{ingressclass="_default"}`:                                                                                        1,
		`kube_secret_info{secret="login"} and on (secret) kube_secret_type{type="Opaque"}`:                                                  1,
		`kube_service_status_load_balancer_ingress{ip="192.0.2.1"}`:                                                                         1,
		`kube_persistentvolumeclaim_status_phase{phase="Pending"} == 1`:                                                                     1,
		`time() - kube_cronjob_status_last_successful_time > 86400`:                                                                         1,
		`{__name__=~"kube.*",cluster!="c"}`:                                                                                                 0,
		`{__name__=~"kube.*",instance!=""}`:                                                                                                 0,
	} {
		if got := ask(expr); got != want {
			t.Errorf("%d series, want %d: %s", got, want, expr)
		}
	}

	// What has gone has no series, and what cannot be seen has none at all.
	w.state.take(pods, "shop/web-1")
	if err := r.Record(t.Context(), t0.Add(30*time.Second)); err != nil {
		t.Fatal(err)
	}
	if got, _ := db.Instant(t.Context(), `kube_pod_info`, t0.Add(31*time.Second)); len(got) != 2 {
		t.Errorf("%d pods after one of three has gone", len(got))
	}
	delete(w.state.readable, pods)
	_ = r.Record(t.Context(), t0.Add(45*time.Second))
	if got, _ := db.Instant(t.Context(), `kube_pod_info or kube_pod_status_phase`, t0.Add(46*time.Second)); len(got) != 0 {
		t.Errorf("pods that may not be read have %d series", len(got))
	}
	w.down = errNotAsked
	if err := r.Record(t.Context(), t0.Add(60*time.Second)); err == nil {
		t.Error("a cluster that cannot be seen is no error")
	}
	if got, _ := db.Instant(t.Context(), `{__name__=~"kube.*"} or up == 1`, t0.Add(61*time.Second)); len(got) != 0 {
		t.Errorf("a cluster that cannot be seen has %d series", len(got))
	}
}

func TestSeriesAreBoundedAndHoldNoContent(t *testing.T) {
	w := seen(t, load(t, trouble()))
	all, err := w.StateSeries().Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	total := 0
	for _, f := range all {
		total += len(f.Metric)
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			t.Fatal(err)
		}
		if f.GetHelp() == "" || !strings.HasPrefix(f.GetName(), "kube_") {
			t.Errorf("%s: %q", f.GetName(), f.GetHelp())
		}
	}
	if strings.Contains(text.String(), "hunter2") || strings.Contains(text.String(), "aHVudGVy") {
		t.Error("the series show a secret's value")
	}
	lines := regexp.MustCompile(`(?m)^[^#].*$`).FindAllString(text.String(), -1)
	series := make([]string, 0, len(lines))
	for _, l := range lines {
		series = append(series, l[:strings.LastIndexByte(l, ' ')])
	}
	slices.Sort(series)
	if len(slices.Compact(series)) != total {
		t.Error("a series is there twice")
	}
	w.cfg.MaxSeries = 100
	all, err = w.StateSeries().Gather()
	some := 0
	for _, f := range all {
		some += len(f.Metric)
	}
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%d series", total-100)) || some != 100 {
		t.Errorf("%d of %d series with a bound of 100; error %v", some, total, err)
	}
}

func TestStateIsLeftToAKubeStateMetricsOfTheCluster(t *testing.T) {
	for _, c := range []struct {
		setting, pod string
		writes       bool
	}{
		{"", `{"metadata":{"name":"a","namespace":"m","labels":{"app.kubernetes.io/name":"kube-state-metrics"}},"status":{"phase":"Running"}}`, false},
		{"auto", `{"metadata":{"name":"a","namespace":"m"},"status":{"phase":"Running","containerStatuses":[{"image":"registry.example.org/x/kube-state-metrics:v2.15.0"}]}}`, false},
		{"", `{"metadata":{"name":"a","namespace":"m","labels":{"app.kubernetes.io/name":"kube-state-metrics"}},"status":{"phase":"Pending"}}`, true},
		{"", `{"metadata":{"name":"a","namespace":"m"},"status":{"phase":"Running","containerStatuses":[{"image":"example.org/kube-state-metrics-fork/web:1"}]}}`, true},
		{"always", `{"metadata":{"name":"a","namespace":"m","labels":{"app.kubernetes.io/name":"kube-state-metrics"}},"status":{"phase":"Running"}}`, true},
		{"never", `{"metadata":{"name":"a","namespace":"m"}}`, false},
	} {
		w := seen(t, load(t, map[string][]string{pods: {c.pod}}))
		w.cfg.StateMetrics = c.setting
		if got := w.WritesState(func() bool { return true }); got != c.writes {
			t.Errorf("%q with %s: %v", c.setting, c.pod, got)
		}
		if got := w.WritesState(func() bool { return false }); got != (c.setting != "never") {
			t.Errorf("%q with %s, of which nothing arrives: %v", c.setting, c.pod, got)
		}
	}
}

// The state of a big cluster is written where somebody wants it so, and not by
// itself: it would take more memory than all else that is kept of it.
func TestTheStateOfABigClusterIsNotWrittenUnasked(t *testing.T) {
	of := func(count int) []string {
		var list []string
		for n := range count {
			list = append(list, fmt.Sprintf(`{"metadata":{"name":"p%d","namespace":"m"},"status":{"phase":"Running"}}`, n))
		}
		return list
	}
	nobody := func() bool { return false }
	w := seen(t, load(t, map[string][]string{pods: of(autoPods)}))
	w.o.Log = slog.New(slog.DiscardHandler)
	for _, step := range []struct {
		setting string
		count   int
		writes  bool
	}{{"", autoPods, true}, {"", autoPods + 1, false}, {"always", autoPods + 1, true}, {"auto", autoPods - 1, false}, {"auto", autoPods/10*9 - 1, true}} {
		w.cfg.StateMetrics, w.state = step.setting, load(t, map[string][]string{pods: of(step.count)})
		if got := w.WritesState(nobody); got != step.writes {
			t.Errorf("%q with %d pods: %v", step.setting, step.count, got)
		}
	}
}
