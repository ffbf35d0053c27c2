package console

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/figure"
)

// spaceLine is a namespace in a list.
type spaceLine struct {
	Name, URL     string
	Workloads     int
	Whole         int // workloads that have all that they want
	Ready, Wanted int // pods
	Pods          string
	Findings      tally
	Quota         *quotaUse
}

// quotaUse is the resource of a quota that is nearest to its end.
type quotaUse struct {
	Resource string
	Share    float64
	Text     string // "45 of 50"
	Denied   bool   // it keeps something from being made
}

// spaceView is what a namespace's page shows.
type spaceView struct {
	Line      spaceLine
	Workloads []workloadLine
	Quotas    []quotaUse
	Others    []kindCount
	OthersURL func(estate.Kind) string
	Phase     string
	Policies  string    // what is known of its network policies
	Denied    time.Time // since when a quota keeps something from being made; zero where none does
}

// workloadLine is a workload in a list.
type workloadLine struct {
	Name, URL, Sort string
	State           condition
	Ready           string
	Images          string
	Findings        tally
}

// spaceOf names the namespace of an id: its own, or the one that it is in.
func spaceOf(id string) string {
	k := subjectOf(id).cube
	if strings.HasPrefix(id, string(kindNamespace)+":") {
		return k.own
	}
	return k.space
}

// spaceLines adds namespaces up; those with the worst findings come first,
// then those where something is missing.
func spaceLines(all []estate.Entity, standing []finding.Finding, v *kubeView) []spaceLine {
	at := map[string]int{}
	var out []spaceLine
	for _, e := range all {
		if e.Kind == kindNamespace {
			at[e.Name] = len(out)
			out = append(out, spaceLine{Name: e.Name, URL: thenURL(v.Env, e.ID, v.At), Pods: cmp.Or(e.Attributes["pods"], "?")})
		}
	}
	for _, e := range all {
		i, known := at[spaceOf(e.ID)]
		if !known {
			continue
		}
		switch e.Kind {
		case kindWorkload:
			out[i].add(e.Attributes)
		case kindQuota:
			for _, q := range quotaUses(e.Attributes) {
				if out[i].Quota == nil || q.Share > out[i].Quota.Share {
					out[i].Quota = &q
				}
			}
		}
	}
	for _, f := range standing {
		if i, known := at[spaceOf(f.Entity)]; known {
			out[i].Findings.add(f)
		}
	}
	slices.SortStableFunc(out, func(a, b spaceLine) int {
		return cmp.Or(cmp.Compare(b.Findings.Worst.Severity, a.Findings.Worst.Severity), cmp.Compare(b.Wanted-b.Ready, a.Wanted-a.Ready), strings.Compare(a.Name, b.Name))
	})
	return out
}

// add counts a workload; those that run and end count as whole unless they
// failed, and want no pods to be ready.
func (l *spaceLine) add(a map[string]string) {
	l.Workloads++
	if mark := workloadStanding(a, time.Time{}).Mark; mark == "steady" || mark == "info" {
		l.Whole++
	}
	if k := a["kind"]; k == "Job" || k == "CronJob" {
		return
	}
	wanted, _ := countIn(a, "wanted")
	ready, _ := countIn(a, "ready")
	l.Wanted, l.Ready = l.Wanted+wanted, l.Ready+min(ready, wanted)
}

// quotaUses takes a quota apart, the nearest to its end first.
func quotaUses(a map[string]string) (out []quotaUse) {
	used := map[string]string{}
	for _, pair := range entries(a["used"]) {
		k, v, _ := strings.Cut(pair, "=")
		used[k] = v
	}
	nearest, _ := amountIn(a, "nearest")
	for _, pair := range entries(a["hard"]) {
		k, hard, _ := strings.Cut(pair, "=")
		q := quotaUse{Resource: k, Text: cmp.Or(used[k], "?") + " of " + hard, Denied: a["denied_since"] != "", Share: -1}
		if k == a["nearest_resource"] {
			q.Share = nearest
		}
		out = append(out, q)
	}
	slices.SortStableFunc(out, func(a, b quotaUse) int { return cmp.Compare(b.Share, a.Share) })
	return out
}

