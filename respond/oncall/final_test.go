package oncall

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// places are zones whose clocks change by an hour, by half an hour, in the other
// half of the year, and never.
var places = []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func rotaOf(t testing.TB, s Schedule, overrides ...Override) *Rota {
	t.Helper()
	r, err := NewRota(s, overrides)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func weekly(zone string) Schedule {
	return Schedule{ID: "shop", Name: "Shop", Zone: zone, Layers: []Layer{{Name: "Week", Handoff: "weekly", Start: "2026-01-05T09:00", Turns: []Turn{{"ana"}, {"ben", "cem"}}}}}
}

// A wall time that is skipped means the moment of the skip, one that comes twice
// means the first.
func TestWallTimesThatAreSkippedOrComeTwice(t *testing.T) {
	for _, c := range []struct{ zone, wall, want string }{
		{"Europe/Berlin", "2027-03-28T02:30", "2027-03-28T01:00:00Z"},
		{"Europe/Berlin", "2027-03-28T03:00", "2027-03-28T01:00:00Z"},
		{"Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30:00Z"},
		{"Europe/Berlin", "2026-10-25T03:00", "2026-10-25T02:00:00Z"},
		{"America/New_York", "2026-03-08T02:00", "2026-03-08T07:00:00Z"},
		{"America/New_York", "2026-11-01T01:59", "2026-11-01T05:59:00Z"},
		{"Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30:00Z"}, // half an hour is skipped
		{"Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T14:45:00Z"}, // half an hour comes twice
		{"Asia/Kathmandu", "2026-06-01T09:00", "2026-06-01T03:15:00Z"},
	} {
		zone, err := zoneOf(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		wall, err := parseWall(c.wall)
		if err != nil {
			t.Fatal(err)
		}
		if got := instant(wall, zone).Format(time.RFC3339); got != c.want {
			t.Errorf("%s in %s is %s, want %s", c.wall, c.zone, got, c.want)
		}
	}
	// Over all changes of some years: what the clock shows comes back, a later
	// wall time is never an earlier instant.
	for _, name := range places {
		zone, _ := zoneOf(name)
		var last time.Time
		for wall := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC); wall.Year() < 2028; wall = wall.Add(15 * time.Minute) {
			got := instant(wall, zone)
			if got.Before(last) {
				t.Fatalf("%s: %s is %s, before %s", name, wall, got, last)
			}
			last = got
			if shown := wallOf(got, zone); !shown.Equal(wall) {
				if skip := wallOf(got.Add(-time.Nanosecond), zone); !skip.Before(wall) || !shown.After(wall) {
					t.Fatalf("%s: %s is %s, at which the clock shows %s", name, wall, got, shown)
				}
			}
		}
	}
}

// The hand-over at 09:00 stays at 09:00 all year, whatever the hand-over's form.
func TestHandOversKeepTheirTimeOnTheWall(t *testing.T) {
	for _, zone := range places {
		for _, handoff := range []string{"daily", "weekly", "every 2 weeks", "every 12 hours", "FREQ=WEEKLY;BYDAY=MO,FR", "FREQ=MONTHLY;BYDAY=1MO", "FREQ=DAILY;BYHOUR=9,21", "RRULE:FREQ=MONTHLY;BYMONTHDAY=-1"} {
			s := weekly(zone)
			s.Layers[0].Handoff = handoff
			r := rotaOf(t, s)
			from := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
			list, err := r.Final(from, from.AddDate(1, 0, 0))
			if err != nil || len(list) < 10 {
				t.Fatalf("%s, %s: %d shifts, %v", zone, handoff, len(list), err)
			}
			for n, s := range list[1:] {
				if !s.Start.Equal(list[n].End) {
					t.Fatalf("%s, %s: a gap from %s to %s", zone, handoff, list[n].End, s.Start)
				}
				if slices.Equal(s.People, list[n].People) {
					t.Errorf("%s, %s: %v twice, at %s", zone, handoff, s.People, s.Start)
				}
				if h, m, _ := s.Start.In(r.zone).Clock(); (h != 9 && h != 21) || m != 0 {
					t.Errorf("%s, %s: the hand-over is at %s", zone, handoff, s.Start.In(r.zone))
				}
			}
		}
	}
}

// What people would draw on paper.
func TestWhoIsOnCall(t *testing.T) {
	s := Schedule{ID: "shop", Name: "Shop", Zone: "Europe/Berlin",
		Holidays: []Holiday{{Date: "2026-12-25", Name: "Christmas"}},
		Layers: []Layer{
			{Name: "Days", Handoff: "FREQ=WEEKLY;BYDAY=MO", Start: "2026-03-02T09:00", Turns: []Turn{{"ana", "eva"}, {"ben"}}},
			{Name: "Nights", Handoff: "daily", Start: "2026-03-02T12:00", Turns: []Turn{{"cem"}, {"dora"}}, Hours: []Hours{{From: "20:00", To: "08:00", Days: []string{"mon", "tue", "wed", "thu", "fri"}}}},
			{Name: "Feasts", Handoff: "never", Start: "2026-01-01", Turns: []Turn{{"fay", "gus"}}, Everyone: true, Holidays: "only"},
		}}
	made := at(t, "2026-03-01T12:00:00Z")
	overrides := []Override{
		{ID: "o1", Schedule: "shop", Person: "ben", From: at(t, "2026-03-03T09:00:00Z"), To: at(t, "2026-03-03T12:00:00Z"), Reason: "dentist", By: "Ana", At: made},
		{ID: "o2", Schedule: "shop", Person: "eva", From: at(t, "2026-03-03T11:00:00Z"), To: at(t, "2026-03-03T13:00:00Z"), Reason: "lunch", By: "Eva", At: made.Add(time.Minute)},
		{ID: "o3", Schedule: "shop", Person: "ana", Replaces: "gus", From: at(t, "2026-12-25T00:00:00Z"), To: at(t, "2026-12-25T12:00:00Z"), By: "Gus", At: made, Swap: "s"},
		{ID: "o4", Schedule: "other", Person: "zoe", From: made, To: made.AddDate(0, 6, 0), By: "Zoe", At: made},
	}
	r := rotaOf(t, s, overrides...)
	for _, c := range []struct{ at, who, until, why string }{
		{"2026-03-02T07:59:00Z", "", "", ""},
		{"2026-03-02T08:00:00Z", "ana", "2026-03-02T19:00:00Z", "layer Days, turn of Mon 2 Mar 09:00 to Mon 9 Mar 09:00"},
		{"2026-03-02T19:00:00Z", "cem", "2026-03-03T07:00:00Z", "layer Nights, turn of Mon 2 Mar 12:00 to Tue 3 Mar 12:00, before layer Days"},
		{"2026-03-03T10:00:00Z", "ben", "2026-03-03T11:00:00Z", "override by Ana until Tue 3 Mar 13:00 (dentist), before all layers"},
		{"2026-03-03T11:30:00Z", "eva", "2026-03-03T13:00:00Z", "override by Eva"}, // made later
		{"2026-03-03T13:00:00Z", "ana", "2026-03-03T19:00:00Z", "layer Days"},
		{"2026-03-03T20:00:00Z", "dora", "2026-03-04T07:00:00Z", "layer Nights"},
		{"2026-03-07T22:00:00Z", "ana", "2026-03-09T08:00:00Z", "layer Days"},      // a Saturday night
		{"2026-03-07T05:00:00Z", "cem", "2026-03-07T07:00:00Z", "layer Nights"},    // Friday's night
		{"2026-12-25T11:00:00Z", "fay ana", "2026-12-25T12:00:00Z", "swap by Gus"}, // one of two
		{"2026-12-25T12:00:00Z", "fay gus", "2026-12-25T23:00:00Z", "layer Feasts, since"},
	} {
		duties, next, err := r.OnCall(at(t, c.at))
		if err != nil {
			t.Fatal(err)
		}
		var who []string
		for _, d := range duties {
			who = append(who, d.Person)
			if got := d.Until.Format(time.RFC3339); got != c.until {
				t.Errorf("at %s %s is on call until %s, want %s", c.at, d.Person, got, c.until)
			}
			if !strings.HasPrefix(d.Why, c.why) {
				t.Errorf("at %s %s is on call because of %q, want %q", c.at, d.Person, d.Why, c.why)
			}
		}
		if got := strings.Join(who, " "); got != c.who {
			t.Errorf("at %s on call: %q, want %q", c.at, got, c.who)
		}
		if c.who == "" && !next.Equal(at(t, "2026-03-02T08:00:00Z")) {
			t.Errorf("at %s the next is at %s", c.at, next)
		}
	}
	st, err := r.Stands(at(t, "2026-03-02T10:00:00Z"))
	if err != nil || !slices.Equal(st.Next, []string{"cem"}) || !slices.Equal(st.Behind, []string{"eva"}) || len(st.Steps) != 3 || st.Steps[1].Active {
		t.Errorf("how it stands: %+v, %v", st, err)
	}
	// Ana's days and her nights of the weekend are one stretch until Monday.
	if st, err = r.Stands(at(t, "2026-03-07T10:00:00Z")); err != nil || !st.Through.Equal(at(t, "2026-03-09T08:00:00Z")) || !slices.Equal(st.Next, []string{"ben"}) {
		t.Errorf("how it stands on the weekend: %+v, %v", st, err)
	}
	// Ben replaces Ana for his own turn's end, and stays: one stretch too.
	stays := rotaOf(t, weekly("UTC"), Override{ID: "o", Schedule: "shop", Person: "ben", From: at(t, "2026-01-11T09:00:00Z"), To: at(t, "2026-01-12T09:00:00Z"), By: "Ben", At: made})
	if st, err = stays.Stands(at(t, "2026-01-11T10:00:00Z")); err != nil || !st.Through.Equal(at(t, "2026-01-19T09:00:00Z")) || !st.Duties[0].Until.Equal(at(t, "2026-01-12T09:00:00Z")) {
		t.Errorf("who stays: %+v, %v", st, err)
	}
	if _, _, err := (NewRoster(nil, nil)).OnCall("none", made); !errors.Is(err, respond.ErrNotFound) {
		t.Errorf("an unknown schedule: %v", err)
	}
}

// randomSchedule is any schedule that is right.
func randomSchedule(r *rand.Rand) (Schedule, []Override) {
	people := []string{"ana", "ben", "cem", "dora", "eva"}
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	s := Schedule{ID: "s", Zone: places[r.IntN(len(places))], Holidays: []Holiday{{Date: "2026-03-30"}, {Date: "2026-10-26"}}}
	for n := range 1 + r.IntN(4) {
		l := Layer{Name: fmt.Sprint(n), Start: pick("2026-01-01T09:00", "2025-12-28T02:30", "2026-03-29T02:15", "2026-06-01"), Everyone: r.IntN(3) == 0,
			Handoff:  pick("never", "daily", "weekly", "every 7 hours", "every 3 days", "FREQ=WEEKLY;BYDAY=TU,SA;BYHOUR=2;BYMINUTE=30", "FREQ=MONTHLY;BYDAY=-1SU", "FREQ=DAILY;INTERVAL=2"),
			Holidays: pick("", "", "never", "only")}
		if r.IntN(4) == 0 {
			l.End = "2026-11-01T01:30"
		}
		for range 1 + r.IntN(3) {
			r.Shuffle(len(people), func(i, j int) { people[i], people[j] = people[j], people[i] })
			l.Turns = append(l.Turns, slices.Clone(people[:1+r.IntN(2)]))
		}
		for range r.IntN(3) {
			l.Hours = append(l.Hours, Hours{From: pick("", "02:30", "18:00"), To: pick("", "02:30", "09:00"), Days: []string{pick("mon", "sat", "sun"), pick("tue", "sun")}})
		}
		s.Layers = append(s.Layers, l)
	}
	var overrides []Override
	for n := range r.IntN(5) {
		from := time.Date(2026, time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), 0, 0, time.UTC)
		o := Override{ID: fmt.Sprint(n), Schedule: "s", Person: people[0], From: from, To: from.Add(time.Duration(1+r.IntN(2000)) * time.Hour), By: "x", At: from.Add(-time.Duration(r.IntN(50)) * time.Hour)}
		if r.IntN(2) == 0 {
			o.Replaces = people[1]
		}
		overrides = append(overrides, o)
	}
	return s, overrides
}

