package offline

import (
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/correlate"
)

// entity is who a series speaks of: by a name of its own, or as an instance of
// a job.
type entity struct{ job, name string }

// title is the entity's name for people.
func (e entity) title(only bool) string {
	switch {
	case e.job == "":
		return e.name
	case only || e.name == "":
		return e.job
	}
	return e.job + " on " + e.name
}

// part says how a series enters a column.
type part int

const (
	whole     part = iota // the column is the sum of such series
	numerator             // it is the quotient of two sums
	divisor
)

// use is one column that a series enters.
type use struct {
	name   string
	signal correlate.Signal
	part   part
}

// meaning is what a series says.
type meaning struct {
	entity    entity
	uses      []use
	counter   bool
	histogram histogramPart
	invert    bool // what it says is right rather than what is wrong: 1 is 0
}

// Labels by which exporters, meshes and OpenTelemetry name things, the most
// telling first.
var (
	podLabels     = [][2]string{{"namespace", "pod"}, {"k8s_namespace_name", "k8s_pod_name"}, {"kubernetes_namespace", "kubernetes_pod_name"}}
	serviceLabels = []string{"server", "destination_workload", "destination_service_name", "service_name", "service", "app", "app_kubernetes_io_name"}
	callerLabels  = []string{"client", "source_workload"}
	// outcomeLabels tell how a request ended.
	outcomeLabels = []string{"code", "status_code", "status", "http_status_code", "http_response_status_code", "response_code", "grpc_code", "grpc_status",
		"rpc_grpc_status_code", "grpc_response_status", "result", "outcome"}
	// kindLabels part a metric into things that do not add up to a whole.
	kindLabels = []string{"mode", "device", "mountpoint", "state", "resource", "kind", "type", "reason", "queue", "topic", "pool", "area", "datname", "cpu_mode"}
	// silent are beginnings and ends of names that tell nothing of how it goes.
	silentPrefixes = []string{"ALERTS", "scrape_", "promhttp_", "prometheus_sd_"}
	silentSuffixes = []string{"_bucket", "_info", "_created", "_timestamp_seconds", "_boot_time_seconds", "_start_time_seconds"}
)

// meaningOf reads a series by the conventions of Prometheus' exporters
// (prometheus.io/docs/practices/naming) and OpenTelemetry's (opentelemetry.io/
// docs/specs/semconv). It is false where the series says nothing of how it goes.
func meaningOf(name string, ls labels.Labels) (meaning, bool) {
	silent := slices.ContainsFunc(silentPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }) ||
		slices.ContainsFunc(silentSuffixes, func(s string) bool { return strings.HasSuffix(name, s) })
	m := meaning{entity: entityOf(ls)}
	if silent || m.entity == (entity{}) {
		return m, false
	}
	title := name
	for _, l := range kindLabels {
		if v := ls.Get(l); v != "" {
			title += " " + v
		}
	}
	column := func(name string, s correlate.Signal, p part) { m.uses = append(m.uses, use{name, s, p}) }
	switch {
	case name == "up" || name == "probe_success":
		m.invert = true
		column(map[string]string{"up": "cannot be scraped", "probe_success": "fails its probe"}[name], correlate.Errors, whole)
	case strings.HasSuffix(name, "_sum"):
		base := strings.TrimSuffix(name, "_sum")
		m.counter, m.histogram = true, histogramSum
		column(base+" (mean)", sizeOf(base), numerator)
	case strings.HasSuffix(name, "_count"):
		base := strings.TrimSuffix(name, "_count")
		m.counter = true
		column(base+" (mean)", sizeOf(base), divisor)
		m.outcomes(base, ls)
	case strings.HasSuffix(name, "_total"):
		m.counter = true
		if kindOf(name) == correlate.Errors || !m.outcomes(name, ls) {
			column(title+" (a second)", kindOf(name), whole)
		}
	default:
		column(title, kindOf(name), whole)
	}
	return m, true
}

// sizeOf is what the mean of a histogram's observations is.
func sizeOf(base string) correlate.Signal {
	if strings.Contains(base, "second") || kindOf(base) == correlate.Latency {
		return correlate.Latency
	}
	return correlate.Resource
}

// outcomes counts requests, and those that failed where the labels tell. It is
// false where they do not.
func (m *meaning) outcomes(base string, ls labels.Labels) bool {
	told, failed := outcomeOf(ls)
	if !told && !strings.Contains(base, "request") {
		return false
	}
	m.uses = append(m.uses, use{base + " (a second)", correlate.Traffic, whole})
	if told {
		m.uses = append(m.uses, use{base + " (share that failed)", correlate.Errors, divisor})
		if failed {
			m.uses = append(m.uses, use{base + " (share that failed)", correlate.Errors, numerator})
		}
	}
	return true
}

// outcomeOf tells whether the labels say how requests ended, and whether these
// failed by the server's doing.
func outcomeOf(ls labels.Labels) (told, failed bool) {
	for _, l := range outcomeLabels {
		v := ls.Get(l)
		if v == "" {
			continue
		}
		told = true
		switch strings.ToLower(v) {
		case "error", "failure", "failed", "status_code_error", "timeout",
			"unknown", "deadlineexceeded", "deadline_exceeded", "internal", "unavailable", "dataloss", "data_loss":
			return true, true
		case "2", "4", "13", "14", "15": // the same as numbers of gRPC
			if strings.Contains(l, "grpc") {
				return true, true
			}
		default:
			if len(v) == 3 && v[0] == '5' {
				return true, true
			}
		}
	}
	return told, false
}

func entityOf(ls labels.Labels) entity {
	for _, l := range serviceLabels[:3] { // the far end of a call
		if v := ls.Get(l); v != "" {
			return entity{name: v}
		}
	}
	for _, l := range podLabels {
		if pod := ls.Get(l[1]); pod != "" {
			if space := ls.Get(l[0]); space != "" {
				pod = space + "/" + pod
			}
			return entity{name: pod}
		}
	}
	for _, l := range serviceLabels[3:] {
		if v := ls.Get(l); v != "" {
			return entity{name: v}
		}
	}
	if job := ls.Get("job"); job != "" {
		return entity{job: job, name: ls.Get("instance")}
	}
	return entity{name: ls.Get("instance")}
}

// callOf reads who calls whom: from service graphs and meshes, and from labels
// that name a service beside one of its pods, which it depends on.
func callOf(ls labels.Labels) (correlate.Call, bool) {
	var c correlate.Call
	for _, l := range callerLabels {
		if c.Caller = ls.Get(l); c.Caller != "" {
			break
		}
	}
	if c.Caller == "" {
		for _, l := range serviceLabels[3:] {
			if c.Caller = ls.Get(l); c.Caller != "" {
				break
			}
		}
	}
	c.Callee = entityOf(ls).name
	return c, c.Caller != "" && c.Callee != "" && c.Caller != c.Callee && entityOf(ls).job == ""
}
