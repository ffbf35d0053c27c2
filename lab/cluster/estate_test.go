package cluster

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/api"
	"github.com/evenkeel/evenkeel/estate"
)

// filled makes nodes and, ten a node, pods that run: deployments of fifty, each
// with a service, in four namespaces.
func filled(t *testing.T, b *Cluster, nodes int) (deployments int) {
	t.Helper()
	if err := b.AddNodes(t.Context(), "node", nodes); err != nil {
		t.Fatal(err)
	}
	if err := b.AddPods(t.Context(), nodes*10); err != nil {
		t.Fatal(err)
	}
	deployments = nodes * 10 / 50
	for began := time.Now(); ; time.Sleep(time.Second) {
		out, err := b.Kubectl(t.Context(), "", "get", "deployments", "-A", "-o", `jsonpath={range .items[*]}{.status.readyReplicas}{"\n"}{end}`)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(out, "50\n") == deployments {
			t.Logf("%d nodes and %d pods are ready after %s", nodes, nodes*10, time.Since(began).Round(time.Second))
			return deployments
		}
		if time.Since(began) > 20*time.Minute {
			t.Fatalf("not all pods are ready: %s", out)
		}
	}
}

// nodesOr is how many nodes EVENKEEL_KUBE_NODES asks for, or else as many as said.
func nodesOr(t *testing.T, count int) int {
	t.Helper()
	if text := os.Getenv("EVENKEEL_KUBE_NODES"); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil {
			t.Fatalf("EVENKEEL_KUBE_NODES: %v", err)
		}
	}
	return count
}

// TestAnEstateIsRightNowAndThen holds what the whole program shows of a cluster
// to what kubectl says, now, and after changes as of a time before them.
// EVENKEEL_KUBE_NODES says how many nodes there are, with ten pods each.
//
//	EVENKEEL_LAB=1 EVENKEEL_KUBE_NODES=200 go test ./lab/cluster -run TestAnEstateIsRightNowAndThen -v
func TestAnEstateIsRightNowAndThen(t *testing.T) {
	needsLab(t)
	t.Parallel()
	b := bed(t)
	filled(t, b, nodesOr(t, 20))
	x := watch(t, b, "", "")
	t.Logf("seen %.1f s after the program was ready, the estate right %.1f s after that", x.seen(time.Minute).Seconds(), x.right(time.Minute).Seconds())
	table := "\n| kind | kubectl | Evenkeel |\n|---|---|---|\n"
	for _, k := range [][3]string{{"node", "nodes"}, {"namespace", "namespaces"}, {"pod", "pods"}, {"workload", "deployments", "deployment/"}, {"service", "services"}, {"config-map", "configmaps"}, {"secret", "secrets"}} {
		want, got := x.listed(k[0], k[1], k[2]), x.ids(k[0])
		if !slices.Equal(want, got) {
			t.Errorf("%s: %v", k[0], differing(want, got))
		}
		table += fmt.Sprintf("| %s | %d | %d |\n", k[0], len(want), len(got))
	}
	t.Log(table)
	x.related(20)
	time.Sleep(20 * time.Second) // for what takes a while to be found
	for _, f := range x.standing() {
		t.Errorf("nothing is wrong, and it is found: %s of %s (%s): %s", f.Check, f.Entity, f.Severity, f.Title)
	}

	// What people do is told, with who did it.
	const space, web, service = "team-1", "workload:bed:team-1:deployment/app-1", "service:bed:team-1:app-1"
	x.kubectl("-n", space, "scale", "deployment/app-1", "--replicas=40")
	x.kubectl("cordon", "node-7")
	for _, c := range []struct{ kind, entity, says string }{{"scale", web, "from 50 to 40"}, {"node-cordon", "node:bed:node-7", "node-7"}} {
		x.await(fmt.Sprintf("%s is told, among %+v", c.kind, x.changesOf(c.kind)), 10*time.Second, func() bool {
			return slices.ContainsFunc(x.changesOf(c.kind), func(e estate.Change) bool {
				return e.Entity == c.entity && strings.Contains(e.Summary, c.says) && strings.HasPrefix(e.Who, "kubectl")
			})
		})
	}
	x.kubectl("-n", space, "rollout", "status", "deployment/app-1", "--timeout=60s")
	x.right(time.Minute)
	x.await("the workload is as it will stay", 30*time.Second, func() bool {
		return x.attribute(web, "ready") == "40" && x.attribute(service, "endpoints_ready") == "40"
	})
	time.Sleep(3 * time.Second)

	// Recorded as it is; then much is changed; then asked for as it was.
	then := time.Now()
	asked := []string{web, service, "node:bed:node-7", "namespace:bed:" + space, "kubernetes-cluster:bed"}
	kinds := []string{"pod", "workload", "service", "node", "namespace", "config-map"}
	was := map[string]string{}
	record := func(into map[string]string, at time.Time) {
		for _, kind := range kinds {
			for _, e := range x.entities(kind, at) {
				into["all of "+kind] += plain(e)
			}
		}
		for _, id := range asked {
			into[id] = related(x.entity(id, at))
		}
	}
	record(was, time.Time{})
	time.Sleep(time.Second) // a page of now and one of a second ago differ in their words
	pages := map[string]string{}
	for _, id := range asked {
		pages[id] = x.page(id, then)
	}
	x.kubectl("-n", space, "set", "image", "deployment/app-1", "app=example.org/app:2")
	x.kubectl("-n", space, "delete", "service", "app-1")
	x.kubectl("-n", space, "create", "configmap", "new", "--from-literal=a=b")
	x.kubectl("-n", "team-2", "delete", "deployment", "app-2")
	x.kubectl("uncordon", "node-7")
	x.kubectl("label", "node", "node-7", "node-role.kubernetes.io/edge=")
	x.kubectl("delete", "node", "node-8")
	x.kubectl("-n", space, "rollout", "status", "deployment/app-1", "--timeout=120s")
	x.await("the change is seen", 30*time.Second, func() bool { return x.attribute(web, "images") == "example.org/app:2" })
	x.right(2 * time.Minute)
	now := map[string]string{}
	record(now, time.Time{})
	again := map[string]string{}
	record(again, then)
	for what, text := range was {
		if again[what] != text {
			t.Errorf("%s is not what was recorded:\n%s", what, firstDifference(text, again[what]))
		}
		if now[what] == text && what != "namespace:bed:"+space && what != "kubernetes-cluster:bed" && what != "all of namespace" {
			t.Errorf("%s is as it was: the comparison shows nothing", what)
		}
	}
	for id, text := range pages {
		if got := x.page(id, then); got != text {
			t.Errorf("the page of %s as of then is another:\n%s", id, firstDifference(text, got))
		}
	}
	if got := x.page(web, time.Time{}); !strings.Contains(got, "example.org/app:2") || strings.Contains(pages[web], "example.org/app:2") {
		t.Error("the page of now does not show the new image, or the old one does")
	}
}