// who works it out for one instant alone, in another way than Final: it asks
// each layer from above, without any list of shifts.
func who(r *Rota, t time.Time) []string {
	var base []string
	wall := wallOf(t, r.zone)
	for n := len(r.layers) - 1; n >= 0 && base == nil; n-- {
		l := r.layers[n]
		_, holiday := r.holidays[midnight(wall)]
		if l.Holidays == "only" && !holiday || l.Holidays == "never" && holiday || t.Before(instant(l.start, r.zone)) || !l.end.IsZero() && !t.Before(instant(l.end, r.zone)) {
			continue
		}
		open := len(l.hours) == 0
		for _, h := range l.hours {
			for back := range 3 {
				day := midnight(wall).Add(-time.Duration(back) * oneDay)
				open = open || h.days[day.Weekday()] && !t.Before(instant(day.Add(h.from), r.zone)) && t.Before(instant(day.Add(h.to), r.zone))
			}
		}
		if !open {
			continue
		}
		l.handoff.turns(l.start, l.start, wall.Add(2*oneDay), func(index int, begin, end time.Time) {
			if !t.Before(instant(begin, r.zone)) && (end.IsZero() || t.Before(instant(end, r.zone))) {
				base = slices.Clone(l.Turns[index%len(l.Turns)])
				if !l.Everyone {
					base = base[:1]
				}
			}
		})
	}
	for _, o := range r.overrides {
		if t.Before(o.From) || !t.Before(o.To) {
			continue
		}
		n := slices.Index(base, o.Replaces)
		switch {
		case o.Replaces == "":
			base = []string{o.Person}
		case n >= 0 && slices.Contains(base, o.Person):
			base = slices.Delete(base, n, n+1)
		case n >= 0:
			base[n] = o.Person
		}
	}
	return base
}

