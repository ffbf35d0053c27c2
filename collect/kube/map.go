package kube

import (
	"strconv"
	"strings"
	"time"

	quantity "k8s.io/apimachinery/pkg/api/resource"

	"github.com/evenkeel/evenkeel/estate"
)

// picture is what a part of the cluster looks like in the estate.
type picture struct {
	entities  []estate.Entity
	relations []link
}

type link struct {
	from string
	kind estate.RelationKind
	to   string
}

func (p *picture) add(kind estate.Kind, id, name string, facts facts) {
	p.entities = append(p.entities, estate.Entity{ID: id, Kind: kind, Name: name, Attributes: facts})
}

func (p *picture) join(from string, kind estate.RelationKind, to string) {
	p.relations = append(p.relations, link{from, kind, to})
}

// facts are attributes; what is empty is left out.
type facts map[string]string

func (f facts) text(key, value string) {
	if value != "" {
		f[key] = value
	}
}
func (f facts) list(key string, values []string) { f.text(key, strings.Join(values, ",")) }
func (f facts) number(key string, n int)         { f[key] = strconv.Itoa(n) }
func (f facts) truth(key string, is bool)        { f[key] = strconv.FormatBool(is) }
func (f facts) optional(key string, n *int) {
	if n != nil {
		f.number(key, *n)
	}
}

// amount writes a quantity of the API as a decimal number; empty where it is
// none.
func amount(text string) string {
	if text == "" {
		return ""
	}
	q, err := quantity.ParseQuantity(text)
	if err != nil {
		return ""
	}
	return strconv.FormatFloat(q.AsApproximateFloat64(), 'f', -1, 64)
}

// sum adds quantities up; empty where there are none.
func sum(texts []string) string {
	total, any := 0.0, false
	for _, t := range texts {
		if q, err := quantity.ParseQuantity(t); t != "" && err == nil {
			total, any = total+q.AsApproximateFloat64(), true
		}
	}
	if !any {
		return ""
	}
	return strconv.FormatFloat(total, 'f', -1, 64)
}

// leaseGrace is how long a node's lease may be older than it promised.
const leaseGrace = 10 * time.Second

func (s *state) mapNode(n *node, flaps int, now time.Time) (p picture) {
	id := s.id(Node, n.Name)
	f := facts{}
	ready := find(n.Status.Conditions, "Ready")
	f.text("ready", ready.truth())
	f.text("ready_since", ready.Transition)
	var pressure []string
	for _, c := range []struct{ condition, short string }{{"MemoryPressure", "memory"}, {"DiskPressure", "disk"}, {"PIDPressure", "pid"}} {
		if find(n.Status.Conditions, c.condition).Status == "True" {
			pressure = append(pressure, c.short)
		}
	}
	f.list("pressure", pressure)
	f.list("problems", problems(n.Status.Conditions))
	f.text("network_unavailable", find(n.Status.Conditions, "NetworkUnavailable").truth())
	f.truth("cordoned", n.Spec.Unschedulable)
	var taints, roles []string
	for _, t := range n.Spec.Taints {
		taints = append(taints, t.Key+"="+t.Value+":"+t.Effect)
	}
	f.list("taints", taints)
	for _, l := range pairs(n.Labels) {
		if role, ok := strings.CutPrefix(l, "node-role.kubernetes.io/"); ok {
			role, _, _ = strings.Cut(role, "=")
			roles = append(roles, role)
		}
	}
	f.list("role", roles)
	f.text("kubelet", n.Status.Info.Kubelet)
	f.text("runtime", n.Status.Info.Runtime)
	f.text("kernel", n.Status.Info.Kernel)
	f.text("zone", n.zone())
	f.text("instance_type", n.Labels["node.kubernetes.io/instance-type"])
	f.text("allocatable_cpu", amount(n.Status.Allocatable["cpu"]))
	f.text("allocatable_memory", amount(n.Status.Allocatable["memory"]))
	f.text("allocatable_pods", amount(n.Status.Allocatable["pods"]))
	f.text("lease_age_state", s.leaseState(n.Name, now))
	f.number("flaps", flaps)
	p.add(Node, id, n.Name, f)
	p.join(id, In, s.id(Cluster))
	return p
}

// problems are the conditions by which something that watches the machine
// itself, such as node-problem-detector, says what is wrong with it. Their names
// say whether true is good (NetworkingReady) or bad (KernelDeadlock); of one that
// says neither nothing is known.
func problems(all []condition) (out []string) {
	for _, c := range all {
		good := c.Type != "Ready" && strings.HasSuffix(c.Type, "Ready")
		bad := strings.HasPrefix(c.Type, "Frequent") || strings.HasPrefix(c.Type, "Corrupt") || strings.HasSuffix(c.Type, "Problem") ||
			c.Type == "KernelDeadlock" || c.Type == "ReadonlyFilesystem"
		if good && c.Status == "False" || bad && c.Status == "True" {
			out = append(out, c.Type+":"+c.Reason)
		}
	}
	return out
}

func (n *node) zone() string { return n.Labels["topology.kubernetes.io/zone"] }

