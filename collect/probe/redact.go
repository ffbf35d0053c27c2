package probe

import (
	"net/url"
	"strings"
	"unicode"
)

// shownURL is a URL as people may see it: without user, password, query and
// fragment, which is where secrets travel.
func shownURL(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return excerpt(shown.String(), 200)
}

// excerpt is the beginning of a text that came from elsewhere, without
// control characters, cut to max runes.
func excerpt(s string, max int) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > max {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(r) {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}