// For any schedule: shifts are in order and do not overlap; at every instant
// the people are those that the rules say; OnCall says what Final says, and what
// is asked for part by part is what is asked for at once.
func TestShiftsTileAndAgree(t *testing.T) {
	rounds := 150
	if testing.Short() {
		rounds = 30
	}
	for seed := range rounds {
		random := rand.New(rand.NewPCG(uint64(seed), 7))
		s, overrides := randomSchedule(random)
		r := rotaOf(t, s, overrides...)
		from := time.Date(2026, time.Month(1+random.IntN(12)), 1+random.IntN(28), random.IntN(24), 0, 0, 0, time.UTC)
		to := from.Add(time.Duration(1+random.IntN(60)) * oneDay)
		list, err := r.Final(from, to)
		if err != nil {
			t.Fatal(err)
		}
		on := func(list []Shift, t time.Time) []string {
			n := slices.IndexFunc(list, func(s Shift) bool { return s.span().has(t) })
			if n < 0 {
				return nil
			}
			return list[n].People
		}
		instants := []time.Time{from, to.Add(-1)}
		for n, s := range list {
			if !s.Start.Before(s.End) || s.Start.Before(from) || s.End.After(to) || n > 0 && s.Start.Before(list[n-1].End) || len(s.People) == 0 || s.Why == "" {
				t.Fatalf("seed %d: shift %d: %+v", seed, n, s)
			}
			instants = append(instants, s.Start, s.Start.Add(-1), s.End, s.End.Add(-1))
		}
		for range 200 {
			instants = append(instants, from.Add(time.Duration(random.Int64N(int64(to.Sub(from))))))
		}
		middle := from.Add(to.Sub(from) / 3)
		first, _ := r.Final(from, middle)
		second, _ := r.Final(middle, to)
		parts := append(first, second...)
		for n, i := range instants {
			if i.Before(from) || !i.Before(to) {
				continue
			}
			want, got := who(r, i), on(list, i)
			if !slices.Equal(want, got) {
				t.Fatalf("seed %d: at %s on call: %v, want %v\n%+v\n%+v", seed, i, got, want, s, overrides)
			}
			if again := on(parts, i); !slices.Equal(again, got) {
				t.Fatalf("seed %d: at %s in two parts: %v, at once %v", seed, i, again, got)
			}
			if n > 60 {
				continue
			}
			duties, next, err := r.OnCall(i)
			if err != nil || len(duties) != len(got) {
				t.Fatalf("seed %d: at %s OnCall says %v, %v, and Final %v", seed, i, duties, err, got)
			}
			for n, d := range duties {
				if d.Person != got[n] || !d.Until.IsZero() && !d.Until.After(i) || d.Why == "" {
					t.Fatalf("seed %d: at %s OnCall says %+v, and Final %v", seed, i, d, got)
				}
			}
			if len(duties) == 0 && !next.IsZero() {
				if !next.After(i) || who(r, next) == nil || who(r, next.Add(-time.Nanosecond)) != nil {
					t.Fatalf("seed %d: at %s nobody is on call until %s", seed, i, next)
				}
			}
		}
	}
}

