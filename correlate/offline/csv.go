package offline

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"io"
)

// newReader reads what programs and spreadsheets call CSV: fields parted by
// commas, semicolons or tabs, as the first line shows, with or without a byte
// order mark before it.
func newReader(in io.Reader) *csv.Reader {
	b := bufio.NewReaderSize(in, 64<<10)
	if mark, _ := b.Peek(3); string(mark) == "\ufeff" {
		_, _ = b.Discard(len(mark)) // it is in the buffer
	}
	start, _ := b.Peek(b.Size()) // what cannot be read is told by the reader
	r := csv.NewReader(b)
	r.Comma = delimiter(start)
	r.TrimLeadingSpace = r.Comma != '\t' // there, an empty field would be space
	return r
}

// delimiter is what parts the fields of the first line. A semicolon or a tab
// beside commas is a part of a name.
func delimiter(text []byte) rune {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	outside := true
	count := map[byte]int{}
	for _, c := range line {
		if c == '"' {
			outside = !outside
		} else if outside {
			count[c]++
		}
	}
	switch {
	case count[','] > 0:
		return ','
	case count[';'] > 0:
		return ';'
	case count['\t'] > 0:
		return '\t'
	}
	return ','
}
