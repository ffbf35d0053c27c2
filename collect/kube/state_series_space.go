package kube

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	quantity "k8s.io/apimachinery/pkg/api/resource"
)

var (
	nodeInfo         = gauge("kube_node_info", "What a node is and runs.")
	nodeCreated      = gauge("kube_node_created", "When a node was made, in seconds since 1970.")
	nodeDeleted      = gauge("kube_node_deletion_timestamp", "When a node was asked to go, in seconds since 1970.")
	nodeRole         = gauge("kube_node_role", "The roles of a node.")
	nodeCordoned     = gauge("kube_node_spec_unschedulable", "Whether a node takes no new pods.")
	nodeTaint        = gauge("kube_node_spec_taint", "The taints of a node.")
	nodeCondition    = gauge("kube_node_status_condition", "How the conditions of a node stand.")
	nodeCapacity     = gauge("kube_node_status_capacity", "What a node has.")
	nodeAllocatable  = gauge("kube_node_status_allocatable", "What a node has for pods.")
	nodeAddress      = gauge("kube_node_status_addresses", "The addresses of a node.")
	namespaceCreated = gauge("kube_namespace_created", "When a namespace was made, in seconds since 1970.")
	namespacePhase   = gauge("kube_namespace_status_phase", "1 for the phase that a namespace is in.")
	budgetCreated    = gauge("kube_poddisruptionbudget_created", "When a budget was made, in seconds since 1970.")
	budgetHealthy    = gauge("kube_poddisruptionbudget_status_current_healthy", "How many pods of a budget are healthy.")
	budgetWanted     = gauge("kube_poddisruptionbudget_status_desired_healthy", "How many pods of a budget must be healthy.")
	budgetAllowed    = gauge("kube_poddisruptionbudget_status_pod_disruptions_allowed", "How many pods of a budget may be moved now.")
	budgetExpected   = gauge("kube_poddisruptionbudget_status_expected_pods", "How many pods a budget counts.")
	budgetObserved   = gauge("kube_poddisruptionbudget_status_observed_generation", "The generation that the controller has taken up.")
	quotaOf          = gauge("kube_resourcequota", "What a quota allows (hard) and what of it is used.")
	quotaCreated     = gauge("kube_resourcequota_created", "When a quota was made, in seconds since 1970.")
	serviceInfo      = gauge("kube_service_info", "The addresses of a service.")
	serviceCreated   = gauge("kube_service_created", "When a service was made, in seconds since 1970.")
	serviceType      = gauge("kube_service_spec_type", "The type of a service.")
	serviceLoad      = gauge("kube_service_status_load_balancer_ingress", "Where the load balancer of a service is.")
	sliceInfo        = gauge("kube_endpointslice_info", "The kind of addresses of an endpoint slice.")
	slicePorts       = gauge("kube_endpointslice_ports", "The ports of an endpoint slice.")
	sliceEndpoints   = gauge("kube_endpointslice_endpoints", "Who answers for a service.")
	sliceCreated     = gauge("kube_endpointslice_created", "When an endpoint slice was made, in seconds since 1970.")
	ingressInfo      = gauge("kube_ingress_info", "The class of an ingress.")
	ingressCreated   = gauge("kube_ingress_created", "When an ingress was made, in seconds since 1970.")
	ingressPath      = gauge("kube_ingress_path", "Where an ingress sends to.")
	ingressTLS       = gauge("kube_ingress_tls", "The certificates of an ingress.")
	claimInfo        = gauge("kube_persistentvolumeclaim_info", "The volume of a claim.")
	claimPhase       = gauge("kube_persistentvolumeclaim_status_phase", "1 for the phase that a claim is in.")
	claimRequest     = gauge("kube_persistentvolumeclaim_resource_requests_storage_bytes", "How much a claim asks for.")
	claimMode        = gauge("kube_persistentvolumeclaim_access_mode", "How the volume of a claim may be mounted.")
	claimCreated     = gauge("kube_persistentvolumeclaim_created", "When a claim was made, in seconds since 1970.")
	volumeInfo       = gauge("kube_persistentvolume_info", "What a volume is.")
	volumePhase      = gauge("kube_persistentvolume_status_phase", "1 for the phase that a volume is in.")
	volumeSize       = gauge("kube_persistentvolume_capacity_bytes", "How large a volume is.")
	volumeClaim      = gauge("kube_persistentvolume_claim_ref", "Which claim has a volume.")
	volumeCreated    = gauge("kube_persistentvolume_created", "When a volume was made, in seconds since 1970.")
	storageClassInfo = gauge("kube_storageclass_info", "What a storage class does.")
	configMapInfo    = gauge("kube_configmap_info", "1 for each config map.")
	configMapCreated = gauge("kube_configmap_created", "When a config map was made, in seconds since 1970.")
	secretInfo       = gauge("kube_secret_info", "1 for each secret.")
	secretType       = gauge("kube_secret_type", "The type of a secret.")
	secretCreated    = gauge("kube_secret_created", "When a secret was made, in seconds since 1970.")
	spacePhases      = values("phase", "Active", "Terminating")
	claimPhases      = values("phase", "Pending", "Bound", "Lost")
	volumePhases     = values("phase", "Pending", "Available", "Bound", "Released", "Failed")
	roleLabel        = "node-role.kubernetes.io/"
)