func TestWhatIsNotRightIsRefusedWithItsPlace(t *testing.T) {
	for want, spoil := range map[string]func(*Schedule){
		"time_zone":                      func(s *Schedule) { s.Zone = "Berlin" },
		"time_zone: there is":            func(s *Schedule) { s.Zone = "Local" },
		"layers: 1 to":                   func(s *Schedule) { s.Layers = nil },
		"layer 1 (Week): turns":          func(s *Schedule) { s.Layers[0].Turns = nil },
		"layer 1 (Week): turn 1":         func(s *Schedule) { s.Layers[0].Turns[0] = Turn{"ana", "ana"} },
		"layer 1 (Week): start":          func(s *Schedule) { s.Layers[0].Start = "monday" },
		"layer 1 (Week): end":            func(s *Schedule) { s.Layers[0].End = "2026-01-05T09:00" },
		"layer 1 (Week): handoff":        func(s *Schedule) { s.Layers[0].Handoff = "" },
		"COUNT is not":                   func(s *Schedule) { s.Layers[0].Handoff = "FREQ=DAILY;COUNT=3" },
		"every 12 hours":                 func(s *Schedule) { s.Layers[0].Handoff = "FREQ=HOURLY" },
		"layer 1 (Week): hours, entry":   func(s *Schedule) { s.Layers[0].Hours = []Hours{{From: "25:00"}} },
		"is not one of mon":              func(s *Schedule) { s.Layers[0].Hours = []Hours{{Days: []string{"Montag"}}} },
		"layer 1 (Week): holidays":       func(s *Schedule) { s.Layers[0].Holidays = "yes" },
		"holiday 1: \"25.12.\" is not a": func(s *Schedule) { s.Holidays = []Holiday{{Date: "25.12."}} },
		"id: 1 to":                       func(s *Schedule) { s.ID = "a/b" },
	} {
		s := weekly("Europe/Berlin")
		spoil(&s)
		if err := s.Validate(); !errors.Is(err, respond.ErrInvalid) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if _, err := rotaOf(t, weekly("UTC")).Final(time.Time{}, time.Now()); !errors.Is(err, respond.ErrInvalid) {
		t.Errorf("two thousand years: %v", err)
	}
}

// No text of a hand-over makes it panic or take long.
func FuzzHandoff(f *testing.F) {
	for _, seed := range []string{"weekly", "every 5 hours", "FREQ=WEEKLY;BYDAY=MO,FR;BYHOUR=9,21", "FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2", "RRULE:FREQ=DAILY;INTERVAL=366;WKST=SU", "FREQ=MONTHLY;BYDAY=5MO,-5TU;BYMINUTE=1,2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := weekly("Australia/Lord_Howe")
		s.Layers[0].Handoff, s.Layers[0].Start = text, "2000-01-01T09:00"
		r, err := NewRota(s, nil)
		if err != nil {
			return
		}
		begun := time.Now()
		from := time.Date(2098, 1, 1, 0, 0, 0, 0, time.UTC)
		list, err := r.Final(from, from.AddDate(1, 0, 0))
		if err != nil {
			t.Fatal(err)
		}
		for n, x := range list {
			if !x.Start.Before(x.End) || n > 0 && !x.Start.Equal(list[n-1].End) {
				t.Fatalf("%q: shift %d: %+v", text, n, x)
			}
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%q took %s", text, took)
		}
	})
}
