package console

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/figure"
)

// workloadView is what a workload's page shows.
type workloadView struct {
	State  condition
	Pods   []podLine // what is not ready first
	More   int       // pods that are not shown
	Leads  []boundLine
	Holds  []boundLine
	Uses   []boundLine
	Space  string // its namespace's page
	Images string

	Events     []Event
	EventsNote string // why there are none

	Wrote []finding.Evidence // what its containers wrote before they ended, the latest first
}

// podLine is a pod beside its peers.
type podLine struct {
	Name, URL     string // NAMESPACE/POD
	Shown         string
	Mark, Phase   string
	Why           string // what keeps it from being ready, or how it ended last
	Ready         string
	Restarts      int
	Node, NodeURL string
	Age           string
	CPU, Memory   string
}

// boundLine is something that leads to a workload or holds it.
type boundLine struct {
	Name, URL string
	Kind      estate.Kind
	Text      string
	Mark      string // "" where nothing is to be said
}

// podsShown bounds the table of pods.
const podsShown = 50

func (c *Console) readWorkload(r *http.Request, v *kubeView, e estate.Entity, rng askedRange) error {
	near, err := c.part(r, v, []string{e.ID}, kindPod, "service", "network-policy", "autoscaler", "disruption-budget", "route")
	if err != nil {
		return err
	}
	w := &workloadView{State: v.trust(workloadStanding(e.Attributes, v.when())), Images: shortImages(e.Attributes["images"]),
		Space: thenURL(v.Env, estate.ID(kindNamespace, subjectOf(e.ID).cube.cluster, subjectOf(e.ID).cube.space), v.At)}
	v.Workload = w
	var beyond []string // whose own neighbours belong on the page
	var pods []estate.Entity
	for _, x := range near {
		v.near[x.ID] = true
		switch x.Kind {
		case kindPod:
			pods = append(pods, x)
		case "service", "route":
			w.Leads = append(w.Leads, boundOf(x, v))
		default:
			w.Holds = append(w.Holds, boundOf(x, v))
		}
		if x.Kind == "service" || x.Kind == kindPod && len(pods) <= podsShown {
			beyond = append(beyond, x.ID)
		}
	}
	if len(beyond) > 0 {
		far, err := c.part(r, v, beyond, "ingress", "route", "claim", "config-map", "secret")
		if err != nil {
			return err
		}
		for _, x := range far {
			if v.near[x.ID] {
				continue
			}
			v.near[x.ID] = true
			if x.Kind == "ingress" || x.Kind == "route" {
				w.Leads = append(w.Leads, boundOf(x, v))
			} else {
				w.Uses = append(w.Uses, boundOf(x, v))
			}
		}
	}
	c.readEvents(r, v, e, pods)
	w.Pods, w.More = podLines(pods, v)
	for i := range w.Pods { // all are in the workload's namespace
		_, w.Pods[i].Shown, _ = strings.Cut(w.Pods[i].Name, "/")
	}
	asked, err := c.asksSeen(r.Context(), c.charts.Kinds[e.Kind], subjectOf(e.ID), rng.To)
	if err != nil {
		return err
	}
	v.Unasked = !asked
	return c.figuresOf(r.Context(), w.Pods, subjectOf(e.ID), `namespace="$namespace",pod=~"$pods"`, rng.To)
}

// shownWrote bounds the containers whose last lines a workload's page shows.
const shownWrote = 4

