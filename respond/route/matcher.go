package route

import (
	"strings"

	"github.com/evenkeel/evenkeel/internal/matcher"
)

// Matchers are those of internal/matcher, by which exemptions choose as well.
type (
	Matcher  = matcher.Matcher
	Matchers = matcher.Matchers
	Op       = matcher.Op
)

const (
	Equal      = matcher.Equal
	NotEqual   = matcher.NotEqual
	Matches    = matcher.Matches
	NotMatches = matcher.NotMatches
)

// maxMatchers is how many one route, rule or silence may have.
const maxMatchers = matcher.Most

// NewMatcher returns a matcher. A regular expression is RE2's, and must match
// the whole value.
func NewMatcher(name string, op Op, value string) (Matcher, error) {
	return matcher.New(name, op, value)
}

// ParseMatchers reads matchers as Alertmanager does; see matcher.Parse.
func ParseMatchers(text string) (Matchers, error) { return matcher.Parse(text) }

// clipped bounds what an error repeats.
func clipped(text string) string {
	if len(text) <= 200 {
		return text
	}
	return strings.ToValidUTF8(text[:200], "") + "..."
}
