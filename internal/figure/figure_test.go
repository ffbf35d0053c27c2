package figure

import "testing"

func TestFiguresReadAsPeopleSayThem(t *testing.T) {
	for _, c := range []struct {
		v    float64
		unit string
		want string
	}{
		{.4231, "ratio", "42 %"}, {.0042, "ratio", "0.42 %"}, {0, "ratio", "0 %"}, {.0391, "seconds", "39 ms"}, {.0000021, "seconds", "2.1 µs"},
		{1.5, "seconds", "1.5 s"}, {7200, "seconds", "2 h"}, {200000, "seconds", "2 days"}, {-200000, "seconds", "-2 days"}, {-.5, "seconds", "-500 ms"}, {1e12, "seconds", "31710 years"}, {3.9e9, "bytes", "3.6 GiB"}, {512, "bytes", "512 B"},
		{2.8e7, "bytes/s", "28 MB/s"}, {1234, "1/s", "1.2 k/s"}, {.5, "cores", "0.5 core"}, {1.6, "cores", "1.6 cores"}, {12, "count", "12"}, {12345, "count", "12 k"}, {21, "days", "21 days"},
	} {
		if got := In(c.v, c.unit); got != c.want {
			t.Errorf("%v %s reads %q, want %q", c.v, c.unit, got, c.want)
		}
	}
}