// lastWritten is what programs wrote, of the evidence of findings, the latest
// first; two findings may have the same.
func lastWritten(list []finding.Finding) (out []finding.Evidence) {
	seen := map[string]bool{}
	for _, f := range list {
		for _, e := range f.Evidence {
			if len(e.Lines) > 0 && !seen[e.Text] {
				seen[e.Text] = true
				out = append(out, e)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b finding.Evidence) int { return b.To.Compare(a.To) })
	return out[:min(shownWrote, len(out))]
}

// podLines are pods for a table, what is not ready first, then by restarts.
func podLines(pods []estate.Entity, v *kubeView) (out []podLine, more int) {
	for _, p := range pods {
		out = append(out, podLineOf(p, v))
	}
	slices.SortStableFunc(out, func(a, b podLine) int {
		return cmp.Or(cmp.Compare(markRank(a.Mark), markRank(b.Mark)), cmp.Compare(b.Restarts, a.Restarts), strings.Compare(a.Name, b.Name))
	})
	if len(out) > podsShown {
		out, more = out[:podsShown], len(out)-podsShown
	}
	return out, more
}

func podLineOf(e estate.Entity, v *kubeView) podLine {
	a := e.Attributes
	k := subjectOf(e.ID).cube
	l := podLine{Name: e.Name, Shown: e.Name, URL: thenURL(v.Env, e.ID, v.At), Phase: cmp.Or(a["phase"], "Unknown"), Node: a["node"], Age: "not known"}
	l.Restarts, _ = countIn(a, "restarts")
	if l.Node != "" {
		l.NodeURL = thenURL(v.Env, estate.ID(kindNode, k.cluster, l.Node), v.At)
	}
	if t := timeIn(a, "created"); !t.IsZero() {
		l.Age = figure.Span(v.when().Sub(t))
	}
	switch a["ready"] {
	case "true":
		l.Ready, l.Mark = "yes", "steady"
	case "false":
		l.Ready, l.Mark = "no", "soon"
	default:
		l.Ready, l.Mark = "not known", "unknown"
	}
	switch {
	case a["deleting_since"] != "":
		l.Phase, l.Mark = "Ending", "info"
	case l.Phase == "Succeeded":
		l.Mark = "steady"
	case l.Phase == "Failed":
		l.Mark = "now"
	case a["waiting"] != "":
		l.Phase = waitingWord(a["waiting"])
		if l.Phase == "CrashLoopBackOff" || a["image_problem"] != "" {
			l.Mark = "now"
		}
	}
	l.Mark, l.Why = v.trusted(l.Mark), podWhy(a, v.when())
	return l
}

// waitingWord is the first reason for which a container waits.
func waitingWord(list string) string {
	_, reason, _ := strings.Cut(entries(list)[0], "=")
	return reason
}

// podWhy says what keeps a pod from its work, or how it ended last; "" where
// there is nothing to say.
func podWhy(a map[string]string, now time.Time) string {
	for _, k := range []string{"pending_reason", "image_problem", "volumes_waiting"} {
		if a[k] != "" {
			return a[k]
		}
	}
	var parts []string
	if a["init_failed"] != "" {
		parts = append(parts, "the init container "+a["init_failed"]+" failed")
	}
	for _, x := range entries(a["last_exit"]) {
		name, how, _ := strings.Cut(x, "=")
		reason, code, _ := strings.Cut(how, ":")
		text := fmt.Sprintf("%s ended last with %s (exit code %s)", name, cmp.Or(reason, "no reason"), code)
		if t := timeIn(a, "last_exit_at"); !t.IsZero() {
			text += ", " + ago(t, now)
		}
		parts = append(parts, text)
	}
	if len(parts) == 0 && a["waiting"] != "" && a["waiting_message"] != "" {
		parts = append(parts, a["waiting_message"])
	}
	if len(parts) == 0 && a["reason"] != "" {
		parts = append(parts, a["reason"])
	}
	return upperFirst(strings.Join(parts, "; "))
}

// figuresOf puts what pods use beside them: two questions, for all at once.
func (c *Console) figuresOf(ctx context.Context, pods []podLine, s subject, match string, at time.Time) error {
	if len(pods) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, vitalTimeout)
	defer cancel()
	index := map[string]int{}
	for i, p := range pods {
		index[p.Name] = i
	}
	for _, x := range []struct {
		expr, unit string
		put        func(*podLine, string)
	}{
		{`sum by (namespace, pod) (rate(container_cpu_usage_seconds_total{cluster=~"|$cluster",` + match + `,container!=""}[$window]))`, "cores", func(p *podLine, t string) { p.CPU = t }},
		{`sum by (namespace, pod) (container_memory_working_set_bytes{cluster=~"|$cluster",` + match + `,container!=""})`, "bytes", func(p *podLine, t string) { p.Memory = t }},
	} {
		samples, err := c.Metrics.Instant(ctx, s.fill(x.expr, 5*time.Minute), at)
		if err != nil {
			return err
		}
		for _, sample := range samples {
			if i, ok := index[sample.Labels.Get("namespace")+"/"+sample.Labels.Get("pod")]; ok && !math.IsNaN(sample.V) {
				x.put(&pods[i], figure.In(sample.V, x.unit))
			}
		}
	}
	return nil
}

