package store

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzGrams(f *testing.F) {
	for _, text := range []string{"", "ab", "abc", "日本語サーバ", "lab-00037", strings.Repeat("a", 500), strings.Repeat("disk-slow ", 100)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = searchable(text)
		parts := grams(text)
		if long := utf8.RuneCountInString(text) >= gram; long != (len(parts) > 0) || len(parts) > maxGrams {
			t.Errorf("%q has %d parts", text, len(parts))
		}
		for _, p := range parts {
			if utf8.RuneCountInString(p) != gram || !strings.Contains(text, p) {
				t.Errorf("%q is no part of three letters of %q", p, text)
			}
		}
	})
}
