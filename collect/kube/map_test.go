package kube

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

var t0 = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// load puts objects, each as the API server writes it, into a state of which
// all resources can be read.
func load(t *testing.T, objects map[string][]string) *state {
	t.Helper()
	s := newState("c")
	for _, r := range resources([]byte("salt")) {
		s.readable[r.name] = true
		for _, raw := range objects[r.name] {
			o, err := r.decode([]byte(raw))
			if err != nil {
				t.Fatalf("%s: %v", r.name, err)
			}
			s.put(r.name, o)
		}
		delete(objects, r.name)
	}
	if len(objects) > 0 {
		t.Fatalf("no such resources: %v", objects)
	}
	return s
}

// draw maps everything.
func draw(s *state) *graph {
	g := newGraph()
	g.set("cluster", s.mapCluster(reach{version: "v1.37.2", reachable: "true"}))
	g.set("shared", s.mapShared())
	for _, n := range all[*node](s, nodes, "") {
		g.set("node "+n.Name, s.mapNode(n, 0, t0))
	}
	for space := range s.spaces() {
		g.set("namespace "+space, s.mapSpace(space, t0))
		for _, o := range all[*pod](s, pods, space) {
			g.set("pod "+o.key(), s.mapPod(o))
		}
	}
	return g
}

const (
	deploymentJSON = `{"metadata":{"name":"web","namespace":"shop","generation":4,"labels":{"app.kubernetes.io/instance":"shop-web","app.kubernetes.io/part-of":"storefront"},"annotations":{"deployment.kubernetes.io/revision":"7","other":"x"},
		"managedFields":[{"manager":"kubectl-set","time":"2026-03-01T02:00:00Z"},{"manager":"kube-controller-manager","time":"2026-03-01T02:30:00Z","subresource":"status"}]},
		"spec":{"replicas":3,"selector":{"matchLabels":{"app":"web"}},"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":"25%","maxSurge":1}},
		"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"app","image":"web:1","env":[{"name":"PASSWORD","value":"hunter2"}],
		"resources":{"requests":{"cpu":"250m","memory":"64Mi"},"limits":{"memory":"128Mi"}},"readinessProbe":{"httpGet":{"port":80}}},
		{"name":"side","image":"side:1","resources":{"requests":{"cpu":"1"}}}]}}},
		"status":{"observedGeneration":3,"replicas":3,"readyReplicas":2,"availableReplicas":2,"updatedReplicas":1,
		"conditions":[{"type":"Available","status":"False","lastTransitionTime":"2026-03-01T02:50:00Z"},{"type":"Progressing","status":"False","reason":"ProgressDeadlineExceeded"}]}}`
	setJSON = `{"metadata":{"name":"web-abc","namespace":"shop","ownerReferences":[{"kind":"Deployment","name":"web","controller":true}]},"spec":{"template":{"metadata":{"labels":{"app":"web"}}}}}`
	podJSON = `{"metadata":{"name":"web-abc-1","namespace":"shop","creationTimestamp":"2026-03-01T02:40:00Z","labels":{"app":"web","pod-template-hash":"abc"},
		"ownerReferences":[{"kind":"ReplicaSet","name":"web-abc","controller":true}]},
		"spec":{"nodeName":"n1","volumes":[{"persistentVolumeClaim":{"claimName":"data"}},{"emptyDir":{}},{"secret":{"secretName":"login"}}]},
		"status":{"phase":"Running","qosClass":"Burstable","conditions":[{"type":"Ready","status":"False"},{"type":"PodScheduled","status":"True"}],
		"containerStatuses":[{"name":"app","restartCount":7,"state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off 5m"}},
		"lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled","finishedAt":"2026-03-01T02:59:00Z"}}},{"name":"side","restartCount":1,"state":{"running":{}}}]}}`
	pendingJSON = `{"metadata":{"name":"big","namespace":"shop"},"spec":{"volumes":[]},"status":{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable",
		"message":"0/3 nodes are available: 3 Insufficient cpu.","lastTransitionTime":"2026-03-01T02:55:00Z"}]}}`
	nodeJSON = `{"metadata":{"name":"n1","labels":{"topology.kubernetes.io/zone":"a","node-role.kubernetes.io/worker":""}},"spec":{"unschedulable":true,
		"taints":[{"key":"gpu","value":"yes","effect":"NoSchedule"}]},"status":{"allocatable":{"cpu":"7910m","memory":"32Gi","pods":"110"},
		"conditions":[{"type":"Ready","status":"Unknown","lastTransitionTime":"2026-03-01T02:58:00Z"},{"type":"DiskPressure","status":"True"},{"type":"MemoryPressure","status":"True"},{"type":"KernelDeadlock","status":"True","reason":"DockerHung"},{"type":"FrequentKubeletRestart","status":"False"},{"type":"NetworkingReady","status":"False","reason":"NoRoute"},{"type":"EtcdIsVoter","status":"True"}],
		"nodeInfo":{"kubeletVersion":"v1.36.1"}}}`
)