// workloadStanding says how a workload does and for how long; now is left zero
// where only the mark is wanted.
func workloadStanding(a map[string]string, now time.Time) condition {
	lasting := func(key string) string {
		if t := timeIn(a, key); !t.IsZero() && now.After(t) {
			return ", and it has been so for " + spanWords(now.Sub(t))
		}
		return ""
	}
	switch a["kind"] {
	case "CronJob":
		text := fmt.Sprintf("It runs at “%s”.", a["schedule"])
		if a["suspended"] == "true" {
			return condition{"info", "It is suspended: it does not run until somebody takes it up again."}
		}
		if t := timeIn(a, "last_success"); !t.IsZero() && !now.IsZero() {
			return condition{"steady", text + " It succeeded last " + ago(t, now) + "."}
		}
		return condition{"info", text + " No run has succeeded yet."}
	case "Job":
		failed, _ := countIn(a, "failed")
		ready, known := countIn(a, "ready")
		wanted, _ := countIn(a, "wanted")
		switch {
		case !known:
			return condition{"unknown", "Whether it is done is not known."}
		case ready >= wanted:
			return condition{"steady", "It is done."}
		case a["progress_reason"] != "":
			return condition{"soon", "It failed: " + a["progress_reason"] + "."}
		case failed > 0:
			return condition{"soon", fmt.Sprintf("It runs; %s failed so far.", countOf(failed, "pod has", "pods have"))}
		}
		return condition{"info", fmt.Sprintf("It runs: %d of %d are done.", ready, wanted)}
	}
	wanted, known := countIn(a, "wanted")
	ready, both := countIn(a, "ready")
	if !known || !both {
		return condition{"unknown", "How many of its pods are ready is not known."}
	}
	updated, told := countIn(a, "updated")
	rollout := ""
	switch {
	case a["progress_reason"] == "ProgressDeadlineExceeded":
		rollout = " The rollout is stuck."
	case a["paused"] == "true":
		rollout = " Its rollout is paused."
	case told && updated < wanted:
		rollout = fmt.Sprintf(" A rollout is under way; new so far: %s of %s.", noneOr(updated), number(wanted))
	case a["observed_generation"] != "" && a["observed_generation"] != a["generation"]:
		rollout = " Its last change is not yet taken up."
	}
	switch {
	case wanted == 0:
		return condition{"info", "It is scaled to nothing: no pod is wanted."}
	case ready == 0:
		return condition{"now", fmt.Sprintf("None of %s is ready%s.%s", podsWord(wanted), lasting("unavailable_since"), rollout)}
	case ready < wanted:
		return condition{"soon", fmt.Sprintf("%s of %s %s ready%s.%s", upperFirst(number(ready)), podsWord(wanted), plural(ready, "is", "are"), lasting("unavailable_since"), rollout)}
	case rollout != "" && a["progress_reason"] == "ProgressDeadlineExceeded":
		return condition{"soon", allReady(wanted) + rollout}
	}
	return condition{"steady", allReady(wanted) + rollout}
}

func podsWord(n int) string { return number(n) + " " + plural(n, "pod", "pods") }

func noneOr(n int) string {
	if n == 0 {
		return "none"
	}
	return number(n)
}

func allReady(n int) string {
	switch n {
	case 1:
		return "Its one pod is ready."
	case 2:
		return "Both pods are ready."
	}
	return fmt.Sprintf("All %s pods are ready.", number(n))
}

