package fleet

import "fmt"

// Pods on nodes: the first ones are those of the services, the rest run
// whatever a cluster runs besides.

// podAt names what runs at a place.
func (s Size) podAt(node, slot int) (namespace, workload, pod string) {
	n := node*s.Pods + slot
	if n < 2*s.Services {
		workload = fmt.Sprintf("svc-%d", n%s.Services)
		return "shop", workload, fmt.Sprintf("%s-6d4cf56db6-%05d", workload, n)
	}
	workload = fmt.Sprintf("app-%d", n%max(1, s.Nodes*s.Pods/5))
	return fmt.Sprintf("team-%d", n%8), workload, fmt.Sprintf("%s-5f7b9c8d4-%05d", workload, n)
}

// containers is a kubelet's page of what containers use: for each pod its own
// group, its container and the network that they share.
func (s Size) containers(node int) func(*page) {
	return func(p *page) {
		for slot := range s.Pods {
			namespace, workload, pod := s.podAt(node, slot)
			id := fmt.Sprintf("/kubepods/burstable/pod%05d", node*s.Pods+slot)
			of := label("namespace", namespace, "pod", pod)
			for _, c := range []string{label("container", "", "id", id, "image", "", "name", "") + "," + of,
				label("container", workload, "id", id+"/"+workload, "image", "registry/"+workload+":1.4", "name", workload) + "," + of} {
				p.seconds("container_cpu_usage_seconds_total", c+`,cpu="total"`, .08)
				p.seconds("container_cpu_user_seconds_total", c, .06)
				p.seconds("container_cpu_system_seconds_total", c, .02)
				p.counter("container_cpu_cfs_periods_total", c, 10)
				p.counter("container_cpu_cfs_throttled_periods_total", c, .02)
				p.seconds("container_cpu_cfs_throttled_seconds_total", c, .001)
				p.fixed("container_spec_cpu_quota", c, 50000)
				p.fixed("container_spec_cpu_period", c, 100000)
				p.fixed("container_spec_cpu_shares", c, 256)
				p.fixed("container_spec_memory_limit_bytes", c, gb)
				p.fixed("container_spec_memory_reservation_limit_bytes", c, 0)
				for _, name := range []string{"working_set_bytes", "usage_bytes", "rss", "cache", "mapped_file", "max_usage_bytes"} {
					p.gauge("container_memory_"+name, c, 3e8)
				}
				p.fixed("container_memory_swap", c, 0)
				p.fixed("container_memory_failcnt", c, 0)
				p.counter("container_oom_events_total", c, 0)
				p.gauge("container_processes", c, 8)
				p.gauge("container_threads", c, 20)
				p.gauge("container_file_descriptors", c, 60)
				p.gauge("container_sockets", c, 20)
				p.fixed("container_start_time_seconds", c, epoch)
				p.fixed("container_last_seen", c, p.t)
				for _, kind := range []string{"pgfault", "pgmajfault"} {
					p.counter("container_memory_failures_total", c+`,failure_type="`+kind+`",scope="container"`, 1)
				}
				for _, way := range []string{"reads", "writes"} {
					p.counter("container_fs_"+way+"_total", c+`,device="/dev/nvme0n1"`, 2)
					p.counter("container_fs_"+way+"_bytes_total", c+`,device="/dev/nvme0n1"`, 2e4)
				}
			}
			pause := label("id", id+"/pause", "image", "pause:3.9", "interface", "eth0", "name", "pause") + "," + of
			for _, way := range []string{"receive", "transmit"} {
				p.counter("container_network_"+way+"_bytes_total", pause, 2e4)
				p.counter("container_network_"+way+"_packets_total", pause, 30)
				p.counter("container_network_"+way+"_packets_dropped_total", pause, 0)
				p.counter("container_network_"+way+"_errors_total", pause, 0)
			}
		}
		p.fixed("machine_cpu_cores", "", 8)
		p.fixed("machine_memory_bytes", "", 32*gb)
	}
}

