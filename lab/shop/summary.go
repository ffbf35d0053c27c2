package main

import (
	"fmt"
	"io"
)

// prompt is how soon after customers began to feel a fault its case shall stand.
const prompt = 60.0 // seconds

// summary counts what came of all faults that customers felt and of all
// controls, one line a goal. It is pure.
func summary(results []outcome) []string {
	felt, first, third, soon, earlier, one := 0, 0, 0, 0, 0, 0
	controls, calm, pages := 0, 0, 0
	notFelt := 0
	for _, o := range results {
		switch {
		case o.Control && o.Cannot == "":
			controls++
			pages += o.Pages
			if o.Verdict == stayedCalm {
				calm++
			}
		case o.Control:
		case o.Verdict == notMade:
			notFelt++
		default:
			felt++
			first += count(o.Rank != nil && *o.Rank == 1)
			third += count(o.Rank != nil && *o.Rank <= 3)
			soon += count(o.Opened != nil && *o.Opened <= prompt+seen(o.Felt))
			earlier += count(o.Opened != nil && (o.Burn == nil || *o.Opened < *o.Burn))
			one += count(o.Cases == 1)
		}
	}
	of := func(n, all int) string {
		if all == 0 {
			return "0 of 0"
		}
		return fmt.Sprintf("%d of %d (%.0f %%)", n, all, 100*float64(n)/float64(all))
	}
	return []string{
		fmt.Sprintf("felt by customers: %d; could not be made here, or was not felt: %d", felt, notFelt),
		"true cause first: " + of(first, felt),
		"true cause among the first three: " + of(third, felt),
		fmt.Sprintf("case within %.0f s of being felt: %s", prompt, of(soon, felt)),
		"case before a fast-burn alert: " + of(earlier, felt),
		"one case: " + of(one, felt),
		fmt.Sprintf("controls that stayed calm: %s; pages in controls: %d", of(calm, controls), pages),
	}
}

func seen(after *float64) float64 {
	if after == nil {
		return 0
	}
	return *after
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// printSummary prints the summary below a table.
func printSummary(out io.Writer, results []outcome) {
	fmt.Fprintln(out)
	for _, line := range summary(results) {
		fmt.Fprintln(out, "- "+line)
	}
}
