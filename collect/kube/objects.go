package kube

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// The objects as they are kept: what the mapping needs and no more, decoded
// straight from the API server's answer. Times stay the RFC 3339 texts that
// they are there.

// object is any of them.
type object interface{ meta() *Meta }

// Meta is what all objects have.
type Meta struct {
	Name            string            `json:"name"`
	Namespace       string            `json:"namespace"`
	UID             string            `json:"uid"`
	ResourceVersion string            `json:"resourceVersion"`
	Generation      int64             `json:"generation"`
	Created         string            `json:"creationTimestamp"`
	Deleting        string            `json:"deletionTimestamp"`
	Labels          map[string]string `json:"labels"`
	Annotations     annotations       `json:"annotations"`
	Owners          []owner           `json:"ownerReferences"`
	By              writer            `json:"managedFields"`
}

func (m *Meta) key() string { return m.Namespace + "/" + m.Name }

// controller is the owner that manages the object.
func (m *Meta) controller() (owner, bool) {
	for _, o := range m.Owners {
		if o.Controller {
			return o, true
		}
	}
	return owner{}, false
}

type owner struct {
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Controller bool   `json:"controller"`
}

// annotations keeps the few that are read.
type annotations map[string]string

const (
	annotationRevision     = "deployment.kubernetes.io/revision"
	annotationIngressClass = "kubernetes.io/ingress.class"
	annotationDefaultClass = "storageclass.kubernetes.io/is-default-class"
	annotationRestarted    = "kubectl.kubernetes.io/restartedAt"
	annotationLinkerd      = "linkerd.io/inject"
	annotationIstio        = "sidecar.istio.io/inject" // a label in newer forms
	annotationAmbient      = "ambient.istio.io/redirection"
	annotationScrape       = "prometheus.io/" // and what follows
)

var keptAnnotations = []string{annotationRevision, annotationIngressClass, annotationDefaultClass, annotationRestarted, annotationLinkerd, annotationIstio, annotationAmbient}

func (a *annotations) UnmarshalJSON(raw []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	for k, v := range all {
		if slices.Contains(keptAnnotations, k) || strings.HasPrefix(k, annotationScrape) {
			var text string
			if err := json.Unmarshal(v, &text); err != nil {
				return err
			}
			if *a == nil {
				*a = annotations{}
			}
			(*a)[k] = text
		}
	}
	return nil
}

// writer is who wrote to the object last, its status aside. Scaled is who set
// the replicas by themselves, of which the API keeps no time.
type writer struct{ Name, At, Scaled string }

func (w *writer) UnmarshalJSON(raw []byte) error {
	var entries []struct {
		Manager     string `json:"manager"`
		Time        string `json:"time"`
		Subresource string `json:"subresource"`
	}
	if err := json.Unmarshal(raw, &entries); err != nil {
		return err
	}
	for _, e := range entries {
		if e.Subresource == "scale" {
			w.Scaled = e.Manager
		}
		if e.Time == "" {
			continue
		}
		if e.Subresource != "status" && e.Time >= w.At {
			w.Name, w.At = e.Manager, e.Time
		}
	}
	return nil
}

type condition struct {
	Type       string `json:"type"`
	Status     string `json:"status"`
	Reason     string `json:"reason"`
	Message    string `json:"message"`
	Transition string `json:"lastTransitionTime"`
}

// find returns the condition of a type; one of no status where there is none.
func find(all []condition, kind string) condition {
	for _, c := range all {
		if c.Type == kind {
			return c
		}
	}
	return condition{}
}

// truth turns a condition's status into true, false or unknown; empty where
// there is no such condition.
func (c condition) truth() string { return strings.ToLower(c.Status) }

type selector struct {
	Labels      map[string]string `json:"matchLabels"`
	Expressions []struct {
		Key      string   `json:"key"`
		Operator string   `json:"operator"`
		Values   []string `json:"values"`
	} `json:"matchExpressions"`
}

// matches tells whether labels are selected. An empty selector selects all, as
// in the API.
func (s *selector) matches(labels map[string]string) bool {
	if s == nil {
		return false
	}
	if !within(s.Labels, labels) {
		return false
	}
	for _, e := range s.Expressions {
		v, has := labels[e.Key]
		var ok bool
		switch e.Operator {
		case "In":
			ok = has && slices.Contains(e.Values, v)
		case "NotIn":
			ok = !has || !slices.Contains(e.Values, v)
		case "Exists":
			ok = has
		case "DoesNotExist":
			ok = !has
		}
		if !ok {
			return false
		}
	}
	return true
}

// within tells whether all of a part's labels are among labels.
func within(part, labels map[string]string) bool {
	for k, v := range part {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	return true
}

func (s *selector) String() string {
	if s == nil {
		return ""
	}
	parts := pairs(s.Labels)
	for _, e := range s.Expressions {
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Key, e.Operator, strings.Join(e.Values, "|"))))
	}
	return strings.Join(parts, ",")
}

