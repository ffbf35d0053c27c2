package naming

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzName(f *testing.F) {
	for _, s := range []string{"", "web-1", "a\x00b", "\xff\xfe", strings.Repeat("ü", 200), strings.Repeat("x", 300), strings.Repeat("x", 301)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := Name(s)
		if len(n) > MaxName || !utf8.ValidString(n) || strings.Contains(n, "\x00") {
			t.Errorf("%q cannot be kept: %q", s, n)
		}
		if Name(n) != n {
			t.Errorf("%q is named %q, and then %q", s, n, Name(n))
		}
		if len(s) <= MaxName && utf8.ValidString(s) && !strings.Contains(s, "\x00") && n != s {
			t.Errorf("%q could be kept, and is %q", s, n)
		}
		if utf8.ValidString(s) && !strings.Contains(s, "\x00") && Name(s+"2") == n {
			t.Errorf("%q and one with a 2 more are both %q", s, n)
		}
	})
}
