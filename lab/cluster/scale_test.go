package cluster

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/lab"
)

// TestALargeEstate measures the whole program beside a large control plane, with
// ten pods a node and one in a hundred pods replaced each minute.
//
//	EVENKEEL_KUBE_SCALE=1000 go test ./lab/cluster -run TestALargeEstate -v -timeout 60m
func TestALargeEstate(t *testing.T) {
	count, err := strconv.Atoi(os.Getenv("EVENKEEL_KUBE_SCALE"))
	if err != nil {
		t.Skip("EVENKEEL_KUBE_SCALE says how many nodes to measure with, such as 1000")
	}
	b := bed(t)
	filled(t, b, count)
	time.Sleep(20 * time.Second) // the control plane settles
	table := lab.Table{Header: []string{"", "as it is by default"}}
	x := atScale(t, b)
	x.measure(count, func(name, value string) { table.Add(name, value) })
	var out strings.Builder
	table.Markdown(&out)
	t.Logf("%d nodes, %d pods\n%s", count, count*10, out.String())
}

// atScale starts the program.
func atScale(t *testing.T, b *Cluster) *whole {
	t.Helper()
	if err := b.stage.BuildEvenkeel(os.Getenv("EVENKEEL_PROGRAM")); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	e, err := b.stage.StartEvenkeel(t.Context(), lab.Options{Config: fmt.Sprintf("kubernetes: [{name: bed, kubeconfig: %q}]\n", b.Kubeconfig)})
	if err != nil {
		t.Fatal(err)
	}
	return &whole{T: t, bed: b, e: e}
}

func (x *whole) measure(count int, note func(name, value string)) {
	began := time.Now()
	seen := x.e.Ready + x.await("the cluster is seen and stored", 5*time.Minute, func() bool {
		return x.attribute("kubernetes-cluster:bed", "reachable") == "true" && x.figure("evenkeel_kubernetes_seen") == 1 && len(x.entities("node", time.Time{})) == count
	})
	note("complete and stored, after the program's start", fmt.Sprintf("%.1f s", seen.Seconds()))
	note("requests until then", fmt.Sprintf("%.0f", x.figure("evenkeel_kubernetes_requests_total")))
	note("the same, as kubectl lists it", fmt.Sprintf("%.1f s", (seen+x.right(2*time.Minute)).Seconds()))
	usage := func() lab.Usage {
		u, err := lab.UsageOf(x.e.PID)
		if err != nil {
			x.Fatal(err)
		}
		return u
	}
	time.Sleep(time.Until(began.Add(90 * time.Second))) // until all series were written some times
	// Nothing changes but what the kubelets renew.
	from, asked, at := usage(), x.figure("evenkeel_kubernetes_requests_total"), time.Now()
	time.Sleep(time.Minute)
	to, span := usage(), time.Since(at).Seconds()
	note("a core, nothing changing", fmt.Sprintf("%.1f %%", 100*(to.CPU-from.CPU)/span))
	note("requests a second, nothing changing", fmt.Sprintf("%.2f", (x.figure("evenkeel_kubernetes_requests_total")-asked)/span))
	// One in a hundred pods is replaced each minute, spread over it.
	pods := strings.Fields(x.kubectl("get", "pods", "-n", "team-0", "-o", `jsonpath={.items[*].metadata.name}`))
	from, at = usage(), time.Now()
	const minutes = 1
	for i := range count / 10 * minutes {
		x.kubectl("-n", "team-0", "delete", "pod", pods[i], "--wait=false")
		time.Sleep(time.Until(at.Add(time.Duration(i+1) * minutes * time.Minute / time.Duration(count/10*minutes))))
	}
	to, span = usage(), time.Since(at).Seconds()
	note("a core, 1 % of pods replaced a minute", fmt.Sprintf("%.1f %%", 100*(to.CPU-from.CPU)/span))
	note("RSS", lab.MB(to.RSS))
	note("watches open, refused", fmt.Sprintf("%.0f, %.0f", x.figure("evenkeel_kubernetes_watches"), x.figure("evenkeel_kubernetes_refused_total")))
	// A changed object, and a finding.
	x.kubectl("label", "node", "node-2", "node-role.kubernetes.io/edge=", "--overwrite")
	note("a changed object is in the graph, after kubectl ended", fmt.Sprintf("%.2f s", x.await("the role", 20*time.Second, func() bool {
		return strings.Contains(x.attribute("node:bed:node-2", "role"), "edge")
	}).Seconds()))
	const name = "typo"
	x.apply(served("team-1", name))
	note("a finding, after kubectl ended", fmt.Sprintf("%.1f s", x.await("the finding", 30*time.Second, func() bool {
		for _, f := range x.standing() {
			if f.Entity == "service:bed:team-1:"+name && f.State == finding.Open {
				return true
			}
		}
		return false
	}).Seconds()))
	x.kubectl("-n", "team-1", "delete", "service", name)
}