func (b *batch) node(o *node) {
	l := labelSet(nil).with("node", o.Name)
	i, internal := o.Status.Info, ""
	for _, a := range o.Status.Addresses {
		b.set(nodeAddress, 1, l.with("type", a.Type, "address", a.Address))
		if a.Type == "InternalIP" && internal == "" {
			internal = a.Address
		}
	}
	b.set(nodeInfo, 1, l.with("kernel_version", i.Kernel, "os_image", i.OS, "container_runtime_version", i.Runtime, "kubelet_version", i.Kubelet, "kubeproxy_version", i.Proxy,
		"provider_id", o.Spec.Provider, "pod_cidr", o.Spec.PodCIDR, "system_uuid", i.UUID, "internal_ip", internal))
	b.at(nodeCreated, o.Created, l)
	b.at(nodeDeleted, o.Deleting, l)
	for _, name := range slices.Sorted(maps.Keys(o.Labels)) {
		if role, ok := strings.CutPrefix(name, roleLabel); ok {
			b.set(nodeRole, 1, l.with("role", role))
		}
	}
	b.truth(nodeCordoned, o.Spec.Unschedulable, l)
	for _, t := range o.Spec.Taints {
		b.set(nodeTaint, 1, l.with("key", t.Key, "value", t.Value, "effect", t.Effect))
	}
	b.conditions(nodeCondition, "condition", o.Status.Conditions, l)
	b.amounts(nodeCapacity, parsed(o.Status.Capacity), l)
	b.amounts(nodeAllocatable, parsed(o.Status.Allocatable), l)
}

func (b *batch) namespace(o *namespace) {
	l := labelSet(nil).with("namespace", o.Name)
	b.at(namespaceCreated, o.Created, l)
	b.oneOf(namespacePhase, spacePhases, o.Status.Phase, l)
}

func (b *batch) budget(o *budget) {
	l := o.Meta.labels("poddisruptionbudget")
	b.at(budgetCreated, o.Created, l)
	b.numbers(l, budgetHealthy, o.Status.Healthy, budgetWanted, o.Status.Wanted, budgetAllowed, o.Status.Allowed, budgetExpected, o.Status.Expected, budgetObserved, o.Status.Observed)
}

func (b *batch) quota(o *quota) {
	l := o.Meta.labels("resourcequota")
	b.at(quotaCreated, o.Created, l)
	for _, part := range []struct {
		kind string
		all  map[string]string
	}{{"hard", o.Status.Hard}, {"used", o.Status.Used}} {
		for _, a := range parsed(part.all) {
			b.set(quotaOf, a.value, l.with("resource", a.name, "type", part.kind))
		}
	}
}

func (b *batch) service(o *service) {
	l := o.Meta.labels("service").with("uid", o.UID)
	b.set(serviceInfo, 1, l.with("cluster_ip", o.Spec.ClusterIP, "external_name", o.Spec.External, "external_traffic_policy", o.Spec.Traffic, "load_balancer_ip", o.Spec.LoadBalancer))
	b.at(serviceCreated, o.Created, l)
	b.set(serviceType, 1, l.with("type", o.Spec.Type))
	for _, i := range o.Status.LoadBalancer.Ingress {
		b.set(serviceLoad, 1, l.with("ip", i.IP, "hostname", i.Hostname))
	}
}

