package console

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

// rows are the first cells of the table in the part of a page with the id,
// each with the words of its row.
func rows(t *testing.T, doc *html.Node, id string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for n := range doc.Descendants() {
		if got, _ := attr(n, "id"); n.Type != html.ElementNode || got != id {
			continue
		}
		for row := range n.Descendants() {
			if row.Type == html.ElementNode && row.Data == "tr" {
				if a := find(row, "a"); a != nil {
					out[text(a)] = text(row)
				}
			}
		}
	}
	return out
}

// The pages as of a time show what was recorded for it, whatever happened
// since.
func TestAClusterIsShownAsItWas(t *testing.T) {
	d := quietDemo(t)
	b := newBed("prod")
	start := d.now.Add(-3 * time.Hour)
	checkout := b.id(kindWorkload, "shop", "deployment/checkout")
	type moment struct {
		at       time.Time
		entities map[string]estate.Entity
		says     string   // of checkout
		pods     []string // of checkout
		nodes    string
		image    string
		ready    string // in the namespace
	}
	var past []moment
	pods := func() (out []string) {
		for r := range b.relations {
			if r.From == checkout && r.Kind == estate.Owns {
				out = append(out, strings.TrimPrefix(r.To, "pod:prod:shop:"))
			}
		}
		slices.Sort(out)
		return out
	}
	step := func(says, nodes, image, ready string, changes ...estate.Change) {
		t.Helper()
		at := start.Add(time.Duration(len(past)) * 30 * time.Minute)
		for i := range changes {
			changes[i].At, changes[i].Key, changes[i].Entity = at, fmt.Sprint(len(past), i), checkout
		}
		if err := d.estate.Observe(t.Context(), b.observation(at, changes...)); err != nil {
			t.Fatal(err)
		}
		past = append(past, moment{at, maps.Clone(b.entities), says, pods(), nodes, image, ready})
	}
	b.space("shop")
	for _, n := range []string{"node-1", "node-2", "node-3"} {
		b.node(n, nil)
	}
	b.deploy("shop", "mail", "mail:1", "mmmmm", 1, 1, start, nil)
	b.deploy("shop", "checkout", "checkout:1", "bbbbb", 3, 3, start, nil)
	step("All three pods are ready.", "3 of 3 ready", "checkout:1", "4 of 4")
	failed := start.Add(30 * time.Minute)
	b.deploy("shop", "checkout", "checkout:2", "ccccc", 3, 1, failed, map[string]string{"unavailable_since": failed.UTC().Format(time.RFC3339)})
	b.node("node-2", map[string]string{"ready": "false"})
	step("One of three pods is ready, and it has been so for 10 minutes.", "2 of 3 ready", "checkout:2", "2 of 4", estate.Change{Kind: "rollout", Summary: "rolled out anew: image", Before: "image of app: checkout:1\nx: y", After: "image of app: checkout:2\nx: z"})
	b.remove(b.id(kindNode, "node-2"))
	b.remove(b.id(kindWorkload, "shop", "deployment/mail"))
	b.deploy("shop", "checkout", "checkout:3", "ddddd", 5, 5, start.Add(time.Hour), nil)
	step("All five pods are ready.", "2 of 2 ready", "checkout:3", "5 of 5", estate.Change{Kind: "scale", Summary: "scaled from 3 to 5", Before: "3", After: "5"})
	b.remove(checkout)
	for _, id := range slices.Sorted(maps.Keys(b.entities)) {
		if strings.HasPrefix(id, "pod:prod:shop:checkout") {
			b.remove(id)
		}
	}
	step("", "2 of 2 ready", "", "none")

	// A finding of the second step that has been over since the third.
	key := finding.Key{Tenant: access.DefaultTenant, Environment: "prod", Practice: "kubernetes", Check: "crash-loop", Entity: b.id(kindPod, "shop", past[1].pods[2])}
	for i, sign := range []finding.Sign{finding.Firing, finding.Clear} {
		d.record(t, finding.Observation{Key: key, At: past[i+1].at.Add(time.Minute), Since: past[1].at.Add(time.Minute), Sign: sign, Reason: "it runs again",
			Report: finding.Report{Severity: finding.Warning, Title: "a pod crashes", EntityName: "checkout"}})
	}

	layouts := map[string]func(time.Time) string{
		"RFC 3339":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"of the form": func(t time.Time) string { return t.Local().Format("2006-01-02T15:04:05") },
	}
	for i, m := range past {
		at := m.at.Add(10 * time.Minute)
		all, err := d.estate.Part(t.Context(), d.actor, estate.Part{Tenant: access.DefaultTenant, Environment: "prod", At: at,
			Kinds: []estate.Kind{kindCluster, kindNode, kindNamespace, kindWorkload, kindPod}})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]estate.Entity{}
		for _, e := range all {
			got[e.ID] = estate.Entity{ID: e.ID, Kind: e.Kind, Name: e.Name, Attributes: e.Attributes}
		}
		if diff := cmp.Diff(m.entities, got); diff != "" {
			t.Fatalf("step %d: the graph as of %v (-recorded +read):\n%s", i, at, diff)
		}
		for layout, write := range layouts {
			ask := "?at=" + strings.ReplaceAll(write(at), "+", "%2B")
			code, doc, raw := visit(t, d, "/entities/"+escaped(checkout)+ask)
			if m.says == "" {
				if code != http.StatusNotFound {
					t.Errorf("step %d, %s: what was gone gives %d", i, layout, code)
				}
				continue
			}
			page := text(doc)
			for _, want := range []string{m.says, "As it was at " + clock(at, d.now), "Back to now", m.image} {
				if !strings.Contains(page, want) {
					t.Errorf("step %d, %s: the workload's page does not say %q", i, layout, want)
				}
			}
			table := rows(t, doc, "peers")
			if names := slices.Sorted(maps.Keys(table)); !slices.Equal(names, m.pods) {
				t.Errorf("step %d, %s: the pods are %v, want %v", i, layout, names, m.pods)
			}
			if !strings.Contains(raw, fmt.Sprintf(`data-to="%d"`, at.Unix())) {
				t.Errorf("step %d, %s: the charts do not end then", i, layout)
			}
			for _, link := range []string{"/entities/namespace:prod:shop", "/entities/kubernetes-cluster:prod"} {
				if !strings.Contains(raw, link+"?at="+strings.ReplaceAll(atText(at), ":", "%3A")) {
					t.Errorf("step %d, %s: %s does not lead to the same time", i, layout, link)
				}
			}
			if i != 1 && strings.Contains(page, "CrashLoopBackOff") || i == 1 && !strings.Contains(page, "App ended last with OOMKilled (exit code 137), 6 min ago") {
				t.Errorf("step %d, %s: why pods are not ready is told otherwise than it was", i, layout)
			}
			if stood := strings.Contains(page, "Findings that stood then a pod crashes soon checkout for 9 min"); stood != (i == 1) || strings.Contains(page, "it runs again") {
				t.Errorf("step %d, %s: the finding is told otherwise than it stood: %s", i, layout, page)
			}
			if diff := "was: image of app: checkout:1"; strings.Contains(page, diff) != (i == 1 || i == 2) {
				t.Errorf("step %d, %s: %q is told at the wrong time", i, layout, diff)
			}
		}
		ask := "?at=" + atText(at)
		if _, doc, _ := visit(t, d, "/entities/kubernetes-cluster:prod"+ask); !strings.Contains(text(doc), m.nodes) {
			t.Errorf("step %d: the cluster's page does not say %q", i, m.nodes)
		}
		_, doc, _ := visit(t, d, "/entities/namespace:prod:shop"+ask)
		workloads := rows(t, doc, "workloads")
		if _, there := workloads["mail"]; there != (i < 2) {
			t.Errorf("step %d: the namespace shows %v", i, workloads)
		}
		_, doc, _ = visit(t, d, "/namespaces"+ask)
		if m.ready != "none" && !strings.Contains(text(find(doc, "table")), m.ready) {
			t.Errorf("step %d: the list of namespaces does not say %q: %s", i, m.ready, text(find(doc, "table")))
		}
		code, _, _ := visit(t, d, "/entities/node:prod:node-2"+ask)
		if (code == http.StatusOK) != (i < 2) {
			t.Errorf("step %d: node-2 gives %d", i, code)
		}
	}
}

