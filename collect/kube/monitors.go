package kube

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/util/strutil"
)

// The conventions of the Prometheus operator (monitoring.coreos.com), read where
// their definitions are in the cluster.
const (
	podMonitors     = "podmonitors"
	serviceMonitors = "servicemonitors"
)

// monitor is a PodMonitor or a ServiceMonitor.
type monitor struct {
	Meta `json:"metadata"`
	Spec struct {
		JobLabel   string   `json:"jobLabel"`
		PodLabels  []string `json:"podTargetLabels"`
		Labels     []string `json:"targetLabels"`
		Selector   selector `json:"selector"`
		Namespaces struct {
			Any   bool     `json:"any"`
			Names []string `json:"matchNames"`
		} `json:"namespaceSelector"`
		SampleLimit      int               `json:"sampleLimit"`
		PodEndpoints     []monitorEndpoint `json:"podMetricsEndpoints"`
		ServiceEndpoints []monitorEndpoint `json:"endpoints"`
	} `json:"spec"`
}

// monitorEndpoint is one thing that a monitor asks to scrape.
type monitorEndpoint struct {
	Port       string              `json:"port"`
	Number     int                 `json:"portNumber"`
	Target     number              `json:"targetPort"`
	Path       string              `json:"path"`
	Scheme     string              `json:"scheme"`
	Interval   string              `json:"interval"`
	Timeout    string              `json:"scrapeTimeout"`
	Params     map[string][]string `json:"params"`
	Honor      bool                `json:"honorLabels"`
	HonorTimes *bool               `json:"honorTimestamps"`
	Relabel    []map[string]any    `json:"relabelings"`
	Metrics    []map[string]any    `json:"metricRelabelings"`
	TLS        *struct {
		Insecure bool            `json:"insecureSkipVerify"`
		Server   string          `json:"serverName"`
		CA       json.RawMessage `json:"ca"`
		Cert     json.RawMessage `json:"cert"`
		Key      json.RawMessage `json:"keySecret"`
		CAFile   string          `json:"caFile"`
		CertFile string          `json:"certFile"`
		KeyFile  string          `json:"keyFile"`
	} `json:"tlsConfig"`
	BearerSecret struct {
		Name string `json:"name"`
	} `json:"bearerTokenSecret"`
	BearerFile    string          `json:"bearerTokenFile"`
	BasicAuth     json.RawMessage `json:"basicAuth"`
	Authorization json.RawMessage `json:"authorization"`
	OAuth         json.RawMessage `json:"oauth2"`
	Proxy         string          `json:"proxyUrl"`
}

func (m *monitor) endpoints() []monitorEndpoint {
	if len(m.Spec.PodEndpoints) > 0 {
		return m.Spec.PodEndpoints
	}
	return m.Spec.ServiceEndpoints
}

func (m *monitor) keyOf(kind string, i int) string { return fmt.Sprintf("%s/%s/%d", kind, m.key(), i) }

// covers says whether the monitor looks into a namespace.
func (m *monitor) covers(space string) bool {
	if m.Spec.Namespaces.Any {
		return true
	}
	if len(m.Spec.Namespaces.Names) == 0 {
		return space == m.Namespace
	}
	return slices.Contains(m.Spec.Namespaces.Names, space)
}

// unmet says what an endpoint asks for that is not done here; empty where all
// is. Evenkeel keeps no values of secrets, so that nothing that needs one can
// be scraped by a monitor.
func (e *monitorEndpoint) unmet() string {
	set := func(raw json.RawMessage) bool { s := string(raw); return s != "" && s != "null" && s != "{}" }
	const own = "; write a job of your own for it into scrape_configs, with the secret in a file"
	switch {
	case e.BearerSecret.Name != "":
		return "wants a bearer token out of a secret, which Evenkeel does not read" + own
	case set(e.BasicAuth), set(e.Authorization), set(e.OAuth):
		return "wants a login out of a secret (basicAuth, authorization or oauth2), which Evenkeel does not read" + own
	case e.BearerFile != "":
		return "names a file with a bearer token, which is Prometheus' and not here" + own
	case e.Proxy != "":
		return "wants a proxy, which is not supported" + own
	case e.TLS != nil && (set(e.TLS.CA) || set(e.TLS.Cert) || set(e.TLS.Key) || e.TLS.CAFile != "" || e.TLS.CertFile != "" || e.TLS.KeyFile != ""):
		return "wants certificates out of a secret or a file, which Evenkeel does not read" + own
	}
	return ""
}

