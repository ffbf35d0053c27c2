package kube

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// resource is one kind of objects that the API server is asked for.
type resource struct {
	name   string // plural, as RBAC names it
	path   string
	fields string // selects by fields; empty for all
	atOnce int    // how many are listed in a page; pageSize where it is 0
	decode func(raw []byte) (object, error)

	news chan struct{} // it has just been installed, so it is asked for at once
}

// definedBy tells whether a definition is what brings the resource.
func (r *resource) definedBy(o *definition) bool {
	plural, group, _ := strings.Cut(o.Name, ".")
	return strings.HasPrefix(r.path, "/apis/"+group+"/") && strings.HasSuffix(r.path, "/"+plural)
}

// The names of resources that the code speaks of.
const (
	nodes          = "nodes"
	leases         = "leases"
	namespaces     = "namespaces"
	pods           = "pods"
	deployments    = "deployments"
	statefulSets   = "statefulsets"
	daemonSets     = "daemonsets"
	replicaSets    = "replicasets"
	jobs           = "jobs"
	cronJobs       = "cronjobs"
	services       = "services"
	endpointSlices = "endpointslices"
	ingresses      = "ingresses"
	classes        = "ingressclasses"
	policies       = "networkpolicies"
	claims         = "persistentvolumeclaims"
	volumes        = "persistentvolumes"
	storages       = "storageclasses"
	autoscalers    = "horizontalpodautoscalers"
	budgets        = "poddisruptionbudgets"
	quotas         = "resourcequotas"
	configMaps     = "configmaps"
	secrets        = "secrets"
	events         = "events"
	roles          = "roles"
	clusterRoles   = "clusterroles"
	bindings       = "rolebindings"
	clusterBinds   = "clusterrolebindings"
	validating     = "validatingwebhookconfigurations"
	mutating       = "mutatingwebhookconfigurations"
	apiServices    = "apiservices"
	limitRanges    = "limitranges"
	accounts       = "serviceaccounts"
	definitions    = "customresourcedefinitions"
	drivers        = "csidrivers"
	csiNodes       = "csinodes"
)

// Kinds of workloads.
const (
	kindDeployment  = "Deployment"
	kindStatefulSet = "StatefulSet"
	kindDaemonSet   = "DaemonSet"
	kindReplicaSet  = "ReplicaSet"
	kindJob         = "Job"
	kindCronJob     = "CronJob"
	kindRollout     = "Rollout" // of Argo
)

// workloads names the resource of each kind.
var workloads = map[string]string{kindDeployment: deployments, kindStatefulSet: statefulSets, kindDaemonSet: daemonSets,
	kindReplicaSet: replicaSets, kindJob: jobs, kindCronJob: cronJobs, kindRollout: rollouts}

