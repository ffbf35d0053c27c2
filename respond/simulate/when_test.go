package simulate

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/evenkeel/evenkeel/respond"
)

func place(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestTimesAreReadAsPeopleWriteThem(t *testing.T) {
	berlin := place(t, "Europe/Berlin")
	now := time.Date(2027, 3, 26, 12, 0, 0, 0, time.UTC) // Friday, 13:00 in Berlin
	for _, c := range []struct{ text, at, said string }{
		{"now", "2027-03-26 12:00 UTC", ""},
		{"2027-03-28T02:30:00+01:00", "2027-03-28 01:30 UTC", "2027-03-28T02:30:00+01:00 is 2027-03-28 01:30 UTC; a clock in Europe/Berlin shows 03:30 CEST then. " +
			"02:30 on Sunday, 28 March 2027 does not exist in Europe/Berlin: the clock goes forward from 02:00 to 03:00. The instant is taken as it is written."},
		{"2027-03-28T02:30:00+02:00", "2027-03-28 00:30 UTC", "2027-03-28T02:30:00+02:00 is 2027-03-28 00:30 UTC; a clock in Europe/Berlin shows 01:30 CET then. " +
			"02:30 on Sunday, 28 March 2027 does not exist in Europe/Berlin: the clock goes forward from 02:00 to 03:00. The instant is taken as it is written."},
		{"2027-03-28T03:30:00+02:00", "2027-03-28 01:30 UTC", ""},
		{"2027-03-28T02:30:00Z", "2027-03-28 02:30 UTC", "2027-03-28T02:30:00Z is 2027-03-28 02:30 UTC; a clock in Europe/Berlin shows 04:30 CEST then."},
		{"2027-03-28 02:30", "2027-03-28 01:30 UTC", "02:30 on Sunday, 28 March 2027 does not exist in Europe/Berlin: the clock goes forward from 02:00 to 03:00. " +
			"It is moved forward by as much: 03:30 CEST is taken, which is 2027-03-28 01:30 UTC."},
		{"2027-10-31 02:30", "2027-10-31 00:30 UTC", "02:30 comes twice in Europe/Berlin that day: the clock goes back from 03:00 to 02:00. " +
			"The first is taken: 02:30 CEST, which is 2027-10-31 00:30 UTC. The second is 2027-10-31 01:30 UTC."},
		{"Sunday 03:00", "2027-03-28 01:00 UTC", ""},
		{"sun 02:30", "2027-03-28 01:30 UTC", "02:30 on Sunday, 28 March 2027 does not exist in Europe/Berlin: the clock goes forward from 02:00 to 03:00. " +
			"It is moved forward by as much: 03:30 CEST is taken, which is 2027-03-28 01:30 UTC."},
		{"Friday 12:00", "2027-04-02 10:00 UTC", ""},
		{"Friday 14:00", "2027-03-26 13:00 UTC", ""},
		{"12:00", "2027-03-27 11:00 UTC", ""},
		{"today 09:00", "2027-03-26 08:00 UTC", ""},
		{"tomorrow 09:00", "2027-03-27 08:00 UTC", ""},
	} {
		at, said, err := ParseTime(c.text, berlin, now)
		if err != nil || utc(at) != c.at || strings.Join(said, " ") != c.said {
			t.Errorf("%s: %s, %q, %v\nwant %s, %q", c.text, utc(at), strings.Join(said, " "), err, c.at, c.said)
		}
	}
	for _, text := range []string{"", "soon", "Sunday", "Noday 03:00", "25:00", "2027-02-30 10:00", "1980-01-01 10:00", "9999-12-31T23:59:59Z", "now now", "03:00 Sunday"} {
		if at, _, err := ParseTime(text, berlin, now); !errors.Is(err, respond.ErrInvalid) {
			t.Errorf("%q is read as %s, %v", text, at, err)
		}
	}
}

// Whatever the zone does with its clock: a wall time is the first instant that
// shows it; where none does, it is shown later by exactly the gap.
func TestWallTimesMeanTheFirstInstantThatShowsThem(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu",
		"Pacific/Apia", "Africa/Casablanca", "America/Sao_Paulo", "Asia/Gaza", "Antarctica/Troll", "Pacific/Chatham", "America/Caracas"} {
		zone := place(t, name)
		// Every turn of the clock from 2000 to 2039, and random times.
		var about []time.Time
		offset := func(at time.Time) time.Duration { _, s := at.In(zone).Zone(); return time.Duration(s) * time.Second }
		last := time.Date(2039, 12, 1, 0, 0, 0, 0, time.UTC)
		for at := last.AddDate(-39, 0, 0); at.Before(last); at = at.AddDate(0, 0, 1) {
			if next := at.AddDate(0, 0, 1); offset(at) != offset(next) {
				about = append(about, nextTurn(at, next, offset))
			}
		}
		for range 200 {
			about = append(about, time.Unix(946_684_800+r.Int64N(1_260_000_000), 0))
		}
		gaps := 0
		for _, turn := range about {
			for range 20 {
				wall := wallOf(turn, zone).Add(time.Duration(r.IntN(2*180)-180) * time.Minute).Truncate(time.Minute)
				got, said, err := ParseTime(wall.Format("2006-01-02 15:04:05"), zone, turn)
				if err != nil {
					t.Fatal(err)
				}
				var shows []time.Time
				for offset := -16 * time.Hour; offset <= 16*time.Hour; offset += 15 * time.Minute {
					if at := wall.Add(offset); wallOf(at, zone).Equal(wall) {
						shows = append(shows, at)
					}
				}
				late := wallOf(got, zone).Sub(wall)
				switch {
				case len(shows) > 0 && !got.Equal(shows[0]):
					t.Fatalf("%s in %s is %s, and %s shows it first", wall, name, got, shows[0])
				case (len(shows) == 1) != (len(said) == 0):
					t.Fatalf("%s in %s comes %d times, and it says %q", wall, name, len(shows), said)
				case len(shows) > 0:
				case late <= 0 || late > 25*time.Hour:
					t.Fatalf("%s in %s does not exist and is taken as %s, %s later", wall, name, got.In(zone), late)
				default:
					gaps++
					if was, is := wallOf(turn.Add(-1), zone).Add(1), wallOf(turn, zone); is.After(was) && late != is.Sub(was) {
						t.Fatalf("%s in %s is moved by %s over a gap of %s", wall, name, late, is.Sub(was))
					}
				}
			}
		}
		if name == "Europe/Berlin" && gaps < 100 {
			t.Errorf("only %d gaps were met", gaps)
		}
	}
}
