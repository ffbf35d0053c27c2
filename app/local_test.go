package app

import (
	"fmt"
	"slices"
	"testing"

	"github.com/evenkeel/evenkeel/collect/probe"
	"github.com/evenkeel/evenkeel/estate"
)

// An exporter that is scraped is no discovery: when it is taken off the list of
// targets and stopped, nothing is wrong.
func TestWhatIsScrapedIsNotDiscovered(t *testing.T) {
	var entities []estate.Entity
	for _, at := range []struct{ port, addresses string }{
		{"9100", "0.0.0.0"}, {"9187", "::"}, {"9121", "127.0.0.1"}, {"9464", "127.23.0.23"}, {"443", "127.0.0.1"}, // scraped
		{"8080", "127.0.0.1, 127.0.0.2"}, {"7077", "127.0.0.1"}, // one of two, and our own
		{"5432", "127.0.0.1"},
	} {
		entities = append(entities, estate.Entity{Kind: estate.Listener, Attributes: map[string]string{"protocol": "tcp", "port": at.port, "addresses": at.addresses}})
	}
	scraped := []string{"http://localhost:9100/metrics", "http://web-1:9187/metrics", "http://127.0.0.1:9121/metrics", "http://127.23.0.23:9464/metrics",
		"https://127.0.0.1/metrics", "http://127.0.0.2:8080/metrics", "http://10.0.0.1:5432/metrics", "http://%zz"}
	var got []string
	for _, l := range probe.Unscraped(listeners(entities, "7077"), scraped, "web-1") {
		got = append(got, fmt.Sprintf("%s:%d", l.Address, l.Port))
	}
	if want := []string{"127.0.0.1:8080", "127.0.0.1:5432"}; !slices.Equal(got, want) {
		t.Errorf("probes are sought for %v", got)
	}
}
