package kube

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// What scanners have found, as counts alone: trivy-operator's reports and
// those of the policy working group. Their contents are large and are not kept.

const (
	vulnerabilityReports = "vulnerabilityreports"
	auditReports         = "configauditreports"
	policyReports        = "policyreports"
	// maxReports bounds the reports of one resource in a namespace.
	maxReports = 5_000
	// reportsAtOnce is the page in which reports are listed: one may have
	// hundreds of kilobytes.
	reportsAtOnce = 25
)

// report is what one of them says of one object.
type report struct {
	Meta   `json:"metadata"`
	of     owner
	counts map[string]int // "critical", "fail": those that are not zero
}

func decodeReport(raw []byte) (object, error) {
	var in struct {
		Meta   `json:"metadata"`
		Report struct {
			Summary map[string]json.RawMessage `json:"summary"`
		} `json:"report"`
		Summary map[string]json.RawMessage `json:"summary"`
		Scope   owner                      `json:"scope"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	o := &report{of: in.Scope}
	if o.of.Kind == "" {
		o.of = owner{Kind: in.Labels["trivy-operator.resource.kind"], Name: in.Labels["trivy-operator.resource.name"]}
	}
	o.of.Kind = same(o.of.Kind)
	o.Name, o.Namespace, o.ResourceVersion = in.Name, same(in.Namespace), in.ResourceVersion
	for _, summary := range []map[string]json.RawMessage{in.Report.Summary, in.Summary} {
		for word, text := range summary {
			n, err := strconv.Atoi(string(text))
			if word = strings.TrimSuffix(word, "Count"); err != nil || n == 0 || word == "none" || word == "pass" || word == "skip" {
				continue
			}
			if o.counts == nil {
				o.counts = map[string]int{}
			}
			o.counts[same(word)] += n
		}
	}
	return o, nil
}

// findings adds up what the reports of a namespace say, by workload; what is
// about nothing that is known counts for the namespace alone.
func (v *space) findings() {
	for resource, key := range map[string]string{vulnerabilityReports: "vulnerabilities", auditReports: "audit_failures", policyReports: "policy_results"} {
		if !v.readable[resource] {
			continue
		}
		sums := map[string]map[string]int{}
		for _, o := range v.objects[resource][v.name] {
			o, ok := o.(*report)
			if !ok {
				continue
			}
			id := v.reported(o.of)
			if sums[id] == nil {
				sums[id] = map[string]int{}
			}
			for word, n := range o.counts {
				sums[id][word] += n
			}
		}
		for id, counts := range sums {
			var list []string
			for word, n := range counts {
				list = append(list, word+"="+strconv.Itoa(n))
			}
			slices.Sort(list)
			if v.found[id] == nil {
				v.found[id] = facts{}
			}
			// Found without a fault is another thing than not looked at.
			v.found[id][key] = firstOf(strings.Join(list, ","), "none=0")
		}
	}
}

// reported is the id of the workload that a report is about; empty where it is
// about none that is known.
func (v *space) reported(of owner) string {
	kind, name, ok := of.Kind, of.Name, workloads[of.Kind] != ""
	switch kind {
	case "Pod":
		o, known := one[*pod](v.state, pods, v.name, name)
		if !known {
			return ""
		}
		kind, name, ok = v.workloadOf(&o.Meta)
	case kindReplicaSet, kindJob:
		if o, known := one[*workload](v.state, workloads[kind], v.name, name); known {
			if above, owned := o.controller(); owned && workloads[above.Kind] != "" {
				kind, name = above.Kind, above.Name
			}
		}
	}
	if !ok {
		return ""
	}
	return v.workloadID(v.name, kind, name)
}
