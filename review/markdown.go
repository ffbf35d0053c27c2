package review

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/internal/figure"
)

// Markdown writes the document as a file. Texts are people's own Markdown;
// lines that programs gave are written so that nothing in them is markup.
func (d Document) Markdown(names map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Incident %d: %s\n\n", d.Number, literal(d.Title))
	switch {
	case d.Revision == 0:
		b.WriteString("Draft, made from the ledger. Nobody has worked on it yet.\n\n")
	case !d.Final:
		fmt.Fprintf(&b, "Draft of %s, last changed by %s.\n\n", stamp(d.ChangedAt), literal(d.ChangedBy))
	default:
		fmt.Fprintf(&b, "Finished %s by %s.\n\n", stamp(d.ChangedAt), literal(d.ChangedBy))
	}
	section := func(title, text string) {
		fmt.Fprintf(&b, "## %s\n\n", title)
		if text = strings.TrimSpace(text); text == "" {
			text = "Not written yet."
		}
		b.WriteString(text + "\n\n")
	}
	section("Summary", d.Summary)
	section("Impact", d.Impact)
	b.WriteString("## Times\n\n| What | How long | Meaning |\n| --- | --- | --- |\n")
	spans, ok := d.Times.Spans()
	for n, def := range Definitions {
		value := "not known"
		if ok[n] {
			value = figure.Span(spans[n])
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", def.Name, value, def.Meaning)
	}
	b.WriteString("\n")
	section("Contributing factors", d.Factors)
	section("What went well", d.Well)
	section("What did not", d.Badly)
	b.WriteString("## Actions\n\n")
	if len(d.Actions) == 0 {
		b.WriteString("None yet.\n")
	}
	for _, a := range d.Actions {
		box := " "
		if !a.Done.IsZero() {
			box = "x"
		}
		fmt.Fprintf(&b, "- [%s] %s", box, literal(a.Text))
		owner := names[a.Owner]
		if owner == "" {
			owner = "nobody yet"
		}
		fmt.Fprintf(&b, " (owner: %s", literal(owner))
		if a.Due != "" {
			fmt.Fprintf(&b, ", due %s", a.Due)
		}
		b.WriteString(")\n")
	}
	b.WriteString("\n## Timeline (UTC)\n\n")
	day := ""
	for _, m := range d.Timeline {
		if on := m.At.UTC().Format(time.DateOnly); on != day {
			day = on
			fmt.Fprintf(&b, "### %s\n\n", day)
		}
		fmt.Fprintf(&b, "- **%s** %s", m.At.UTC().Format("15:04:05"), literal(m.Text))
		if m.By != "" && m.By != "Evenkeel" {
			fmt.Fprintf(&b, " (%s)", literal(m.By))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// markup are the characters that begin something in Markdown or HTML.
const markup = "\\`*_{}[]<>#|~!&"

// literal writes a text on one line so that Markdown shows it as it is.
func literal(s string) string {
	var b strings.Builder
	for _, r := range oneLine(s) {
		if strings.ContainsRune(markup, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
