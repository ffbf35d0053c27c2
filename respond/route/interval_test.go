package route

import (
	"math/rand/v2"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

func interval(t testing.TB, text string) Interval {
	t.Helper()
	var i Interval
	if err := yaml.Unmarshal([]byte(text), &i); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return i
}

// What Alertmanager's documentation says of each field.
func TestAnIntervalContainsATime(t *testing.T) {
	for _, c := range []struct {
		text    string
		in, out []string
	}{
		{`{}`, []string{"2027-01-01T00:00:00Z"}, nil},
		{`times: [{start_time: "09:00", end_time: "17:00"}]`,
			[]string{"2027-01-01T09:00:00Z", "2027-01-01T16:59:59Z"}, []string{"2027-01-01T08:59:59Z", "2027-01-01T17:00:00Z"}},
		{`times: [{start_time: "17:00", end_time: "24:00"}]`, []string{"2027-01-01T23:59:59Z"}, []string{"2027-01-02T00:00:00Z"}},
		{`weekdays: ["monday:wednesday", SATURDAY]`, // of a week that begins on Monday the 4th
			[]string{"2027-01-04T00:00:00Z", "2027-01-06T23:59:00Z", "2027-01-09T12:00:00Z"}, []string{"2027-01-07T00:00:00Z", "2027-01-10T00:00:00Z"}},
		{`days_of_month: ["1:5", "-3:-1"]`,
			[]string{"2027-02-01T00:00:00Z", "2027-02-05T00:00:00Z", "2027-02-26T00:00:00Z", "2027-02-28T00:00:00Z", "2027-01-29T00:00:00Z"},
			[]string{"2027-02-06T00:00:00Z", "2027-02-25T00:00:00Z", "2027-01-28T00:00:00Z"}},
		{`days_of_month: ["31"]`, []string{"2027-01-31T00:00:00Z"}, []string{"2027-02-28T00:00:00Z", "2027-04-30T00:00:00Z"}},
		{`days_of_month: ["1:-1"]`, []string{"2027-02-01T00:00:00Z", "2027-02-28T00:00:00Z"}, nil},
		{`days_of_month: ["30:31"]`, []string{"2027-04-30T00:00:00Z"}, []string{"2027-02-28T00:00:00Z"}},
		{`days_of_month: ["-31"]`, []string{"2027-01-01T00:00:00Z"}, []string{"2027-02-01T00:00:00Z"}},
		{`months: ["january:march", may, "8", "october:12"]`,
			[]string{"2027-03-31T00:00:00Z", "2027-05-01T00:00:00Z", "2027-08-01T00:00:00Z", "2027-12-31T00:00:00Z"}, []string{"2027-04-01T00:00:00Z", "2027-09-01T00:00:00Z"}},
		{`years: ["2027", "2029:2031"]`, []string{"2027-05-01T00:00:00Z", "2031-12-31T23:59:59Z"}, []string{"2028-05-01T00:00:00Z", "2032-01-01T00:00:00Z"}},
		{`{times: [{start_time: "09:00", end_time: "10:00"}], location: Australia/Sydney}`, []string{"2027-01-01T22:30:00Z"}, []string{"2027-01-01T09:30:00Z"}},
		{`{weekdays: [monday], months: [january], times: [{start_time: "09:00", end_time: "10:00"}]}`,
			[]string{"2027-01-04T09:30:00Z"}, []string{"2027-02-01T09:30:00Z", "2027-01-05T09:30:00Z", "2027-01-04T10:30:00Z"}},
	} {
		i := interval(t, c.text)
		for want, times := range map[bool][]string{true: c.in, false: c.out} {
			for _, at := range times {
				when, err := time.Parse(time.RFC3339, at)
				if err != nil {
					t.Fatal(err)
				}
				if i.Contains(when) != want || i.Contains(when.In(time.FixedZone("x", 5*3600))) != want {
					t.Errorf("%s contains %s: %v", c.text, at, !want)
				}
			}
		}
	}
}

// The end of a muting is the first minute that is outside, also where clocks are
// changed: it is what asking every minute finds.
func TestUntilFindsWhatAskingEveryMinuteFinds(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"}
	texts := []string{
		`{times: [{start_time: "01:30", end_time: "02:30"}]`, `{times: [{start_time: "00:00", end_time: "24:00"}], weekdays: ["saturday"]`,
		`{weekdays: [sunday]`, `{times: [{start_time: "02:15", end_time: "02:45"}, {start_time: "02:45", end_time: "04:00"}]`, `{days_of_month: ["-1"]`,
	}
	rng := rand.New(rand.NewPCG(1, 2))
	found := 0
	for _, zone := range zones {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			i := interval(t, text+", location: "+zone+"}")
			other := interval(t, `{times: [{start_time: "03:00", end_time: "05:00"}], location: Asia/Tokyo}`)
			list := []Interval{i, other}
			holds := func(at time.Time) bool { return i.Contains(at) || other.Contains(at) }
			// Both days on which the clock is changed, and one on which it is not.
			for _, day := range []time.Time{time.Date(2027, 3, 27, 12, 0, 0, 0, loc), time.Date(2027, 10, 30, 12, 0, 0, 0, loc),
				time.Date(2027, 4, 3, 12, 0, 0, 0, loc), time.Date(2027, 11, 6, 12, 0, 0, 0, loc), time.Date(2027, 6, 29, 12, 0, 0, 0, loc)} {
				for range 12 {
					from := day.Add(time.Duration(rng.IntN(36*60)) * time.Minute)
					if !holds(from) {
						continue
					}
					found++
					want := from.Add(time.Minute).Truncate(time.Minute)
					for holds(want) {
						want = want.Add(time.Minute)
					}
					if got := untilFalse(list, from, holds); !got.Equal(want) {
						t.Fatalf("%s in %s from %s: until %s, want %s", text, zone, from, got, want.In(loc))
					}
				}
			}
		}
	}
	if found < 100 {
		t.Fatalf("only %d times were within an interval", found)
	}
	if got := untilFalse([]Interval{{}}, noon, func(time.Time) bool { return true }); !got.IsZero() {
		t.Errorf("what never ends ends at %s", got)
	}
}
