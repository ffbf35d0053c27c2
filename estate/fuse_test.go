package estate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

var fuseNow = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// past reads how long ago a time was: "5d", "90s".
func past(t *testing.T, text string) time.Time {
	t.Helper()
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil {
			t.Fatal(err)
		}
		return fuseNow.AddDate(0, 0, -n)
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return fuseNow.Add(-d)
}

func sightingOf(t *testing.T, words []string) Sighting {
	t.Helper()
	s := Sighting{By: words[0], From: words[1], To: words[2], Source: "signals", Heard: fuseNow}
	number := func(text string) float64 {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for i := 3; i+1 < len(words); i += 2 {
		switch v := words[i+1]; words[i] {
		case "noted":
			s.Noted = past(t, v)
		case "first":
			s.First, s.Noted = past(t, v), past(t, v)
		case "last":
			s.Last = past(t, v)
		case "heard":
			s.Heard = past(t, v)
		case "calls":
			s.Calls = number(v)
		case "rate":
			s.Rate = number(v)
		case "over":
			s.Rated = past(t, v)
		case "counts":
			s.Counts = v
		default:
			t.Fatalf("%q is not known of a sighting", words[i])
		}
	}
	return s
}

// TestWhoCallsWhom runs testdata/calls.txtar, whose comment says what its lines mean.
func TestWhoCallsWhom(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/calls.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		t.Run(f.Name, func(t *testing.T) {
			in := CallEvidence{Watcher: "signals", Now: fuseNow}
			var want, have, disputes []string
			quiet, lapsed := false, []string{}
			relate := func(source, from, to, since string, confidence float64) {
				in.Relations = append(in.Relations, Relation{From: from, Kind: Calls, To: to, Source: source, Confidence: confidence, Since: past(t, since)})
			}
			for line := range strings.Lines(string(f.Data)) {
				switch w := strings.Fields(line); w[0] {
				case "memory":
					in.Began = past(t, w[1])
				case "declared":
					relate(Declared, w[1], w[2], w[3], 1)
				case "figures":
					relate("signals", w[1], w[2], w[3], .95)
				case "told":
					relate(w[1], w[2], w[3], w[4], 1)
				case "sees":
					in.Sightings = append(in.Sightings, sightingOf(t, w[1:]))
				case "want":
					want = append(want, strings.Join(w[1:], " "))
				case "disputed":
					disputes = append(disputes, strings.Join(w[1:], " "))
				case "lapsed":
					lapsed = append(lapsed, strings.Join(w[1:], " "))
				case "silent":
					quiet = true
				default:
					t.Fatalf("%q is not known", line)
				}
			}
			calls := Fuse(in)
			weighed := Weigh(in.Relations, calls)
			for _, c := range calls {
				weight := 0.0
				for _, r := range weighed {
					if r.From == c.From && r.To == c.To {
						weight = r.Confidence
					}
				}
				have = append(have, fmt.Sprintf("%s %s %s %s %g %s", c.From, c.To, c.State, c.Sure, weight, c.By()))
				for _, d := range c.Contradictions {
					text := fmt.Sprintf("%s %s %s %s", c.From, c.To, d.Kind, d.Text)
					i := slices.IndexFunc(disputes, func(s string) bool {
						head, rest := strings.Join(strings.Fields(s)[:3], " "), strings.Join(strings.Fields(s)[3:], " ")
						return strings.HasPrefix(text, head+" ") && strings.Contains(text, rest)
					})
					if i < 0 {
						t.Errorf("contradicted, and that is not expected: %s", text)
						continue
					}
					disputes = slices.Delete(disputes, i, i+1)
				}
			}
			for i, s := range want {
				if i < len(have) && (have[i] == s || len(strings.Fields(s)) == 5 && strings.HasPrefix(have[i], s+" ")) {
					continue
				}
				t.Errorf("want %q among\n%s", s, strings.Join(have, "\n"))
			}
			if len(have) != len(want) {
				t.Errorf("%d calls are wanted, and there are\n%s", len(want), strings.Join(have, "\n"))
			}
			if len(disputes) > 0 || quiet == slices.ContainsFunc(calls, func(c Call) bool { return len(c.Contradictions) > 0 }) {
				t.Errorf("not said: %q", disputes)
			}
			for _, r := range in.Lapsed() {
				if i := slices.Index(lapsed, r.From+" "+r.To); i >= 0 {
					lapsed = slices.Delete(lapsed, i, i+1)
				} else {
					t.Errorf("%s to %s is to be ended, and that is not expected", r.From, r.To)
				}
			}
			if len(lapsed) > 0 {
				t.Errorf("not to be ended: %q", lapsed)
			}
		})
	}
}