func TestTheMapping(t *testing.T) {
	s := load(t, map[string][]string{
		deployments: {deploymentJSON}, replicaSets: {setJSON}, pods: {podJSON, pendingJSON}, nodes: {nodeJSON},
		namespaces:     {`{"metadata":{"name":"shop"},"status":{"phase":"Active"}}`},
		leases:         {`{"metadata":{"name":"n1","namespace":"kube-node-lease"},"spec":{"renewTime":"2026-03-01T02:58:00.123456Z","leaseDurationSeconds":40}}`},
		services:       {`{"metadata":{"name":"web","namespace":"shop"},"spec":{"type":"ClusterIP","selector":{"app":"web"},"ports":[{"port":80,"protocol":"TCP"}]}}`},
		endpointSlices: {`{"metadata":{"name":"web-1","namespace":"shop","labels":{"kubernetes.io/service-name":"web"}},"endpoints":[{"conditions":{"ready":true}},{"conditions":{"ready":false}},{}]}`},
		policies: {`{"metadata":{"name":"closed","namespace":"shop"},"spec":{"podSelector":{},"policyTypes":["Egress"],"egress":[{"ports":[{"port":443}]}]}}`,
			`{"metadata":{"name":"nobody","namespace":"shop"},"spec":{"podSelector":{"matchExpressions":[{"key":"app","operator":"NotIn","values":["web"]},{"key":"app","operator":"Exists"}]},"policyTypes":["Ingress"]}}`},
		claims:      {`{"metadata":{"name":"data","namespace":"shop","creationTimestamp":"2026-03-01T02:00:00Z"},"spec":{"storageClassName":"fast","resources":{"requests":{"storage":"1Gi"}}},"status":{"phase":"Pending"}}`},
		events:      {`{"metadata":{"name":"e","namespace":"shop"},"involvedObject":{"kind":"PersistentVolumeClaim","name":"data"},"reason":"ProvisioningFailed","message":"storageclass fast not found"}`},
		autoscalers: {`{"metadata":{"name":"web","namespace":"shop"},"spec":{"scaleTargetRef":{"kind":"Deployment","name":"web"},"maxReplicas":3},"status":{"currentReplicas":3,"desiredReplicas":3,"conditions":[{"type":"ScalingLimited","status":"True","reason":"TooManyReplicas","lastTransitionTime":"2026-03-01T01:00:00Z"}]}}`},
		quotas:      {`{"metadata":{"name":"q","namespace":"shop"},"status":{"hard":{"cpu":"4","pods":"10"},"used":{"cpu":"3900m","pods":"2"}}}`},
		jobs:        {`{"metadata":{"name":"backup-1","namespace":"shop","ownerReferences":[{"kind":"CronJob","name":"backup","controller":true}]},"spec":{},"status":{"failed":2,"active":1,"conditions":[{"type":"Failed","status":"True","reason":"BackoffLimitExceeded"}]}}`},
		cronJobs:    {`{"metadata":{"name":"backup","namespace":"shop"},"spec":{"schedule":"0 3 * * *","suspend":true},"status":{"active":[{"name":"backup-1"}]}}`},
		secrets: {`{"metadata":{"name":"sh.helm.release.v1.web.v1","namespace":"shop","labels":{"name":"web","version":"1","status":"superseded"}},"type":"helm.sh/release.v1"}`,
			`{"metadata":{"name":"sh.helm.release.v1.web.v2","namespace":"shop","labels":{"name":"web","version":"2","status":"failed"}},"type":"helm.sh/release.v1"}`},
		gateways:     {`{"metadata":{"name":"edge","namespace":"shop"},"spec":{"gatewayClassName":"x"},"status":{"conditions":[{"type":"Accepted","status":"True"},{"type":"Programmed","status":"False","reason":"Invalid","message":"no address"}]}}`},
		httpRoutes:   {`{"metadata":{"name":"web","namespace":"shop"},"spec":{"hostnames":["h"],"parentRefs":[{"name":"edge"},{"namespace":"other","name":"edge"}],"rules":[{"backendRefs":[{"name":"web","port":80}]},{"backendRefs":[{"name":"web","port":80}]}]},"status":{"parents":[{"conditions":[{"type":"Accepted","status":"True"},{"type":"ResolvedRefs","status":"True"}]},{"conditions":[{"type":"Accepted","status":"False","reason":"NotAllowedByListeners","message":"no"},{"type":"ResolvedRefs","status":"True"}]}]}}`},
		certificates: {`{"metadata":{"name":"web","namespace":"shop"},"spec":{"secretName":"web-tls","dnsNames":["h"]},"status":{"notAfter":"2026-04-01T00:00:00Z","conditions":[{"type":"Ready","status":"False","reason":"DoesNotExist","message":"waiting"}]}}`},
		applications: {`{"metadata":{"name":"shop","namespace":"argocd"},"status":{"sync":{"status":"OutOfSync","revision":"abc"},"health":{"status":"Degraded","message":"web"}}}`},
		helmReleases: {`{"metadata":{"name":"shop","namespace":"shop"},"status":{"lastAttemptedRevision":"1.2.3","conditions":[{"type":"Ready","status":"False","reason":"InstallFailed","message":"timeout"}]}}`},
		clusterRoles: {`{"metadata":{"name":"edit"},"rules":[{"verbs":["get","patch"],"resources":["pods"]}]}`},
		bindings:     {`{"metadata":{"name":"b","namespace":"shop"},"roleRef":{"kind":"ClusterRole","name":"edit"},"subjects":[{"kind":"ServiceAccount","namespace":"shop","name":"x"}]}`},
		validating:   {`{"metadata":{"name":"w"},"webhooks":[{"name":"w.example.org","failurePolicy":"Fail","clientConfig":{"service":{"namespace":"shop","name":"web"}},"rules":[{"resources":["pods"]}]}]}`},
	})
	g := draw(s)
	for _, c := range []struct{ id, want string }{
		{"workload:c:shop:deployment/web", "kind=Deployment namespace=shop application=storefront wanted=3 ready=2 available=2 updated=1 generation=4 observed_generation=3 unavailable_since=2026-03-01T02:50:00Z " +
			"progressing=false progress_reason=ProgressDeadlineExceeded revision=7 images=web:1,side:1 requests_cpu=1.25 requests_memory=67108864 limits_memory= probes=readiness max_unavailable=25% max_surge=1 zones=1"},
		{"pod:c:shop:web-abc-1", "phase=Running ready=false node=n1 workload=workload:c:shop:deployment/web waiting=app=CrashLoopBackOff restarts=8 last_exit=app=OOMKilled:137 last_exit_at=2026-03-01T02:59:00Z scheduled=true pending_reason="},
		{"pod:c:shop:big", "scheduled=false pending_since=2026-03-01T02:55:00Z workload= node="},
		{"node:c:n1", "ready=unknown pressure=memory,disk problems=KernelDeadlock:DockerHung,NetworkingReady:NoRoute cordoned=true taints=gpu=yes:NoSchedule kubelet=v1.36.1 zone=a role=worker allocatable_cpu=7.91 allocatable_memory=34359738368 lease_age_state=stale"},
		{"namespace:c:shop", "phase=Active pods=2 policies=2"},
		{"service:c:shop:web", "selector=app=web endpoints_ready=2 endpoints_not_ready=1 ports=80/TCP"},
		{"network-policy:c:shop:closed", "selects=2 types=Egress allows_dns=false"},
		{"network-policy:c:shop:nobody", "selects=0 allows_dns=unrestricted"},
		{"claim:c:shop:data", "phase=Pending class=fast class_known=false size=1073741824 used_by=1 pending_since=2026-03-01T02:00:00Z"},
		{"autoscaler:c:shop:web", "max=3 desired=3 limited=true at_max_since=2026-03-01T01:00:00Z"},
		{"quota:c:shop:q", "nearest=0.975 nearest_resource=cpu"},
		{"workload:c:shop:job/backup-1", "failed=2 active=1 progress_reason=BackoffLimitExceeded"},
		{"workload:c:shop:cronjob/backup", "suspended=true active=1 wanted="},
		{"release:c:shop:web", "revision=2 ready=false reason=failed"},
		{"gateway:c:shop:edge", "class=x programmed=false accepted=true"}, {"route:c:shop:httproute/web", "hosts=h parents=shop/edge,other/edge accepted=false resolved_refs=true"},
		{"certificate:c:shop:web", "ready=false secret=web-tls not_after=2026-04-01T00:00:00Z"}, {"gitops-app:c:argocd:shop", "sync=OutOfSync health=Degraded revision=abc"},
		{"gitops-app:c:shop:helmrelease/shop", "ready=false revision=1.2.3"},
		{"role-binding:c:shop:b", "role=ClusterRole/edit permits_write=true subjects=ServiceAccount:shop/x"},
		{"webhook:c:w/w.example.org", "failure_policy=Fail endpoints_ready=2 service=shop/web"},
	} {
		e, ok := g.entities[c.id]
		if !ok {
			t.Errorf("there is no %s", c.id)
			continue
		}
		for _, pair := range strings.Fields(c.want) {
			if k, v, _ := strings.Cut(pair, "="); e.Attributes[k] != v {
				t.Errorf("%s: %s is %q, want %q", c.id, k, e.Attributes[k], v)
			}
		}
	}
	if got := g.entities["pod:c:shop:big"].Attributes["pending_reason"]; got != "0/3 nodes are available: 3 Insufficient cpu." {
		t.Errorf("the scheduler's reason is %q", got)
	}
	if _, ok := g.entities["workload:c:shop:replicaset/web-abc"]; ok {
		t.Error("a revision of a deployment is a workload of its own")
	}
	for _, l := range []link{
		{"workload:c:shop:deployment/web", estate.Owns, "pod:c:shop:web-abc-1"}, {"pod:c:shop:web-abc-1", estate.RunsOn, "node:c:n1"},
		{"pod:c:shop:web-abc-1", Mounts, "claim:c:shop:data"}, {"pod:c:shop:web-abc-1", Mounts, "secret:c:shop:login"},
		{"service:c:shop:web", RoutesTo, "workload:c:shop:deployment/web"}, {"workload:c:shop:deployment/web", ScaledBy, "autoscaler:c:shop:web"},
		{"workload:c:shop:deployment/web", AllowedBy, "network-policy:c:shop:closed"}, {"workload:c:shop:cronjob/backup", estate.Owns, "workload:c:shop:job/backup-1"},
		{"route:c:shop:httproute/web", RoutesTo, "service:c:shop:web"}, {"namespace:c:shop", LimitedBy, "quota:c:shop:q"}, {"node:c:n1", In, "kubernetes-cluster:c"},
	} {
		if !g.relations[l] {
			t.Errorf("there is no %v", l)
		}
	}
	if g.relations[link{"workload:c:shop:deployment/web", AllowedBy, "network-policy:c:shop:nobody"}] {
		t.Error("a policy that selects nothing allows something")
	}
}