// resources lists all that a cluster is asked for. The salt makes the hashes
// of contents useless to whoever sees them and does not have it.
func resources(salt []byte) []*resource {
	apps, batch, net, rbac := "/apis/apps/v1/", "/apis/batch/v1/", "/apis/networking.k8s.io/v1/", "/apis/rbac.authorization.k8s.io/v1/"
	hooks := "/apis/admissionregistration.k8s.io/v1/"
	list := []*resource{
		plain[node](nodes, "/api/v1/nodes"),
		plain[lease](leases, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"),
		plain[namespace](namespaces, "/api/v1/namespaces"),
		plain[service](services, "/api/v1/services"),
		plain[slice](endpointSlices, "/apis/discovery.k8s.io/v1/endpointslices"),
		plain[ingress](ingresses, net+ingresses), plain[named](classes, net+classes), plain[policy](policies, net+policies),
		plain[claim](claims, "/api/v1/"+claims), plain[persistentVolume](volumes, "/api/v1/"+volumes), plain[storageClass](storages, "/apis/storage.k8s.io/v1/"+storages),
		plain[autoscaler](autoscalers, "/apis/autoscaling/v2/"+autoscalers), plain[budget](budgets, "/apis/policy/v1/"+budgets), plain[quota](quotas, "/api/v1/"+quotas),
		plain[role](roles, rbac+roles), plain[role](clusterRoles, rbac+clusterRoles), plain[binding](bindings, rbac+bindings), plain[binding](clusterBinds, rbac+clusterBinds),
		plain[webhooks](validating, hooks+validating), plain[webhooks](mutating, hooks+mutating), plain[apiService](apiServices, "/apis/apiregistration.k8s.io/v1/"+apiServices),
		plain[limitRange](limitRanges, "/api/v1/"+limitRanges), plain[serviceAccount](accounts, "/api/v1/"+accounts),
		plain[named](drivers, "/apis/storage.k8s.io/v1/"+drivers), plain[csiNode](csiNodes, "/apis/storage.k8s.io/v1/"+csiNodes),
		// Their schemas can be large, and are not kept.
		plain[definition](definitions, "/apis/apiextensions.k8s.io/v1/"+definitions).inPagesOf(20),
		{name: events, path: "/api/v1/events", fields: "type!=Normal", decode: plain[event](events, "").decode},
		{name: pods, path: "/api/v1/pods", decode: decodePod},
		{name: configMaps, path: "/api/v1/configmaps", decode: decodeContent(salt)},
		{name: secrets, path: "/api/v1/secrets", decode: decodeContent(salt)},
	}
	list = append(list, customResources()...)
	for kind, name := range workloads {
		base := apps
		switch kind {
		case kindJob, kindCronJob:
			base = batch
		case kindRollout:
			base = argo
		}
		list = append(list, &resource{name: name, path: base + name, decode: decodeWorkload(kind)})
	}
	return list
}

func (r *resource) inPagesOf(n int) *resource {
	r.atOnce = n
	return r
}

// pointer is *T, which is an object.
type pointer[T any] interface {
	*T
	object
}

func plain[T any, P pointer[T]](name, path string) *resource {
	return &resource{name: name, path: path, decode: func(raw []byte) (object, error) {
		o := P(new(T))
		return o, json.Unmarshal(raw, o)
	}}
}

func decodePod(raw []byte) (object, error) {
	p := new(pod)
	if err := json.Unmarshal(raw, p); err != nil {
		return nil, err
	}
	delete(p.Labels, "pod-template-hash")
	delete(p.Labels, "controller-revision-hash")
	delete(p.Labels, "rollouts-pod-template-hash")
	p.mesh, p.proxy = p.sidecar()
	p.Spec.Volumes = naming(p.Spec.Volumes)
	p.By = writer{}
	// What the pods of a workload share is kept once.
	p.Spec.Node, p.Spec.Priority, p.Spec.Restart, p.Status.HostIP = same(p.Spec.Node), same(p.Spec.Priority), same(p.Spec.Restart), same(p.Status.HostIP)
	p.Spec.Account = same(p.Spec.Account)
	for _, list := range [][]containerStatus{p.Status.Containers, p.Status.Init} {
		for i := range list {
			c := &list[i]
			c.Name, c.Image, c.ImageID = same(c.Name), same(c.Image), same(c.ImageID)
		}
	}
	for _, list := range [][]podContainer{p.Spec.Containers, p.Spec.Init} {
		for i := range list {
			list[i].Name, list[i].Image = same(list[i].Name), ""
		}
	}
	return p, nil
}

// naming leaves out the volumes that name nothing else in the cluster.
func naming(all []volume) (out []volume) {
	for _, v := range all {
		if v.Claim != nil || v.ConfigMap != nil || v.Secret != nil {
			out = append(out, v)
		}
	}
	return out
}

func decodeWorkload(kind string) func([]byte) (object, error) {
	return func(raw []byte) (object, error) {
		w := &workload{kind: kind}
		if err := json.Unmarshal(raw, w); err != nil {
			return nil, err
		}
		t := w.template()
		t.Spec.Volumes = naming(t.Spec.Volumes)
		for i := range t.Spec.Containers {
			c := &t.Spec.Containers[i]
			if c.Args != nil {
				c.Args = json.RawMessage(`"` + digest(c.Args) + `"`)
			}
			if c.Command != nil {
				c.Command = json.RawMessage(`"` + digest(c.Command) + `"`)
			}
		}
		return w, nil
	}
}

// decodeContent keeps the hash of each value and forgets the value.
func decodeContent(salt []byte) func([]byte) (object, error) {
	return func(raw []byte) (object, error) {
		c := new(content)
		if err := json.Unmarshal(raw, c); err != nil {
			return nil, err
		}
		for k, v := range c.Binary {
			if c.Data == nil {
				c.Data = map[string]string{}
			}
			c.Data[k] = v
		}
		c.Binary = nil
		if c.Namespace == scalerSpace && c.Name == scalerMap && c.Type == "" { // no secret
			c.scaler = parseScaler(c.Data["status"])
			delete(c.Data, "status") // it is another each few seconds
		}
		for k, v := range c.Data {
			c.Data[k] = digest(salt, []byte(v))
		}
		return c, nil
	}
}

// digest is a short hash, enough to see that something is another.
func digest(parts ...[]byte) string {
	sum := sha256.New()
	for _, p := range parts {
		sum.Write(p)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}
