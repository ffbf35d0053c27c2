package kube

import (
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

// holds checks entities against "key=value key=value".
func holds(t *testing.T, g *graph, want map[string]string) {
	t.Helper()
	for id, facts := range want {
		e, ok := g.entities[id]
		if !ok {
			t.Errorf("there is no %s", id)
			continue
		}
		for _, pair := range strings.Fields(facts) {
			k, v, _ := strings.Cut(pair, "=")
			if got := strings.ReplaceAll(e.Attributes[k], " ", "_"); got != v {
				t.Errorf("%s: %s is %q, want %q", id, k, got, v)
			}
		}
	}
}

func joined(t *testing.T, g *graph, links ...link) {
	t.Helper()
	for _, l := range links {
		if !g.relations[l] {
			t.Errorf("there is no %v", l)
		}
	}
}

func deploymentOf(space, name, image, labels string) string {
	return `{"metadata":{"name":"` + name + `","namespace":"` + space + `","labels":{` + labels + `}},"spec":{"template":{"metadata":{"labels":{` + labels + `}},"spec":{"containers":[{"name":"discovery","image":"` + image + `"}]}}}}`
}

func podOf(space, name, more, containers string) string {
	return `{"metadata":{"name":"` + name + `-abc-1","namespace":"` + space + `","labels":{"app":"` + name + `"}` + more + `,"ownerReferences":[{"kind":"ReplicaSet","name":"` + name + `-abc","controller":true}]},
		"spec":{"containers":[{"name":"app","image":"app:1"}` + containers + `},"status":{"phase":"Running"}}`
}

func setOf(space, name string) string {
	return `{"metadata":{"name":"` + name + `-abc","namespace":"` + space + `","ownerReferences":[{"kind":"Deployment","name":"` + name + `","controller":true}]}}`
}

func meshObjects() map[string][]string {
	const side = `,{"name":"istio-proxy","image":"docker.io/istio/proxyv2:1.20.3"}]`
	const native = `],"initContainers":[{"name":"istio-proxy","image":"registry:5000/istio/proxyv2:1.22.1-distroless@sha256:aa"}]`
	return map[string][]string{
		namespaces: {`{"metadata":{"name":"shop","labels":{"istio-injection":"enabled"}}}`, `{"metadata":{"name":"pay","annotations":{"linkerd.io/inject":"enabled"}}}`,
			`{"metadata":{"name":"istio-system"}}`, `{"metadata":{"name":"plain"}}`},
		deployments: {deploymentOf("istio-system", "istiod", "docker.io/istio/pilot:1.22.1", `"app":"istiod"`), deploymentOf("shop", "web", "web:1", `"app":"web"`),
			deploymentOf("shop", "cart", "cart:1", `"app":"cart"`), deploymentOf("shop", "old", "old:1", `"app":"old"`), deploymentOf("shop", "out", "out:1", `"app":"out"`), deploymentOf("pay", "bank", "bank:1", `"app":"bank"`)},
		replicaSets: {setOf("shop", "web"), setOf("shop", "cart"), setOf("shop", "old"), setOf("shop", "out"), setOf("pay", "bank")},
		pods: {podOf("shop", "web", "", native), podOf("shop", "cart", "", "]"), podOf("shop", "old", "", side), podOf("shop", "out", `,"annotations":{"sidecar.istio.io/inject":"false"}`, "]"),
			podOf("pay", "bank", "", `,{"name":"linkerd-proxy","image":"cr.l5d.io/linkerd/proxy:stable-2.14.9"}]`)},
		services: {`{"metadata":{"name":"web","namespace":"shop"},"spec":{"selector":{"app":"web"}}}`, `{"metadata":{"name":"bank","namespace":"pay"},"spec":{"selector":{"app":"bank"}}}`},
		virtualServices: {`{"metadata":{"name":"web","namespace":"shop"},"spec":{"hosts":["web"],"gateways":["mesh","edge","istio-system/public","public.istio-system.svc.cluster.local"],"http":[
			{"route":[{"destination":{"host":"web","subset":"v1"},"weight":90},{"destination":{"host":"web","subset":"v2"},"weight":10},{"destination":{"host":"web","subset":"none"},"weight":0}],"timeout":"5s","retries":{"attempts":3,"perTryTimeout":"2s"}},
			{"name":"calm","route":[{"destination":{"host":"bank.pay.svc.cluster.local"}},{"destination":{"host":"api.example.org"}}],"timeout":"10s","retries":{"attempts":2,"perTryTimeout":"2s"}},
			{"route":[{"destination":{"host":"wep"}},{"destination":{"host":"elsewhere"}},{"destination":{"host":"web","subset":"v3"}}]}]}}`},
		destinationRules: {`{"metadata":{"name":"web","namespace":"shop"},"spec":{"host":"web.shop.svc.cluster.local","subsets":[{"name":"v1","labels":{"app":"web"}},{"name":"v3","labels":{"version":"v3"}}],"trafficPolicy":{"tls":{"mode":"ISTIO_MUTUAL"},"outlierDetection":{"consecutive5xxErrors":5}}}}`,
			`{"metadata":{"name":"gone","namespace":"shop"},"spec":{"host":"gone"}}`},
		serviceEntries: {`{"metadata":{"name":"e","namespace":"shop"},"spec":{"hosts":["elsewhere.shop.svc.cluster.local"]}}`},
		meshGateways:   {`{"metadata":{"name":"public","namespace":"istio-system"},"spec":{"selector":{"istio":"ingress"},"servers":[{"port":{"number":443,"protocol":"HTTPS"},"hosts":["shop.example.org"],"tls":{"mode":"SIMPLE","credentialName":"c"}}]}}`},
		peerAuthentications: {`{"metadata":{"name":"default","namespace":"istio-system"},"spec":{"mtls":{"mode":"STRICT"}}}`,
			`{"metadata":{"name":"old","namespace":"shop"},"spec":{"selector":{"matchLabels":{"app":"old"}},"mtls":{"mode":"PERMISSIVE"}}}`},
		meshServers:     {`{"metadata":{"name":"bank","namespace":"pay","labels":{"app":"bank"}},"spec":{"podSelector":{"matchLabels":{"app":"bank"}},"port":"http"}}`},
		authorizations:  {`{"metadata":{"name":"all","namespace":"pay"},"spec":{"server":{"selector":{"matchLabels":{"app":"bank"}}},"client":{"unauthenticated":true}}}`},
		serviceProfiles: {`{"metadata":{"name":"bank.pay.svc.cluster.local","namespace":"pay"},"spec":{"routes":[{"name":"GET /","timeout":"300ms","isRetryable":true}]}}`},
	}
}

func TestTheMesh(t *testing.T) {
	s := load(t, meshObjects())
	g := draw(s)
	holds(t, g, map[string]string{
		"namespace:c:shop":                                 "mesh=istio mesh_pods=2 mtls=strict mtls_exceptions=old=permissive",
		"namespace:c:plain":                                "mesh= mesh_pods= mtls=",
		"namespace:c:pay":                                  "mesh=linkerd mtls=",
		"pod:c:shop:web-abc-1":                             "mesh=istio proxy_version=1.22.1 mesh_missing=",
		"pod:c:shop:cart-abc-1":                            "mesh= mesh_missing=istio",
		"pod:c:shop:out-abc-1":                             "mesh= mesh_missing=",
		"pod:c:pay:bank-abc-1":                             "mesh=linkerd proxy_version=stable-2.14.9",
		"workload:c:shop:deployment/web":                   "mesh=istio proxy_versions=1.22.1 proxy_behind=0 mtls=strict mesh_whole=true",
		"workload:c:shop:deployment/old":                   "proxy_versions=1.20.3 proxy_behind=2 control_plane=1.22.1 mtls=permissive",
		"workload:c:shop:deployment/cart":                  "mesh= mtls=strict",
		"virtual-service:c:shop:web":                       "attempts=3 retries_cut=route_1:_3_retries_of_2s_each_in_5s backends_missing=wep subsets_missing=web/v2 subsets_empty=web/v3 gateways_missing=edge",
		"destination-rule:c:shop:web":                      "host_missing=false subsets=v1,v3 subsets_empty=v3 tls=istio_mutual outlier_detection=true",
		"destination-rule:c:shop:gone":                     "host_missing=true",
		"mesh-gateway:c:istio-system:public":               "hosts=shop.example.org tls=SIMPLE",
		"peer-authentication:c:istio-system:default":       "scope=mesh mode=strict",
		"peer-authentication:c:shop:old":                   "scope=workload mode=permissive",
		"mesh-server:c:pay:bank":                           "port=http unauthenticated=true authorizations=1",
		"service-profile:c:pay:bank.pay.svc.cluster.local": "routes=1 retried=1",
	})
	joined(t, g, link{"virtual-service:c:shop:web", RoutesTo, "service:c:shop:web"}, link{"virtual-service:c:shop:web", RoutesTo, "service:c:pay:bank"},
		link{"service:c:shop:web", LimitedBy, "destination-rule:c:shop:web"}, link{"namespace:c:istio-system", AllowedBy, "peer-authentication:c:istio-system:default"},
		link{"workload:c:shop:deployment/old", AllowedBy, "peer-authentication:c:shop:old"}, link{"workload:c:pay:deployment/bank", AllowedBy, "mesh-server:c:pay:bank"},
		link{"service:c:pay:bank", LimitedBy, "service-profile:c:pay:bank.pay.svc.cluster.local"})
	// Without the right to read services or rules, nothing is missing.
	for _, name := range []string{services, destinationRules, meshGateways, peerAuthentications} {
		delete(s.readable, name)
	}
	s.take(services, "shop/web")
	for _, id := range []string{"virtual-service:c:shop:web", "destination-rule:c:shop:gone", "namespace:c:shop"} {
		for _, key := range []string{"backends_missing", "subsets_missing", "gateways_missing", "mtls"} {
			if v := draw(s).entities[id].Attributes[key]; v != "" {
				t.Errorf("%s may not be known: %s is %q", id, key, v)
			}
		}
	}
}

func TestVersionsOfSidecars(t *testing.T) {
	for _, c := range []struct {
		proxy  string
		planes []string
		behind int
		ok     bool
	}{
		{"1.20.3", []string{"1.22.1"}, 2, true}, {"1.20.3", []string{"1.22.1", "1.20.9"}, 0, true}, {"1.23.0-rc.1", []string{"1.22.1"}, -1, true},
		{"stable-2.14.9", []string{"stable-2.14.10"}, 0, true}, {"edge-23.12.1", []string{"edge-24.2.1"}, 2, true}, {"stable-2.14.9", []string{"edge-24.5.1"}, 0, false},
		{"latest", []string{"1.22.1"}, 0, false}, {"", []string{"1.22.1"}, 0, false}, {"1.22.1", nil, 0, false},
	} {
		if n, ok := behind(c.proxy, c.planes); n != c.behind || ok != c.ok {
			t.Errorf("%q behind %v: %d, %v; want %d, %v", c.proxy, c.planes, n, ok, c.behind, c.ok)
		}
	}
}

func TestRoomAndReports(t *testing.T) {
	const rollout = `{"metadata":{"name":"api","namespace":"shop","generation":4},"spec":{"replicas":2,"workloadRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"api"},"strategy":{"canary":{"steps":[{"setWeight":20}]}}},
		"status":{"observedGeneration":"4","replicas":2,"readyReplicas":1,"availableReplicas":1,"updatedReplicas":1,"phase":"Degraded","message":"ProgressDeadlineExceeded: no","abort":true,
		"pauseConditions":[{"reason":"CanaryPauseStep","startTime":"2026-03-01T02:00:00Z"}],"conditions":[{"type":"Progressing","status":"False","reason":"ProgressDeadlineExceeded"}]}}`
	const base = `{"metadata":{"name":"api","namespace":"shop"},"spec":{"replicas":0,"template":{"metadata":{"labels":{"app":"api"}},"spec":{"serviceAccountName":"api","containers":[{"name":"app","image":"api:2","resources":{"requests":{"cpu":"1","memory":"1Gi"}}}]}}}}`
	s := load(t, map[string][]string{
		namespaces: {`{"metadata":{"name":"shop"}}`}, rollouts: {rollout}, deployments: {base},
		replicaSets: {`{"metadata":{"name":"api-7d","namespace":"shop","ownerReferences":[{"kind":"Rollout","name":"api","controller":true}]}}`},
		pods: {`{"metadata":{"name":"api-7d-1","namespace":"shop","labels":{"app":"api","rollouts-pod-template-hash":"7d"},"ownerReferences":[{"kind":"ReplicaSet","name":"api-7d","controller":true}]},
			"spec":{"nodeName":"n1","serviceAccountName":"api","volumes":[{"persistentVolumeClaim":{"claimName":"data"}}]},"status":{"phase":"Pending"}}`, `{"metadata":{"name":"lone","namespace":"shop"},"status":{"phase":"Running"}}`},
		accounts:    {`{"metadata":{"name":"api","namespace":"shop"},"automountServiceAccountToken":false,"imagePullSecrets":[{"name":"hub"}]}`, `{"metadata":{"name":"default","namespace":"shop"}}`},
		limitRanges: {`{"metadata":{"name":"l","namespace":"shop"},"spec":{"limits":[{"type":"Container","max":{"cpu":"2"},"defaultRequest":{"memory":"64Mi"}}]}}`},
		verticals: {`{"metadata":{"name":"api","namespace":"shop"},"spec":{"targetRef":{"kind":"Deployment","name":"api"},"updatePolicy":{"updateMode":"Off"}},"status":{"conditions":[{"type":"RecommendationProvided","status":"True"}],
			"recommendation":{"containerRecommendations":[{"containerName":"app","target":{"cpu":"5873m","memory":"262144k"}}]}}}`,
			`{"metadata":{"name":"none","namespace":"shop"},"spec":{"targetRef":{"kind":"StatefulSet","name":"none"}},"status":{"conditions":[{"type":"RecommendationProvided","status":"False","reason":"NoPodsMatched","message":"no pods"}]}}`},
		definitions: {`{"metadata":{"name":"widgets.example.org"},"spec":{"group":"example.org","scope":"Namespaced","names":{"kind":"Widget"},"versions":[{"name":"v1","served":true,"schema":{"openAPIV3Schema":{"type":"object"}}},{"name":"v1alpha1","served":false}]},"status":{"conditions":[{"type":"Established","status":"False","reason":"NotAccepted","message":"names"}]}}`},
		drivers:     {`{"metadata":{"name":"ebs.csi.aws.com"}}`}, csiNodes: {`{"metadata":{"name":"n1"},"spec":{"drivers":null}}`, `{"metadata":{"name":"n2"},"spec":{"drivers":[{"name":"ebs.csi.aws.com","nodeID":"i"}]}}`},
		claims:               {`{"metadata":{"name":"data","namespace":"shop"},"spec":{"storageClassName":"fast","volumeName":"pv1"},"status":{"phase":"Bound"}}`, `{"metadata":{"name":"two","namespace":"shop"},"spec":{"storageClassName":"fast"},"status":{"phase":"Bound"}}`},
		volumes:              {`{"metadata":{"name":"pv1"},"spec":{"csi":{"driver":"ebs.csi.aws.com","volumeHandle":"v"},"claimRef":{"namespace":"shop","name":"data"}}}`},
		storages:             {`{"metadata":{"name":"fast"},"provisioner":"ebs.csi.aws.com","reclaimPolicy":"Delete"}`},
		snapshots:            {`{"metadata":{"name":"s","namespace":"shop"},"spec":{"source":{"persistentVolumeClaimName":"data"}},"status":{"readyToUse":false,"error":{"message":"quota"}}}`},
		nodePools:            {`{"metadata":{"name":"general"},"spec":{"limits":{"cpu":"100","memory":"1000Gi"}},"status":{"resources":{"cpu":"96","memory":"10Gi"},"conditions":[{"type":"NodeClassReady","status":"False","reason":"NodeClassNotReady","message":"ami"},{"type":"Ready","status":"False","reason":"UnhealthyDependents","message":"x"}]}}`},
		nodeClaims:           {`{"metadata":{"name":"general-1","labels":{"karpenter.sh/nodepool":"general"},"creationTimestamp":"2026-03-01T02:30:00Z"},"status":{"nodeName":"n1","conditions":[{"type":"Launched","status":"True"},{"type":"Registered","status":"Unknown","reason":"NodeNotFound","message":"Node not registered with cluster"}]}}`},
		vulnerabilityReports: {`{"metadata":{"name":"r1","namespace":"shop","labels":{"trivy-operator.resource.kind":"ReplicaSet","trivy-operator.resource.name":"api-7d"}},"report":{"summary":{"criticalCount":2,"highCount":5,"noneCount":9,"lowCount":0},"vulnerabilities":[{"vulnerabilityID":"CVE-1"}]}}`},
		auditReports:         {`{"metadata":{"name":"a1","namespace":"shop","labels":{"trivy-operator.resource.kind":"ReplicaSet","trivy-operator.resource.name":"api-7d"}},"report":{"summary":{"criticalCount":0}}}`},
		policyReports: {`{"metadata":{"name":"p1","namespace":"shop"},"scope":{"kind":"Pod","name":"api-7d-1"},"summary":{"pass":10,"fail":3,"warn":0,"error":0,"skip":1}}`,
			`{"metadata":{"name":"p2","namespace":"shop"},"summary":{"pass":1,"fail":1}}`},
	})
	g := draw(s)
	holds(t, g, map[string]string{
		"workload:c:shop:rollout/api": "kind=Rollout wanted=2 ready=1 images=api:2 strategy=canary rollout_phase=Degraded aborted=true paused_since=2026-03-01T02:00:00Z observed_generation=4 progressing=false " +
			"service_account=api vulnerabilities=critical=2,high=5 audit_failures=none=0 policy_results=fail=3",
		"pod:c:shop:api-7d-1":                              "workload=workload:c:shop:rollout/api driver_missing=ebs.csi.aws.com",
		"namespace:c:shop":                                 "policy_results=fail=1",
		"service-account:c:shop:api":                       "mounts_token=false pull_secrets=hub used_by=1",
		"service-account:c:shop:default":                   "mounts_token=true used_by=1",
		"limit-range:c:shop:l":                             "limits=default-request-memory-of-a-Container=64Mi,max-cpu-of-a-Container=2",
		"vertical-autoscaler:c:shop:api":                   "mode=Off provided=true recommended_cpu=5.9 recommended_memory=260000000 requested_cpu=1 requested_memory=1073741824 target_known=true",
		"vertical-autoscaler:c:shop:none":                  "provided=false reason=NoPodsMatched:_no_pods target_known=false",
		"custom-resource-definition:c:widgets.example.org": "established=false versions=v1 kind=Widget",
		"storage-driver:c:ebs.csi.aws.com":                 "nodes=1",
		"storage-class:c:fast":                             "claims=2 claims_copied=1 csi=true",
		"volume-snapshot:c:shop:s":                         "ready=false error=quota claim=data",
		"node-pool:c:general":                              "ready=false nearest=0.960 nearest_resource=cpu",
		"node-claim:c:general-1":                           "pool=general launched=true registered=unknown node=n1 reason=NodeNotFound:_Node_not_registered_with_cluster",
	})
	joined(t, g, link{"workload:c:shop:rollout/api", estate.Owns, "pod:c:shop:api-7d-1"}, link{"workload:c:shop:rollout/api", RunsAs, "service-account:c:shop:api"},
		link{"pod:c:shop:lone", RunsAs, "service-account:c:shop:default"}, link{"namespace:c:shop", LimitedBy, "limit-range:c:shop:l"},
		link{"workload:c:shop:deployment/api", ScaledBy, "vertical-autoscaler:c:shop:api"}, link{"volume-snapshot:c:shop:s", CopyOf, "claim:c:shop:data"},
		link{"node-pool:c:general", estate.Owns, "node-claim:c:general-1"}, link{"node-claim:c:general-1", Binds, "node:c:n1"})
	if _, ok := g.entities["workload:c:shop:replicaset/api-7d"]; ok {
		t.Error("a revision of a Rollout is a workload of its own")
	}
	// The driver comes to the node.
	n, err := plain[csiNode](csiNodes, "").decode([]byte(`{"metadata":{"name":"n1"},"spec":{"drivers":[{"name":"ebs.csi.aws.com"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	s.put(csiNodes, n)
	delete(s.readable, snapshots)
	holds(t, draw(s), map[string]string{"pod:c:shop:api-7d-1": "driver_missing=", "storage-class:c:fast": "claims_copied="})
}

const (
	scalerText = `Cluster-autoscaler status at 2026-03-01 02:59:50.644106199 +0000 UTC:
Cluster-wide:
  Health:      Healthy (ready=5 unready=0 (resourceUnready=0) notStarted=0 longNotStarted=0 registered=5 longUnregistered=0)
               LastProbeTime:      2026-03-01 02:59:50.27867919 +0000 UTC m=+499650.735961122
               LastTransitionTime: 2026-02-22 03:11:00.371995979 +0000 UTC m=+60.829277965
  ScaleUp:     InProgress (ready=5 registered=5)
  ScaleDown:   NoCandidates (candidates=0)

NodeGroups:
  Name:        https://content.googleapis.com/compute/v1/projects/p/zones/us-east1-b/instanceGroups/mig-a
  Health:      Healthy (ready=1 unready=0 registered=1 longUnregistered=0 cloudProviderTarget=3 (minSize=0, maxSize=3))
               LastProbeTime:      2026-03-01 02:59:50.27867919 +0000 UTC m=+499650.735961122
  ScaleUp:     Backoff (ready=1 cloudProviderTarget=3)
  ScaleDown:   NoCandidates (candidates=0)

  Name:        mig-b
  Health:      Unhealthy (ready=2 cloudProviderTarget=2 (minSize=0, maxSize=5))
  ScaleUp:     NoActivity (ready=2 cloudProviderTarget=2)
`
	scalerYAML = `time: 2026-03-01 02:50:00.090873082 +0000 UTC
autoscalerStatus: Running
clusterWide:
  health: {status: Healthy, nodeCounts: {registered: {total: 5, ready: 4}}, lastProbeTime: "2026-03-01T02:50:00Z"}
  scaleUp: {status: InProgress}
nodeGroups:
- name: mig-a
  health: {status: Healthy, cloudProviderTarget: 4, minSize: 0, maxSize: 9}
  scaleUp:
    status: Backoff
    backoffInfo: {errorCode: QUOTA_EXCEEDED, errorMessage: "Quota 'CPUS' exceeded"}
`
)

func TestTheClusterAutoscalersReport(t *testing.T) {
	raw := func(version, status string) string {
		quoted := strings.NewReplacer("\\", "\\\\", "\n", "\\n", `"`, `\"`).Replace(status)
		return `{"metadata":{"name":"cluster-autoscaler-status","namespace":"kube-system","resourceVersion":"` + version + `"},"data":{"status":"` + quoted + `"}}`
	}
	for _, c := range []struct{ status, want string }{
		{scalerText, "health=Healthy scale_up=InProgress groups=2 backoff=mig-a unhealthy=mig-b full=mig-a report=fresh"},
		{scalerYAML, "status=Running health=Healthy groups=1 backoff=mig-a reason=QUOTA_EXCEEDED:_Quota_'CPUS'_exceeded full= report=stale"},
		{"Initializing", "status=Initializing health= report="},
		{"autoscalerStatus: [", "health= groups=0"},
	} {
		s := load(t, map[string][]string{configMaps: {raw("1", c.status)}})
		holds(t, draw(s), map[string]string{"cluster-autoscaler:c:kube-system:cluster-autoscaler": c.want})
	}
	// A report that is only newer is no change; a group of another size is.
	s := newState("c")
	r := &resource{name: configMaps}
	decode := decodeContent([]byte("salt"))
	var last object
	var told []string
	for i, status := range []string{scalerYAML, strings.Replace(scalerYAML, "02:50:00.09", "02:50:10.09", 1), strings.Replace(scalerYAML, "cloudProviderTarget: 4", "cloudProviderTarget: 5", 1)} {
		o, err := decode([]byte(raw(string(rune('1'+i)), status)))
		if err != nil {
			t.Fatal(err)
		}
		if last != nil {
			for _, c := range s.changesOf(r, last, o, t0) {
				told = append(told, c.Summary)
			}
		}
		last = o
	}
	if len(told) != 1 || !strings.Contains(told[0], "wants 5 instead of 4 nodes in the group mig-a") {
		t.Errorf("told %q", told)
	}
}

func TestChangesOfRules(t *testing.T) {
	s := newState("c")
	list := map[string]*resource{}
	for _, r := range resources([]byte("salt")) {
		list[r.name] = r
	}
	for _, c := range []struct{ resource, old, now, id, kind, says, before, after string }{
		{virtualServices, `{"metadata":{"name":"web","namespace":"shop"},"spec":{"hosts":["web"],"http":[{"route":[{"destination":{"host":"web"}}],"timeout":"5s"}]}}`,
			`{"metadata":{"name":"web","namespace":"shop","managedFields":[{"manager":"kubectl-edit","time":"2026-03-01T02:59:00Z"}]},"spec":{"hosts":["web"],"http":[{"route":[{"destination":{"host":"web"}}],"timeout":"9s"}]}}`,
			"virtual-service:c:shop:web", "virtual-service-change", "timeout of route 1", "timeout of route 1: 5s", "timeout of route 1: 9s"},
		{peerAuthentications, ``, `{"metadata":{"name":"p","namespace":"shop"},"spec":{"mtls":{"mode":"STRICT"}}}`, "peer-authentication:c:shop:p", "peer-authentication-new", "is new", "", "mode: strict"},
		{definitions, `{"metadata":{"name":"w.example.org"},"spec":{"names":{"kind":"W"},"scope":"Cluster"}}`, ``, "custom-resource-definition:c:w.example.org", "custom-resource-definition-gone", "was deleted", "kind: W\nscope: Cluster", ""},
		{nodePools, `{"metadata":{"name":"g"},"spec":{"limits":{"cpu":"10"}}}`, `{"metadata":{"name":"g"},"spec":{"limits":{"cpu":20}}}`, "node-pool:c:g", "node-pool-change", "limit of cpu", "limit of cpu: 10", "limit of cpu: 20"},
		{rollouts, `{"metadata":{"name":"api","namespace":"shop"},"spec":{"template":{"spec":{"containers":[{"name":"app","image":"api:1"}]}}}}`,
			`{"metadata":{"name":"api","namespace":"shop"},"spec":{"template":{"spec":{"containers":[{"name":"app","image":"api:2"}]}}}}`, "workload:c:shop:rollout/api", "rollout", "image of app", "image of app: api:1", "image of app: api:2"},
		{secrets, ``, `{"metadata":{"name":"sh.helm.release.v1.web.v7","namespace":"shop","labels":{"name":"web","version":"7","status":"deployed"}},"type":"helm.sh/release.v1","data":{"release":"c2VjcmV0"}}`,
			"release:c:shop:web", "release", "Helm release shop/web: revision 7 is deployed", "", "7"},
	} {
		r := list[c.resource]
		decode := func(raw string) object {
			if raw == "" {
				return nil
			}
			o, err := r.decode([]byte(raw))
			if err != nil {
				t.Fatal(err)
			}
			return o
		}
		got := s.changesOf(r, decode(c.old), decode(c.now), t0)
		if len(got) != 1 {
			t.Errorf("%s: %d changes: %+v", c.resource, len(got), got)
			continue
		}
		e := got[0]
		if e.Entity != c.id || e.Kind != c.kind || !strings.Contains(e.Summary, c.says) || e.Before != c.before || e.After != c.after {
			t.Errorf("%s: %+v", c.resource, e)
		}
		if c.resource == virtualServices && (e.Who != "kubectl-edit" || !e.At.Equal(t0.Add(-time.Minute))) {
			t.Errorf("%s: by %q at %s", c.resource, e.Who, e.At)
		}
		if c.now == "" {
			continue
		}
		if again := s.changesOf(r, decode(c.now), decode(c.now), t0); len(again) > 0 {
			t.Errorf("%s: nothing changed, and it tells %+v", c.resource, again)
		}
	}
}
