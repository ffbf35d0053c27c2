package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/correlate"
	"github.com/evenkeel/evenkeel/correlate/offline"
)

// diagnose ranks what caused a symptom, from files alone.
func diagnose(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	format := fs.String("format", "wide", "`kind` of the data: wide, petshop or tsdb (the data folder of a Prometheus)")
	output := fs.String("output", "table", "table or json")
	graph := fs.String("graph", "", "`file` of the calls: caller,callee (wide, tsdb) or a matrix (petshop)")
	normal := fs.String("normal", "", "`file` of metrics in normal operation (petshop)")
	symptom := fs.String("symptom", "", "what was noticed: a `column` (wide), \"ENTITY METRIC\" (tsdb) or NODE,METRIC,STATISTIC,UNIXTIME (petshop)")
	onset := fs.Int64("onset", 0, "when it began, in Unix `seconds`; found when it is not given (wide, tsdb)")
	from := fs.String("from", "", "`time` from which on is looked: RFC 3339, Unix seconds or -3h; an hour before --to when it is not given (tsdb)")
	to := fs.String("to", "", "`time` up to which is looked; the newest sample when it is not given (tsdb)")
	separator := fs.String("separator", "_", "`text` between entity and metric in a column's name (wide)")
	rest, err := parse(fs, args, 1)
	if err != nil {
		return exitUnsure, err
	}
	if *output != "table" && *output != "json" {
		return exitUnsure, fmt.Errorf("--output is table or json, not %q", *output)
	}
	if !slices.Contains([]string{"wide", "petshop", "tsdb"}, *format) {
		return exitUnsure, fmt.Errorf("--format is wide, petshop or tsdb, not %q", *format)
	}
	if err := foreignFlags(fs, *format); err != nil {
		return exitUnsure, err
	}
	var d correlate.Diagnosis
	switch *format {
	case "petshop":
		d, err = diagnosePetShop(*graph, *normal, *symptom, rest[0])
	case "wide":
		d, err = diagnoseWide(rest[0], offline.Options{Graph: *graph, Onset: *onset, Symptom: *symptom, Separator: *separator})
	case "tsdb":
		d, err = diagnoseTSDB(ctx, rest[0], *from, *to, offline.TSDBOptions{Graph: *graph, Onset: *onset, Symptom: *symptom})
	}
	if err != nil {
		return exitUnsure, err
	}
	code := map[correlate.Verdict]int{correlate.NoSymptom: exitOK, correlate.CauseFound: exitFound, correlate.Unknown: exitUnsure}[d.Verdict]
	if *output == "json" {
		return code, printJSON(out, d)
	}
	printDiagnosis(out, d)
	return code, nil
}

// foreignFlags refuses flags that mean nothing in a format, which would be left
// out silently otherwise.
func foreignFlags(fs *flag.FlagSet, format string) (err error) {
	of := map[string][]string{"normal": {"petshop"}, "onset": {"wide", "tsdb"}, "from": {"tsdb"}, "to": {"tsdb"}, "separator": {"wide"}}
	fs.Visit(func(f *flag.Flag) {
		if formats, ok := of[f.Name]; ok && !slices.Contains(formats, format) {
			err = errors.Join(err, fmt.Errorf("--%s belongs to --format %s; the format here is %s", f.Name, strings.Join(formats, " or "), format))
		}
	})
	return err
}

func diagnosePetShop(graph, normal, symptom, metrics string) (correlate.Diagnosis, error) {
	if graph == "" || normal == "" || symptom == "" {
		return correlate.Diagnosis{}, errors.New("--format petshop needs --graph, --normal and --symptom")
	}
	noticed, err := offline.ParseNoticed(symptom)
	if err != nil {
		return correlate.Diagnosis{}, err
	}
	c, err := offline.PetShop(graph, normal, metrics, noticed)
	if err != nil {
		return correlate.Diagnosis{}, err
	}
	return correlate.Diagnose(c)
}

func diagnoseWide(data string, o offline.Options) (correlate.Diagnosis, error) {
	p, err := offline.Wide(data, o)
	if err != nil {
		return correlate.Diagnosis{}, err
	}
	return correlate.Rank(p)
}

func diagnoseTSDB(ctx context.Context, dir, from, to string, o offline.TSDBOptions) (_ correlate.Diagnosis, err error) {
	if o.From, err = timeOf("--from", from); err != nil {
		return correlate.Diagnosis{}, err
	}
	if o.To, err = timeOf("--to", to); err != nil {
		return correlate.Diagnosis{}, err
	}
	p, err := offline.TSDB(ctx, dir, o)
	if err != nil {
		return correlate.Diagnosis{}, err
	}
	return correlate.Rank(p)
}

// timeOf reads what a flag says as a time; zero where it says nothing.
func timeOf(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := when(text, time.Now())
	if err != nil {
		return t, fmt.Errorf("%s: %w", flag, err)
	}
	return t, nil
}

func printDiagnosis(out io.Writer, d correlate.Diagnosis) {
	fmt.Fprintf(out, "Verdict: %s. %s\n", d.Verdict, d.Reason)
	for _, n := range d.Notes {
		fmt.Fprintf(out, "Note: %s\n", n)
	}
	if len(d.Causes) > 0 {
		fmt.Fprintln(out)
		var rows [][]string
		for i, c := range d.Causes {
			rows = append(rows, []string{fmt.Sprint(i + 1), fmt.Sprintf("%.2f", c.Score), c.Entity, strings.Join(c.Evidence[:1], "")})
			for _, e := range c.Evidence[1:] {
				rows = append(rows, []string{"", "", "", e})
			}
		}
		table(out, []string{"rank", "score", "cause", "evidence"}, rows, "")
	}
	if len(d.Excluded) > 0 {
		fmt.Fprintln(out)
		var rows [][]string
		for _, x := range d.Excluded {
			rows = append(rows, []string{x.Entity, x.Reason})
		}
		table(out, []string{"excluded", "why"}, rows, "")
	}
}