// related compares the relations of some pods and services with what kubectl
// says.
func (x *whole) related(sample int) {
	x.Helper()
	lines := strings.Split(x.kubectl("get", "pods", "-A", "-o", `jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name} {.spec.nodeName} {.metadata.labels.app}{"\n"}{end}`), "\n")
	pods := map[string]int{}
	for i, line := range lines {
		f := strings.Fields(line)
		space, name, node, app := f[0], f[1], f[2], f[3]
		pods["service:bed:"+space+":"+app]++
		if i%max(1, len(lines)/sample) != 0 {
			continue
		}
		pod, want := "pod:bed:"+space+":"+name, map[string]bool{}
		want["pod:bed:"+space+":"+name+" runs-on node:bed:"+node] = true
		want["workload:bed:"+space+":deployment/"+app+" owns "+pod] = true
		for _, r := range x.entity(pod, time.Time{}).Relations {
			delete(want, r.From+" "+string(r.Kind)+" "+r.To)
			if r.Kind == "runs-on" && r.To != "node:bed:"+node || r.Kind == "owns" && r.From != "workload:bed:"+space+":deployment/"+app {
				x.Errorf("%s %s %s is not so", r.From, r.Kind, r.To)
			}
		}
		for missing := range want {
			x.Errorf("the relation is missing: %s", missing)
		}
	}
	for service, count := range pods {
		e := x.entity(service, time.Time{})
		to := strings.Replace(strings.Replace(service, "service:", "workload:", 1), ":app-", ":deployment/app-", 1)
		if e.Attributes["endpoints_ready"] != strconv.Itoa(count) || !slices.ContainsFunc(e.Relations, func(r estate.Relation) bool { return r.From == service && r.Kind == "routes-to" && r.To == to }) {
			x.Errorf("%s has %s endpoints of %d, and the relations %v", service, e.Attributes["endpoints_ready"], count, e.Relations)
		}
	}
}

// plain is an entity without when it ended, which nobody could know then.
func plain(e estate.Entity) string {
	e.Until = time.Time{}
	return fmt.Sprintf("%+v\n", e)
}

func related(e api.EntityWithRelations) string {
	var lines []string
	for _, r := range e.Relations {
		r.Until = time.Time{}
		lines = append(lines, fmt.Sprintf("%+v\n", r))
	}
	slices.Sort(lines)
	return plain(e.Entity) + strings.Join(lines, "")
}

var changing = regexp.MustCompile(`nonce="[^"]*"|name="csrf"[^>]*>`)

// page is an entity's page as of a time, without what differs each time.
func (x *whole) page(id string, at time.Time) string {
	x.Helper()
	q := url.Values{"environment": {"bed"}}
	if !at.IsZero() {
		q.Set("at", at.UTC().Format(time.RFC3339Nano))
	}
	text, err := x.e.Do(x.Context(), http.MethodGet, "/entities/"+url.PathEscape(id)+"?"+q.Encode(), nil)
	if err != nil {
		x.Fatal(err)
	}
	return changing.ReplaceAllString(string(text), "")
}

// firstDifference is where two texts part.
func firstDifference(a, b string) string {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	cut := func(s string) string { return s[max(0, min(n-80, len(s))):min(len(s), n+200)] }
	return "- " + cut(a) + "\n+ " + cut(b)
}
