package kube

// Objects about room: what limits and scales, and where nodes and volumes come
// from.

type limitRange struct {
	Meta `json:"metadata"`
	Spec struct {
		Limits []struct {
			Type    string            `json:"type"`
			Max     map[string]string `json:"max"`
			Min     map[string]string `json:"min"`
			Default map[string]string `json:"default"`
			Request map[string]string `json:"defaultRequest"`
		} `json:"limits"`
	} `json:"spec"`
}

// lines are its limits by what they are about: "max cpu of a Container".
func (l *limitRange) lines() map[string]string {
	out := map[string]string{}
	for _, limit := range l.Spec.Limits {
		for word, amounts := range map[string]map[string]string{"max": limit.Max, "min": limit.Min, "default": limit.Default, "default request": limit.Request} {
			for resource, amount := range amounts {
				out[word+" "+resource+" of a "+limit.Type] = amount
			}
		}
	}
	return out
}

type serviceAccount struct {
	Meta      `json:"metadata"`
	Automount *bool       `json:"automountServiceAccountToken"`
	Pull      []reference `json:"imagePullSecrets"`
}

// verticalAutoscaler is a VerticalPodAutoscaler.
type verticalAutoscaler struct {
	Meta `json:"metadata"`
	Spec struct {
		Target reference `json:"targetRef"`
		Update struct {
			Mode string `json:"updateMode"`
		} `json:"updatePolicy"`
	} `json:"spec"`
	Status struct {
		Conditions     []condition `json:"conditions"`
		Recommendation struct {
			Containers []struct {
				Name   string            `json:"containerName"`
				Target map[string]string `json:"target"`
			} `json:"containerRecommendations"`
		} `json:"recommendation"`
	} `json:"status"`
}

func (o *verticalAutoscaler) lines() map[string]string {
	return map[string]string{"target": o.Spec.Target.Kind + "/" + o.Spec.Target.Name, "mode": firstOf(o.Spec.Update.Mode, "Auto")}
}

// definition is a CustomResourceDefinition.
type definition struct {
	Meta `json:"metadata"`
	Spec struct {
		Group string `json:"group"`
		Scope string `json:"scope"`
		Names struct {
			Kind string `json:"kind"`
		} `json:"names"`
		Versions []struct {
			Name   string `json:"name"`
			Served bool   `json:"served"`
		} `json:"versions"`
	} `json:"spec"`
	Status struct {
		Conditions []condition `json:"conditions"`
	} `json:"status"`
}

func (o *definition) served() (versions []string) {
	for _, v := range o.Spec.Versions {
		if v.Served {
			versions = append(versions, v.Name)
		}
	}
	return versions
}

func (o *definition) established() bool {
	return find(o.Status.Conditions, "Established").Status == "True"
}

func (o *definition) lines() map[string]string {
	out := map[string]string{"kind": o.Spec.Names.Kind, "scope": o.Spec.Scope}
	for _, v := range o.served() {
		out["version "+v] = "served"
	}
	return out
}

// csiNode says which storage drivers have registered on a node.
type csiNode struct {
	Meta `json:"metadata"`
	Spec struct {
		Drivers []struct {
			Name string `json:"name"`
		} `json:"drivers"`
	} `json:"spec"`
}

func (n *csiNode) has(driver string) bool {
	for _, d := range n.Spec.Drivers {
		if d.Name == driver {
			return true
		}
	}
	return false
}

type snapshot struct {
	Meta `json:"metadata"`
	Spec struct {
		Class  string `json:"volumeSnapshotClassName"`
		Source struct {
			Claim string `json:"persistentVolumeClaimName"`
		} `json:"source"`
	} `json:"spec"`
	Status struct {
		Ready   *bool  `json:"readyToUse"`
		Created string `json:"creationTime"`
		Size    string `json:"restoreSize"`
		Error   struct {
			Message string `json:"message"`
		} `json:"error"`
	} `json:"status"`
}

// nodePool is Karpenter's NodePool.
type nodePool struct {
	Meta `json:"metadata"`
	Spec struct {
		Limits     map[string]number `json:"limits"`
		Weight     int               `json:"weight"`
		Disruption struct {
			Policy string `json:"consolidationPolicy"`
			After  string `json:"consolidateAfter"`
		} `json:"disruption"`
		Template struct {
			Spec struct {
				Class struct {
					Name string `json:"name"`
				} `json:"nodeClassRef"`
				Expire string `json:"expireAfter"`
			} `json:"spec"`
		} `json:"template"`
	} `json:"spec"`
	Status struct {
		Resources  map[string]number `json:"resources"`
		Conditions []condition       `json:"conditions"`
	} `json:"status"`
}

func (o *nodePool) lines() map[string]string {
	out := map[string]string{}
	for k, v := range map[string]string{"node class": o.Spec.Template.Spec.Class.Name, "expiry": o.Spec.Template.Spec.Expire,
		"consolidation": o.Spec.Disruption.Policy, "consolidation after": o.Spec.Disruption.After} {
		if v != "" {
			out[k] = v
		}
	}
	for k, v := range o.Spec.Limits {
		out["limit of "+k] = string(v)
	}
	return out
}

// nodeClaim is Karpenter's NodeClaim: a node that it has asked the provider
// for.
type nodeClaim struct {
	Meta   `json:"metadata"`
	Status struct {
		Node       string      `json:"nodeName"`
		Conditions []condition `json:"conditions"`
	} `json:"status"`
}
