package kube

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/util/strutil"
)

// What could be scraped, made of the objects that are watched anyway, with the
// labels that Prometheus' own discovery gives (__meta_kubernetes_...). Of
// annotations there are those that begin with prometheus.io/ and the few that
// Evenkeel reads; pods have no pod-template-hash.

const metaPrefix = model.MetaLabelPrefix + "kubernetes_"

// Roles are what targets can be discovered by, as in kubernetes_sd_configs.
var Roles = []string{"node", "pod", "service", "endpoints", "endpointslice", "ingress"}

// Moves rises with each change of what targets are made of.
func (w *Watcher) Moves() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.moves
}

// Targets are all targets of a role in some namespaces (none: in all), one group
// for each object. It fails while the cluster cannot be seen: what was seen last
// stands then.
func (w *Watcher) Targets(role string, namespaces []string) ([]*targetgroup.Group, error) {
	if role == AnnotatedRole {
		return w.annotated()
	}
	if key, ok := strings.CutPrefix(role, MonitorRole); ok {
		return w.monitored(key)
	}
	s, err := w.shelves()
	if err != nil {
		return nil, err
	}
	var out []*targetgroup.Group
	add := func(m *Meta, kind string, labels model.LabelSet, targets []model.LabelSet) {
		if m.Namespace != "" && len(namespaces) > 0 && !slices.Contains(namespaces, m.Namespace) || len(targets) == 0 {
			return
		}
		if m.Namespace != "" {
			labels[metaPrefix+"namespace"] = model.LabelValue(m.Namespace)
		}
		labels["cluster"] = model.LabelValue(w.cfg.Name)
		out = append(out, &targetgroup.Group{Source: kind + "/" + w.cfg.Name + "/" + m.key(), Labels: labels, Targets: targets})
	}
	switch role {
	case "node":
		each(s, nodes, func(o *node) {
			labels, targets := o.target()
			add(&o.Meta, role, labels, targets)
		})
	case "pod":
		each(s, pods, func(o *pod) { add(&o.Meta, role, o.labels(), o.targets()) })
	case "service":
		each(s, services, func(o *service) { add(&o.Meta, role, o.labels(), o.targets()) })
	case "endpoints", "endpointslice":
		pods, services := podsByKey(s), servicesByKey(s)
		each(s, endpointSlices, func(o *slice) {
			labels := model.LabelSet{metaPrefix + "endpointslice_name": model.LabelValue(o.Name), metaPrefix + "endpointslice_address_type": model.LabelValue(o.AddressType)}
			if role == "endpoints" {
				labels = model.LabelSet{metaPrefix + "endpoints_name": model.LabelValue(o.service())}
			}
			describe(labels, role, &o.Meta)
			if of := services[o.Namespace+"/"+o.service()]; of != nil {
				labels = labels.Merge(of.labels())
			}
			add(&o.Meta, role, labels, o.targets(role, pods))
		})
	case "ingress":
		each(s, ingresses, func(o *ingress) { add(&o.Meta, role, o.labels(), o.targets()) })
	default:
		return nil, fmt.Errorf("role %q is not one of %s", role, strings.Join(Roles, ", "))
	}
	return out, nil
}

func podsByKey(s shelves) map[string]*pod {
	out := map[string]*pod{}
	each(s, pods, func(o *pod) { out[o.key()] = o })
	return out
}

func servicesByKey(s shelves) map[string]*service {
	out := map[string]*service{}
	each(s, services, func(o *service) { out[o.key()] = o })
	return out
}

// describe adds the labels and annotations of an object.
func describe(to model.LabelSet, kind string, m *Meta) {
	for name, v := range m.Labels {
		name = strutil.SanitizeLabelName(name)
		to[model.LabelName(metaPrefix+kind+"_label_"+name)] = model.LabelValue(v)
		to[model.LabelName(metaPrefix+kind+"_labelpresent_"+name)] = "true"
	}
	for name, v := range m.Annotations {
		name = strutil.SanitizeLabelName(name)
		to[model.LabelName(metaPrefix+kind+"_annotation_"+name)] = model.LabelValue(v)
		to[model.LabelName(metaPrefix+kind+"_annotationpresent_"+name)] = "true"
	}
}

