package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// published are the figures of the data's authors (anomaly traversal, their
// notebook, all cases of each scenario): top-1, top-3, specificity.
var published = map[string]string{
	"low_traffic latency":      ".571 / .571 / .167",
	"low_traffic availability": ".833 / 1.0 / 1.0",

	"high_traffic latency":      ".571 / .786 / .333",
	"high_traffic availability": ".667 / 1.0 / 1.0",

	"temporal latency":      "1.0 / 1.0 / .600",
	"temporal availability": ".750 / 1.0 / 1.0",
}

func show(rows []*row, markdown bool, out io.Writer) {
	head := []string{"scenario", "symptom", "cases", "top-1", "top-3", "specificity", "windows", "ms a case", "published"}
	lines := [][]string{head}
	var all row
	for _, r := range rows {
		key := r.Scenario
		if strings.HasPrefix(key, "temporal") {
			key = "temporal"
		}
		lines = append(lines, r.cells(published[key+" "+r.Symptom]))
		all.Cases += r.Cases
		all.Top1 += r.Top1
		all.Top3 += r.Top3
		all.Windows += r.Windows
		all.Quiet += r.Quiet
		all.Millisecond += r.Millisecond * float64(r.Cases)
	}
	all.Scenario, all.Symptom = "pooled", "both"
	all.Millisecond /= float64(max(1, all.Cases))
	lines = append(lines, all.cells(".654 / .827 (low and high)"))
	if !markdown {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, l := range lines {
			fmt.Fprintln(w, strings.Join(l, "\t"))
		}
		w.Flush()
		return
	}
	for i, l := range lines {
		fmt.Fprintln(out, "| "+strings.Join(l, " | ")+" |")
		if i == 0 {
			fmt.Fprintln(out, strings.Repeat("|---", len(l))+"|")
		}
	}
}

func (r *row) cells(published string) []string {
	share := func(a, b int) string {
		if b == 0 {
			return "-"
		}
		return fmt.Sprintf("%.3f", float64(a)/float64(b))
	}
	return []string{r.Scenario, r.Symptom, fmt.Sprint(r.Cases), share(r.Top1, r.Cases), share(r.Top3, r.Cases),
		share(r.Quiet, r.Windows), fmt.Sprint(r.Windows), fmt.Sprintf("%.0f", r.Millisecond), published}
}
