package console

import (
	"net/url"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/estate"
)

// escaped writes an id as one segment of a path.
func escaped(id string) string { return url.PathEscape(id) }

func joined(all []string) string { return strings.Join(all, ", ") }

func kindWordOf(kind string) string { return upperFirst(kindWord(estate.Kind(kind), 1)) }

// someFacts is the first few attributes, for a list.
func someFacts(e estate.Entity) string {
	names := make([]string, 0, len(e.Attributes))
	for k := range e.Attributes {
		names = append(names, k)
	}
	slices.Sort(names)
	parts := make([]string, 0, 4)
	for _, k := range names[:min(4, len(names))] {
		parts = append(parts, k+" "+e.Attributes[k])
	}
	return strings.Join(parts, " · ")
}

// textPart is a piece of a sentence.
type textPart struct {
	Text string
	Code bool
}

// codeParts takes a sentence apart at its back-ticks.
func codeParts(text string) []textPart {
	pieces := strings.Split(text, "`")
	if len(pieces)%2 == 0 { // a lone back-tick is only a back-tick
		return []textPart{{Text: text}}
	}
	parts := make([]textPart, 0, len(pieces))
	for i, s := range pieces {
		if s != "" {
			parts = append(parts, textPart{Text: s, Code: i%2 == 1})
		}
	}
	return parts
}
