package console

import (
	"context"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/detect"
)

// demoSights are a service of which nothing is seen, one that is seen whole, and
// one that lacks one thing.
func demoSights(context.Context) ([]detect.Sight, error) {
	catalogue, err := detect.Load()
	if err != nil {
		return nil, err
	}
	unseen, _ := catalogue.Unseen("service:checkout", "service", "checkout")
	partly, _ := catalogue.Unseen("service:mail", "service", "mail")
	partly.Missing = partly.Missing[2:3]
	partly.Has = []detect.Seen{
		{Signal: "traffic", Help: "requests that it answers", Unit: "1/s", Value: 4.1, Exporter: "HAProxy"},
		{Signal: "errors", Help: "share of its answers that were errors", Unit: "ratio", Value: 0, Exporter: "HAProxy"},
	}
	partly.Waits = "waits by design: about 30 s whatever the load"
	partly.Starts = "usually take 3 times as long for 90 s"
	partly.Hourly = "is as ever at this hour of the day or week: traffic 4.1 /s (0.4 /s at other times)"
	whole := detect.Sight{Entity: "service:search", Kind: "service", Name: "search", Has: []detect.Seen{
		{Signal: "traffic", Help: "requests that it answers", Unit: "1/s", Value: 18.2, Exporter: "Istio"},
		{Signal: "errors", Help: "share of its answers that were errors", Unit: "ratio", Value: 0.002, Exporter: "Istio"},
		{Signal: "latency", Help: "time to answer that 95 % stay under", Unit: "seconds", Value: 0.084, Exporter: "Istio"},
	}}
	whole.Cold = "search-7 was started 40 s ago; its first answers usually take 3 times as long for 90 s"
	return []detect.Sight{partly, unseen, whole}, nil
}

// TestWhatIsNotSeenIsToldWithWhatWouldShowIt: a person who looks why nothing is
// said of a service reads what is missing, and what to add.
func TestWhatIsNotSeenIsToldWithWhatWouldShowIt(t *testing.T) {
	_, doc, _ := visit(t, livedDemo(t), "/signals")
	all := text(doc)
	for _, want := range []string{"No traffic, errors or latency of checkout is seen.", "Istio", "No latency of mail is seen.", "After a start its first answers usually take 3 times as long for 90 s.", "Cold start, by design: search-7 was started 40 s ago; its first answers usually take 3 times as long for 90 s. Nobody is told of that", "It is as ever at this hour of the day or week: traffic 4.1 /s (0.4 /s at other times). Nobody", "It waits by design: about 30 s whatever the load. Nobody is told of that", "2 of 3 lack something", "84 ms"} {
		if !strings.Contains(all, want) {
			t.Errorf("the page does not say %q:\n%s", want, all)
		}
	}
	_, doc, _ = visit(t, livedDemo(t), "/signals?kind=database")
	if strings.Contains(text(doc), "checkout is seen") {
		t.Error("a service is shown among databases")
	}
}