// What a container wrote before it ended stands on the page of its workload and
// of its finding, as it was written: it is text, whatever is in it.
func TestTheLastLinesOfAContainer(t *testing.T) {
	d := quietDemo(t)
	b := d.cluster(t)
	b.deploy("shop", "web", "web:1", "bbbbb", 2, 2, d.now, nil)
	list, err := d.findings.List(t.Context(), d.actor, finding.Filter{Tenant: access.DefaultTenant, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{"/entities/" + escaped(b.id(kindWorkload, "shop", "deployment/checkout"))}
	for _, f := range list.Findings {
		if f.Check == "kubernetes-crash-loop" {
			paths = append(paths, findingURL(f.ID))
		}
	}
	if len(paths) != 2 {
		t.Fatalf("pages: %v", paths)
	}
	for _, path := range paths {
		_, doc, raw := visit(t, d, path)
		lines := find(doc, "pre")
		if lines == nil {
			t.Errorf("%s shows no lines", path)
			continue
		}
		if got := text(lines); !strings.Contains(got, "INFO connected to postgres://checkout:[masked]@orders:5432/shop WARN heap 612 MiB of 640 MiB, <b>slow</b>") {
			t.Errorf("%s shows %q", path, got)
		}
		if page := text(doc); !strings.Contains(page, "ended with OOMKilled (exit code 137) at ") || !strings.Contains(raw, "memory\nINFO") {
			t.Errorf("%s does not say how it ended, or does not keep its lines apart", path)
		}
	}
	_, doc, _ := visit(t, d, "/entities/"+escaped(b.id(kindWorkload, "shop", "deployment/web")))
	if find(doc, "pre") != nil {
		t.Error("lines are shown of a workload of which nothing has ended")
	}
}

// What cannot be seen is never shown as well.
func TestAClusterThatCannotBeSeenIsNotShownAsWell(t *testing.T) {
	d := quietDemo(t)
	b := newBed("prod")
	b.space("shop")
	b.deploy("shop", "web", "web:1", "bbbbb", 2, 2, d.now, nil)
	cluster := b.id(kindCluster)
	page := func(path string) string {
		t.Helper()
		_, doc, _ := visit(t, d, path)
		return text(doc)
	}
	raw := func(path string) string {
		t.Helper()
		_, _, raw := visit(t, d, path)
		return raw
	}
	observe := func(facts map[string]string) {
		t.Helper()
		e := b.entities[cluster]
		e.Attributes = facts
		b.entities[cluster] = e
		d.now = d.now.Add(time.Minute)
		if err := d.estate.Observe(t.Context(), b.observation(d.now)); err != nil {
			t.Fatal(err)
		}
		d.board.Report("kubernetes prod", d.now, time.Millisecond, nil)
	}
	workload := "/entities/" + escaped(b.id(kindWorkload, "shop", "deployment/web"))
	if err := d.estate.Observe(t.Context(), b.observation(d.now)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/kubernetes", "/entities/" + cluster, workload, "/namespaces"} {
		if got := page(path); !strings.Contains(got, "Evenkeel does not watch this cluster now") {
			t.Errorf("%s: nobody watches it, and the page does not say so: %s", path, got)
		}
	}
	d.board.Expect("kubernetes prod", 15*time.Second, d.now)
	for _, c := range []struct {
		facts     map[string]string
		want, not string
	}{
		{map[string]string{"reachable": "true", "nodes": "0"}, "It is connected.", "may be old"},
		{map[string]string{"reachable": "false", "nodes": "0"}, "Its API server cannot be reached.", "It is connected."},
		{map[string]string{"reachable": "unknown"}, "It is being read for the first time", "It is connected."},
		{map[string]string{"reachable": "true", "unreadable": "nodes,secrets"}, "may not read nodes, secrets", "0 of 0 ready"},
	} {
		observe(c.facts)
		got := page("/entities/" + cluster)
		if !strings.Contains(got, c.want) || strings.Contains(got, c.not) {
			t.Errorf("%v: want %q and not %q in %s", c.facts, c.want, c.not, got)
		}
		if doubt := c.facts["reachable"] != "true"; doubt != strings.Contains(page(workload), "may be old") && c.facts["reachable"] != "unknown" {
			t.Errorf("%v: the workload's page does not share the doubt", c.facts)
		}
		if well := strings.Contains(raw(workload), "sigil is-steady"); well != (c.facts["reachable"] == "true") {
			t.Errorf("%v: a mark of the workload's page says that all is well: %v", c.facts, well)
		}
	}
	d.now = d.now.Add(10 * time.Minute)
	if got := page("/entities/" + cluster); !strings.Contains(got, "Nothing was heard of this cluster since") {
		t.Errorf("silence is not told: %s", got)
	}
}

// Who may not read a cluster's environment does not learn that it is there.
func TestAClusterIsShownOnlyToThoseWhoMayReadIt(t *testing.T) {
	d := quietDemo(t)
	b := d.cluster(t)
	d.actor.Grants = []access.Grant{{Tenant: access.Any, Environment: demoEnv, Role: access.Admin}}
	for _, at := range []string{"", "?at=" + unix(d.now.Add(-time.Hour))} {
		for id := range b.entities {
			if code, _, _ := visit(t, d, "/entities/"+escaped(id)+at); code != http.StatusNotFound {
				t.Errorf("%s%s gives %d", id, at, code)
			}
		}
		for _, path := range []string{"/kubernetes", "/namespaces"} {
			if code, doc, raw := visit(t, d, path+at); code != http.StatusOK || !strings.Contains(text(doc), "No cluster was seen.") || strings.Contains(raw, ":prod") {
				t.Errorf("%s%s gives %d: %s", path, at, code, text(doc))
			}
		}
	}
}

// How a workload does is one sentence.
func TestHowAWorkloadDoes(t *testing.T) {
	now := time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC)
	since := now.Add(-12 * time.Minute).Format(time.RFC3339)
	for _, c := range []struct {
		facts      map[string]string
		mark, text string
	}{
		{map[string]string{"wanted": "1", "ready": "1"}, "steady", "Its one pod is ready."},
		{map[string]string{"wanted": "5", "ready": "2", "unavailable_since": since}, "soon", "Two of five pods are ready, and it has been so for 12 minutes."},
		{map[string]string{"wanted": "2", "ready": "0", "unavailable_since": since}, "now", "None of two pods is ready, and it has been so for 12 minutes."},
		{map[string]string{"wanted": "0", "ready": "0"}, "info", "It is scaled to nothing: no pod is wanted."},
		{map[string]string{"wanted": "3", "ready": "3", "updated": "1"}, "steady", "All three pods are ready. A rollout is under way; new so far: one of three."},
		{map[string]string{"wanted": "3", "ready": "3", "updated": "1", "progress_reason": "ProgressDeadlineExceeded"}, "soon", "All three pods are ready. The rollout is stuck."},
		{map[string]string{"wanted": "2", "ready": "0", "updated": "0"}, "now", "None of two pods is ready. A rollout is under way; new so far: none of two."},
		{map[string]string{}, "unknown", "How many of its pods are ready is not known."},
		{map[string]string{"kind": "Job"}, "unknown", "Whether it is done is not known."},
		{map[string]string{"kind": "Job", "wanted": "2", "ready": "2"}, "steady", "It is done."},
		{map[string]string{"kind": "Job", "wanted": "2", "ready": "1", "progress_reason": "BackoffLimitExceeded"}, "soon", "It failed: BackoffLimitExceeded."},
		{map[string]string{"kind": "CronJob", "schedule": "0 3 * * *", "last_success": since}, "steady", "It runs at “0 3 * * *”. It succeeded last 12 min ago."},
		{map[string]string{"kind": "CronJob", "suspended": "true"}, "info", "It is suspended: it does not run until somebody takes it up again."},
	} {
		if got := workloadStanding(c.facts, now); got.Mark != c.mark || got.Text != c.text {
			t.Errorf("%v: %+v, want %s: %s", c.facts, got, c.mark, c.text)
		}
	}
}

// What people look for is found before what it is made of.
func TestTheSearchLeadsToThePagesOfACluster(t *testing.T) {
	d := quietDemo(t)
	d.cluster(t)
	for sought, want := range map[string]string{"checkout": "shop/checkout", "shop": "shop", "node-2": "node-2", "prod": "prod", "namespaces": "Namespaces"} {
		_, doc, _ := visit(t, d, "/search?q="+sought)
		first := ""
		for n := range doc.Descendants() {
			if href, _ := attr(n, "href"); n.Type == html.ElementNode && n.Data == "a" && (strings.HasPrefix(href, "/entities/") || href == "/namespaces" || href == "/kubernetes") {
				first = text(n)
				break
			}
		}
		if !strings.HasPrefix(first, want) {
			t.Errorf("%q finds %q first", sought, first)
		}
	}
	_, doc, _ := visit(t, d, "/search?q=checkout")
	if page := text(doc); !strings.Contains(page, "shop/checkout workload in prod") {
		t.Errorf("the workload is not found: %s", page)
	}
}

// A workload's pods are told from those of others by their names.
func TestPodsOfAWorkloadByName(t *testing.T) {
	for _, c := range []struct {
		id, pod string
		want    bool
	}{
		{"workload:prod:shop:deployment/web", "web-7d4b9c6f5-2bcdf", true},
		{"workload:prod:shop:deployment/web", "web-api-7d4b9c6f5-2bcdf", false},
		{"workload:prod:shop:deployment/web", "web-api-2bcdf", false},
		{"workload:prod:shop:statefulset/db", "db-0", true},
		{"workload:prod:shop:statefulset/db", "db-x-0", false},
		{"workload:prod:shop:daemonset/agent", "agent-x7k2p", true},
		{"workload:prod:shop:daemonset/agent", "agent-7d4b9c6f5-2bcdf", false},
		{"workload:prod:shop:cronjob/report", "report-29012345-x7k2p", true},
	} {
		if got := regexp.MustCompile("^(?:" + subjectOf(c.id).cube.pods() + ")$").MatchString(c.pod); got != c.want {
			t.Errorf("%s has the pod %s: %v, want %v", c.id, c.pod, got, c.want)
		}
	}
	for id, want := range map[string]cubed{
		"kubernetes-cluster:prod":              {cluster: "prod", own: "prod"},
		"node:prod:n1":                         {cluster: "prod", own: "n1"},
		"role-binding:prod:shop:a":             {cluster: "prod", space: "shop", own: "a"},
		"workload:shop:web":                    {space: "shop", own: "web"},
		"pod:shop:web":                         {},
		"host:web-1":                           {},
		"filesystem:web-1:/a:b":                {},
		"service:checkout":                     {},
		"workload:prod:shop:sort) or vector(1": {cluster: "prod", space: "shop", own: "sort) or vector(1"},
	} {
		if got := subjectOf(id).cube; got != want {
			t.Errorf("%s: %+v, want %+v", id, got, want)
		}
	}
}

// countingEstate counts the questions that a page asks.
type countingEstate struct {
	Estate
	asked int
}

func (c *countingEstate) Entity(ctx context.Context, actor access.Actor, tenant, environment, id string, at time.Time) (estate.Entity, []estate.Relation, error) {
	c.asked++
	return c.Estate.Entity(ctx, actor, tenant, environment, id, at)
}

func (c *countingEstate) Part(ctx context.Context, actor access.Actor, p estate.Part) ([]estate.Entity, error) {
	c.asked++
	return c.Estate.Part(ctx, actor, p)
}

func (c *countingEstate) Entities(ctx context.Context, actor access.Actor, f estate.Filter) (estate.Page, error) {
	c.asked++
	return c.Estate.Entities(ctx, actor, f)
}

// large has a namespace with so many workloads of ten pods each.
func large(t testing.TB, workloads int) (*demo, *bed) {
	t.Helper()
	d := quietDemo(t)
	b := newBed("prod")
	b.space("shop")
	for i := range 3 {
		b.node(fmt.Sprintf("node-%d", i+1), nil)
	}
	for i := range workloads {
		b.deploy("shop", fmt.Sprintf("svc%03d", i), "svc:1", "bbbbb", 6, 6-i%2, d.now, nil)
	}
	if err := d.estate.Observe(t.Context(), b.observation(d.now.Add(-time.Hour))); err != nil {
		t.Fatal(err)
	}
	d.board.Expect("kubernetes prod", 15*time.Second, d.now)
	d.board.Report("kubernetes prod", d.now, time.Millisecond, nil)
	for i := range 100 {
		d.record(t, finding.Observation{Key: finding.Key{Tenant: access.DefaultTenant, Environment: "prod", Practice: "kubernetes", Check: "few", Entity: b.id(kindWorkload, "shop", fmt.Sprintf("deployment/svc%03d", i%workloads))},
			At: d.now, Since: d.now, Sign: finding.Firing, Report: finding.Report{Severity: finding.Warning, Title: "fewer pods than wanted"}})
	}
	return d, b
}

// However much is in a namespace, its page asks the same number of questions.
func TestALargeNamespaceIsAskedForAtOnce(t *testing.T) {
	asked := map[int]int{}
	for _, n := range []int{2, 200} {
		d, b := large(t, n)
		c := &countingEstate{Estate: d.Services.Estate}
		d.Services.Estate = c
		_, doc, _ := visit(t, d, "/entities/"+b.id(kindNamespace, "shop"))
		asked[n] = c.asked
		table := rows(t, doc, "workloads")
		if len(table) != n {
			t.Errorf("%d of %d workloads are shown", len(table), n)
		}
		if got := table["svc001"]; !strings.Contains(got, "Five of six pods are ready.") || !strings.Contains(got, "soon") {
			t.Errorf("a workload of %d: %s", n, got)
		}
	}
	if asked[2] != asked[200] || asked[2] == 0 {
		t.Errorf("questions by the number of workloads: %v", asked)
	}
}

func BenchmarkNamespacePage(b *testing.B) {
	d, bed := large(b, 200)
	d.Services.Sights = nil // the demo's reads all mappings each time
	for _, path := range []string{"/entities/namespace:prod:shop", "/entities/namespace:prod:shop?at=" + unix(d.now.Add(-time.Minute)), "/namespaces", "/entities/kubernetes-cluster:prod", "/entities/" + escaped(bed.id(kindWorkload, "shop", "deployment/svc001"))} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				w := httptest.NewRecorder()
				d.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
