package detect

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestBaselineProperties holds a baseline against the exact quantiles of what
// it was given, for figures of many shapes.
func TestBaselineProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	shapes := map[string]func() float64{
		"uniform":   func() float64 { return random.Float64() },
		"latencies": func() float64 { return math.Exp(random.NormFloat64()*1.5 - 5) },
		"mostly 0":  func() float64 { return math.Max(0, random.NormFloat64()) },
		"signed":    func() float64 { return random.NormFloat64() * 1e6 },
		"constant":  func() float64 { return 42 },
		"two modes": func() float64 { return []float64{0.001, 5}[random.IntN(2)] * (1 + 0.1*random.Float64()) },
	}
	for name, draw := range shapes {
		t.Run(name, func(t *testing.T) {
			b := &Baseline{}
			var all []float64
			for i := range 2000 { // 8 hours: fading hardly shows
				v := draw()
				all = append(all, v)
				b.Learn(v, start.Add(time.Duration(i)*step))
			}
			slices.Sort(all)
			if len(b.Keys) > maxBuckets || !slices.IsSorted(b.Keys) || !b.sound() {
				t.Fatalf("%d buckets, sorted %v", len(b.Keys), slices.IsSorted(b.Keys))
			}
			for q, got := range map[float64]float64{0.5: b.Median(), 0.95: b.High()} {
				// Merged buckets are wider: hold it against neighbouring ranks.
				low, high := all[int((q-0.06)*2000)], all[min(int((q+0.06)*2000), 1999)]
				margin := 0.06*math.Max(math.Abs(low), math.Abs(high)) + smallest
				if got < low-margin || got > high+margin {
					t.Errorf("quantile %v is %v; the figures say %v to %v", q, got, low, high)
				}
			}
			if b.High() < b.Median() {
				t.Error("the 95th percentile is below the median")
			}
		})
	}
}

func TestBaselineKnowsWhatItDoesNotKnow(t *testing.T) {
	var none *Baseline
	if none.Known() || none.Median() != 0 {
		t.Error("nothing is known of nothing")
	}
	b := &Baseline{}
	for i := range 99 {
		b.Learn(1, start.Add(time.Duration(i)*step))
	}
	if b.Known() {
		t.Error("knows after 25 minutes")
	}
	dense := &Baseline{}
	for i := range 1000 {
		dense.Learn(1, start.Add(time.Duration(i)*time.Second))
	}
	if dense.Known() {
		t.Error("knows after 17 minutes, however many points")
	}
	gaps := &Baseline{}
	for i := range 120 {
		gaps.Learn(1, start.Add(time.Duration(i)*10*time.Minute))
	}
	if gaps.Known() {
		t.Error("takes gaps for time watched")
	}
	for i := range 60 {
		b.Learn(1, start.Add(24*time.Hour+time.Duration(i)*step)) // a gap of a day does no harm
	}
	if !b.Known() || math.Abs(b.Median()-1) > 0.05 {
		t.Errorf("known %v, median %v after 40 minutes with a gap", b.Known(), b.Median())
	}
}

// TestBaselineLearnsSlowly: an hour of trouble does not become usual, a new
// habit of weeks does, and outliers and nonsense do not move the median.
func TestBaselineLearnsSlowly(t *testing.T) {
	b := &Baseline{}
	at := start
	learn := func(v float64, long time.Duration) {
		for end := at.Add(long); at.Before(end); at = at.Add(time.Minute) {
			b.Learn(v, at)
		}
	}
	learn(1, 7*24*time.Hour)
	learn(100, time.Hour)
	b.Learn(math.NaN(), at)
	b.Learn(math.Inf(1), at)
	b.Learn(5, start) // out of order
	if math.Abs(b.Median()-1) > 0.05 || b.High() > 2 {
		t.Errorf("after an hour of trouble: median %v, high %v", b.Median(), b.High())
	}
	learn(100, 14*24*time.Hour)
	if math.Abs(b.Median()-100) > 5 {
		t.Errorf("after two weeks of a new habit the median is %v", b.Median())
	}
	learn(100, 200*24*time.Hour) // weights are rescaled and stay finite
	for _, w := range b.Weights {
		if math.IsInf(float64(w), 0) || math.IsNaN(float64(w)) {
			t.Fatal("a weight is not finite")
		}
	}
}

func FuzzRestore(f *testing.F) {
	c, err := Load()
	if err != nil {
		f.Fatal(err)
	}
	e := New(c, Defaults())
	blob, err := e.Snapshot("default", "test")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(blob)
	f.Add([]byte("no gob"))
	f.Fuzz(func(t *testing.T, blob []byte) {
		_ = New(c, Defaults()).Restore("default", "test", blob) // an error or not, never a panic
	})
}