// pairs lists labels as sorted "key=value".
func pairs(labels map[string]string) []string {
	out := make([]string, 0, len(labels))
	for k, v := range labels {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return out
}

// number is an int or a text in the API ("25%").
type number string

func (n *number) UnmarshalJSON(raw []byte) error {
	*n = number(strings.Trim(string(raw), `"`))
	return nil
}

type node struct {
	Meta `json:"metadata"`
	Spec struct {
		Unschedulable bool   `json:"unschedulable"`
		Provider      string `json:"providerID"`
		PodCIDR       string `json:"podCIDR"`
		Taints        []struct {
			Key    string `json:"key"`
			Value  string `json:"value"`
			Effect string `json:"effect"`
		} `json:"taints"`
	} `json:"spec"`
	Status struct {
		Allocatable map[string]string `json:"allocatable"`
		Capacity    map[string]string `json:"capacity"`
		Conditions  []condition       `json:"conditions"`
		Endpoints   struct {
			Kubelet struct {
				Port int `json:"Port"`
			} `json:"kubeletEndpoint"`
		} `json:"daemonEndpoints"`
		Addresses []struct {
			Type    string `json:"type"`
			Address string `json:"address"`
		} `json:"addresses"`
		Info struct {
			OS      string `json:"osImage"`
			UUID    string `json:"systemUUID"`
			Proxy   string `json:"kubeProxyVersion"`
			Kernel  string `json:"kernelVersion"`
			Runtime string `json:"containerRuntimeVersion"`
			Kubelet string `json:"kubeletVersion"`
		} `json:"nodeInfo"`
	} `json:"status"`
}

type lease struct {
	Meta `json:"metadata"`
	Spec struct {
		Renewed string `json:"renewTime"`
		Seconds int    `json:"leaseDurationSeconds"`
	} `json:"spec"`
}

type namespace struct {
	Meta   `json:"metadata"`
	Status struct {
		Phase string `json:"phase"`
	} `json:"status"`
}

type containerStatus struct {
	Name     string `json:"name"`
	Ready    bool   `json:"ready"`
	Image    string `json:"image"`
	ImageID  string `json:"imageID"`
	ID       string `json:"containerID"`
	Restarts int    `json:"restartCount"`
	State    struct {
		Running    *running    `json:"running"`
		Waiting    *waiting    `json:"waiting"`
		Terminated *terminated `json:"terminated"`
	} `json:"state"`
	Last struct {
		Terminated *terminated `json:"terminated"`
	} `json:"lastState"`
}

type running struct {
	Started string `json:"startedAt"`
}

type waiting struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

type terminated struct {
	Code     int    `json:"exitCode"`
	Reason   string `json:"reason"`
	Finished string `json:"finishedAt"`
}

type volume struct {
	Name  string `json:"name"`
	Claim *struct {
		Name string `json:"claimName"`
	} `json:"persistentVolumeClaim"`
	ConfigMap *struct {
		Name string `json:"name"`
	} `json:"configMap"`
	Secret *struct {
		Name string `json:"secretName"`
	} `json:"secret"`
}

type pod struct {
	Meta `json:"metadata"`
	Spec struct {
		Node        string         `json:"nodeName"`
		Priority    string         `json:"priorityClassName"`
		Restart     string         `json:"restartPolicy"`
		HostNetwork bool           `json:"hostNetwork"`
		Account     string         `json:"serviceAccountName"`
		Volumes     []volume       `json:"volumes"`
		Containers  []podContainer `json:"containers"`
		Init        []podContainer `json:"initContainers"`
	} `json:"spec"`
	Status struct {
		Phase      string            `json:"phase"`
		Start      string            `json:"startTime"`
		HostIP     string            `json:"hostIP"`
		PodIP      string            `json:"podIP"`
		Reason     string            `json:"reason"`
		QoS        string            `json:"qosClass"`
		Conditions []condition       `json:"conditions"`
		Containers []containerStatus `json:"containerStatuses"`
		Init       []containerStatus `json:"initContainerStatuses"`
	} `json:"status"`

	mesh, proxy string // which mesh it is in, and the version of its sidecar
}

// podContainer is a container as a pod asks for it; what its workload says of
// it is in container.
type podContainer struct {
	Name      string `json:"name"`
	Image     string `json:"image"` // only of a sidecar, until its version is read
	Resources struct {
		Requests amounts `json:"requests"`
		Limits   amounts `json:"limits"`
	} `json:"resources"`
	Ports []struct {
		Name     string `json:"name"`
		Port     int    `json:"containerPort"`
		Protocol string `json:"protocol"`
	} `json:"ports"`
}

type container struct {
	Name      string `json:"name"`
	Image     string `json:"image"`
	Resources struct {
		Requests map[string]string `json:"requests"`
		Limits   map[string]string `json:"limits"`
	} `json:"resources"`
	Env       environment     `json:"env"`
	Readiness present         `json:"readinessProbe"`
	Liveness  present         `json:"livenessProbe"`
	Startup   present         `json:"startupProbe"`
	Args      json.RawMessage `json:"args"`
	Command   json.RawMessage `json:"command"`
}

// present is true where the field is there, whatever is in it.
type present bool

func (p *present) UnmarshalJSON(raw []byte) error { *p = string(raw) != "null"; return nil }

// environment is the hash of each variable by its name. Values are not kept:
// people put passwords there.
type environment map[string]string

func (e *environment) UnmarshalJSON(raw []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	*e = make(environment, len(list))
	for _, v := range list {
		var named struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(v, &named); err != nil {
			return err
		}
		(*e)[named.Name] = digest(v)
	}
	return nil
}

type template struct {
	Meta `json:"metadata"`
	Spec struct {
		Account    string      `json:"serviceAccountName"`
		Containers []container `json:"containers"`
		Volumes    []volume    `json:"volumes"`
	} `json:"spec"`
}

// workload is a Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob or
// a Rollout of Argo.
type workload struct {
	kind string
	Meta `json:"metadata"`
	Spec struct {
		Replicas       *int      `json:"replicas"`
		Completions    *int      `json:"completions"`
		Parallelism    *int      `json:"parallelism"`
		ActiveDeadline *int      `json:"activeDeadlineSeconds"`
		StartDeadline  *int      `json:"startingDeadlineSeconds"`
		Concurrency    string    `json:"concurrencyPolicy"`
		TimeZone       string    `json:"timeZone"`
		Paused         bool      `json:"paused"`
		Suspend        bool      `json:"suspend"`
		Schedule       string    `json:"schedule"`
		Selector       *selector `json:"selector"`
		Template       template  `json:"template"`
		JobTemplate    struct {
			Spec struct {
				Template template `json:"template"`
			} `json:"spec"`
		} `json:"jobTemplate"`
		Strategy       strategy `json:"strategy"`
		UpdateStrategy strategy `json:"updateStrategy"`
		// Of a Rollout: a deployment that has the template in its stead.
		Of reference `json:"workloadRef"`
	} `json:"spec"`
	Status struct {
		Observed       whole  `json:"observedGeneration"`
		Replicas       int    `json:"replicas"`
		Ready          int    `json:"readyReplicas"`
		Available      int    `json:"availableReplicas"`
		Updated        int    `json:"updatedReplicas"`
		Unavailable    int    `json:"unavailableReplicas"`
		Current        int    `json:"currentReplicas"`
		CurrentNodes   int    `json:"currentNumberScheduled"`
		MisplacedNodes int    `json:"numberMisscheduled"`
		MissingNodes   int    `json:"numberUnavailable"`
		Started        string `json:"startTime"`
		LastScheduled  string `json:"lastScheduleTime"`
		WantedNodes    int    `json:"desiredNumberScheduled"`
		ReadyNodes     int    `json:"numberReady"`
		AvailableNodes int    `json:"numberAvailable"`
		UpdatedNodes   int    `json:"updatedNumberScheduled"`
		Succeeded      int    `json:"succeeded"`
		Failed         int    `json:"failed"`
		Active         active `json:"active"`
		LastSuccess    string `json:"lastSuccessfulTime"`
		Completed      string `json:"completionTime"`
		Revision       string `json:"updateRevision"`

		CurrentRevision string      `json:"currentRevision"`
		Conditions      []condition `json:"conditions"`

		// Of a Rollout.
		Phase   string `json:"phase"`
		Message string `json:"message"`
		Abort   bool   `json:"abort"`
		Pauses  []struct {
			Reason string `json:"reason"`
			Since  string `json:"startTime"`
		} `json:"pauseConditions"`
	} `json:"status"`
}

// active is a number for a Job and a list for a CronJob.
type active int

func (a *active) UnmarshalJSON(raw []byte) error {
	var n int
	if json.Unmarshal(raw, &n) == nil {
		*a = active(n)
		return nil
	}
	var list []json.RawMessage
	err := json.Unmarshal(raw, &list)
	*a = active(len(list))
	return err
}

type strategy struct {
	Type      string  `json:"type"`
	Canary    present `json:"canary"`    // of a Rollout
	BlueGreen present `json:"blueGreen"` // of a Rollout
	Rolling   struct {
		Unavailable number `json:"maxUnavailable"`
		Surge       number `json:"maxSurge"`
	} `json:"rollingUpdate"`
}

func (w *workload) template() *template {
	if w.kind == kindCronJob {
		return &w.Spec.JobTemplate.Spec.Template
	}
	return &w.Spec.Template
}

func (m *Meta) meta() *Meta { return m }
