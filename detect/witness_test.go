package detect

import (
	"fmt"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

// twoSources are a call that Istio and traces tell of for so long.
func twoSources(t *testing.T) *numbers {
	return newNumbers(t, readScenario(t, "scenarios/call-sources.txtar").series)
}

// TestWhoSawCallsOutlivesARestart: when a call was seen last is known over a
// restart, also of one that is not made any more.
func TestWhoSawCallsOutlivesARestart(t *testing.T) {
	q := twoSources(t)
	c := loadCatalogue(t)
	before := New(c, Defaults())
	for at := time.Duration(0); at <= 7*time.Minute; at += step {
		observe(t, before, q, at)
	}
	want, began := before.Sightings("default", "test")
	if len(want) != 3 || !began.Equal(start) {
		t.Fatalf("since %s: %+v", began, want)
	}
	blob, err := before.Snapshot("default", "test")
	if err != nil {
		t.Fatal(err)
	}
	after := New(c, Defaults())
	if err := after.Restore("default", "test", blob); err != nil {
		t.Fatal(err)
	}
	got, since := after.Sightings("default", "test")
	if !since.Equal(began) || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("after a restart, since %s:\n%+v\nbefore, since %s:\n%+v", since, got, began, want)
	}
	for at := 12 * time.Minute; at <= 14*time.Minute; at += step {
		observe(t, after, q, at)
	}
	got, _ = after.Sightings("default", "test")
	for i, s := range got {
		if !s.Last.Equal(want[i].Last) || !s.First.Equal(want[i].First) {
			t.Errorf("%s was seen at %s and %s, and is now said to have been at %s and %s", s.By, want[i].First, want[i].Last, s.First, s.Last)
		}
	}
}

// TestCallsUnderABetterKnownName: an edge that was told of before the namespace
// of its ends was known goes on under the fuller name, and the other one ends.
func TestCallsUnderABetterKnownName(t *testing.T) {
	s := scenario{series: map[string]script{}}
	s.load(t, `traces_service_graph_request_total{client="front",server="checkout",job="collector"} rate 1@10m`)
	s.load(t, `istio_requests_total{reporter="source",source_canonical_service="front",source_workload_namespace="shop",destination_canonical_service="checkout",destination_workload_namespace="shop",response_code="200"} rate none@5m 10@5m`)
	q := newNumbers(t, s.series)
	e := New(loadCatalogue(t), Defaults())
	holds := map[[2]string]bool{}
	for at := time.Duration(0); at <= 9*time.Minute; at += step {
		o := observe(t, e, q, at).Estate
		for _, r := range o.Ended {
			delete(holds, [2]string{r.From, r.To})
		}
		for _, r := range o.Relations {
			if r.Kind == estate.Calls {
				holds[[2]string{r.From, r.To}] = true
			}
		}
		if at == 3*time.Minute && !holds[[2]string{"service:front", "service:checkout"}] {
			t.Fatalf("what traces tell is not told: %v", holds)
		}
	}
	if len(holds) != 1 || !holds[[2]string{"service:shop:front", "service:shop:checkout"}] {
		t.Errorf("the estate is told of %v", holds)
	}
	list, _ := e.Sightings("default", "test")
	if len(list) != 2 || list[1].From != "service:shop:front" || list[1].Calls < 400 {
		t.Errorf("what traces saw did not go on: %+v", list)
	}
}

// TestTheLedgerIsBounded: the edges that were not shown for longest go, and one
// edge has few witnesses.
func TestTheLedgerIsBounded(t *testing.T) {
	l := newCallLedger()
	now := start
	for round := range 3 {
		now = now.Add(step)
		all := map[[2]string][]shown{}
		for i := range mostCalls / 2 {
			at := [2]string{fmt.Sprintf("service:%d-%d", round, i), "service:b"}
			for m := range 2 * mostWitnesses {
				if m > 0 && i > 0 {
					break
				}
				name := fmt.Sprint("exporter ", m)
				all[at] = append(all[at], shown{by: &Mapping{Exporter: name, Title: name}, called: true, rate: 1, counts: "requests"})
			}
		}
		l.take(all, step, now)
	}
	if len(l.Seen) != mostCalls {
		t.Errorf("%d edges are kept", len(l.Seen))
	}
	if l.Seen[[2]string{"service:0-0", "service:b"}] != nil || l.Seen[[2]string{"service:2-7", "service:b"}] == nil {
		t.Error("other edges are kept than those that were shown last")
	}
	if n := len(l.Seen[[2]string{"service:2-0", "service:b"}]); n != mostWitnesses {
		t.Errorf("one edge has %d witnesses", n)
	}
	l.take(nil, step, now.Add(estate.LapsesAfter+time.Minute))
	if len(l.Seen) != 0 {
		t.Errorf("%d edges are kept that nobody has shown for a week", len(l.Seen))
	}
}
