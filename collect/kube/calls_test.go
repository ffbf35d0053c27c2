package kube

import (
	"fmt"
	"testing"
)

// A policy is told to cut a call only where nothing lets the caller through;
// what cannot be told is not said.
func TestAPolicyThatCutsACall(t *testing.T) {
	deployment := func(space, name string) string {
		return fmt.Sprintf(`{"metadata":{"name":%[2]q,"namespace":%[1]q},"spec":{"selector":{"matchLabels":{"app":%[2]q}},"template":{"metadata":{"labels":{"app":%[2]q}}}}}`, space, name)
	}
	const cut = "workload:c:shop:deployment/front->workload:c:shop:deployment/db"
	for _, c := range []struct{ spec, call, want string }{
		{`"podSelector":{"matchLabels":{"app":"db"}},"policyTypes":["Ingress"]`, "service:shop:front", cut},
		{`"podSelector":{},"policyTypes":["Ingress"],"ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"other"}}}]}]`, "service:shop:front", cut},
		{`"podSelector":{},"policyTypes":["Ingress"],"ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"front"}}}]}]`, "service:shop:front", ""},
		{`"podSelector":{},"policyTypes":["Ingress"],"ingress":[{}]`, "service:shop:front", ""},
		{`"podSelector":{"matchLabels":{"app":"front"}},"policyTypes":["Egress"]`, "workload:c:shop:deployment/front", cut},
		{`"podSelector":{"matchLabels":{"app":"front"}},"policyTypes":["Ingress"]`, "service:shop:front", ""},
		{`"podSelector":{"matchLabels":{"app":"nobody"}},"policyTypes":["Ingress"]`, "service:shop:front", ""},
		{`"podSelector":{},"policyTypes":["Ingress"],"ingress":[{"from":[{"namespaceSelector":{"matchLabels":{"team":"a"}}}]}]`, "service:away:far", ""},
		{`"podSelector":{},"policyTypes":["Ingress"],"ingress":[{"from":[{"podSelector":{}}]}]`, "service:away:far", "workload:c:away:deployment/far->workload:c:shop:deployment/db"},
		// Of pods that have no address yet nobody knows whether they are in a block.
		{`"podSelector":{},"policyTypes":["Ingress"],"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8"}}]}]`, "service:shop:front", ""},
		{`"podSelector":{},"policyTypes":["Ingress"]`, "service:other:front", ""},
		{`"podSelector":{},"policyTypes":["Ingress"]`, "workload:another:shop:deployment/front", ""},
	} {
		s := load(t, map[string][]string{
			namespaces:  {`{"metadata":{"name":"shop"}}`, `{"metadata":{"name":"away","labels":{"team":"a"}}}`},
			deployments: {deployment("shop", "front"), deployment("shop", "db"), deployment("away", "far")},
			services:    {`{"metadata":{"name":"db","namespace":"shop"},"spec":{"selector":{"app":"db"}}}`},
			policies:    {`{"metadata":{"name":"p","namespace":"shop"},"spec":{` + c.spec + `}}`},
		})
		s.calls = []Call{{c.call, "service:c:shop:db"}}
		if got := draw(s).entities["network-policy:c:shop:p"].Attributes["blocks"]; got != c.want {
			t.Errorf("%s, called by %s: cuts %q, want %q", c.spec, c.call, got, c.want)
		}
	}
}
