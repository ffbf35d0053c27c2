package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/evenkeel/evenkeel/correlate"
	"github.com/evenkeel/evenkeel/correlate/offline"
)

// diagnose ranks what caused a symptom, from files alone.
func diagnose(_ context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	format := fs.String("format", "wide", "`kind` of the files: wide or petshop")
	output := fs.String("output", "table", "table or json")
	graph := fs.String("graph", "", "`file` of the calls: caller,callee (wide) or a matrix (petshop)")
	normal := fs.String("normal", "", "`file` of metrics in normal operation (petshop)")
	symptom := fs.String("symptom", "", "what was noticed: a `column` (wide) or NODE,METRIC,STATISTIC,UNIXTIME (petshop)")
	onset := fs.Int64("onset", 0, "when it began, in Unix `seconds`; found when it is not given (wide)")
	separator := fs.String("separator", "_", "`text` between entity and metric in a column's name (wide)")
	rest, err := parse(fs, args, 1)
	if err != nil {
		return exitUnsure, err
	}
	if *output != "table" && *output != "json" {
		return exitUnsure, fmt.Errorf("--output is table or json, not %q", *output)
	}
	var d correlate.Diagnosis
	switch *format {
	case "petshop":
		d, err = diagnosePetShop(*graph, *normal, *symptom, rest[0])
	case "wide":
		d, err = diagnoseWide(rest[0], offline.Options{Graph: *graph, Onset: *onset, Symptom: *symptom, Separator: *separator})
	default:
		err = fmt.Errorf("--format is wide or petshop, not %q", *format)
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

func printDiagnosis(out io.Writer, d correlate.Diagnosis) {
	fmt.Fprintf(out, "Verdict: %s. %s\n", d.Verdict, d.Reason)
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