func (b *batch) slice(o *slice) {
	l := o.Meta.labels("endpointslice")
	b.set(sliceInfo, 1, l.with("addresstype", o.AddressType))
	b.at(sliceCreated, o.Created, l)
	for _, p := range o.Ports {
		b.set(slicePorts, 1, l.with("port_name", p.Name, "port_protocol", p.Protocol, "port_number", fmt.Sprint(p.Port)))
	}
	for _, e := range o.Endpoints.all {
		b.set(sliceEndpoints, 1, l.with("address", e.Address, "ready", fmt.Sprint(e.Ready), "targetref_kind", e.Kind, "targetref_name", e.Name, "targetref_namespace", o.Namespace, "nodename", e.Node))
	}
}

func (b *batch) ingress(o *ingress) {
	l := o.Meta.labels("ingress")
	b.set(ingressInfo, 1, l.with("ingressclass", firstOf(o.Spec.Class, o.Annotations[annotationIngressClass], "_default")))
	b.at(ingressCreated, o.Created, l)
	for _, r := range o.Spec.Rules {
		for _, p := range r.HTTP.Paths {
			port := p.Backend.Service.Port.Name
			if p.Backend.Service.Port.Number != 0 {
				port = fmt.Sprint(p.Backend.Service.Port.Number)
			}
			b.set(ingressPath, 1, l.with("host", r.Host, "path", p.Path, "path_type", p.Type, "service_name", p.Backend.Service.Name, "service_port", port))
		}
	}
	for _, t := range o.Spec.TLS {
		for _, h := range t.Hosts {
			b.set(ingressTLS, 1, l.with("tls_host", h, "secret", t.Secret))
		}
	}
}

func (b *batch) claim(o *claim) {
	l := o.Meta.labels("persistentvolumeclaim")
	class := ""
	if o.Spec.Class != nil {
		class = *o.Spec.Class
	}
	b.set(claimInfo, 1, l.with("storageclass", class, "volumename", o.Spec.Volume, "volumemode", o.Spec.Mode))
	b.oneOf(claimPhase, claimPhases, o.Status.Phase, l)
	b.bytes(claimRequest, o.Spec.Resources.Requests["storage"], l)
	for _, m := range o.Spec.Modes {
		b.set(claimMode, 1, l.with("access_mode", m))
	}
	b.at(claimCreated, o.Created, l)
}

func (b *batch) volume(o *persistentVolume) {
	l := labelSet(nil).with("persistentvolume", o.Name)
	b.set(volumeInfo, 1, l.with("storageclass", o.Spec.Class, "csi_driver", o.Spec.CSI.Driver, "csi_volume_handle", o.Spec.CSI.Handle, "reclaim_policy", o.Spec.Reclaim))
	b.oneOf(volumePhase, volumePhases, o.Status.Phase, l)
	b.bytes(volumeSize, o.Spec.Capacity["storage"], l)
	if c := o.Spec.Claim; c.Name != "" {
		b.set(volumeClaim, 1, l.with("claim_namespace", c.Namespace, "name", c.Name))
	}
	b.at(volumeCreated, o.Created, l)
}

func (b *batch) bytes(f *family, text string, l labelSet) {
	if q, err := quantity.ParseQuantity(text); err == nil {
		b.set(f, q.AsApproximateFloat64(), l)
	}
}

func (b *batch) storageClass(o *storageClass) {
	b.set(storageClassInfo, 1, labelSet(nil).with("storageclass", o.Name, "provisioner", o.Provisioner, "reclaim_policy", o.Reclaim, "volume_binding_mode", o.Binding))
}

func (b *batch) configMap(o *content) {
	l := o.Meta.labels("configmap")
	b.set(configMapInfo, 1, l)
	b.at(configMapCreated, o.Created, l)
}

func (b *batch) secret(o *content) {
	l := o.Meta.labels("secret")
	b.set(secretInfo, 1, l)
	b.set(secretType, 1, l.with("type", o.Type))
	b.at(secretCreated, o.Created, l)
}
