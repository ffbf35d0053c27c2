package kube

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/evenkeel/evenkeel/internal/redact"
)

const (
	// lastAsked is how many lines of a container are asked for, lastBytes how
	// much is read of them at the most, and lastRunes where a line is cut.
	lastAsked, lastBytes, lastRunes = 20, 16 << 10, 300
)

// escapes are what colours a terminal, moves its cursor or names its window.
var escapes = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-Z\\^_]`)

// tidyLines makes lines that can be kept and shown of what a program wrote:
// text without what controls a terminal or turns the order of what is read,
// and without what looks like a secret. What is hidden between the letters of a
// name would hide it, so it goes first; lines are cut last.
func tidyLines(written []byte) (lines []string) {
	text := strings.ToValidUTF8(string(written), "\uFFFD")
	text = escapes.ReplaceAllString(text, "")
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\t", "    ").Replace(text)
	text = strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			return -1
		}
		return r
	}, text)
	for line := range strings.SplitSeq(redact.Text(text), "\n") {
		if line = strings.TrimRight(line, " "); line != "" {
			lines = append(lines, cutLine(line))
		}
	}
	return lines[max(0, len(lines)-lastAsked):]
}

// tidyLine is the same as one line.
func tidyLine(text string) string { return cutLine(strings.Join(tidyLines([]byte(text)), " ")) }

func cutLine(line string) string {
	n := 0
	for i := range line {
		if n == lastRunes {
			return line[:i] + "…"
		}
		n++
	}
	return line
}
