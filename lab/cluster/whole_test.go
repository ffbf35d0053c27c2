package cluster

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/api"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/lab"
)

// whole is the real program beside a real control plane.
type whole struct {
	*testing.T
	bed *Cluster
	e   *lab.Evenkeel
}

// needsLab skips where nobody asked for tests that take minutes. The test
// builds the program and what it watches.
func needsLab(t *testing.T) {
	if os.Getenv("EVENKEEL_LAB") == "" {
		t.Skip("set EVENKEEL_LAB=1 to run the real program beside a real control plane")
	}
}

// watch starts the program on a cluster. A kubeconfig that is not empty is used
// in place of the administrator's.
func watch(t *testing.T, bed *Cluster, kubeconfig, config string) *whole {
	t.Helper()
	if err := bed.stage.BuildEvenkeel(os.Getenv("EVENKEEL_PROGRAM")); err != nil {
		t.Fatal(err)
	}
	if kubeconfig == "" {
		kubeconfig = bed.Kubeconfig
	}
	e, err := bed.stage.StartEvenkeel(t.Context(), lab.Options{Config: config, Args: []string{"--kubeconfig", kubeconfig}})
	if err != nil {
		t.Fatal(err)
	}
	x := &whole{T: t, bed: bed, e: e}
	t.Cleanup(func() {
		if t.Failed() {
			if log, err := os.ReadFile(filepath.Join(bed.stage.Dir, "evenkeel.log")); err == nil {
				t.Logf("the program said: %s", end(log))
			}
		}
	})
	return x
}

// reaching writes a kubeconfig that reaches the API server at another address
// or as somebody else; what is empty stays the administrator's.
func (c *Cluster) reaching(t *testing.T, address, token string) string {
	t.Helper()
	to := c.URL
	if address != "" {
		to = "https://" + address
	}
	if token == "" {
		token = c.Token
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: bed, cluster: {server: %q, certificate-authority: %q}}]\nusers: [{name: a, user: {token: %q}}]\ncontexts: [{name: bed, context: {cluster: bed, user: a}}]\ncurrent-context: bed\n", to, c.CA, token)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func (x *whole) kubectl(args ...string) string {
	x.Helper()
	out, err := x.bed.Kubectl(x.Context(), "", args...)
	if err != nil {
		x.Fatal(err)
	}
	return strings.TrimSpace(out)
}

func (x *whole) apply(manifest string) {
	x.Helper()
	if _, err := x.bed.Kubectl(x.Context(), manifest, "apply", "-f", "-"); err != nil {
		x.Fatal(err)
	}
}

// get asks the API and reads the answer.
func get[T any](x *whole, path string, query url.Values) (answer T) {
	x.Helper()
	if query == nil {
		query = url.Values{}
	}
	query.Set("environment", "bed")
	raw, err := x.e.Do(x.Context(), http.MethodGet, path+"?"+query.Encode(), nil)
	if err != nil {
		x.Fatal(err)
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		x.Fatalf("%s: %v", path, err)
	}
	return answer
}

// entity is one with its relations, as of a time; the zero time is now. What is
// not there (yet) is empty.
func (x *whole) entity(id string, at time.Time) (e api.EntityWithRelations) {
	x.Helper()
	q := url.Values{"environment": {"bed"}}
	if !at.IsZero() {
		q.Set("at", at.UTC().Format(time.RFC3339Nano))
	}
	raw, err := x.e.Do(x.Context(), http.MethodGet, "/api/v1/entities/"+url.PathEscape(id)+"?"+q.Encode(), nil)
	if err != nil {
		return e
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		x.Fatal(err)
	}
	return e
}

// attribute is one of what exists now.
func (x *whole) attribute(id, key string) string {
	e := x.entity(id, time.Time{})
	if !e.Until.IsZero() {
		return "(gone)"
	}
	return e.Attributes[key]
}

// changesOf are the changes of a kind, or all.
func (x *whole) changesOf(kind string) (all []estate.Change) {
	x.Helper()
	q := url.Values{"limit": {"500"}}
	if kind != "" {
		q.Set("kind", kind)
	}
	for {
		page := get[estate.ChangePage](x, "/api/v1/changes", q)
		all = append(all, page.Changes...)
		if page.Next == "" {
			return all
		}
		q.Set("cursor", page.Next)
	}
}

// figure is the sum of one of the program's own figures, as it stands now.
func (x *whole) figure(name string) (sum float64) {
	x.Helper()
	page, err := x.e.Do(x.Context(), http.MethodGet, "/metrics", nil)
	if err != nil {
		x.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		if fields := strings.Fields(line); len(fields) == 2 && strings.HasPrefix(line, name+"{") {
			v, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				x.Fatal(err)
			}
			sum += v
		}
	}
	return sum
}

