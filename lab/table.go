package lab

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Table is what an experiment shows.
type Table struct {
	Header []string
	Rows   [][]string
}

// Add appends a row.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Print writes columns for a terminal.
func (t *Table) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{t.Header}, t.Rows...) {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// Markdown writes the table for the documentation.
func (t *Table) Markdown(out io.Writer) {
	row := func(cells []string) { fmt.Fprintln(out, "| "+strings.Join(cells, " | ")+" |") }
	row(t.Header)
	row(strings.Split(strings.Repeat("---,", len(t.Header)-1)+"---", ","))
	for _, r := range t.Rows {
		row(r)
	}
}

// MB writes bytes in millions of bytes.
func MB(bytes int64) string { return fmt.Sprintf("%.0f MB", float64(bytes)/1e6) }
