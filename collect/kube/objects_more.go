package kube

type ingressBackend struct {
	Service struct {
		Name string `json:"name"`
		Port struct {
			Name   string `json:"name"`
			Number int    `json:"number"`
		} `json:"port"`
	} `json:"service"`
}

type ingress struct {
	Meta `json:"metadata"`
	Spec struct {
		Class   string          `json:"ingressClassName"`
		Default *ingressBackend `json:"defaultBackend"`
		TLS     []struct {
			Hosts  []string `json:"hosts"`
			Secret string   `json:"secretName"`
		} `json:"tls"`
		Rules []struct {
			Host string `json:"host"`
			HTTP struct {
				Paths []struct {
					Path    string         `json:"path"`
					Type    string         `json:"pathType"`
					Backend ingressBackend `json:"backend"`
				} `json:"paths"`
			} `json:"http"`
		} `json:"rules"`
	} `json:"spec"`
	Status struct {
		LoadBalancer balancer `json:"loadBalancer"`
	} `json:"status"`
}

// named is an object of which only the name, labels and annotations matter,
// such as an IngressClass.
type named struct {
	Meta `json:"metadata"`
}

type policy struct {
	Meta `json:"metadata"`
	Spec struct {
		Pods   *selector    `json:"podSelector"`
		Types  []string     `json:"policyTypes"`
		Egress []policyRule `json:"egress"`
		In     []policyRule `json:"ingress"`
	} `json:"spec"`
}

type policyRule struct {
	Ports []struct {
		Port number `json:"port"`
		End  int    `json:"endPort"`
	} `json:"ports"`
	From []policyPeer `json:"from"`
	To   []policyPeer `json:"to"`
}

// policyPeer is who a rule lets through.
type policyPeer struct {
	Pods   *selector `json:"podSelector"`
	Spaces *selector `json:"namespaceSelector"`
	Block  *struct {
		CIDR   string   `json:"cidr"`
		Except []string `json:"except"`
	} `json:"ipBlock"`
}

type claim struct {
	Meta `json:"metadata"`
	Spec struct {
		Class     *string  `json:"storageClassName"`
		Volume    string   `json:"volumeName"`
		Mode      string   `json:"volumeMode"`
		Modes     []string `json:"accessModes"`
		Resources struct {
			Requests map[string]string `json:"requests"`
		} `json:"resources"`
	} `json:"spec"`
	Status struct {
		Phase    string            `json:"phase"`
		Capacity map[string]string `json:"capacity"`
	} `json:"status"`
}

type persistentVolume struct {
	Meta `json:"metadata"`
	Spec struct {
		Class    string            `json:"storageClassName"`
		Capacity map[string]string `json:"capacity"`
		Reclaim  string            `json:"persistentVolumeReclaimPolicy"`
		CSI      struct {
			Driver string `json:"driver"`
			Handle string `json:"volumeHandle"`
		} `json:"csi"`
		Claim struct {
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
		} `json:"claimRef"`
	} `json:"spec"`
	Status struct {
		Phase  string `json:"phase"`
		Reason string `json:"reason"`
	} `json:"status"`
}

type storageClass struct {
	Meta        `json:"metadata"`
	Binding     string `json:"volumeBindingMode"`
	Provisioner string `json:"provisioner"`
	Reclaim     string `json:"reclaimPolicy"`
}

type autoscaler struct {
	Meta `json:"metadata"`
	Spec struct {
		Target struct {
			Version string `json:"apiVersion"`
			Kind    string `json:"kind"`
			Name    string `json:"name"`
		} `json:"scaleTargetRef"`
		Min *int `json:"minReplicas"`
		Max int  `json:"maxReplicas"`
	} `json:"spec"`
	Status struct {
		Current    int         `json:"currentReplicas"`
		Desired    int         `json:"desiredReplicas"`
		Conditions []condition `json:"conditions"`
	} `json:"status"`
}

type budget struct {
	Meta `json:"metadata"`
	Spec struct {
		Selector *selector `json:"selector"`
	} `json:"spec"`
	Status struct {
		Wanted   int   `json:"desiredHealthy"`
		Healthy  int   `json:"currentHealthy"`
		Allowed  int   `json:"disruptionsAllowed"`
		Expected int   `json:"expectedPods"`
		Observed int64 `json:"observedGeneration"`
	} `json:"status"`
}

type quota struct {
	Meta   `json:"metadata"`
	Status struct {
		Hard map[string]string `json:"hard"`
		Used map[string]string `json:"used"`
	} `json:"status"`
}

// content is a ConfigMap or a Secret: its keys with the hash of each value.
type content struct {
	Meta   `json:"metadata"`
	Type   string            `json:"type"`
	Data   map[string]string `json:"data"`
	Binary map[string]string `json:"binaryData"`

	scaler *scaler // of the cluster-autoscaler's config map
}

func (c *content) scales() *scaler {
	if c == nil {
		return nil
	}
	return c.scaler
}

// event is kept only while it explains something that stands.
type event struct {
	Meta     `json:"metadata"`
	Involved struct {
		Kind      string `json:"kind"`
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"involvedObject"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Type    string `json:"type"`
	Last    string `json:"lastTimestamp"`
	At      string `json:"eventTime"`
}

type role struct {
	Meta  `json:"metadata"`
	Rules []struct {
		Verbs     []string `json:"verbs"`
		Resources []string `json:"resources"`
	} `json:"rules"`
}

type binding struct {
	Meta `json:"metadata"`
	Ref  struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
	} `json:"roleRef"`
	Subjects []struct {
		Kind      string `json:"kind"`
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"subjects"`
}

type webhooks struct {
	Meta  `json:"metadata"`
	Hooks []struct {
		Name   string `json:"name"`
		Policy string `json:"failurePolicy"`
		Client struct {
			Service *struct {
				Namespace string `json:"namespace"`
				Name      string `json:"name"`
			} `json:"service"`
		} `json:"clientConfig"`
		Rules []struct {
			Scope     string   `json:"scope"`
			Resources []string `json:"resources"`
		} `json:"rules"`
	} `json:"webhooks"`
}

type apiService struct {
	Meta `json:"metadata"`
	Spec struct {
		Service *struct {
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
		} `json:"service"`
	} `json:"spec"`
	Status struct {
		Conditions []condition `json:"conditions"`
	} `json:"status"`
}