// job is the endpoint as a job of scrape_configs, or why it cannot be one.
func (e *monitorEndpoint) job() (map[string]any, string) {
	if why := e.unmet(); why != "" {
		return nil, why
	}
	out := map[string]any{"honor_labels": e.Honor}
	set := func(key, v string) {
		if v != "" {
			out[key] = v
		}
	}
	set("scrape_interval", e.Interval)
	set("scrape_timeout", e.Timeout)
	set("metrics_path", e.Path)
	set("scheme", strings.ToLower(e.Scheme))
	if len(e.Params) > 0 {
		out["params"] = e.Params
	}
	if e.HonorTimes != nil {
		out["honor_timestamps"] = *e.HonorTimes
	}
	if e.TLS != nil {
		out["tls_config"] = map[string]any{"insecure_skip_verify": e.TLS.Insecure, "server_name": e.TLS.Server}
	}
	for key, list := range map[string][]map[string]any{"relabel_configs": e.Relabel, "metric_relabel_configs": e.Metrics} {
		var rules []any
		for _, r := range list {
			rules = append(rules, snake(r))
		}
		if rules != nil {
			out[key] = rules
		}
	}
	return out, ""
}

// fits says whether a port, by its name and number, is the one that is meant.
func (e *monitorEndpoint) fits(name string, port int) bool {
	switch {
	case e.Port != "":
		return name == e.Port
	case e.Number != 0:
		return port == e.Number
	case e.Target != "":
		if n, err := strconv.Atoi(string(e.Target)); err == nil {
			return port == n
		}
		return name == string(e.Target)
	}
	return true
}

// targets are what an endpoint selects now, with the labels that the operator
// gives and those that relabelling may ask for.
func (m *monitor) targets(s shelves, kind string, e *monitorEndpoint) (out []model.LabelSet) {
	if kind == "podMonitor" {
		each(s, pods, func(o *pod) {
			if !m.covers(o.Namespace) || !m.Spec.Selector.matches(o.Labels) || !o.mayBeScraped() {
				return
			}
			for _, c := range o.Spec.Containers {
				for _, p := range c.Ports {
					if !e.fits(p.Name, p.Port) {
						continue
					}
					l := o.labels().Merge(o.ofContainer(&c, false)).Merge(o.place(p.Port))
					l[metaPrefix+"namespace"], l[metaPrefix+"pod_container_port_name"], l[metaPrefix+"pod_container_port_number"] = text(o.Namespace), text(p.Name), text(p.Port)
					l["job"], l["endpoint"] = text(firstOf(o.Labels[m.Spec.JobLabel], m.key())), text(firstOf(p.Name, strconv.Itoa(p.Port)))
					copyLabels(l, m.Spec.PodLabels, o.Labels)
					out = append(out, reachableAt(l, o.Status.PodIP, p.Port))
				}
			}
		})
		return out
	}
	byKey, slicesOf := podsByKey(s), slicesByService(s)
	each(s, services, func(o *service) {
		if !m.covers(o.Namespace) || !m.Spec.Selector.matches(o.Labels) {
			return
		}
		for _, list := range slicesOf[o.key()] {
			for _, p := range list.Ports {
				// The port of a slice has the name of its service's port; targetPort
				// speaks of the pod's, by number or by name.
				byName := p.Name
				for _, sp := range o.Spec.Ports {
					if e.Port == "" && e.Target != "" && sp.Name == p.Name {
						byName = string(sp.Target)
					}
				}
				if !e.fits(byName, p.Port) {
					continue
				}
				for _, at := range list.Endpoints.all {
					l := o.labels()
					if of := byKey[o.Namespace+"/"+at.Name]; at.Kind == "Pod" && of != nil {
						if !of.mayBeScraped() {
							continue
						}
						l = l.Merge(of.labels()).Merge(of.place(p.Port))
						copyLabels(l, m.Spec.PodLabels, of.Labels)
					}
					l[metaPrefix+"namespace"], l[metaPrefix+"endpointslice_port_name"] = text(o.Namespace), text(p.Name)
					l["namespace"], l["service"], l["endpoint"] = text(o.Namespace), text(o.Name), text(firstOf(p.Name, strconv.Itoa(p.Port)))
					l["job"] = text(firstOf(o.Labels[m.Spec.JobLabel], o.Name))
					copyLabels(l, m.Spec.Labels, o.Labels)
					out = append(out, reachableAt(l, at.Address, p.Port))
				}
			}
		}
	})
	return out
}

// reachableAt leaves path and scheme to the job.
func reachableAt(l model.LabelSet, address string, port int) model.LabelSet {
	l[model.AddressLabel] = text(net.JoinHostPort(address, strconv.Itoa(port)))
	return l
}

// copyLabels makes labels of an object labels of its series.
func copyLabels(to model.LabelSet, names []string, from map[string]string) {
	for _, name := range names {
		if v, ok := from[name]; ok {
			to[model.LabelName(strutil.SanitizeLabelName(name))] = text(v)
		}
	}
}