// state is the page of kube-state-metrics.
func (s Size) state(p *page) {
	workloads := map[string]bool{}
	for node := range s.Nodes {
		name := fmt.Sprintf("node-%d", node)
		p.fixed("kube_node_info", label("node", name, "kernel_version", "6.1.0", "kubelet_version", "v1.30.2", "os_image", "Debian GNU/Linux 12"), 1)
		for _, c := range []string{"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"} {
			for _, status := range []string{"true", "false", "unknown"} {
				p.fixed("kube_node_status_condition", label("node", name, "condition", c, "status", status), yes((c == "Ready") == (status == "true") && status != "unknown"))
			}
		}
		for _, what := range []string{"capacity", "allocatable"} {
			p.fixed("kube_node_status_"+what, label("node", name, "resource", "cpu", "unit", "core"), 8)
			p.fixed("kube_node_status_"+what, label("node", name, "resource", "memory", "unit", "byte"), 32*gb)
			p.fixed("kube_node_status_"+what, label("node", name, "resource", "pods", "unit", "integer"), 110)
		}
		p.fixed("kube_node_spec_unschedulable", label("node", name), 0)
		p.fixed("kube_node_created", label("node", name), epoch)
		for slot := range s.Pods {
			namespace, workload, pod := s.podAt(node, slot)
			of := label("namespace", namespace, "pod", pod, "uid", fmt.Sprintf("u%05d", node*s.Pods+slot))
			in := of + "," + label("container", workload)
			p.fixed("kube_pod_info", of+","+label("node", name, "host_ip", "10.0.0.1", "pod_ip", "10.1.0.1", "created_by_kind", "ReplicaSet", "created_by_name", workload+"-6d4cf56db6"), 1)
			p.fixed("kube_pod_owner", of+","+label("owner_kind", "ReplicaSet", "owner_name", workload+"-6d4cf56db6", "owner_is_controller", "true"), 1)
			for _, phase := range []string{"Pending", "Running", "Succeeded", "Failed", "Unknown"} {
				p.fixed("kube_pod_status_phase", of+","+label("phase", phase), yes(phase == "Running"))
			}
			for _, c := range []string{"true", "false", "unknown"} {
				p.fixed("kube_pod_status_ready", of+","+label("condition", c), yes(c == "true"))
				p.fixed("kube_pod_status_scheduled", of+","+label("condition", c), yes(c == "true"))
			}
			for _, name := range []string{"kube_pod_start_time", "kube_pod_created", "kube_pod_status_ready_time", "kube_pod_status_scheduled_time"} {
				p.fixed(name, of, epoch)
			}
			p.fixed("kube_pod_labels", of, 1)
			p.fixed("kube_pod_restart_policy", of+`,type="Always"`, 1)
			for _, name := range []string{"ready", "running"} {
				p.fixed("kube_pod_container_status_"+name, in, 1)
			}
			for _, name := range []string{"waiting", "terminated"} {
				p.fixed("kube_pod_container_status_"+name, in, 0)
			}
			p.fixed("kube_pod_container_status_restarts_total", in, 0)
			p.fixed("kube_pod_container_state_started", in, epoch)
			p.fixed("kube_pod_container_info", in+","+label("image", "registry/"+workload+":1.4", "image_id", "sha256:0", "container_id", "containerd://0"), 1)
			for _, what := range []string{"requests", "limits"} {
				p.fixed("kube_pod_container_resource_"+what, in+","+label("node", name, "resource", "cpu", "unit", "core"), .25)
				p.fixed("kube_pod_container_resource_"+what, in+","+label("node", name, "resource", "memory", "unit", "byte"), gb/2)
			}
			if key := namespace + "/" + workload; !workloads[key] {
				workloads[key] = true
				s.deployment(p, namespace, workload)
			}
		}
	}
	for n := range 8 {
		of := label("namespace", fmt.Sprintf("team-%d", n))
		p.fixed("kube_namespace_status_phase", of+`,phase="Active"`, 1)
		for _, r := range []string{"requests.cpu", "requests.memory", "pods"} {
			p.fixed("kube_resourcequota", of+","+label("resourcequota", "all", "resource", r, "type", "hard"), 1000)
			p.fixed("kube_resourcequota", of+","+label("resourcequota", "all", "resource", r, "type", "used"), 400)
		}
	}
}

func (s Size) deployment(p *page, namespace, name string) {
	of := label("namespace", namespace, "deployment", name)
	for _, metric := range []string{"spec_replicas", "status_replicas", "status_replicas_ready", "status_replicas_available", "status_replicas_updated", "metadata_generation", "status_observed_generation"} {
		p.fixed("kube_deployment_"+metric, of, 2)
	}
	p.fixed("kube_deployment_status_replicas_unavailable", of, 0)
	p.fixed("kube_deployment_created", of, epoch)
	set := label("namespace", namespace, "replicaset", name+"-6d4cf56db6")
	p.fixed("kube_replicaset_owner", set+","+label("owner_kind", "Deployment", "owner_name", name, "owner_is_controller", "true"), 1)
	for _, metric := range []string{"spec_replicas", "status_replicas", "status_ready_replicas"} {
		p.fixed("kube_replicaset_"+metric, set, 2)
	}
	h := label("namespace", namespace, "horizontalpodautoscaler", name)
	for _, metric := range []string{"spec_max_replicas", "spec_min_replicas", "status_current_replicas", "status_desired_replicas"} {
		p.fixed("kube_horizontalpodautoscaler_"+metric, h, map[bool]float64{true: 10, false: 2}[metric == "spec_max_replicas"])
	}
}

func yes(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