func text(v any) model.LabelValue { return model.LabelValue(fmt.Sprint(v)) }

func (o *node) target() (labels model.LabelSet, targets []model.LabelSet) {
	labels = model.LabelSet{metaPrefix + "node_name": text(o.Name), metaPrefix + "node_provider_id": text(o.Spec.Provider)}
	describe(labels, "node", &o.Meta)
	t := model.LabelSet{model.InstanceLabel: text(o.Name)}
	for _, want := range []string{"InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname"} {
		for _, a := range o.Status.Addresses {
			if a.Type != want {
				continue
			}
			if name := model.LabelName(metaPrefix + "node_address_" + want); t[name] == "" {
				t[name] = text(a.Address)
			}
			if t[model.AddressLabel] == "" {
				t[model.AddressLabel] = text(net.JoinHostPort(a.Address, strconv.Itoa(o.kubeletPort())))
			}
		}
	}
	if t[model.AddressLabel] == "" {
		return labels, nil
	}
	return labels, []model.LabelSet{t}
}

func (o *node) kubeletPort() int {
	if p := o.Status.Endpoints.Kubelet.Port; p != 0 {
		return p
	}
	return 10250
}

func (o *pod) labels() model.LabelSet {
	l := model.LabelSet{metaPrefix + "pod_name": text(o.Name), metaPrefix + "pod_ip": text(o.Status.PodIP), metaPrefix + "pod_ready": text(firstOf(find(o.Status.Conditions, "Ready").truth(), "unknown")),
		metaPrefix + "pod_phase": text(o.Status.Phase), metaPrefix + "pod_node_name": text(o.Spec.Node), metaPrefix + "pod_host_ip": text(o.Status.HostIP), metaPrefix + "pod_uid": text(o.UID)}
	if by, ok := o.controller(); ok {
		l[metaPrefix+"pod_controller_kind"], l[metaPrefix+"pod_controller_name"] = text(by.Kind), text(by.Name)
	}
	describe(l, "pod", &o.Meta)
	return l
}

// targets are the ports of all containers; a container without any is one
// target without a port.
func (o *pod) targets() (out []model.LabelSet) {
	if o.Status.PodIP == "" {
		return nil
	}
	for n, list := range [][]podContainer{o.Spec.Containers, o.Spec.Init} {
		for i := range list {
			c := &list[i]
			for p := range c.Ports {
				l := o.ofContainer(c, n == 1)
				l[model.AddressLabel] = text(net.JoinHostPort(o.Status.PodIP, strconv.Itoa(c.Ports[p].Port)))
				l[metaPrefix+"pod_container_port_number"] = text(c.Ports[p].Port)
				l[metaPrefix+"pod_container_port_name"] = text(c.Ports[p].Name)
				l[metaPrefix+"pod_container_port_protocol"] = text(c.Ports[p].Protocol)
				out = append(out, l)
			}
			if len(c.Ports) == 0 {
				l := o.ofContainer(c, n == 1)
				l[model.AddressLabel] = text(bracketed(o.Status.PodIP))
				out = append(out, l)
			}
		}
	}
	return out
}

// bracketed is an address as it stands in a URL.
func bracketed(ip string) string {
	if strings.Contains(ip, ":") {
		return "[" + ip + "]"
	}
	return ip
}

func (o *pod) ofContainer(c *podContainer, init bool) model.LabelSet {
	l := model.LabelSet{metaPrefix + "pod_container_name": text(c.Name), metaPrefix + "pod_container_init": text(init)}
	for _, list := range [][]containerStatus{o.Status.Containers, o.Status.Init} {
		for i := range list {
			if list[i].Name == c.Name {
				l[metaPrefix+"pod_container_image"], l[metaPrefix+"pod_container_id"] = text(list[i].Image), text(list[i].ID)
			}
		}
	}
	return l
}

