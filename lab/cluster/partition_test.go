package cluster

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/api"
	"github.com/evenkeel/evenkeel/finding"
)

// TestAClusterThatCannotBeReached cuts the program off from the API server: for
// half a minute and more, or for as long as EVENKEEL_KUBE_PARTITION says. Nobody
// hears of an end of the connection; the cluster lives on, things are mended and
// break meanwhile. Then the API server itself is killed and started again.
//
//	EVENKEEL_LAB=1 EVENKEEL_KUBE_PARTITION=30m go test ./lab/cluster -run TestAClusterThatCannotBeReached -v -timeout 60m
func TestAClusterThatCannotBeReached(t *testing.T) {
	needsLab(t)
	t.Parallel()
	length := 35 * time.Second
	if text := os.Getenv("EVENKEEL_KUBE_PARTITION"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("EVENKEEL_KUBE_PARTITION: %v", err)
		}
	}
	b := bed(t)
	if err := b.AddNodes(t.Context(), "node", 10); err != nil {
		t.Fatal(err)
	}
	between := startRelay(t, strings.TrimPrefix(b.URL, "https://"))
	x := watch(t, b, b.reaching(t, between.listener.Addr().String(), ""), "")
	x.seen(time.Minute)
	x.apply(spaced("shop") + deployed("shop", "web", 6, "", "") + served("shop", "web") + served("shop", "stays") + served("shop", "mended"))
	x.kubectl("-n", "shop", "rollout", "status", "deployment/web", "--timeout=60s")
	// Two services of which nobody answers: one stays so, one is mended while
	// nobody can look.
	const check, cluster = "service-without-endpoints", "kubernetes-cluster:bed"
	state := func(check, entity string) (state finding.State, id string, count int) {
		for _, f := range x.findings(time.Now().Add(-2*time.Hour - length)) {
			if f.Check == check && f.Entity == entity {
				state, id, count = f.State, f.ID, count+1
			}
		}
		return state, id, count
	}
	is := func(check, entity string, want finding.State) func() bool {
		return func() bool { s, _, _ := state(check, entity); return s == want }
	}
	stays, mended, breaks := "service:bed:shop:stays", "service:bed:shop:mended", "service:bed:shop:breaks"
	x.await("both services are found", 30*time.Second, func() bool { return is(check, stays, finding.Open)() && is(check, mended, finding.Open)() })
	x.right(30 * time.Second)
	_, first, _ := state(check, stays)
	before := x.changesOf("")
	requests := func() float64 {
		t.Helper()
		return x.figure("evenkeel_kubernetes_requests_total")
	}
	asked, dialled := requests(), between.connections()

	between.hold(true)
	began := time.Now()
	lost := x.await("that it cannot be reached is seen", 30*time.Second, func() bool { return x.attribute(cluster, "reachable") == "false" })
	unknown := lost + x.await("what stood is unknown", 10*time.Second, func() bool {
		return is(check, stays, finding.Unknown)() && is(check, mended, finding.Unknown)()
	})
	x.await("it is a finding that the cluster cannot be reached", 30*time.Second, is("cluster-unreachable", cluster, finding.Open))
	x.apply(deployed("shop", "mended", 1, "", "") + served("shop", "breaks") + deployed("shop", "new", 3, "", ""))
	x.kubectl("-n", "shop", "scale", "deployment/web", "--replicas=2")
	x.kubectl("delete", "node", "node-9")
	for _, c := range get[struct{ Checks []api.Check }](x, "/api/v1/checks", nil).Checks {
		if c.Entity == stays && c.Check == check && c.State != "unknown" {
			t.Errorf("the check of what nobody can see is said to be %s", c.State)
		}
	}
	time.Sleep(time.Until(began.Add(length)))
	if s, _, _ := state(check, mended); s != finding.Unknown || x.attribute(cluster, "reachable") != "false" || len(x.ids("pod")) != 6 {
		t.Errorf("after %s the finding is %s, the cluster reachable %s, with %d pods", length, s, x.attribute(cluster, "reachable"), len(x.ids("pod")))
	}
	meanwhile, dialled := requests()-asked, between.connections()-dialled
	between.hold(false)
	back := x.seen(time.Minute)
	right := back + x.right(time.Minute)
	x.await("what stood stands, what was mended is gone, what broke is found", time.Minute, func() bool {
		return is(check, stays, finding.Open)() && is(check, mended, finding.Resolved)() && is(check, breaks, finding.Open)() && is("cluster-unreachable", cluster, finding.Resolved)()
	})
	judged := time.Since(began) - length
	for _, entity := range []string{stays, mended, breaks} {
		if _, _, n := state(check, entity); n != 1 {
			t.Errorf("%s has %d findings", entity, n)
		}
	}
	if _, id, _ := state(check, stays); id != first {
		t.Errorf("what stood all the time is another finding: %s, not %s", id, first)
	}
	// Anything that asks more often than once in four seconds (and a connection
	// that is dead is given up after three quarters of a minute) hammers.
	if most := 40 + length.Seconds()/4; meanwhile > most {
		t.Errorf("%.0f requests during %s; at most %.0f", meanwhile, length, most)
	}
	after := x.changesOf("")
	seen := map[string]bool{}
	for _, c := range after {
		key := c.Entity + " " + c.Kind + " " + c.Summary
		if seen[key] && c.At.After(began) {
			t.Errorf("told twice: %s", key)
		}
		seen[key] = true
	}
	t.Logf("a partition of %s: seen after %.1f s, what stood unknown after %.1f s; %.0f requests and %d connections meanwhile (%.2f a second); seen again %.1f s after its end, estate right after %.1f s, findings after %.1f s; %.0f requests to come back; %d changes before, %d after",
		length, lost.Seconds(), unknown.Seconds(), meanwhile, dialled, meanwhile/length.Seconds(), back.Seconds(), right.Seconds(), judged.Seconds(), requests()-asked-meanwhile, len(before), len(after))

	// The API server itself is killed and started again.
	asked = requests()
	if err := b.Kill("kube-apiserver"); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	lost = x.await("that it is gone is seen", 30*time.Second, func() bool { return x.attribute(cluster, "reachable") == "false" })
	x.await("what stood is unknown", 10*time.Second, is(check, stays, finding.Unknown))
	time.Sleep(10 * time.Second)
	meanwhile = requests() - asked
	if most := 100.0; meanwhile > most {
		t.Errorf("%.0f requests to an API server that is gone for %s; at most %.0f", meanwhile, time.Since(began).Round(time.Second), most)
	}
	gone := time.Since(began)
	if err := b.Again(t.Context()); err != nil {
		t.Fatal(err)
	}
	back = x.seen(time.Minute)
	x.await("what stood stands", time.Minute, is(check, stays, finding.Open))
	x.right(time.Minute)
	if _, id, n := state(check, stays); n != 1 || id != first {
		t.Errorf("what stood all the time: %d findings, %s, not %s", n, id, first)
	}
	t.Logf("an API server that was killed: seen after %.1f s; %.0f requests in %.0f s; seen again %.1f s after it was ready", lost.Seconds(), meanwhile, gone.Seconds(), back.Seconds())
}