// boundOf says in one line what leads to a workload or holds it.
func boundOf(e estate.Entity, v *kubeView) boundLine {
	a := e.Attributes
	l := boundLine{Name: e.Name, URL: thenURL(v.Env, e.ID, v.At), Kind: e.Kind}
	switch e.Kind {
	case "service":
		l.Text = strings.TrimSpace(a["type"] + " " + strings.ReplaceAll(a["ports"], ",", ", "))
		if n, known := countIn(a, "endpoints_ready"); known {
			l.Text += ", " + countOf(n, "endpoint", "endpoints") + " ready"
			if n == 0 {
				l.Mark = "soon"
			}
		}
	case "ingress":
		l.Text = strings.ReplaceAll(a["hosts"], ",", ", ")
		if a["backends_missing"] != "" {
			l.Text, l.Mark = l.Text+", leads to "+a["backends_missing"]+", which is missing", "soon"
		}
		if a["tls_missing"] != "" {
			l.Text, l.Mark = l.Text+", its TLS secret is missing", "soon"
		}
	case "route":
		l.Text = strings.ReplaceAll(a["hosts"], ",", ", ")
	case "autoscaler":
		l.Text = fmt.Sprintf("between %s and %s pods; wants %s", cmp.Or(a["min"], "1"), cmp.Or(a["max"], "?"), cmp.Or(a["desired"], "?"))
		switch {
		case a["active"] == "false":
			l.Text, l.Mark = l.Text+"; it cannot scale: "+a["active_reason"], "soon"
		case a["at_max_since"] != "":
			l.Text, l.Mark = l.Text+"; at its most", "risk"
		}
	case "disruption-budget":
		may := "how many may be taken away is not known"
		if allowed, known := countIn(a, "allowed"); known {
			may = countOf(allowed, "pod", "pods") + " may be taken away"
		}
		l.Text = fmt.Sprintf("needs %s healthy pods and has %s; %s", cmp.Or(a["wanted_healthy"], "?"), cmp.Or(a["healthy"], "?"), may)
		if a["blocks_since"] != "" {
			l.Mark = "risk"
		}
	case "network-policy":
		l.Text = strings.ReplaceAll(a["types"], ",", " and ")
		if a["allows_dns"] == "false" {
			l.Text, l.Mark = l.Text+"; does not let names be asked for (DNS)", "soon"
		}
	case "claim":
		l.Text = a["phase"]
		if size, known := amountIn(a, "size"); known {
			l.Text += ", " + figure.In(size, "bytes")
		}
		if a["phase"] != "Bound" {
			l.Mark = "soon"
		}
	}
	l.Text = strings.TrimPrefix(l.Text, ", ")
	return l
}

// asksSeen tells whether any figure tells of a workload's requests.
func (c *Console) asksSeen(ctx context.Context, charts []chart, s subject, at time.Time) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, vitalTimeout)
	defer cancel()
	for _, ch := range charts {
		if !ch.Asks {
			continue
		}
		for _, d := range ch.Series {
			samples, err := c.Metrics.Instant(ctx, s.fill(d.Expr, 15*time.Minute), at)
			if err != nil {
				return true, err
			}
			if len(samples) > 0 {
				return true, nil
			}
		}
	}
	return false, nil
}

// sightNames are the ids under which figures may tell of an entity: what is
// seen of a cluster's workload names no cluster.
func sightNames(e estate.Entity) []string {
	ids := []string{e.ID}
	if k := subjectOf(e.ID).cube; e.Kind == kindWorkload && k.cluster != "" {
		ids = append(ids, estate.ID(kindWorkload, k.space, k.own))
	}
	return ids
}

// sightIn finds what is seen of an entity.
func sightIn(all []detect.Sight, e estate.Entity) *detect.Sight {
	for _, id := range sightNames(e) {
		if i := slices.IndexFunc(all, func(s detect.Sight) bool { return s.Entity == id }); i >= 0 {
			return &all[i]
		}
	}
	return nil
}
