package kube

import "encoding/json"

// balancer is where a load balancer can be reached.
type balancer struct {
	Ingress []struct {
		IP       string `json:"ip"`
		Hostname string `json:"hostname"`
	} `json:"ingress"`
}

type service struct {
	Meta `json:"metadata"`
	Spec struct {
		Type         string            `json:"type"`
		Selector     map[string]string `json:"selector"`
		ClusterIP    string            `json:"clusterIP"`
		External     string            `json:"externalName"`
		Traffic      string            `json:"externalTrafficPolicy"`
		LoadBalancer string            `json:"loadBalancerIP"`
		Ports        []struct {
			Name     string `json:"name"`
			Port     int    `json:"port"`
			Target   number `json:"targetPort"`
			Protocol string `json:"protocol"`
		} `json:"ports"`
	} `json:"spec"`
	Status struct {
		LoadBalancer balancer `json:"loadBalancer"`
	} `json:"status"`
}

// slice is an EndpointSlice.
type slice struct {
	Meta        `json:"metadata"`
	AddressType string    `json:"addressType"`
	Endpoints   endpoints `json:"endpoints"`
	Ports       []struct {
		Name     string `json:"name"`
		Port     int    `json:"port"`
		Protocol string `json:"protocol"`
	} `json:"ports"`
}

// readiness counts endpoints.
type readiness struct{ Ready, NotReady int }

// endpoints are who answers for a service.
type endpoints struct {
	readiness
	all []endpoint
}

// endpoint is one of them, with the first of its addresses.
type endpoint struct {
	Address, Kind, Name, Node string
	Ready                     bool
}

func (e *endpoints) UnmarshalJSON(raw []byte) error {
	var list []struct {
		Addresses  []string `json:"addresses"`
		Conditions struct {
			Ready *bool `json:"ready"`
		} `json:"conditions"`
		Target struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"targetRef"`
		Node string `json:"nodeName"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	*e = endpoints{all: make([]endpoint, 0, len(list))}
	for _, one := range list {
		// What does not say whether it is ready is.
		ready := one.Conditions.Ready == nil || *one.Conditions.Ready
		if ready {
			e.Ready++
		} else {
			e.NotReady++
		}
		if len(one.Addresses) > 0 {
			e.all = append(e.all, endpoint{one.Addresses[0], same(one.Target.Kind), one.Target.Name, same(one.Node), ready})
		}
	}
	return nil
}
