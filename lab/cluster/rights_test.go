package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/api"
)

// TestARestrictedAccount runs the program as a service account that has the
// rights of deploy/kubernetes but for some: what it cannot read is unknown, and
// it can change nothing.
func TestARestrictedAccount(t *testing.T) {
	needsLab(t)
	t.Parallel()
	b := bed(t)
	if err := b.AddNodes(t.Context(), "node", 2); err != nil {
		t.Fatal(err)
	}
	x := &whole{T: t, bed: b}
	x.kubectl("apply", "-k", filepath.Join("..", "..", "deploy", "kubernetes"))
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "kubernetes", "read.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	less := string(text)
	for _, taken := range []string{", resourcequotas", ", networkpolicies"} {
		if !strings.Contains(less, taken) {
			t.Fatalf("the manifest has no %q", taken)
		}
		less = strings.Replace(less, taken, "", 1)
	}
	x.apply(less)
	x.kubectl("delete", "clusterrolebinding", "evenkeel-secrets")
	// Three things are wrong; of two of them nobody can tell.
	x.apply(spaced("shop") + deployed("shop", "web", 2, "", "") + served("shop", "web") + served("shop", "empty") + `
apiVersion: v1
kind: ResourceQuota
metadata: {name: small, namespace: shop}
spec: {hard: {pods: "2"}}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: known}
spec: {controller: example.org/none}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  ingressClassName: known
  tls: [{hosts: [shop.example], secretName: absent}]
  rules: [{host: shop.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
`)
	token := x.kubectl("-n", "evenkeel", "create", "token", "evenkeel")
	x = watch(t, b, b.reaching(t, "", token), "")
	x.seen(time.Minute)
	const cluster = "kubernetes-cluster:bed"
	want := []string{"networkpolicies", "resourcequotas", "secrets"}
	x.await("what cannot be read is named", 10*time.Second, func() bool { return x.attribute(cluster, "unreadable") == strings.Join(want, ",") })
	x.await("what can be seen is found", 30*time.Second, func() bool {
		list := x.standing()
		return len(list) > 0 && list[0].Check == "service-without-endpoints"
	})
	time.Sleep(10 * time.Second)
	for _, f := range x.standing() {
		if f.Check != "service-without-endpoints" {
			t.Errorf("found: %s of %s: %s", f.Check, f.Entity, f.Title)
		}
	}
	checks := get[struct{ Checks []api.Check }](x, "/api/v1/checks", nil).Checks
	if !slices.ContainsFunc(checks, func(c api.Check) bool {
		return c.Check == "ingress-tls-secret-missing" && c.Entity == cluster && c.State == "unknown" && strings.Contains(c.Reason, "secrets")
	}) {
		t.Errorf("that an ingress's secret is there is not said to be unknown: %+v", checks)
	}
	page := x.page(cluster, time.Time{})
	for _, name := range want {
		if !strings.Contains(page, name) {
			t.Errorf("the cluster's page does not name %s", name)
		}
	}
	if !strings.Contains(page, "unknown") {
		t.Error("the cluster's page does not say that it is unknown")
	}
	for _, kind := range []string{"secret", "quota", "network-policy"} {
		if ids := x.ids(kind); len(ids) > 0 {
			t.Errorf("what cannot be read is there: %v", ids)
		}
	}

	// Every verb that changes something, of everything that the API server has.
	var reviews strings.Builder
	asked := 0
	review := func(verb, resource, group, sub string) {
		fmt.Fprintf(&reviews, "---\napiVersion: authorization.k8s.io/v1\nkind: SubjectAccessReview\nspec: {user: \"system:serviceaccount:evenkeel:evenkeel\", groups: [\"system:serviceaccounts\", \"system:serviceaccounts:evenkeel\", \"system:authenticated\"], resourceAttributes: {verb: %q, resource: %q, group: %q, subresource: %q}}\n", verb, resource, group, sub)
		asked++
	}
	for _, full := range strings.Fields(x.kubectl("api-resources", "-o", "name")) {
		resource, group, _ := strings.Cut(full, ".")
		if strings.HasPrefix(resource, "self") {
			continue // what everybody may ask about themselves
		}
		for _, verb := range []string{"create", "update", "patch", "delete", "deletecollection"} {
			review(verb, resource, group, "")
		}
	}
	for _, sub := range [][3]string{{"pods", "", "exec"}, {"pods", "", "attach"}, {"pods", "", "portforward"}, {"pods", "", "eviction"}, {"pods", "", "proxy"}, {"nodes", "", "proxy"},
		{"services", "", "proxy"}, {"serviceaccounts", "", "token"}, {"deployments", "apps", "scale"}, {"pods", "", "status"}} {
		for _, verb := range []string{"create", "update", "patch"} {
			review(verb, sub[0], sub[1], sub[2])
		}
	}
	for _, verb := range [][3]string{{"impersonate", "users", ""}, {"impersonate", "groups", ""}, {"impersonate", "serviceaccounts", ""}, {"bind", "clusterroles", "rbac.authorization.k8s.io"},
		{"escalate", "clusterroles", "rbac.authorization.k8s.io"}, {"*", "*", "*"}} {
		review(verb[0], verb[1], verb[2], "")
	}
	review("list", "pods", "", "") // and one that it may
	out, err := b.Kubectl(t.Context(), reviews.String(), "create", "-f", "-", "-o", `jsonpath={.spec.resourceAttributes.verb} {.spec.resourceAttributes.resource}/{.spec.resourceAttributes.subresource} {.status.allowed}{"\n"}`)
	if err != nil {
		t.Fatal(err)
	}
	answers := strings.Split(strings.TrimSpace(out), "\n")
	for _, line := range answers {
		if may := strings.HasSuffix(line, " true"); may != (strings.HasPrefix(line, "list pods/")) {
			t.Errorf("it may, or may not: %s", line)
		}
	}
	if len(answers) != asked {
		t.Errorf("%d questions, %d answers", asked, len(answers))
	}

	// And what the API server wrote down of it.
	log, err := os.ReadFile(b.Audit)
	if err != nil {
		t.Fatal(err)
	}
	verbs := map[string]int{}
	for line := range strings.Lines(string(log)) {
		var e struct {
			Verb string
			User struct{ Username string }
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.User.Username == "system:serviceaccount:evenkeel:evenkeel" {
			verbs[e.Verb]++
		}
	}
	for verb := range verbs {
		if verb != "get" && verb != "list" && verb != "watch" {
			t.Errorf("it asked to %s", verb)
		}
	}
	if verbs["list"] == 0 {
		t.Errorf("nothing was written down: %v", verbs)
	}
	t.Logf("%d questions whether it may change something: no; what it asked for, as the API server wrote it down: %v", asked-1, verbs)
}
