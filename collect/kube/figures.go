package kube

import "github.com/prometheus/client_golang/prometheus"

// Figures yields how the connection to the cluster goes, with the label
// cluster.
func (w *Watcher) Figures() prometheus.Collector {
	f := &figures{w: w}
	add := func(name, help string, kind prometheus.ValueType, value func(Stats) float64) {
		f.all = append(f.all, figure{prometheus.NewDesc("evenkeel_kubernetes_"+name, help, nil, prometheus.Labels{"cluster": w.cfg.Name}), kind, value})
	}
	add("requests_total", "Requests to the API server.", prometheus.CounterValue, func(s Stats) float64 { return float64(s.Requests) })
	add("refused_total", "Requests that the API server answered with 429.", prometheus.CounterValue, func(s Stats) float64 { return float64(s.Refused) })
	add("watches", "Watches that are open.", prometheus.GaugeValue, func(s Stats) float64 { return float64(s.Watches) })
	add("requests_limit", "Requests a second that Evenkeel allows itself.", prometheus.GaugeValue, func(Stats) float64 { return float64(w.client.limit.Limit()) })
	add("objects", "Objects that are kept in memory.", prometheus.GaugeValue, func(s Stats) float64 { return float64(s.Objects) })
	add("seen", "1 where the cluster is seen in full, 0 where not.", prometheus.GaugeValue, func(Stats) float64 {
		if w.Health() != nil {
			return 0
		}
		return 1
	})
	return f
}

type figures struct {
	w   *Watcher
	all []figure
}

type figure struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(Stats) float64
}

func (f *figures) Describe(ch chan<- *prometheus.Desc) {
	for _, one := range f.all {
		ch <- one.desc
	}
}

func (f *figures) Collect(ch chan<- prometheus.Metric) {
	s := f.w.Stats()
	for _, one := range f.all {
		ch <- prometheus.MustNewConstMetric(one.desc, one.kind, one.value(s))
	}
}
