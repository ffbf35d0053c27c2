// Package matcher asks for the labels of something, in the syntax and meaning of
// Alertmanager's matchers: severity="critical", team=~"a|b". Routes, silences and
// exemptions all choose by it.
//
// Invariants: a label that is missing is the same as an empty one; a regular
// expression must match the whole value; what was read is written so that it is
// read as the same again. Failure behaviour: what cannot be read is an error that
// shows how to write it, with the line where it was read from YAML.
package matcher

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Op says how a matcher compares.
type Op string

const (
	Equal      Op = "="
	NotEqual   Op = "!="
	Matches    Op = "=~" // the whole value
	NotMatches Op = "!~"
)

// Most is how many matchers one route, rule, silence or exemption may have.
const Most = 100

// maxText bounds one text of matchers, in bytes.
const maxText = 8 << 10

// Matcher asks for one label. A label that is missing is the same as an empty
// one.
type Matcher struct {
	Name  string
	Op    Op
	Value string

	re *regexp.Regexp // where Op asks for one
}

// New returns a matcher. A regular expression is RE2's, and must match the whole
// value.
func New(name string, op Op, value string) (Matcher, error) {
	m := Matcher{Name: name, Op: op, Value: value}
	switch {
	case name == "" || !utf8.ValidString(name):
		return m, fmt.Errorf("label name %q is empty or not UTF-8", name)
	case !utf8.ValidString(value):
		return m, fmt.Errorf("the value for label %s is not UTF-8", name)
	case len(name)+len(value) > maxText:
		return m, fmt.Errorf("a matcher of %d bytes at most is taken", maxText)
	}
	switch op {
	case Equal, NotEqual:
	case Matches, NotMatches:
		re, err := anchored(value)
		if err != nil {
			return m, fmt.Errorf("label %s: %q is not a regular expression: %w", name, value, err)
		}
		m.re = re
	default:
		return m, fmt.Errorf("label %s: operator %q is not one of =, !=, =~, !~", name, op)
	}
	return m, nil
}

// anchored compiles a regular expression that must match the whole value. One
// that is none by itself is refused, so that it cannot reach past the anchors.
func anchored(value string) (*regexp.Regexp, error) {
	_, err := syntax.Parse(value, syntax.Perl)
	if err == nil {
		return regexp.Compile("^(?:" + value + ")$")
	}
	var e *syntax.Error
	if errors.As(err, &e) {
		return nil, errors.New(e.Code.String())
	}
	return nil, err
}

// Holds tells whether a value is what the matcher asks for.
func (m Matcher) Holds(value string) bool {
	switch m.Op {
	case Equal:
		return value == m.Value
	case NotEqual:
		return value != m.Value
	case Matches:
		return m.re != nil && m.re.MatchString(value)
	case NotMatches:
		return m.re != nil && !m.re.MatchString(value)
	}
	return false
}

// String writes the matcher so that it is read back as the same.
func (m Matcher) String() string {
	if legacyName(m.Name) {
		return m.Name + string(m.Op) + escape(m.Value)
	}
	return strconv.Quote(m.Name) + string(m.Op) + strconv.Quote(m.Value)
}

// escape puts a value in quotes as OpenMetrics does.
func escape(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(value) + `"`
}

// legacyName tells whether a name is one that Prometheus took before UTF-8.
func legacyName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// Same tells whether two matchers ask for the same.
func Same(a, b Matcher) bool { return a.Name == b.Name && a.Op == b.Op && a.Value == b.Value }

// jsonMatcher is a matcher as Alertmanager's API writes it.
type jsonMatcher struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	IsRegex bool   `json:"isRegex"`
	IsEqual *bool  `json:"isEqual,omitempty"` // missing is true
}

// MarshalJSON writes the matcher as Alertmanager's API does.
func (m Matcher) MarshalJSON() ([]byte, error) {
	equal := m.Op == Equal || m.Op == Matches
	return json.Marshal(jsonMatcher{m.Name, m.Value, m.Op == Matches || m.Op == NotMatches, &equal})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Matcher) UnmarshalJSON(raw []byte) error {
	var j jsonMatcher
	if err := json.Unmarshal(raw, &j); err != nil {
		return err
	}
	op := Equal
	switch equal := j.IsEqual == nil || *j.IsEqual; {
	case equal && j.IsRegex:
		op = Matches
	case !equal && j.IsRegex:
		op = NotMatches
	case !equal:
		op = NotEqual
	}
	made, err := New(j.Name, op, j.Value)
	*m = made
	return err
}

// Matchers must all hold.
type Matchers []Matcher

// Hold tells whether labels are what all of the matchers ask for.
func (list Matchers) Hold(labels map[string]string) bool {
	_, missed := list.Miss(labels)
	return !missed
}

// Miss finds the first matcher that does not hold.
func (list Matchers) Miss(labels map[string]string) (Matcher, bool) {
	for _, m := range list {
		if !m.Holds(labels[m.Name]) {
			return m, true
		}
	}
	return Matcher{}, false
}

// Sorted returns them in an order that does not depend on how they were
// written.
func (list Matchers) Sorted() Matchers {
	return slices.SortedFunc(slices.Values(list), func(a, b Matcher) int {
		return strings.Compare(a.Name+"\x00"+a.Value+"\x00"+string(a.Op), b.Name+"\x00"+b.Value+"\x00"+string(b.Op))
	})
}

// String writes them within braces.
func (list Matchers) String() string { return "{" + strings.Join(list.Texts(), ", ") + "}" }

// Texts writes each of them.
func (list Matchers) Texts() []string {
	out := make([]string, 0, len(list))
	for _, m := range list {
		out = append(out, m.String())
	}
	return out
}

// reserved tells which letters end a text without quotes.
func reserved(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("{}!=~,\\\"'`", r) }
