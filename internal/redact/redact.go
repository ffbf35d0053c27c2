// Package redact takes what looks like a secret out of text that somebody else
// wrote, such as the log of a container, before it is kept anywhere.
//
// It knows forms, not secrets: values of keys that are named like secrets
// (password=..., "token": "...", Authorization: ..., --api-key ...), passwords
// in addresses (https://user:password@host), bearer tokens, JSON Web Tokens,
// what is in PEM, also torn, the keys of AWS, and the tokens of some
// providers, which are told by how they begin. A secret in a sentence ("the
// password is ...") looks like nothing and stays.
//
// Invariants: it is pure, and takes too much rather than too little. Each rule
// looks at the text as it was written, so that no rule hides from another what
// that one would have found. Text with no such form comes back as it was.
package redact

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// Mask stands in the place of what was taken out.
const Mask = "[masked]"

// span is a piece of text that is taken out.
type span struct{ from, to int }

// rule finds what is to be taken out: all of a match, or its group.
type rule struct {
	form   *regexp.Regexp
	unless *regexp.Regexp // of the whole match
}

var awsID = regexp.MustCompile(`(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AIPA|ANPA|ANVA|AROA)[A-Z0-9]{12,}`)

var rules = []rule{
	// A private key, or what has been left of one.
	{form: regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*-----.*?(?:-----END [A-Z0-9 ]*-----|$)`)},
	{form: regexp.MustCompile(`(?m)^[\t ]*([A-Za-z0-9+/]{40,}={0,2})[\t ]*$`), unless: regexp.MustCompile(`^\s*(?:[0-9a-f]+|[0-9A-F]+)\s*$`)},
	// https://user:password@host; up to the last @, for passwords may have one.
	{form: regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>:@/]*:([^\s"'<>]+)@`)},
	{form: regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://([^\s"'<>:@/]+)@`)},
	// user:password@tcp(host), as some drivers write it; no image by its digest.
	{form: regexp.MustCompile(`[\w.-]+:([^\s"'<>/][^\s"'<>]*)@[\w(\[]\w*`), unless: regexp.MustCompile(`@sha256$`)},
	// JSON Web Tokens: what begins with {" in base64.
	{form: regexp.MustCompile(`eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)*`)},
	{form: awsID},
	{form: regexp.MustCompile(`(?:gh[oprsu]_|github_pat_|glpat-|xox[abeoprs]-|\b[rs]k[_-](?:live_|test_|ant-|proj-)?|AIza|npm_|pypi-|hv[sb]\.|dop_v1_|SG\.|ya29\.)[A-Za-z0-9_.-]{16,}`)},
}

var (
	// secretKey is a name that tells of a secret, with what leads to its value.
	secretKey = regexp.MustCompile(`(?i)(?:` +
		`[\w.-]*(?:pass(?:word|wd|phrase|code)|secret|token|authori[sz]ation|cookie|credential|(?:api|access|account|auth|client|encryption|master|private|shared|signing|storage|ssh)[ _.-]?key)[\w.-]*` +
		`|(?:\b|[\w.-]*[_.-])(?:pass|pwd|auth|jwt|sid|sig|signature|session(?:[_-]?id)?)` +
		`)(?:\\*["'\]])*\s*(?:=>|:=|==?|:)\s*`)
	// secretFlag is the same on a command line, secretScheme in front of what
	// proves who asks.
	secretFlag   = regexp.MustCompile(`(?i)--?[\w.-]*(?:pass(?:word|wd|phrase|code)?|secret|token|cookie|credential|(?:api|access|private)[_-]?key)[\w.-]*(?:["']?,)?[ \t]+`)
	secretScheme = regexp.MustCompile(`(?i)\b(?:bearer|basic|digest|negotiate)[\s:]+`)
	// noProof are words that follow a scheme where it is only spoken of.
	noProof = regexp.MustCompile(`^(?i:tokens?|realm.*|auth(?:entication|orization)?)[.,;:]?$`)
	inWord  = regexp.MustCompile(`[\w-]$`)
	// wholeLine are the names whose value is all that follows on the line.
	wholeLine = regexp.MustCompile(`(?i)authori[sz]ation|cookie`)

	awsSecret = regexp.MustCompile(`[A-Za-z0-9/+]{40,}=*`)
)

// Text returns the text with the mask in the place of what looks like a
// secret. Cut it only afterwards: half a secret has no form.
func Text(text string) string {
	var found []span
	for _, r := range rules {
		for _, at := range r.form.FindAllStringSubmatchIndex(text, -1) {
			if r.unless == nil || !r.unless.MatchString(text[at[0]:at[1]]) {
				at = at[len(at)-2:]
				found = append(found, span{at[0], at[1]})
			}
		}
	}
	if end := strings.Index(text, "-----END "); end >= 0 && !strings.Contains(text[:end], "-----BEGIN ") {
		found = append(found, span{0, end}) // the key began before the text does
	}
	for _, at := range secretKey.FindAllStringIndex(text, -1) {
		found = append(found, value(text, at[1], wholeLine.MatchString(text[at[0]:at[1]])))
	}
	for _, at := range secretFlag.FindAllStringIndex(text, -1) {
		if before := text[:at[0]]; !inWord.MatchString(before[max(0, len(before)-1):]) {
			found = append(found, value(text, at[1], false))
		}
	}
	for _, at := range secretScheme.FindAllStringIndex(text, -1) {
		if s := value(text, at[1], false); !noProof.MatchString(text[s.from:s.to]) {
			found = append(found, s)
		}
	}
	if awsID.MatchString(text) {
		for _, at := range awsSecret.FindAllStringIndex(text, -1) {
			found = append(found, span{at[0], at[1]})
		}
	}
	return mask(text, found)
}

// value is what stands for a key: in its quotes, which may be escaped; else up
// to the next blank, or to the end of the line. A list is taken whole.
func value(text string, from int, whole bool) span {
	line := len(text)
	if i := strings.IndexByte(text[from:], '\n'); i >= 0 {
		line = from + i
	}
	rest := text[from:line]
	if escapes := len(rest) - len(strings.TrimLeft(rest, `\`)); escapes < len(rest) {
		if quote := rest[escapes]; quote == '"' || quote == '\'' || quote == '`' {
			begin := escapes + 1
			for i := begin; i < len(rest); i++ {
				if rest[i] != quote {
					continue
				}
				before := len(rest[begin:i]) - len(strings.TrimRight(rest[begin:i], `\`))
				if before <= escapes {
					return span{from + begin, from + i - before}
				}
			}
			return span{from + begin, line}
		}
	}
	if whole || strings.HasPrefix(rest, "[") || strings.HasPrefix(rest, "{") {
		return span{from, line}
	}
	if i := strings.IndexAny(rest, " \t"); i >= 0 {
		return span{from, from + i}
	}
	return span{from, line}
}

// mask puts the mask in the place of what was found; what overlaps or touches
// is one.
func mask(text string, found []span) string {
	if len(found) == 0 {
		return text
	}
	slices.SortFunc(found, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	var out strings.Builder
	last := -1 // the end of what was taken out last
	done := 0
	for _, s := range found {
		if s.from == s.to {
			continue // a name without a value
		}
		if s.from > last || last < 0 {
			out.WriteString(text[done:s.from])
			out.WriteString(Mask)
			done = s.to
		}
		last, done = max(last, s.to), max(done, s.to)
	}
	out.WriteString(text[done:])
	return out.String()
}