// leaseState says whether a node's kubelet has renewed its lease in time.
func (s *state) leaseState(name string, now time.Time) string {
	l, ok := one[*lease](s, leases, "kube-node-lease", name)
	if !ok {
		return ""
	}
	renewed, err := time.Parse(time.RFC3339, l.Spec.Renewed)
	if err != nil {
		return ""
	}
	if now.Sub(renewed) > time.Duration(l.Spec.Seconds)*time.Second+leaseGrace {
		return "stale"
	}
	return "fresh"
}

func (s *state) mapPod(o *pod) (p picture) {
	id := s.id(Pod, o.Namespace, o.Name)
	f := facts{"namespace": o.Namespace}
	f.text("phase", o.Status.Phase)
	f.text("ready", find(o.Status.Conditions, "Ready").truth())
	f.text("node", o.Spec.Node)
	f.text("reason", o.Status.Reason)
	f.text("created", o.Created)
	if scheduled := find(o.Status.Conditions, "PodScheduled"); scheduled.Status != "" {
		f.text("scheduled", scheduled.truth())
		if scheduled.Status == "False" {
			f.text("pending_reason", scheduled.Message)
			f.text("pending_since", scheduled.Transition)
		}
	}
	s.containerFacts(o, f)
	f["requests_cpu"], f["requests_memory"] = o.requests("cpu"), o.requests("memory")
	f.text("qos", o.Status.QoS)
	f.text("priority", o.Spec.Priority)
	f.text("deleting_since", o.Deleting)
	f.text("mesh", o.mesh)
	f.text("proxy_version", o.proxy)
	f.text("mesh_missing", s.without(o))
	f.text("driver_missing", s.lacksDriver(o))
	if kind, name, ok := s.workloadOf(&o.Meta); ok {
		owner := s.workloadID(o.Namespace, kind, name)
		f["workload"] = owner
		p.join(owner, estate.Owns, id)
	}
	if o.Spec.Node != "" {
		p.join(id, estate.RunsOn, s.id(Node, o.Spec.Node))
	}
	p.join(id, In, s.id(Namespace, o.Namespace))
	seen := map[string]bool{}
	for _, v := range o.Spec.Volumes {
		var to string
		switch {
		case v.Claim != nil:
			to = s.id(Claim, o.Namespace, v.Claim.Name)
		case v.ConfigMap != nil:
			to = s.id(ConfigMap, o.Namespace, v.ConfigMap.Name)
		case v.Secret != nil:
			to = s.id(Secret, o.Namespace, v.Secret.Name)
		}
		if !seen[to] {
			seen[to] = true
			p.join(id, Mounts, to)
		}
	}
	p.add(Pod, id, o.Namespace+"/"+o.Name, f)
	return p
}

// requests is what a pod asks for of a resource, which is what the scheduler
// takes from its node: the containers together, or one of those that run
// before them where it wants more. "0" says that it asks for nothing.
func (o *pod) requests(resource string) string {
	of := func(c podContainer) (v float64) {
		for _, a := range c.Resources.Requests {
			if a.name == resource {
				v = a.value
			}
		}
		return v
	}
	together, before := 0.0, 0.0
	for _, c := range o.Spec.Containers {
		together += of(c)
	}
	for _, c := range o.Spec.Init {
		before = max(before, of(c))
	}
	return same(strconv.FormatFloat(max(together, before), 'f', -1, 64))
}

func (s *state) containerFacts(o *pod, f facts) {
	restarts, lastAt := 0, ""
	var waits, exits []string
	for _, c := range o.Status.Containers {
		restarts += c.Restarts
		if w := c.State.Waiting; w != nil {
			waits = append(waits, c.Name+"="+w.Reason)
			if f["waiting_message"] == "" {
				f.text("waiting_message", w.Message)
			}
			if w.Reason == "ErrImagePull" || w.Reason == "ImagePullBackOff" || w.Reason == "InvalidImageName" {
				f.text("image_problem", w.Reason+": "+w.Message)
			}
		}
		last := c.Last.Terminated
		if last == nil {
			last = c.State.Terminated
		}
		if last != nil {
			exits = append(exits, c.Name+"="+last.Reason+":"+strconv.Itoa(last.Code))
			lastAt = max(lastAt, last.Finished)
		}
	}
	f.list("waiting", waits)
	f.number("restarts", restarts)
	f.list("last_exit", exits)
	f.text("last_exit_at", lastAt)
	for _, c := range o.Status.Init {
		failed := c.State.Terminated != nil && c.State.Terminated.Code != 0 || c.Last.Terminated != nil && c.Last.Terminated.Code != 0 && c.State.Waiting != nil
		if failed {
			f["init_failed"] = c.Name
		}
	}
	var stuck []string
	for _, e := range all[*event](s, events, o.Namespace) {
		if e.Involved.Kind == "Pod" && e.Involved.Name == o.Name {
			stuck = append(stuck, e.Message)
		}
	}
	if o.Status.Phase == "Pending" && len(stuck) > 0 {
		f.text("volumes_waiting", stuck[len(stuck)-1])
	}
}
