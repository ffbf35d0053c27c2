// Command rootcause measures how well correlate finds causes on PetShop (Amazon,
// CC-BY-4.0): it runs the code of "evenkeel diagnose" on every labelled case and
// on windows of normal operation, and prints one table beside the figures that
// the data's authors published.
//
// The answer file is read for the symptom and for scoring only. Normal windows
// are judged with the other half of normal operation as the past, so that none
// is compared with itself. Without data it says so and exits 2.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	data := flag.String("data", "", "PetShop's `folder`, with a folder for each scenario")
	markdown := flag.Bool("markdown", false, "print the table for the documentation")
	asJSON := flag.Bool("json", false, "print JSON")
	flag.Parse()
	if err := run(*data, *markdown, *asJSON, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "rootcause:", err)
		os.Exit(2)
	}
}

func run(data string, markdown, asJSON bool, out io.Writer) error {
	if data == "" {
		return fmt.Errorf("give the folder of PetShop's data with -data; it is published at github.com/amazon-science/petshop-root-cause-analysis")
	}
	rows, err := measure(data)
	if err != nil {
		return err
	}
	if asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(rows)
	}
	show(rows, markdown, out)
	return nil
}