func (o *service) labels() model.LabelSet {
	l := model.LabelSet{metaPrefix + "service_name": text(o.Name)}
	describe(l, "service", &o.Meta)
	return l
}

func (o *service) targets() (out []model.LabelSet) {
	for _, p := range o.Spec.Ports {
		l := model.LabelSet{model.AddressLabel: text(fmt.Sprintf("%s.%s.svc:%d", o.Name, o.Namespace, p.Port)), metaPrefix + "service_port_name": text(p.Name), metaPrefix + "service_port_number": text(p.Port),
			metaPrefix + "service_port_protocol": text(p.Protocol), metaPrefix + "service_type": text(o.Spec.Type)}
		if o.Spec.Type == "ExternalName" {
			l[metaPrefix+"service_external_name"] = text(o.Spec.External)
		} else {
			l[metaPrefix+"service_cluster_ip"] = text(o.Spec.ClusterIP)
		}
		out = append(out, l)
	}
	return out
}

// service is the name of the service that an EndpointSlice belongs to.
func (o *slice) service() string { return o.Labels["kubernetes.io/service-name"] }

func (o *slice) targets(role string, pods map[string]*pod) (out []model.LabelSet) {
	part := func(name string) model.LabelName {
		if role == "endpoints" {
			return model.LabelName(metaPrefix + "endpoint_" + name)
		}
		return model.LabelName(metaPrefix + "endpointslice_" + name)
	}
	for _, e := range o.Endpoints.all {
		for _, p := range o.Ports {
			l := model.LabelSet{model.AddressLabel: text(net.JoinHostPort(e.Address, strconv.Itoa(p.Port))), part("port_name"): text(p.Name), part("port_protocol"): text(p.Protocol),
				part("address_target_kind"): text(e.Kind), part("address_target_name"): text(e.Name)}
			if role == "endpoints" {
				l[part("ready")], l[part("node_name")] = text(e.Ready), text(e.Node)
			} else {
				l[part("port")], l[part("endpoint_conditions_ready")], l[part("endpoint_node_name")] = text(p.Port), text(e.Ready), text(e.Node)
			}
			if of := pods[o.Namespace+"/"+e.Name]; e.Kind == "Pod" && of != nil {
				l = l.Merge(of.labels())
				if c := of.listening(p.Port); c != nil {
					l = l.Merge(of.ofContainer(c, false))
					l[metaPrefix+"pod_container_port_number"] = text(p.Port)
				}
			}
			out = append(out, l)
		}
	}
	return out
}

// listening is the container that names a port; nil where none does.
func (o *pod) listening(port int) *podContainer {
	for i := range o.Spec.Containers {
		for _, p := range o.Spec.Containers[i].Ports {
			if p.Port == port {
				return &o.Spec.Containers[i]
			}
		}
	}
	return nil
}

func (o *ingress) labels() model.LabelSet {
	l := model.LabelSet{metaPrefix + "ingress_name": text(o.Name), metaPrefix + "ingress_class_name": text(o.Spec.Class)}
	describe(l, "ingress", &o.Meta)
	return l
}

func (o *ingress) targets() (out []model.LabelSet) {
	for _, r := range o.Spec.Rules {
		scheme := "http"
		for _, t := range o.Spec.TLS {
			if slices.Contains(t.Hosts, r.Host) {
				scheme = "https"
			}
		}
		for _, p := range r.HTTP.Paths {
			out = append(out, model.LabelSet{model.AddressLabel: text(r.Host), metaPrefix + "ingress_scheme": text(scheme), metaPrefix + "ingress_host": text(r.Host), metaPrefix + "ingress_path": text(firstOf(p.Path, "/"))})
		}
	}
	return out
}
