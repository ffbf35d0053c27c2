package fleet

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestPages holds pages to what a scrape needs: no series stands on one twice,
// counters never fall, and the whole is as large as it says.
func TestPages(t *testing.T) {
	at := time.Unix(1_790_000_000, 0)
	total := 0
	for _, target := range Hundred.Targets() {
		var now, later bytes.Buffer
		n, err := target.Write(&now, at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := target.Write(&later, at.Add(15*time.Second)); err != nil {
			t.Fatal(err)
		}
		total += n
		seen := map[string]bool{}
		for line := range strings.Lines(now.String()) {
			series := line[:strings.LastIndexByte(line, ' ')]
			if seen[series] {
				t.Fatalf("%s has %s twice", target.Path, series)
			}
			seen[series] = true
		}
		if now.String() == later.String() && target.Job != "kube-state-metrics" {
			t.Errorf("%s does not move", target.Path)
		}
	}
	if total < 98_000 || total > 103_000 {
		t.Errorf("the fleet has %d series, want about 100,000", total)
	}
}
