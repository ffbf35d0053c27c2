package correlate

import (
	"math"
	"testing"
)

// A series began where it left its usual range to stay, not where it was odd
// long before.
func TestWhenASeriesBegan(t *testing.T) {
	at := func(i int) int64 { return 1000 + 10*int64(i) }
	for _, x := range []struct {
		name   string
		change func(v []float64)
		want   int64
	}{
		{"at the onset", func(v []float64) { add(v, 200, 9) }, at(200)},
		{"odd long before", func(v []float64) {
			add(v[120:124], 0, 9)
			add(v, 200, 9)
		}, at(200)},
		{"odd shortly, then for good", func(v []float64) {
			add(v[198:202], 0, 9)
			add(v, 210, 9)
		}, at(210)},
		{"a sample is missing", func(v []float64) {
			add(v, 200, 9)
			v[201] = math.NaN()
		}, at(200)},
		{"falls", func(v []float64) { add(v, 203, -9) }, at(203)},
		{"comes back", func(v []float64) { add(v[200:270], 0, 9) }, at(200)},
		{"never lasts", func(v []float64) {
			for i := 200; i < 300; i += 4 {
				add(v[i:i+2], 0, 9)
			}
		}, 0},
	} {
		s := Series{Window: make([]float64, 300)}
		times := make([]int64, 300)
		for i := range times {
			times[i], s.Window[i] = at(i), math.Sin(float64(i*i)) // a range of 1 about 0
		}
		x.change(s.Window)
		if sh, ok := shiftOf(&s, times, 200); !ok || sh.begun != x.want {
			t.Errorf("%s: %+v, want %d", x.name, sh, x.want)
		}
	}
}