// What could not be read is not said to be missing.
func TestWhatMayNotBeReadIsUnknown(t *testing.T) {
	s := load(t, map[string][]string{
		ingresses: {`{"metadata":{"name":"web","namespace":"shop"},"spec":{"ingressClassName":"x","tls":[{"hosts":["h"],"secretName":"cert"}],"defaultBackend":{"service":{"name":"web","port":{"number":80}}}}}`},
		services:  {`{"metadata":{"name":"web","namespace":"shop"},"spec":{"selector":{"a":"b"}}}`},
	})
	attributes := func(id string) map[string]string { return draw(s).entities[id].Attributes }
	if got := attributes("ingress:c:shop:web"); got["tls_missing"] != "h=cert" || got["class_known"] != "false" || got["backends_missing"] != "" {
		t.Errorf("all can be read: %v", got)
	}
	s.take(services, "shop/web")
	for _, name := range []string{secrets, classes, services, endpointSlices, pods} {
		delete(s.readable, name)
	}
	got := attributes("ingress:c:shop:web")
	for _, key := range []string{"tls_missing", "class_known", "backends_missing"} {
		if v, ok := got[key]; ok {
			t.Errorf("nothing can be read, and %s is %q", key, v)
		}
	}
}

// The graph tells exactly what is different.
func TestTheGraphTellsWhatChanged(t *testing.T) {
	s := load(t, map[string][]string{deployments: {deploymentJSON}, replicaSets: {setJSON}, pods: {podJSON}})
	g := draw(s)
	if o := g.whole(); len(o.Entities) != len(g.entities) || !o.Complete {
		t.Fatalf("the whole has %d of %d entities", len(o.Entities), len(g.entities))
	}
	clear(g.untold)
	clear(g.untoldLinks)
	o, _ := one[*pod](s, pods, "shop", "web-abc-1")
	if d := g.set("pod shop/web-abc-1", s.mapPod(o)); len(d.Appear)+len(d.Vanish)+len(d.Join)+len(d.Part)+len(g.untold) != 0 {
		t.Errorf("nothing changed, and it tells %+v", d)
	}
	o.Spec.Node = "n2"
	g.set("pod shop/web-abc-1", s.mapPod(o))
	if n := g.news(); len(n.Entities) != 1 || len(n.Gone) != 0 || len(n.Relations) != 1 || len(n.Ended) != 1 || n.Complete {
		t.Errorf("a pod on another node: %+v", n)
	}
	g.set("pod shop/web-abc-1", picture{})
	if n := g.news(); len(n.Entities) != 0 || len(n.Gone) != 1 {
		t.Errorf("a pod that is gone: %+v", n)
	}
	for l := range g.relations {
		if l.from == "pod:c:shop:web-abc-1" || l.to == "pod:c:shop:web-abc-1" {
			t.Errorf("%v is left of it", l)
		}
	}
}

