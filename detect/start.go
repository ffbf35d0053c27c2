package detect

import (
	"math"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/internal/figure"
)

// Starts is what is remembered of how the instances of one program start. Its
// fields are exported for encoding only.
type Starts struct {
	// Long and Times are, of the last starts, oldest first, for how many seconds
	// answers took longer than those of warm instances, and how many times as long
	// at the worst. One that was as quick as ever from the start is 0 and 1.
	Long, Times []float32
	Last        int64 // unix second of the last start that was seen

	counted [startSlots]int32 // starts by time
	slot    int64             // of the newest of them
}

const (
	// mostStarts is how many starts are remembered of a program, and fewStarts
	// from how many on it is known how it starts.
	mostStarts, fewStarts = 8, 3
	// startLong and startTimes are what a start may take while it is not known:
	// caches are filled and code is compiled in a minute or two.
	startLong, startTimes = 2 * time.Minute, 10.
	// beyond is by how much a start may pass the worst of those that are
	// remembered; leastLong and leastTimes are what each may take.
	beyond                = 1.5
	leastLong, leastTimes = 30 * time.Second, 2.
	// longestStart is when a start is over at the latest: what takes longer is
	// not learned, since a release that stays slow looks the same.
	longestStart = 10 * time.Minute
	// warmTimes is how many times as long as those of warm instances answers may
	// take to be warm as well.
	warmTimes = 1.5
	// oneStart is within what time starts of an instance are one: its containers
	// are started one after the other.
	oneStart = time.Minute
	// overAndOver is within what time two starts of the same instance, or twice
	// as many starts as a program has instances, are no cold starts any more.
	overAndOver = 15 * time.Minute
	// startSlots are the parts in which the starts within that time are counted.
	startSlots = 6
	// forgetStarts is how long a program of which nothing starts is remembered,
	// and mostPrograms of how many.
	forgetStarts = 60 * 24 * time.Hour
	mostPrograms = 5000
)

// habit is what a start of a program may take.
type habit struct {
	long  time.Duration // since the start
	times float64       // as long as a warm one's
	known bool          // learned from earlier starts
	// usualLong and usualTimes are what it takes as a rule, where it is known.
	usualLong  time.Duration
	longest    time.Duration // of those that are remembered
	usualTimes float64
}

// habit is what is known of the program's starts; of a nil Starts, what is
// allowed to all.
func (s *Starts) habit() habit {
	if s == nil || len(s.Long) < fewStarts {
		return habit{long: startLong, times: startTimes}
	}
	seconds := func(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }
	return habit{
		long:       min(longestStart, max(leastLong, seconds(beyond*float64(slices.Max(s.Long))))),
		times:      max(leastTimes, beyond*float64(slices.Max(s.Times))),
		known:      true,
		longest:    seconds(float64(slices.Max(s.Long))),
		usualLong:  seconds(middling(s.Long)).Round(5 * time.Second),
		usualTimes: middling(s.Times),
	}
}

func middling(list []float32) float64 {
	list = slices.Sorted(slices.Values(list))
	return float64(list[len(list)/2])
}

// says is the habit, to stand behind "its first answers".
func (h habit) says() string {
	switch {
	case !h.known:
		return "may take longer for " + figure.Span(h.long) + ", since it is not known yet how it starts"
	case h.usualTimes < warmTimes:
		return "usually take no longer than others"
	}
	return "usually take " + figure.Number(h.usualTimes) + " times as long for " + figure.In(h.usualLong.Seconds(), "seconds")
}

// most says how long a start may take.
func (h habit) most() string {
	switch {
	case h.known && h.longest < leastLong/2:
		return "none of its last starts took long"
	case h.known:
		return "none of its last starts took longer than " + figure.In(h.longest.Seconds(), "seconds")
	}
	return "a start of which nothing is known may take " + figure.Span(h.long)
}

// learn remembers a start that is over.
func (s *Starts) learn(long time.Duration, times float64) {
	if math.IsNaN(times) || math.IsInf(times, 0) {
		return
	}
	s.Long, s.Times = append(s.Long, float32(long.Seconds())), append(s.Times, float32(max(1, times)))
	if n := len(s.Long) - mostStarts; n > 0 {
		s.Long, s.Times = slices.Delete(s.Long, 0, n), slices.Delete(s.Times, 0, n)
	}
}

// count counts a start; those within overAndOver are remembered.
func (s *Starts) count(at time.Time) {
	s.turn(at)
	s.Last = max(s.Last, at.Unix())
	if age := s.slot - slotOf(at); age >= 0 && age < startSlots {
		s.counted[slotOf(at)%startSlots]++
	}
}

// lately is how many starts there were within overAndOver.
func (s *Starts) lately(now time.Time) (n int) {
	s.turn(now)
	for _, c := range s.counted {
		n += int(c)
	}
	return n
}

func slotOf(at time.Time) int64 { return at.Unix() / int64(overAndOver.Seconds()/startSlots) }

// turn makes room for a time that is newer than all that is counted.
func (s *Starts) turn(to time.Time) {
	slot := slotOf(to)
	if slot <= s.slot {
		return
	}
	for k := max(s.slot+1, slot-startSlots+1); k <= slot; k++ {
		s.counted[k%startSlots] = 0
	}
	s.slot = slot
}

// sound says that decoded starts are some that learn could have made.
func (s *Starts) sound() bool {
	return s != nil && len(s.Long) == len(s.Times) && len(s.Long) <= mostStarts
}

// started is what is known of the starts of one instance.
type started struct {
	at      time.Time // of the newest start; zero while none is known
	before  time.Time // of the one before; zero where that is not known
	watched bool      // it was watched from its start on, and is not warm yet
	worst   float64   // how many times as long as warm ones' its answers took since
	slowFor time.Duration
	warm    int // rounds in a row in which it was as quick as they are
}

// warmRounds is for how many rounds in a row an instance must have been as quick
// as warm ones to be warm: the first calls are few.
const warmRounds = 3

// figureLag is how long what was slow still shows in the figures.
const figureLag = 30 * time.Second

// begin takes in when an instance says that it was started, and tells whether
// that is news.
func (s *started) begin(at, now time.Time) bool {
	switch {
	case s.at.IsZero():
		s.at, s.watched = at, now.Sub(at) < oneStart
	case at.Sub(s.at) < oneStart: // the clocks, or another container of it
		return false
	default:
		*s = started{at: at, before: s.at, watched: true}
	}
	return now.Sub(at) < overAndOver
}

// again says that it was started over and over.
func (s *started) again() bool { return !s.before.IsZero() && s.at.Sub(s.before) < overAndOver }

// follow holds an instance that is new against warm ones, by how many times as
// long as theirs its answers take (NaN where that is not known), and gives what
// is to be remembered of its start once it is warm.
func (s *started) follow(times float64, now time.Time) (long time.Duration, worst float64, over bool) {
	switch age := now.Sub(s.at); {
	case !s.watched:
		return 0, 0, false
	case age > longestStart: // it is not the start that makes it slow
		s.watched = false
		return 0, 0, false
	case math.IsNaN(times):
		s.warm = 0
		return 0, 0, false
	case times > warmTimes:
		// The figure is that of a window, of which the start may fill a part only.
		s.worst, s.slowFor, s.warm = max(s.worst, times), max(leastLong/2, age-figureLag), 0
		return 0, 0, false
	}
	if s.warm++; s.warm < warmRounds {
		return 0, 0, false
	}
	s.watched = false
	return s.slowFor, max(1, s.worst), true
}
