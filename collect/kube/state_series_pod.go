package kube

import "fmt"

var (
	podInfo      = gauge("kube_pod_info", "Where a pod runs and who made it.")
	podOwner     = gauge("kube_pod_owner", "Who owns a pod.")
	podPhase     = gauge("kube_pod_status_phase", "1 for the phase that a pod is in.")
	podReason    = gauge("kube_pod_status_reason", "1 for the reason that a pod gives for its state.")
	podReady     = gauge("kube_pod_status_ready", "Whether a pod is ready.")
	podScheduled = gauge("kube_pod_status_scheduled", "Whether a pod has a node.")
	podUnplaced  = gauge("kube_pod_status_unschedulable", "1 for a pod that the scheduler finds no node for.")
	podCreated   = gauge("kube_pod_created", "When a pod was made, in seconds since 1970.")
	podStarted   = gauge("kube_pod_start_time", "When a pod was started, in seconds since 1970.")
	podCompleted = gauge("kube_pod_completion_time", "When the last container of a pod ended, in seconds since 1970.")
	podDeleted   = gauge("kube_pod_deletion_timestamp", "When a pod was asked to go, in seconds since 1970.")
	podRestart   = gauge("kube_pod_restart_policy", "When containers of a pod are started again.")
	podClaims    = gauge("kube_pod_spec_volumes_persistentvolumeclaims_info", "The volume claims that a pod mounts.")
	podRequests  = gauge("kube_pod_container_resource_requests", "What a container asks for.")
	podLimits    = gauge("kube_pod_container_resource_limits", "What a container may have at most.")
	initRequests = gauge("kube_pod_init_container_resource_requests", "What an init container asks for.")
	initLimits   = gauge("kube_pod_init_container_resource_limits", "What an init container may have at most.")
	containersOf = containerFamilies("kube_pod_container_")
	initOf       = containerFamilies("kube_pod_init_container_")
	phases       = values("phase", "Pending", "Running", "Succeeded", "Failed", "Unknown")
)

// containerSeries are the families of containers, or of init containers.
type containerSeries struct {
	info, ready, running, waiting, terminated, waitingReason, terminatedReason, lastReason, lastCode, lastAt, restarts, started *family
}

func containerFamilies(prefix string) containerSeries {
	return containerSeries{
		info:             gauge(prefix+"info", "The image of a container."),
		ready:            gauge(prefix+"status_ready", "Whether a container is ready."),
		running:          gauge(prefix+"status_running", "Whether a container runs."),
		waiting:          gauge(prefix+"status_waiting", "Whether a container waits to be started."),
		terminated:       gauge(prefix+"status_terminated", "Whether a container has ended."),
		waitingReason:    gauge(prefix+"status_waiting_reason", "1 for the reason that a container waits for."),
		terminatedReason: gauge(prefix+"status_terminated_reason", "1 for the reason that a container has ended for."),
		lastReason:       gauge(prefix+"status_last_terminated_reason", "1 for the reason that a container ended for before it was started again."),
		lastCode:         gauge(prefix+"status_last_terminated_exitcode", "The exit code of a container before it was started again."),
		lastAt:           gauge(prefix+"status_last_terminated_timestamp", "When a container ended before it was started again, in seconds since 1970."),
		restarts:         counter(prefix+"status_restarts_total", "How often a container was started again."),
		started:          gauge(prefix+"state_started", "When a container was started, in seconds since 1970."),
	}
}

func (b *batch) pod(o *pod) {
	l := labelSet(nil).with("namespace", o.Namespace, "pod", o.Name, "uid", o.UID)
	byKind, byName := "", ""
	if by, ok := o.controller(); ok {
		byKind, byName = by.Kind, by.Name
	}
	b.set(podInfo, 1, l.with("host_ip", o.Status.HostIP, "pod_ip", o.Status.PodIP, "node", o.Spec.Node, "created_by_kind", byKind, "created_by_name", byName,
		"priority_class", o.Spec.Priority, "host_network", fmt.Sprint(o.Spec.HostNetwork)))
	b.owners(podOwner, &o.Meta, l)
	b.oneOf(podPhase, phases, o.Status.Phase, l)
	if o.Status.Reason != "" {
		b.set(podReason, 1, l.with("reason", o.Status.Reason))
	}
	for _, c := range o.Status.Conditions {
		switch c.Type {
		case "Ready":
			b.oneOf(podReady, truths, c.truth(), l)
		case "PodScheduled":
			b.oneOf(podScheduled, truths, c.truth(), l)
			if c.Status == "False" && c.Reason == "Unschedulable" {
				b.set(podUnplaced, 1, l)
			}
		}
	}
	b.at(podCreated, o.Created, l)
	b.at(podStarted, o.Status.Start, l)
	b.at(podDeleted, o.Deleting, l)
	b.set(podRestart, 1, l.with("type", o.Spec.Restart))
	for _, v := range o.Spec.Volumes {
		if v.Claim != nil {
			b.set(podClaims, 1, l.with("volume", v.Name, "persistentvolumeclaim", v.Claim.Name))
		}
	}
	for _, c := range o.Spec.Containers {
		b.amounts(podRequests, c.Resources.Requests, l.with("container", c.Name, "node", o.Spec.Node))
		b.amounts(podLimits, c.Resources.Limits, l.with("container", c.Name, "node", o.Spec.Node))
	}
	for _, c := range o.Spec.Init {
		b.amounts(initRequests, c.Resources.Requests, l.with("container", c.Name, "node", o.Spec.Node))
		b.amounts(initLimits, c.Resources.Limits, l.with("container", c.Name, "node", o.Spec.Node))
	}
	ended := ""
	for i := range o.Status.Containers {
		c := &o.Status.Containers[i]
		b.container(&containersOf, c, l)
		if t := c.State.Terminated; t != nil {
			ended = max(ended, t.Finished)
		}
	}
	for i := range o.Status.Init {
		b.container(&initOf, &o.Status.Init[i], l)
	}
	if o.Status.Phase == "Succeeded" || o.Status.Phase == "Failed" {
		b.at(podCompleted, ended, l)
	}
}

func (b *batch) container(f *containerSeries, c *containerStatus, pod labelSet) {
	l := pod.with("container", c.Name)
	b.set(f.info, 1, l.with("image", c.Image, "image_id", c.ImageID, "container_id", c.ID))
	b.truth(f.ready, c.Ready, l)
	b.truth(f.running, c.State.Running != nil, l)
	b.truth(f.waiting, c.State.Waiting != nil, l)
	b.truth(f.terminated, c.State.Terminated != nil, l)
	b.set(f.restarts, float64(c.Restarts), l)
	if s := c.State.Running; s != nil {
		b.at(f.started, s.Started, l)
	}
	if s := c.State.Waiting; s != nil {
		b.set(f.waitingReason, 1, l.with("reason", s.Reason))
	}
	if s := c.State.Terminated; s != nil {
		b.set(f.terminatedReason, 1, l.with("reason", s.Reason))
	}
	if s := c.Last.Terminated; s != nil {
		b.set(f.lastReason, 1, l.with("reason", s.Reason))
		b.set(f.lastCode, float64(s.Code), l)
		b.at(f.lastAt, s.Finished, l)
	}
}
