package route

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestErrorsOfMatchersNameTheLine(t *testing.T) {
	var c Config
	err := yaml.Unmarshal([]byte("route:\n  routes:\n    - matchers:\n        - a=b\n        - c=~(\n"), &c)
	if err == nil || !strings.Contains(err.Error(), "line 5") || !strings.Contains(err.Error(), "regular expression") {
		t.Fatal(err)
	}
}

// Any configuration is refused or can be routed by.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(plan))
	f.Add([]byte("route: {policy: a, group_by: ['...'], routes: [{match: {a: b}, continue: true}]}"))
	f.Add([]byte("time_intervals: [{name: x, time_intervals: [{times: [{start_time: '00:00', end_time: '24:00'}], location: Europe/Berlin, days_of_month: ['-3:-1']}]}]"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var c Config
		if yaml.Unmarshal(raw, &c) != nil {
			return
		}
		p, err := Compile(c)
		if err != nil {
			return
		}
		r := NewRouter(p, nil, p.NewFiring())
		if got := r.Route(alert("a", "b"), noon); len(got) == 0 {
			t.Fatal("an alert has no target")
		}
		out, err := yaml.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var again Config
		if err := yaml.Unmarshal(out, &again); err != nil {
			t.Fatalf("what was read cannot be read again: %v\n%s", err, out)
		}
		if _, err := Compile(again); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	})
}