func (c *Console) readSpace(r *http.Request, v *kubeView, e estate.Entity) error {
	// Pods are many, and their number is a fact of the namespace.
	all, err := c.part(r, v, []string{e.ID}, slices.DeleteFunc(slices.Clone(inSpaces), func(k estate.Kind) bool { return k == kindPod })...)
	if err != nil {
		return err
	}
	standing, err := c.standingFindings(r, e.Environment, v.At)
	if err != nil {
		return err
	}
	s := &spaceView{Phase: e.Attributes["phase"]}
	s.Line = spaceLine{Name: e.Name, Pods: cmp.Or(e.Attributes["pods"], "?")}
	others := map[estate.Kind]int{}
	if n, known := countIn(e.Attributes, "pods"); known && n > 0 {
		others[kindPod] = n
	}
	for _, x := range all {
		v.near[x.ID] = true
		switch x.Kind {
		case kindWorkload:
			s.Line.add(x.Attributes)
			s.Workloads = append(s.Workloads, workloadLineOf(x, v, standing))
		case kindQuota:
			s.Quotas = append(s.Quotas, quotaUses(x.Attributes)...)
			if t := timeIn(x.Attributes, "denied_since"); !t.IsZero() && (s.Denied.IsZero() || t.Before(s.Denied)) {
				s.Denied = t
			}
			others[x.Kind]++
		default:
			others[x.Kind]++
		}
	}
	slices.SortStableFunc(s.Workloads, func(a, b workloadLine) int {
		return cmp.Or(cmp.Compare(b.Findings.Worst.Severity, a.Findings.Worst.Severity), cmp.Compare(markRank(a.State.Mark), markRank(b.State.Mark)), strings.Compare(a.Name, b.Name))
	})
	s.Others = kindTally(others)
	s.OthersURL = func(k estate.Kind) string {
		return with("/estate", "kind", string(k), "env", v.Env, "q", e.Name+"/", "at", formTime(v.At.In(time.Local)))
	}
	switch n, known := countIn(e.Attributes, "policies"); {
	case !known:
		s.Policies = "Whether network policies hold here is not known."
	case n == 0:
		s.Policies = "No network policy: every pod may be reached from everywhere in the cluster."
	}
	v.Space = s
	return nil
}

// workloadLineOf has the findings of a workload and of its pods.
func workloadLineOf(e estate.Entity, v *kubeView, standing []finding.Finding) workloadLine {
	a, cube := e.Attributes, subjectOf(e.ID).cube
	l := workloadLine{Name: cube.own, URL: thenURL(v.Env, e.ID, v.At), Sort: a["kind"], State: v.trust(workloadStanding(a, v.when())), Images: shortImages(a["images"]), Ready: "–"}
	if ready, known := countIn(a, "ready"); known {
		wanted, _ := countIn(a, "wanted")
		l.Ready = fmt.Sprintf("%d of %d", ready, wanted)
	}
	for _, f := range standing {
		if f.Entity == e.ID || cube.has(f.Entity) {
			l.Findings.add(f)
		}
	}
	return l
}

// shortImages leaves the registry and the digest of images out.
func shortImages(list string) string {
	var out []string
	for _, image := range entries(list) {
		image, _, _ = strings.Cut(image, "@")
		out = append(out, image[strings.LastIndexByte(image, '/')+1:])
	}
	return strings.Join(out, ", ")
}

// spacesPage lists the namespaces of one cluster, or of all.
type spacesPage struct {
	Env      string
	At       time.Time
	Asked    time.Time
	Clusters []spacesOf
	All      []string // names of the clusters that can be chosen
}

type spacesOf struct {
	Env, URL string
	Doubt    string
	Lines    []spaceLine
}

func (c *Console) namespaces(w http.ResponseWriter, r *http.Request) error {
	at, err := askedTime(r.URL.Query().Get("at"))
	if err != nil {
		return err
	}
	p := spacesPage{Env: r.URL.Query().Get("env"), At: at, Asked: c.opt.Now()}
	page, err := c.Estate.Entities(r.Context(), c.actor(r), estate.Filter{Tenant: c.opt.Tenant, Kinds: []estate.Kind{kindCluster}, At: at, Limit: 500})
	if err != nil {
		return err
	}
	for _, e := range page.Entities {
		p.All = append(p.All, e.Environment)
		if p.Env != "" && p.Env != e.Environment {
			continue
		}
		v := &kubeView{At: at, Asked: p.Asked, Env: e.Environment}
		all, err := c.part(r, v, nil, kindNamespace, kindWorkload, kindQuota)
		if err != nil {
			return err
		}
		standing, err := c.standingFindings(r, e.Environment, at)
		if err != nil {
			return err
		}
		of := spacesOf{Env: e.Environment, URL: thenURL(e.Environment, e.ID, at), Lines: spaceLines(all, standing, v)}
		if s := c.reachOf(e, at); s.Mark != "steady" {
			of.Doubt = s.Text
		}
		p.Clusters = append(p.Clusters, of)
	}
	return c.render(w, r, http.StatusOK, "Namespaces", "/estate", spacesView(p))
}

// quotaShare writes how far a quota is used up; "" where it is not told.
func quotaShare(q quotaUse) string {
	if q.Share < 0 {
		return ""
	}
	return figure.In(q.Share, "ratio")
}
