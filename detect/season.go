package detect

import (
	"math"
	"slices"
	"time"
)

// Season is what is usual for a signal at each hour of the week, and at each
// load. What a nightly batch or a busy Monday does every time is no news, nor
// is an answer that takes longer because there is more to do. Its fields are
// exported for encoding only.
type Season struct {
	// Low and High are, by hour of the week in UTC, what nine of ten figures of
	// that hour lay above and below; Weeks is in how many weeks it was seen.
	Low, High []float32
	Weeks     []uint8
	Hour      int64      // the hour that is under way, in hours since 1970
	Figures   *Baseline  // of that hour
	Loads     []LoadBand // by powers of two of the load, from 2^-leastLoad on
}

// LoadBand is what is usual while there is so much to do.
type LoadBand struct {
	Mean, Away float32 // of the figures, and of their distance from the mean
	Figures    uint16
}

const (
	hoursOfWeek = 7 * 24
	// perHour is how many figures an hour must have had to count.
	perHour = 20
	// edgeOfHour is how near to its ends an hour also counts as the next one:
	// what comes every day does not come to the minute.
	edgeOfHour = 12 * time.Minute
	// loads and leastLoad are from 1/16 to 2^19 requests a second.
	loads, leastLoad = 24, 4
	// perLoad is how many figures a load must have had, and learnLoad is how
	// slowly it learns after that.
	perLoad, learnLoad = 40, 1. / 200
)

// Learn takes in a figure; load is NaN where it is not known. Odd tells that
// the figure is not usual, or belongs to trouble that somebody was told of: it
// counts for its hour, since what comes back at that hour is found out that
// way, but not for a load that is known already.
func (s *Season) Learn(v, load float64, odd bool, now time.Time) {
	hour := now.Unix() / 3600
	if s.Low == nil {
		s.Low, s.High, s.Weeks = make([]float32, hoursOfWeek), make([]float32, hoursOfWeek), make([]uint8, hoursOfWeek)
		s.Loads = make([]LoadBand, loads)
	}
	if hour != s.Hour {
		s.fold()
		s.Hour, s.Figures = hour, &Baseline{}
	}
	s.Figures.Learn(v, now)
	if at, ok := loadAt(load); ok && (!odd || s.Loads[at].Figures < perLoad) {
		s.Loads[at].learn(v)
	}
}

// fold brings the hour that has ended into what is usual for it: half of it is
// what the last week showed.
func (s *Season) fold() {
	if s.Figures == nil || s.Figures.Points < perHour {
		return
	}
	q := s.Figures.quantiles(.1, .9)
	at := s.Hour % hoursOfWeek
	if s.Weeks[at] == 0 {
		s.Low[at], s.High[at] = float32(q[0]), float32(q[1])
	} else {
		s.Low[at], s.High[at] = (s.Low[at]+float32(q[0]))/2, (s.High[at]+float32(q[1]))/2
	}
	s.Weeks[at] = min(s.Weeks[at], math.MaxUint8-1) + 1
}

func loadAt(load float64) (int, bool) {
	if math.IsNaN(load) || load <= 0 {
		return 0, false
	}
	return min(loads-1, max(0, int(math.Round(math.Log2(load)))+leastLoad)), true
}

func (l *LoadBand) learn(v float64) {
	l.Figures = min(l.Figures, math.MaxUint16-1) + 1
	share := float32(max(learnLoad, 1/float64(l.Figures)))
	l.Away += share * (float32(math.Abs(v-float64(l.Mean))) - l.Away)
	l.Mean += share * (float32(v) - l.Mean)
}

// band is what is usual at a time and at a load; ok is false where neither is
// known.
func (s *Season) band(load float64, now time.Time) (low, high float64, ok bool) {
	if s == nil || s.Low == nil {
		return 0, 0, false
	}
	low, high = math.Inf(1), math.Inf(-1)
	take := func(l, h float64) { low, high, ok = min(low, l), max(high, h), true }
	s.hours(now, take)
	if at, known := loadAt(load); known {
		for _, n := range []int{at - 1, at} { // more to do never makes it quicker
			if n >= 0 && s.Loads[n].Figures >= perLoad {
				l := s.Loads[n]
				take(float64(l.Mean-3*l.Away), float64(l.Mean+3*l.Away))
			}
		}
	}
	return low, high, ok
}

// hours are the bands of the hour and, near to its ends, of the next one.
func (s *Season) hours(now time.Time, take func(low, high float64)) {
	for _, at := range []time.Time{now.Add(-edgeOfHour), now, now.Add(edgeOfHour)} {
		s.hour(at.Unix()/3600, take)
	}
}

// atHour says that a figure is as ever at this hour of the day or of the week: a
// batch that runs each night.
func (s *Season) atHour(v float64, now time.Time) (is bool) {
	if s != nil && s.Low != nil {
		near := (growth - 1) * math.Abs(v) // the ends of a band are those of buckets
		s.hours(now, func(low, high float64) { is = is || low-near <= v && v <= high+near })
	}
	return is
}

// hour is the band of an hour: of the same one in at least two weeks, and of
// that of at least two days, of which the oddest is left out: what happened once
// is not usual.
func (s *Season) hour(hour int64, take func(low, high float64)) {
	if at := hour % hoursOfWeek; s.Weeks[at] > 1 {
		take(float64(s.Low[at]), float64(s.High[at]))
	}
	var lows, highs []float32
	for d := int64(0); d < 7; d++ {
		if at := (hour + 24*d) % hoursOfWeek; s.Weeks[at] > 0 {
			lows, highs = append(lows, s.Low[at]), append(highs, s.High[at])
		}
	}
	if len(lows) < 2 {
		return
	}
	slices.Sort(lows)
	slices.Sort(highs)
	take(float64(lows[1]), float64(highs[len(highs)-2]))
}

// allow takes from a size what the season explains: a figure within the band is
// as usual, one beyond is as far off as it lies beyond.
func (s *Season) allow(size, v, usual, load float64, now time.Time) float64 {
	low, high, ok := s.band(load, now)
	if !ok || size == 0 || v == usual {
		return size
	}
	spread := (v - usual) / size
	switch {
	case size > 0 && v > high:
		return min(size, (v-high)/spread)
	case size < 0 && v < low:
		return max(size, (v-low)/spread)
	}
	return 0
}

// sound says that a decoded season is one that Learn could have made.
func (s *Season) sound() bool {
	return s != nil && (s.Low == nil || len(s.Low) == hoursOfWeek && len(s.High) == hoursOfWeek && len(s.Weeks) == hoursOfWeek && len(s.Loads) == loads) &&
		(s.Figures == nil || s.Figures.sound())
}
