package notify

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// sentence makes the first letter large.
func sentence(text string) string {
	r, n := utf8.DecodeRuneInString(text)
	if n == 0 {
		return text
	}
	return string(unicode.ToUpper(r)) + text[n:]
}

// clip bounds a text to so many runes and says with an ellipsis that it did.
func clip(text string, most int) string {
	text = strings.ToValidUTF8(text, "�")
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	runes := []rune(text)
	cut := strings.TrimRightFunc(string(runes[:max(most-1, 0)]), unicode.IsSpace)
	return cut + "…"
}

// clipBytes bounds a text to so many bytes.
func clipBytes(text string, most int) string {
	text = strings.ToValidUTF8(text, "�")
	if len(text) <= most {
		return text
	}
	end := max(most-len("…"), 0)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.TrimRightFunc(text[:end], unicode.IsSpace) + "…"
}

// oneLine takes a text's line breaks and control characters out, so that it
// fits a heading and nothing can be smuggled behind it.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	return strings.Join(strings.Fields(text), " ")
}

// lines takes control characters out but keeps line breaks and tabs.
func lines(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "�"), "\r\n", "\n")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r' || r == '\u2028' || r == '\u2029':
			return '\n'
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, text))
}

const (
	wordSize = 24  // letters of a word of a provider's; secrets are longer
	saidSize = 120 // letters of all it says
)

// said makes a provider's word on an error safe to show: few letters of plain
// kinds, no word that is long enough to be a secret or a link, and nothing at
// all where it holds one of the secrets.
func said(text string, secrets ...string) string {
	var words []string
	for _, s := range secrets {
		if s != "" && strings.Contains(text, s) {
			return ""
		}
	}
	for _, w := range strings.Fields(oneLine(text)) {
		plain := strings.Trim(w, `"'()`)
		if len(plain) > wordSize || strings.ContainsAny(plain, "/@=&?<>") {
			w = "…"
		}
		words = append(words, strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" _.:,'()-…", r) {
				return r
			}
			return -1
		}, w))
	}
	return clip(strings.TrimSpace(strings.Join(words, " ")), saidSize)
}
