package store

import (
	"bytes"
	"math"
	"testing"
	"time"
)

// FuzzCursor: what comes from outside is a place of this list, written exactly
// so, or it is refused.
func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add("AAAA")
	f.Add(cursor(findingList, newestFirst(time.Unix(1, 0), "01ABC")))
	f.Add(cursor(entityList, []byte("unit\x00a\x00b\x00c")))
	f.Add(cursor(findingList, nil) + "=")
	f.Fuzz(func(t *testing.T, text string) {
		place, err := parseCursor(findingList, text)
		if err != nil || text == "" {
			if place != nil {
				t.Errorf("%q: a place %x and an error %v", text, place, err)
			}
			return
		}
		if again := cursor(findingList, place); again != text {
			t.Errorf("%q was taken, and is written %q", text, again)
		}
		if _, err := parseCursor(entityList, text); err == nil {
			t.Errorf("%q is taken by another list too", text)
		}
		if len(place) > maxPlace {
			t.Errorf("a place of %d bytes", len(place))
		}
	})
}

// FuzzNewestFirst: the order of places is the order of the list.
func FuzzNewestFirst(f *testing.F) {
	f.Add(int64(0), "a", int64(1), "b")
	f.Add(int64(math.MinInt64), "a", int64(math.MaxInt64), "a")
	f.Add(int64(-1), "b", int64(-1), "a")
	f.Fuzz(func(t *testing.T, a int64, idA string, b int64, idB string) {
		atA, atB := time.UnixMicro(a), time.UnixMicro(b)
		if atA.IsZero() || atB.IsZero() || atA.UnixMicro() != a || atB.UnixMicro() != b {
			t.Skip()
		}
		want := -1
		if a < b || a == b && idA > idB {
			want = 1
		} else if a == b && idA == idB {
			want = 0
		}
		if got := bytes.Compare(newestFirst(atA, idA), newestFirst(atB, idB)); got != want {
			t.Errorf("(%d, %q) and (%d, %q) compare as %d, want %d", a, idA, b, idB, got, want)
		}
	})
}
