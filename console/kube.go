package console

import (
	"cmp"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

// What is in a Kubernetes cluster is shown on the page of its entity like
// everything else; what such an entity shows besides is in the kube*.go files.
// Each page reads all that it needs in a fixed number of questions, however
// much is in the cluster, and as of any time.

// The kinds that collect/kube draws and that have a page of their own here.
const (
	kindCluster   estate.Kind = "kubernetes-cluster"
	kindNode      estate.Kind = "node"
	kindNamespace estate.Kind = "namespace"
	kindWorkload  estate.Kind = "workload"
	kindPod       estate.Kind = "pod"
	kindQuota     estate.Kind = "quota"
)

// inSpaces are the kinds of a cluster that are in a namespace, inClusters
// those that are not; a role binding may be either.
var (
	inSpaces = []estate.Kind{kindWorkload, kindPod, kindQuota, "service", "ingress", "network-policy", "claim", "autoscaler",
		"disruption-budget", "config-map", "secret", "release", "gateway", "route", "certificate", "gitops-app", "role-binding",
		"limit-range", "service-account", "vertical-autoscaler", "cluster-autoscaler", "volume-snapshot", "virtual-service",
		"destination-rule", "mesh-gateway", "peer-authentication", "mesh-server", "service-profile"}
	inClusters = []estate.Kind{kindNode, kindNamespace, "persistent-volume", "webhook", "api-service", "role-binding",
		"custom-resource-definition", "storage-class", "storage-driver", "node-pool", "node-claim"}
)

// workloadSorts are what a workload may be; one of them stands in expressions
// as it is.
var workloadSorts = []string{"deployment", "statefulset", "daemonset", "replicaset", "job", "cronjob", "rollout"}

// cubed are the names of what is in a cluster; see "Kubernetes" in
// ARCHITECTURE.md for the ids.
type cubed struct {
	cluster, space, own string
	sort                string // of a workload: "deployment"
}

// cubeOf takes an id apart, but for its kind. Workloads that only figures tell
// of name no cluster: they are "NAMESPACE:NAME".
func cubeOf(kind estate.Kind, rest string) (k cubed, ok bool) {
	parts := strings.SplitN(rest, ":", 3)
	switch {
	case kind == kindCluster:
		return cubed{cluster: rest, own: rest}, true
	case len(parts) == 3 && slices.Contains(inSpaces, kind):
		k = cubed{cluster: parts[0], space: parts[1], own: parts[2]}
		if kind == kindWorkload {
			if sort, name, _ := strings.Cut(k.own, "/"); slices.Contains(workloadSorts, sort) {
				k.sort, k.own = sort, name
			}
		}
		return k, true
	case len(parts) == 2 && slices.Contains(inClusters, kind):
		return cubed{cluster: parts[0], own: parts[1]}, true
	case len(parts) == 2 && kind == kindWorkload:
		return cubed{space: parts[0], own: parts[1]}, true
	}
	return k, false
}

// shown is the name for people.
func (k cubed) shown(rest string) string {
	switch {
	case k.cluster == "":
		return rest
	case k.space == "":
		return k.own
	}
	return k.space + "/" + k.own
}

// clusterPattern matches the label "cluster"; any where none is known.
func (k cubed) clusterPattern() string {
	if k.cluster == "" {
		return ".*"
	}
	return regexp.QuoteMeta(k.cluster)
}

// letters are those that Kubernetes makes names of: no vowels, so that they
// are no words and one name's pods are hardly taken for another's.
const letters = "[bcdfghjklmnpqrstvwxz0-9]"

// pods matches the names of a workload's pods, which are all that figures tell.
func (k cubed) pods() string {
	name := regexp.QuoteMeta(k.own)
	switch k.sort {
	case "statefulset":
		return name + "-[0-9]+"
	case "daemonset", "replicaset":
		return name + "-" + letters + "{5}"
	case "job":
		return name + "(-[0-9]+)?-" + letters + "{5}"
	case "cronjob":
		return name + "-[0-9]+(-[0-9]+)?-" + letters + "{5}"
	}
	return name + "-" + letters + "{5,10}-" + letters + "{5}"
}

// has tells by its name whether a pod is a workload's.
func (k cubed) has(id string) bool {
	name, ok := strings.CutPrefix(id, estate.ID(kindPod, k.cluster, k.space, k.own)+"-")
	return ok && regexp.MustCompile("^(?:"+k.pods()+")$").MatchString(k.own+"-"+name)
}

// thenURL is an entity's page as of a time; zero is now.
func thenURL(env, id string, at time.Time) string {
	return with("/entities/"+escaped(id), "env", env, "at", atText(at))
}

// atText writes a time for an address so that it means the same everywhere.
func atText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

// kubeView is what an entity of a cluster shows beside what every entity does;
// one of the views is set, where its kind has one.
type kubeView struct {
	At, Asked time.Time
	Env       string
	Doubt     string // why what is shown may not be so any more; "" while it is seen
	Cluster   *clusterView
	Space     *spaceView
	Workload  *workloadView
	Node      *nodeView

	Unasked bool // no requests of the workload are seen

	near map[string]bool // ids whose findings and changes are told here too
}

// cube reads what is special about an entity of a cluster; nil where it is in
// none.
func (c *Console) cube(r *http.Request, e estate.Entity, at time.Time, rng askedRange) (v *kubeView, err error) {
	if subjectOf(e.ID).cube.cluster == "" {
		return nil, nil
	}
	v = &kubeView{At: at, Asked: c.opt.Now(), Env: e.Environment, near: map[string]bool{e.ID: true}}
	if v.Doubt, err = c.doubt(r, e.Environment, at); err != nil {
		return nil, err
	}
	switch e.Kind {
	case kindCluster:
		err = c.readCluster(r, v, e)
	case kindNamespace:
		err = c.readSpace(r, v, e)
	case kindWorkload:
		err = c.readWorkload(r, v, e, rng)
	case kindNode:
		err = c.readNode(r, v, e, rng)
	}
	return v, err
}

// part reads a part of the cluster as of the view's time.
func (c *Console) part(r *http.Request, v *kubeView, around []string, kinds ...estate.Kind) ([]estate.Entity, error) {
	return c.Estate.Part(r.Context(), c.actor(r), estate.Part{Tenant: c.opt.Tenant, Environment: v.Env, Around: around, Kinds: kinds, At: v.At})
}

// when is the time that ages on the page are counted to.
func (v *kubeView) when() time.Time {
	if v.At.IsZero() {
		return v.Asked
	}
	return v.At
}

// trust is a condition as far as it can be believed: what is not seen now is
// told as it was last, and is not well for that.
func (v *kubeView) trust(c condition) condition {
	if v.Doubt != "" {
		return condition{"unknown", "As last seen: " + c.Text}
	}
	return c
}

// trusted is trust for a mark alone; what was wrong stays so.
func (v *kubeView) trusted(mark string) string {
	if v.Doubt != "" && mark == "steady" {
		return "unknown"
	}
	return mark
}

// stoodThen are findings as of the view's time: that they stood is known, what
// became of them later is not told.
func stoodThen(list []finding.Finding, at time.Time) []finding.Finding {
	if !at.IsZero() {
		for i := range list {
			list[i].State, list[i].ResolvedAt = finding.Open, time.Time{}
		}
	}
	return list
}

// condition is how something does, in one sentence with its mark.
type condition struct{ Mark, Text string }

// maxStanding bounds the findings of one cluster that a page counts.
const maxStanding = 500

// standingFindings are those of an environment that were not over at the
// view's time, the most urgent first.
func (c *Console) standingFindings(r *http.Request, env string, at time.Time) ([]finding.Finding, error) {
	f := finding.Filter{Tenant: c.opt.Tenant, Environments: []string{env}, Since: at, Until: at, Limit: maxStanding}
	if at.IsZero() {
		f.States = []finding.State{finding.Open, finding.Acknowledged, finding.Unknown}
	}
	list, err := c.Findings.List(r.Context(), c.actor(r), f)
	return stoodThen(list.Findings, at), err
}

// tally counts findings and keeps the worst.
type tally struct {
	Count int
	Worst finding.Finding
}

func (t *tally) add(f finding.Finding) {
	if t.Count == 0 || f.Severity > t.Worst.Severity {
		t.Worst = f
	}
	t.Count++
}

// amountIn reads a fact that is a number.
func amountIn(facts map[string]string, key string) (n float64, known bool) {
	text, ok := facts[key]
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

func countIn(facts map[string]string, key string) (int, bool) {
	n, known := amountIn(facts, key)
	return int(n), known
}

// timeIn reads a fact that is a time; zero where there is none.
func timeIn(facts map[string]string, key string) time.Time {
	t, err := time.Parse(time.RFC3339, facts[key])
	if err != nil {
		return time.Time{}
	}
	return t
}

// entries takes a fact that is a list apart.
func entries(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// kindTally counts entities by kind, the most first.
func kindTally(list map[estate.Kind]int) (out []kindCount) {
	for _, k := range slices.Sorted(maps.Keys(list)) {
		out = append(out, kindCount{k, list[k]})
	}
	slices.SortStableFunc(out, func(a, b kindCount) int { return cmp.Compare(b.Count, a.Count) })
	return out
}

// findingsNear are the findings of an entity of a cluster and of what belongs
// to it: those in a span of time, or that stood at the view's time.
func (c *Console) findingsNear(r *http.Request, v *kubeView, e estate.Entity, s timeSpan) (out []finding.Finding, err error) {
	f := finding.Filter{Tenant: c.opt.Tenant, Environments: []string{e.Environment}, Since: s.From, Until: s.To, Limit: maxStanding}
	if !v.At.IsZero() {
		f.Since, f.Until = v.At, v.At
	}
	list, err := c.Findings.List(r.Context(), c.actor(r), f)
	for _, f := range stoodThen(list.Findings, v.At) {
		if len(out) < shownFindings && v.belongs(e, f.Entity) {
			out = append(out, f)
		}
	}
	return out, err
}

const shownFindings = 20

// belongs tells whether what is told of an id is told on an entity's page too.
func (v *kubeView) belongs(e estate.Entity, id string) bool {
	switch e.Kind {
	case kindCluster:
		return true
	case kindNamespace:
		return spaceOf(id) == e.Name
	}
	return v.near[id]
}

// changesNear are the changes of an entity of a cluster and of what belongs to
// it, newest first. An entity's own are asked for apart, so that a busy
// neighbourhood cannot hide them.
func (c *Console) changesNear(r *http.Request, v *kubeView, e estate.Entity, s timeSpan) ([]changeLine, error) {
	f := estate.ChangeFilter{Tenant: c.opt.Tenant, Environments: []string{e.Environment}, From: s.From, To: s.To, Limit: scannedChanges}
	around, err := c.Estate.Changes(r.Context(), c.actor(r), f)
	if err != nil {
		return nil, err
	}
	f.Entity, f.Limit = e.ID, markedChanges
	own, err := c.Estate.Changes(r.Context(), c.actor(r), f)
	if err != nil {
		return nil, err
	}
	of := own.Changes
	for _, ch := range around.Changes {
		if ch.Entity != e.ID && v.belongs(e, ch.Entity) {
			of = append(of, ch)
		}
	}
	slices.SortStableFunc(of, func(a, b estate.Change) int { return b.At.Compare(a.At) })
	lines := changeLines(of[:min(markedChanges, len(of))], v.Asked)
	for i := range lines {
		lines[i].URL = thenURL(e.Environment, lines[i].Entity, v.At)
	}
	return lines, nil
}
