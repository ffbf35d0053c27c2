package matcher

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Parse reads matchers as Alertmanager does: severity="critical",
// team=~"a|b". Braces around them and a comma at the end may be there.
//
// Alertmanager has two grammars: the classic one, and the one with names in
// UTF-8. As it does by itself, what only one of them takes is read by that one,
// and where they disagree the classic one has the say.
func Parse(text string) (Matchers, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("matchers of %d bytes at most are taken", maxText)
	}
	modern, modernErr := parseModern(text)
	classic, classicErr := parseClassic(text)
	out, err := modern, modernErr
	if classicErr == nil && (modernErr != nil || !slices.EqualFunc(modern, classic, Same)) {
		out, err = classic, nil
	}
	if err == nil && len(out) > Most {
		err = fmt.Errorf("%d matchers at most are taken", Most)
	}
	if err != nil {
		return nil, fmt.Errorf("matchers %q: %w; write them as severity=\"critical\"", clipped(text), err)
	}
	return out, nil
}

// ParseOne reads exactly one matcher, without braces.
func ParseOne(text string) (Matcher, error) {
	if strings.HasPrefix(text, "{") || strings.HasSuffix(text, "}") {
		return Matcher{}, fmt.Errorf("matcher %q: a single matcher has no braces", clipped(text))
	}
	list, err := Parse(text)
	if err != nil {
		return Matcher{}, err
	}
	if len(list) != 1 {
		return Matcher{}, fmt.Errorf("matcher %q: one matcher is wanted, there are %d", clipped(text), len(list))
	}
	return list[0], nil
}

// clipped bounds what an error repeats.
func clipped(text string) string {
	if len(text) <= 200 {
		return text
	}
	return strings.ToValidUTF8(text[:200], "") + "..."
}

// classicMatcher is a matcher of the classic grammar.
var classicMatcher = regexp.MustCompile(`^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|=|!=|!~)\s*((?s).*?)\s*$`)

// parseClassic reads the classic grammar: commas part matchers unless they are
// in quotes, and a value needs no quotes.
func parseClassic(text string) (Matchers, error) {
	text = strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	var out Matchers
	from, quoted, escaped := 0, false, false
	add := func(part string) error {
		m, err := classicOne(part)
		out = append(out, m)
		return err
	}
	for i, r := range text {
		switch {
		case r == ',' && !quoted:
			if err := add(text[from:i]); err != nil {
				return nil, err
			}
			// A comma ends nothing that an earlier backslash could reach.
			from = i + 1
			continue
		case r == '"' && !escaped:
			quoted = !quoted
		}
		escaped = r == '\\' && !escaped
	}
	if rest := text[from:]; strings.TrimSpace(rest) != "" {
		if err := add(rest); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// classicOne reads one matcher of the classic grammar.
func classicOne(text string) (Matcher, error) {
	parts := classicMatcher.FindStringSubmatch(text)
	if parts == nil {
		return Matcher{}, errors.New("a label name and one of =, !=, =~, !~ are wanted")
	}
	value, err := classicValue(parts[3])
	if err != nil {
		return Matcher{}, err
	}
	return New(parts[1], Op(parts[2]), value)
}

// classicValue takes quotes and escapes off a value. A backslash before
// anything but n, " and \ is itself.
func classicValue(raw string) (string, error) {
	inner, open := strings.CutPrefix(raw, `"`)
	var b strings.Builder
	for i := 0; i < len(inner); i++ {
		c := inner[i]
		switch {
		case c == '\\' && i+1 < len(inner):
			i++
			switch next := inner[i]; next {
			case 'n':
				b.WriteByte('\n')
			case '"', '\\':
				b.WriteByte(next)
			default:
				b.WriteByte('\\')
				b.WriteByte(next)
			}
		case c == '"':
			if !open || i != len(inner)-1 {
				return "", errors.New("a quote within the value needs a backslash before it")
			}
			open = false
		default:
			b.WriteByte(c)
		}
	}
	if open {
		return "", errors.New("the closing quote is missing")
	}
	return b.String(), nil
}

// parseModern reads the grammar with names in UTF-8: names and values are in
// quotes with Go's escapes, or hold no reserved letter.
func parseModern(text string) (Matchers, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("the text is not UTF-8")
	}
	s := scanner{rest: text}
	var out Matchers
	braces := s.take("{")
	for !s.end() && !s.at("}") {
		m, err := s.matcher()
		if err != nil {
			return nil, err
		}
		out = append(out, m)
		if !s.take(",") {
			break
		}
	}
	if closed := s.take("}"); closed != braces {
		return nil, errors.New("braces go together")
	}
	if !s.end() {
		return nil, fmt.Errorf("a comma is missing before %q", clipped(s.rest))
	}
	return out, nil
}

// scanner is what of a text is still to be read.
type scanner struct{ rest string }

func (s *scanner) space() { s.rest = strings.TrimLeftFunc(s.rest, unicode.IsSpace) }

func (s *scanner) end() bool { s.space(); return s.rest == "" }

func (s *scanner) at(mark string) bool { s.space(); return strings.HasPrefix(s.rest, mark) }

func (s *scanner) take(mark string) bool {
	if !s.at(mark) {
		return false
	}
	s.rest = s.rest[len(mark):]
	return true
}

func (s *scanner) matcher() (Matcher, error) {
	name, err := s.word("a label name")
	if err != nil {
		return Matcher{}, err
	}
	var op Op
	for _, o := range []Op{Matches, NotMatches, NotEqual, Equal} {
		if s.take(string(o)) {
			op = o
			break
		}
	}
	if op == "" {
		return Matcher{}, fmt.Errorf("one of =, !=, =~, !~ is wanted after %s", name)
	}
	value, err := s.word("a value")
	if err != nil {
		return Matcher{}, err
	}
	return New(name, op, value)
}

// word reads a text in quotes, or one without reserved letters.
func (s *scanner) word(what string) (string, error) {
	s.space()
	if !strings.HasPrefix(s.rest, `"`) {
		n := strings.IndexFunc(s.rest, reserved)
		if n < 0 {
			n = len(s.rest)
		}
		if n == 0 {
			return "", fmt.Errorf("%s is wanted before %q", what, clipped(s.rest))
		}
		out := s.rest[:n]
		s.rest = s.rest[n:]
		return out, nil
	}
	for i := 1; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '\\':
			i++
		case '"':
			out, err := strconv.Unquote(s.rest[:i+1])
			if err != nil {
				return "", fmt.Errorf("%s cannot be read: its escapes are not those of Go", clipped(s.rest[:i+1]))
			}
			s.rest = s.rest[i+1:]
			return out, nil
		}
	}
	return "", errors.New("the closing quote is missing")
}

// UnmarshalYAML reads a list of texts, each of which may hold several matchers.
// It takes a node, so that errors name the line.
func (list *Matchers) UnmarshalYAML(node *yaml.Node) error {
	var texts []string
	if err := node.Decode(&texts); err != nil {
		return err
	}
	*list = nil
	for n, text := range texts {
		some, err := Parse(text)
		if err != nil {
			line := node.Line
			if n < len(node.Content) {
				line = node.Content[n].Line
			}
			return fmt.Errorf("line %d: %w", line, err)
		}
		*list = append(*list, some...)
	}
	return nil
}

// MarshalYAML writes what UnmarshalYAML reads.
func (list Matchers) MarshalYAML() (any, error) { return list.Texts(), nil }