// entities are all of a kind, as of a time, by id.
func (x *whole) entities(kind string, at time.Time) (all []estate.Entity) {
	x.Helper()
	q := url.Values{"kind": {kind}, "limit": {"500"}}
	if !at.IsZero() {
		q.Set("at", at.UTC().Format(time.RFC3339Nano))
	}
	for {
		page := get[estate.Page](x, "/api/v1/entities", q)
		all = append(all, page.Entities...)
		if page.Next == "" {
			slices.SortFunc(all, func(a, b estate.Entity) int { return strings.Compare(a.ID, b.ID) })
			return all
		}
		q.Set("cursor", page.Next)
	}
}

func (x *whole) ids(kind string) (ids []string) {
	x.Helper()
	for _, e := range x.entities(kind, time.Time{}) {
		ids = append(ids, e.ID)
	}
	return ids
}

// findings are those of the cluster that were not resolved at some time since
// then.
func (x *whole) findings(since time.Time) (all []finding.Finding) {
	x.Helper()
	list, err := x.e.Findings(x.Context(), since)
	if err != nil {
		x.Fatal(err)
	}
	for _, f := range list {
		if f.Environment == "bed" {
			all = append(all, f)
		}
	}
	return all
}

// standing are those that are not resolved.
func (x *whole) standing() (all []finding.Finding) {
	x.Helper()
	for _, f := range x.findings(time.Now()) {
		if f.State != finding.Resolved {
			all = append(all, f)
		}
	}
	return all
}

// await waits until something is so and returns how long that took.
func (x *whole) await(what string, within time.Duration, is func() bool) time.Duration {
	x.Helper()
	began := time.Now()
	for !is() {
		if time.Since(began) > within {
			for _, f := range x.standing() {
				x.Logf("stands: %s of %s, %s, %s: %s", f.Check, f.Entity, f.Severity, f.State, f.Title)
			}
			x.Fatalf("%s: not so after %s", what, within)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return time.Since(began)
}

func (x *whole) seen(within time.Duration) time.Duration {
	x.Helper()
	return x.await("the cluster is seen", within, func() bool { return x.attribute("kubernetes-cluster:bed", "reachable") == "true" })
}

// listed are kubectl's objects of a resource, as ids of a kind.
func (x *whole) listed(kind, resource, of string) (ids []string) {
	x.Helper()
	for _, line := range strings.Fields(x.kubectl("get", resource, "-A", "-o", `jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name}{"\n"}{end}`)) {
		space, name, _ := strings.Cut(line, "/")
		id := kind + ":bed:" + of + name
		if space != "" {
			id = kind + ":bed:" + space + ":" + of + name
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// same says where the program's estate is another than what kubectl lists.
func (x *whole) same() (problem string) {
	x.Helper()
	for _, k := range [][2]string{{"node", "nodes"}, {"namespace", "namespaces"}, {"pod", "pods"}, {"service", "services"}, {"config-map", "configmaps"}} {
		if want, got := x.listed(k[0], k[1], ""), x.ids(k[0]); !slices.Equal(want, got) {
			return fmt.Sprintf("%s: kubectl lists %d, the estate has %d: %v", k[0], len(want), len(got), differing(want, got))
		}
	}
	if want, got := x.listed("workload", "deployments", "deployment/"), x.ids("workload"); !slices.Equal(want, got) {
		return fmt.Sprintf("workloads: kubectl lists %d, the estate has %d: %v", len(want), len(got), differing(want, got))
	}
	return ""
}

// right waits until the estate is what kubectl lists.
func (x *whole) right(within time.Duration) time.Duration {
	x.Helper()
	problem, began := "", time.Now()
	for time.Since(began) < within {
		if problem = x.same(); problem == "" {
			return time.Since(began)
		}
		time.Sleep(200 * time.Millisecond)
	}
	x.Fatalf("after %s the estate is another than what kubectl lists: %s", within, problem)
	return 0
}

// deployed is a deployment of a namespace whose pods have what is given, and
// served a service of it.
func deployed(space, name string, replicas int, spec, pod string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  replicas: %[3]d
%[4]s
  selector: {matchLabels: {app: %[2]s}}
  template:
    metadata: {labels: {app: %[2]s}}
    spec:
%[5]s
      containers:
      - {name: app, image: "example.org/%[2]s:1", resources: {requests: {cpu: 100m, memory: 64Mi}}}
---
`, space, name, replicas, spec, pod)
}

func served(space, name string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: %[2]s, namespace: %[1]s}\nspec: {selector: {app: %[2]s}, ports: [{port: 80}]}\n---\n", space, name)
}

func spaced(name string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n---\n", name)
}

// differing are some that only one of two has.
func differing(a, b []string) (out []string) {
	for _, pair := range [][2][]string{{a, b}, {b, a}} {
		for _, id := range pair[0] {
			if !slices.Contains(pair[1], id) && len(out) < 6 {
				out = append(out, id)
			}
		}
	}
	return out
}
