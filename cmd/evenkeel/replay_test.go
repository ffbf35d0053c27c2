package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/review/replay"
)

// Where there were no figures, that nothing was found is not told as good news.
func TestAReplayWithoutFiguresPromisesNothing(t *testing.T) {
	for _, c := range []struct {
		r    replay.Result
		want string
	}{
		{replay.Result{Rounds: 9}, "Nothing would be found."},
		{replay.Result{Rounds: 9, Blind: 9}, "Nothing was found, as far as there were figures."},
		{replay.Result{Rounds: 9, Failed: 2}, "Nothing was found, as far as there were figures."},
	} {
		var out bytes.Buffer
		if printReplay(&out, c.r); !strings.Contains(out.String(), c.want) {
			t.Errorf("%+v: %s", c.r, out.String())
		}
	}
}
