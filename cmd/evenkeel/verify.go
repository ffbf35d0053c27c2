package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/api"
	"github.com/evenkeel/evenkeel/respond"
)

// verify asks the running Evenkeel to read its whole page ledger: only one
// process at a time may use the data.
func verify(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	rest, c, err := a.connect(fs, args, 1)
	if err != nil {
		return exitUnsure, err
	}
	if rest[0] != "ledger" {
		return exitUnsure, fmt.Errorf("%q cannot be verified; \"evenkeel verify ledger\" can", rest[0])
	}
	r, err := c.VerifyLedger(ctx)
	if err != nil {
		return exitUnsure, err
	}
	code := exitOK
	if !respond.Report(r).Good() {
		code = exitFound
	}
	return code, a.answer(out, r, func() { ledgerTable(out, r) })
}

func ledgerTable(out io.Writer, r api.LedgerReport) {
	table(out, []string{"what", "count"}, [][]string{
		{"alerts", counts(r.Alerts)}, {"incidents", counts(r.Incidents)}, {"pages", counts(r.Pages)},
		{"messages", counts(r.Messages)}, {"possible duplicates", strconv.Itoa(r.PossibleDuplicates)},
		{"ledger entries", counts(r.Entries)}, {"lost", strconv.Itoa(r.LostCount)}, {"stuck", strconv.Itoa(r.StuckCount)},
	}, "")
	for _, p := range slices.Concat(r.Lost, r.Stuck) {
		fmt.Fprintf(out, "%s %s: %s\n", p.What, p.ID, p.Text)
	}
}

// counts writes a total and its parts.
func counts[K ~string, N int | int64](parts map[K]N) string {
	var total N
	var list []string
	for _, k := range slices.Sorted(maps.Keys(parts)) {
		total += parts[k]
		list = append(list, fmt.Sprintf("%d %s", parts[k], k))
	}
	if len(list) == 0 {
		return "0"
	}
	return fmt.Sprintf("%d: %s", total, strings.Join(list, ", "))
}
