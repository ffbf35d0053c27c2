package kube

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Objects of the service meshes Istio and Linkerd.

// destination is where a rule of Istio sends to.
type destination struct {
	Destination struct {
		Host   string `json:"host"`
		Subset string `json:"subset"`
	} `json:"destination"`
	Weight int `json:"weight"`
}

type virtualService struct {
	Meta `json:"metadata"`
	Spec struct {
		Hosts    []string `json:"hosts"`
		Gateways []string `json:"gateways"`
		HTTP     []struct {
			Name    string        `json:"name"`
			Route   []destination `json:"route"`
			Timeout string        `json:"timeout"`
			Retries *struct {
				Attempts int    `json:"attempts"`
				PerTry   string `json:"perTryTimeout"`
			} `json:"retries"`
		} `json:"http"`
		TLS []struct {
			Route []destination `json:"route"`
		} `json:"tls"`
		TCP []struct {
			Route []destination `json:"route"`
		} `json:"tcp"`
	} `json:"spec"`
}

// destinations are all that it sends to. What has no weight beside others that
// have one gets nothing: canaries leave such behind.
func (o *virtualService) destinations() (out []destination) {
	take := func(list []destination) {
		weighed := slices.ContainsFunc(list, func(d destination) bool { return d.Weight > 0 })
		for _, d := range list {
			if d.Weight > 0 || !weighed {
				out = append(out, d)
			}
		}
	}
	for _, r := range o.Spec.HTTP {
		take(r.Route)
	}
	for _, r := range o.Spec.TLS {
		take(r.Route)
	}
	for _, r := range o.Spec.TCP {
		take(r.Route)
	}
	return out
}

func (d destination) String() string {
	text := d.Destination.Host
	if d.Destination.Subset != "" {
		text += "/" + d.Destination.Subset
	}
	return text
}

func (o *virtualService) lines() map[string]string {
	out := map[string]string{"hosts": strings.Join(o.Spec.Hosts, " "), "gateways": strings.Join(o.Spec.Gateways, " ")}
	for i, r := range o.Spec.HTTP {
		name := "route " + firstOf(r.Name, strconv.Itoa(i+1))
		var to []string
		for _, d := range r.Route {
			text := d.String()
			if d.Weight > 0 {
				text += fmt.Sprintf(" %d %%", d.Weight)
			}
			to = append(to, text)
		}
		out["destinations of "+name] = strings.Join(to, ", ")
		if r.Timeout != "" {
			out["timeout of "+name] = r.Timeout
		}
		if r.Retries != nil {
			out["retries of "+name] = fmt.Sprintf("%d of %s each", r.Retries.Attempts, firstOf(r.Retries.PerTry, "any time"))
		}
	}
	return out
}

// attempts is the most retries that it asks for in any route.
func (o *virtualService) attempts() (most int) {
	for _, r := range o.Spec.HTTP {
		if r.Retries != nil {
			most = max(most, r.Retries.Attempts)
		}
	}
	return most
}

// cut lists the routes whose retries do not fit in their timeout.
func (o *virtualService) cut() (out []string) {
	for i, r := range o.Spec.HTTP {
		if r.Retries == nil {
			continue
		}
		whole, err := time.ParseDuration(r.Timeout)
		each, err2 := time.ParseDuration(r.Retries.PerTry)
		if err == nil && err2 == nil && whole > 0 && each*time.Duration(r.Retries.Attempts) > whole {
			out = append(out, fmt.Sprintf("route %s: %d retries of %s each in %s", firstOf(r.Name, strconv.Itoa(i+1)), r.Retries.Attempts, r.Retries.PerTry, r.Timeout))
		}
	}
	return out
}

type destinationRule struct {
	Meta `json:"metadata"`
	Spec struct {
		Host    string `json:"host"`
		Subsets []struct {
			Name   string            `json:"name"`
			Labels map[string]string `json:"labels"`
		} `json:"subsets"`
		Traffic struct {
			TLS struct {
				Mode string `json:"mode"`
			} `json:"tls"`
			Outlier present `json:"outlierDetection"`
			Pool    struct {
				TCP struct {
					Connections int `json:"maxConnections"`
				} `json:"tcp"`
				HTTP struct {
					Pending int `json:"http1MaxPendingRequests"`
					Retries int `json:"maxRetries"`
				} `json:"http"`
			} `json:"connectionPool"`
		} `json:"trafficPolicy"`
	} `json:"spec"`
}

// subset is the labels of a subset.
func (o *destinationRule) subset(name string) (labels map[string]string, ok bool) {
	for _, s := range o.Spec.Subsets {
		if s.Name == name {
			return s.Labels, true
		}
	}
	return nil, false
}

func (o *destinationRule) lines() map[string]string {
	t := o.Spec.Traffic
	out := map[string]string{"host": o.Spec.Host, "outlier detection": strconv.FormatBool(bool(t.Outlier))}
	if t.TLS.Mode != "" {
		out["TLS"] = t.TLS.Mode
	}
	for word, n := range map[string]int{"most connections": t.Pool.TCP.Connections, "most waiting requests": t.Pool.HTTP.Pending, "most retries": t.Pool.HTTP.Retries} {
		if n != 0 {
			out[word] = strconv.Itoa(n)
		}
	}
	for _, s := range o.Spec.Subsets {
		out["subset "+s.Name] = strings.Join(pairs(s.Labels), ",")
	}
	return out
}