// evidenceFrom is an arbitrary estate of few entities.
func evidenceFrom(r *rand.Rand) CallEvidence {
	in := CallEvidence{Watcher: "signals", Now: fuseNow, Began: fuseNow.Add(-time.Duration(r.Int64N(int64(20 * 24 * time.Hour))))}
	id := func() string { return fmt.Sprintf("service:%d", r.IntN(4)) }
	ago := func() time.Time {
		return fuseNow.Add(-time.Duration(math.Exp(r.Float64()*math.Log(float64(10*24*time.Hour)/1e9)) * 1e9))
	}
	for range r.IntN(8) {
		in.Relations = append(in.Relations, Relation{From: id(), Kind: Calls, To: id(), Source: []string{"signals", Declared, "x"}[r.IntN(3)], Confidence: r.Float64(), Since: ago()})
	}
	named := map[[3]string]bool{}
	for range r.IntN(10) {
		s := Sighting{From: id(), To: id(), Source: "signals", By: []string{"Istio", "Hubble", "traces"}[r.IntN(3)], Heard: ago(), Calls: r.Float64() * 100}
		if key := [3]string{s.From, s.To, s.By}; named[key] {
			continue
		} else {
			named[key] = true
		}
		s.Last = later(ago(), ago())
		s.First = s.Last.Add(-time.Hour)
		s.Noted = s.First
		if r.IntN(3) > 0 {
			s.Heard = fuseNow
		}
		if r.IntN(2) == 0 {
			s.Counts, s.Rate, s.Rated = "requests", r.Float64()*10, ago()
		}
		in.Sightings = append(in.Sightings, s)
	}
	return in
}

// Whatever the evidence: confidences are shares, the order in which things are
// told does not matter, one more who sees it makes nobody less sure, and nobody
// is surer of what is older.
func TestFuseHolds(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		in := evidenceFrom(r)
		calls := Fuse(in)
		for _, c := range calls {
			if c.Confidence < 0 || c.Confidence > 1 || c.weight < 0 || c.weight > 1 || len(c.Sources) == 0 || c.From == c.To || c.State == "" || c.Sure != SureOf(c.Confidence) {
				t.Fatalf("seed %d: %+v", seed, c)
			}
		}
		again := in
		again.Relations, again.Sightings = slices.Clone(in.Relations), slices.Clone(in.Sightings)
		r.Shuffle(len(again.Sightings), func(i, j int) {
			again.Sightings[i], again.Sightings[j] = again.Sightings[j], again.Sightings[i]
		})
		if other := Fuse(again); !reflect.DeepEqual(calls, other) {
			t.Fatalf("seed %d: in another order\n%+v\nand not\n%+v", seed, other, calls)
		}
		if len(in.Sightings) == 0 {
			continue
		}
		n := r.IntN(len(in.Sightings))
		at := in.Sightings[n]
		find := func(in CallEvidence) float64 {
			for _, c := range Fuse(in) {
				if c.From == at.From && c.To == at.To {
					return c.Confidence
				}
			}
			return 0
		}
		again.Sightings = slices.Clone(in.Sightings)
		again.Sightings[n].Last = fuseNow
		again.Sightings[n].Heard = fuseNow
		// Freshness that newly makes a contradiction may lower it; nothing else may.
		undisputed := func(in CallEvidence) bool {
			return !slices.ContainsFunc(Fuse(in), func(c Call) bool { return len(c.Contradictions) > 0 })
		}
		if at.From != at.To && undisputed(in) && undisputed(again) && find(again) < find(in) {
			t.Fatalf("seed %d: %v is less sure the fresher it is: %g and %g", seed, at, find(again), find(in))
		}
	}
}

// An hour old is as good as new, a week old is worth nothing, and between there
// is no step up.
func TestFreshnessFades(t *testing.T) {
	was := 1.0
	for age := time.Duration(0); age <= LapsesAfter; age += 7 * time.Minute {
		f := freshness(age)
		if f > was || age <= StaleAfter && f != 1 || age < LapsesAfter && f < fadesTo {
			t.Fatalf("%s: %g after %g", age, f, was)
		}
		was = f
	}
	if freshness(LapsesAfter) != 0 {
		t.Error("what has lapsed is believed")
	}
}