func TestChangesAreReadableAndTellNoSecret(t *testing.T) {
	s := newState("c")
	decode := func(name, raw string) (*resource, object) {
		for _, r := range resources([]byte("salt")) {
			if r.name == name {
				o, err := r.decode([]byte(raw))
				if err != nil {
					t.Fatal(err)
				}
				return r, o
			}
		}
		t.Fatal(name)
		return nil, nil
	}
	for _, c := range []struct {
		resource, old, now string
		want               []string // kind|summary
		before, after      string
	}{
		{deployments, deploymentJSON, strings.Replace(deploymentJSON, "web:1", "web:2", 1), []string{"rollout|shop/web is rolled out anew: image of app"}, "image of app: web:1", "image of app: web:2"},
		{deployments, deploymentJSON, strings.Replace(deploymentJSON, "hunter2", "hunter3", 1), []string{"rollout|shop/web is rolled out anew: variable PASSWORD of app"}, "variable PASSWORD", "variable PASSWORD"},
		{deployments, deploymentJSON, strings.Replace(deploymentJSON, `"replicas":3,"sel`, `"replicas":0,"sel`, 1), []string{"scale|shop/web was scaled from 3 to 0"}, "3", "0"},
		{deployments, deploymentJSON, strings.Replace(deploymentJSON, `"readyReplicas":2`, `"readyReplicas":3`, 1), nil, "", ""},
		{deployments, deploymentJSON, "", []string{"workload-gone|The Deployment shop/web was deleted"}, "web:1,side:1", ""},
		{applications, `{"metadata":{"name":"shop","namespace":"argocd"},"status":{"sync":{"revision":"abc"}}}`, `{"metadata":{"name":"shop","namespace":"argocd"},"status":{"sync":{"revision":"def"}}}`,
			[]string{"gitops-revision|argocd/shop is at revision def instead of abc"}, "abc", "def"},
		{replicaSets, "", setJSON, nil, "", ""},
		{nodes, nodeJSON, strings.Replace(nodeJSON, "v1.36.1", "v1.37.2", 1), []string{"node-upgrade|The node n1 runs kubelet v1.37.2 instead of v1.36.1"}, "v1.36.1", "v1.37.2"},
		{nodes, nodeJSON, strings.Replace(nodeJSON, `"unschedulable":true`, `"unschedulable":false`, 1), []string{"node-uncordon|The node n1 takes pods again"}, "", ""},
		{nodes, nodeJSON, strings.Replace(nodeJSON, `{"key":"gpu"`, `{"key":"node.kubernetes.io/not-ready","effect":"NoExecute"},{"key":"gpu"`, 1), nil, "", ""},
		{nodes, "", nodeJSON, []string{"node-join|The node n1 joined"}, "", "v1.36.1"},
		{secrets, `{"metadata":{"name":"s","namespace":"shop"},"data":{"a":"aHVudGVyMg==","b":"eA=="}}`, `{"metadata":{"name":"s","namespace":"shop"},"data":{"a":"aHVudGVyMw==","c":"eA=="}}`,
			[]string{"secret-change|The secret shop/s is another (changed: a; new: c; gone: b)"}, "", ""},
	} {
		var r *resource
		var old, now object
		if c.old != "" {
			r, old = decode(c.resource, c.old)
		}
		if c.now != "" {
			r, now = decode(c.resource, strings.Replace(c.now, "kubectl-set\",\"time\":\"2026-03-01T02:00", "kubectl-set\",\"time\":\"2026-03-01T02:59", 1))
		}
		var got []string
		for _, e := range s.changesOf(r, old, now, t0) {
			got = append(got, e.Kind+"|"+e.Summary)
			if !strings.Contains(e.Before, c.before) || !strings.Contains(e.After, c.after) {
				t.Errorf("%s: from %q to %q, want %q and %q", e.Summary, e.Before, e.After, c.before, c.after)
			}
			if text := e.Summary + e.Before + e.After; strings.Contains(text, "hunter") || strings.Contains(text, "aHVu") {
				t.Errorf("it tells a secret: %q", text)
			}
			if c.resource == deployments && now != nil && e.Who != "kubectl-set" {
				t.Errorf("%s: by %q", e.Summary, e.Who)
			}
		}
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// Who wrote is told only where the API knows: one who takes back all that they
// wrote is not among the writers any more.
func TestWhoIsNotGuessed(t *testing.T) {
	s := newState("c")
	node := func(cordoned bool, writers string) object {
		for _, r := range resources([]byte("salt")) {
			if r.name == nodes {
				o, err := r.decode([]byte(fmt.Sprintf(`{"metadata":{"name":"n1","managedFields":[%s]},"spec":{"unschedulable":%t}}`, writers, cordoned)))
				if err != nil {
					t.Fatal(err)
				}
				return o
			}
		}
		return nil
	}
	const kubelet, cordon = `{"manager":"kubelet","time":"2026-03-01T02:58:00Z"}`, `{"manager":"kubectl-cordon","time":"2026-03-01T02:58:00Z"}`
	const drain = `{"manager":"kubectl-drain","time":"2026-03-01T02:59:59Z"}`
	r := &resource{name: nodes}
	for _, c := range []struct{ old, now, who, at string }{
		{kubelet, kubelet + "," + drain, "kubectl-drain", "02:59:59"},
		{kubelet + "," + cordon, kubelet, "", "03:00:00"},
		{cordon + "," + drain, cordon, "", "03:00:00"},
		{drain, drain, "kubectl-drain", "03:00:00"}, // twice within a second
	} {
		got := s.changesOf(r, node(true, c.old), node(false, c.now), t0)
		if len(got) != 1 || got[0].Who != c.who || got[0].At.UTC().Format(time.TimeOnly) != c.at {
			t.Errorf("from %s to %s: %+v", c.old, c.now, got)
		}
	}
}

// Where the events cannot be read, who wanted the pods says that there were none.
func TestAQuotaThatTurnsPodsAway(t *testing.T) {
	set := func(name, quota, status string) string {
		return fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"shop"},"status":{"conditions":[{"type":"ReplicaFailure","status":%q,"reason":"FailedCreate","lastTransitionTime":"2026-03-01T01:00:00Z","message":"pods \"web-1\" is forbidden: exceeded quota: %s, requested: pods=1, used: pods=4, limited: pods=4"}]}}`, name, status, quota)
	}
	quota := func(name string) string {
		return fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"shop"},"status":{"hard":{"pods":"4"},"used":{"pods":"4"}}}`, name)
	}
	g := draw(load(t, map[string][]string{
		namespaces: {`{"metadata":{"name":"shop"},"status":{"phase":"Active"}}`}, quotas: {quota("small"), quota("smaller"), quota("past")},
		replicaSets: {set("web-5d", "small", "True"), set("old-5d", "past", "False")},
	}))
	for id, want := range map[string]string{"quota:c:shop:small": "2026-03-01T01:00:00Z", "quota:c:shop:smaller": "", "quota:c:shop:past": ""} {
		if got := g.entities[id].Attributes["denied_since"]; got != want {
			t.Errorf("%s: pods are turned away since %q, want %q", id, got, want)
		}
	}
}