// serviceEntry tells Istio of hosts that no service of the cluster answers for.
type serviceEntry struct {
	Meta `json:"metadata"`
	Spec struct {
		Hosts []string `json:"hosts"`
	} `json:"spec"`
}

func (o *serviceEntry) lines() map[string]string {
	return map[string]string{"hosts": strings.Join(o.Spec.Hosts, " ")}
}

// meshGateway is Istio's Gateway.
type meshGateway struct {
	Meta `json:"metadata"`
	Spec struct {
		Selector map[string]string `json:"selector"`
		Servers  []struct {
			Hosts []string `json:"hosts"`
			Port  struct {
				Number   int    `json:"number"`
				Protocol string `json:"protocol"`
			} `json:"port"`
			TLS struct {
				Mode       string `json:"mode"`
				Credential string `json:"credentialName"`
			} `json:"tls"`
		} `json:"servers"`
	} `json:"spec"`
}

func (o *meshGateway) lines() map[string]string {
	out := map[string]string{"selector": strings.Join(pairs(o.Spec.Selector), ",")}
	for _, s := range o.Spec.Servers {
		out[fmt.Sprintf("port %d", s.Port.Number)] = strings.TrimSpace(strings.Join([]string{s.Port.Protocol, strings.Join(s.Hosts, " "), s.TLS.Mode, s.TLS.Credential}, " "))
	}
	return out
}

type peerAuthentication struct {
	Meta `json:"metadata"`
	Spec struct {
		Selector *selector `json:"selector"`
		MTLS     struct {
			Mode string `json:"mode"`
		} `json:"mtls"`
		Ports map[string]struct {
			Mode string `json:"mode"`
		} `json:"portLevelMtls"`
	} `json:"spec"`
}

// mode is what it says: strict, permissive or disable; empty where it leaves
// that to who stands above it.
func (o *peerAuthentication) mode() string {
	if o.Spec.MTLS.Mode == "UNSET" {
		return ""
	}
	return strings.ToLower(o.Spec.MTLS.Mode)
}

func (o *peerAuthentication) whole() bool {
	return o.Spec.Selector == nil || len(o.Spec.Selector.Labels)+len(o.Spec.Selector.Expressions) == 0
}

func (o *peerAuthentication) lines() map[string]string {
	out := map[string]string{"mode": firstOf(o.mode(), "as above it")}
	if !o.whole() {
		out["selector"] = o.Spec.Selector.String()
	}
	for port, p := range o.Spec.Ports {
		out["mode of port "+port] = strings.ToLower(p.Mode)
	}
	return out
}

// meshServer is Linkerd's Server: a port of pods that policies are about.
type meshServer struct {
	Meta `json:"metadata"`
	Spec struct {
		Pods   *selector `json:"podSelector"`
		Port   number    `json:"port"`
		Access string    `json:"accessPolicy"`
	} `json:"spec"`
}

func (o *meshServer) lines() map[string]string {
	out := map[string]string{"selector": o.Spec.Pods.String(), "port": string(o.Spec.Port)}
	if o.Spec.Access != "" {
		out["access"] = o.Spec.Access
	}
	return out
}

// authorization is Linkerd's ServerAuthorization: who may ask a Server.
type authorization struct {
	Meta `json:"metadata"`
	Spec struct {
		Server struct {
			Name     string    `json:"name"`
			Selector *selector `json:"selector"`
		} `json:"server"`
		Client struct {
			Unauthenticated bool    `json:"unauthenticated"`
			MeshTLS         present `json:"meshTLS"`
		} `json:"client"`
	} `json:"spec"`
}

func (o *authorization) lines() map[string]string {
	return map[string]string{"server": firstOf(o.Spec.Server.Name, o.Spec.Server.Selector.String()), "anybody": strconv.FormatBool(o.Spec.Client.Unauthenticated)}
}

// serviceProfile is Linkerd's: the timeouts and retries of a service's routes.
type serviceProfile struct {
	Meta `json:"metadata"`
	Spec struct {
		Routes []struct {
			Name    string `json:"name"`
			Timeout string `json:"timeout"`
			Retry   bool   `json:"isRetryable"`
		} `json:"routes"`
		Budget struct {
			Ratio float64 `json:"retryRatio"`
		} `json:"retryBudget"`
	} `json:"spec"`
}

func (o *serviceProfile) lines() map[string]string {
	out := map[string]string{}
	for _, r := range o.Spec.Routes {
		out["route "+r.Name] = fmt.Sprintf("timeout %s, retried %t", firstOf(r.Timeout, "none"), r.Retry)
	}
	if o.Spec.Budget.Ratio > 0 {
		out["retry ratio"] = strconv.FormatFloat(o.Spec.Budget.Ratio, 'f', -1, 64)
	}
	return out
}
