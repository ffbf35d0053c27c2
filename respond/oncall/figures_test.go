package oncall

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

func TestProblemsAreFoundInAdvance(t *testing.T) {
	shop, pay := weekly("Europe/Berlin"), weekly("America/New_York")
	shop.Layers[0].Hours = []Hours{{Days: []string{"mon", "tue", "wed", "thu", "fri"}}}
	pay.ID, pay.Name = "pay", "Pay"
	desk := weekly("UTC")
	desk.ID, desk.PartTime, desk.Layers[0].Hours = "desk", true, []Hours{{From: "09:00", To: "17:00"}}
	bad := weekly("Nowhere")
	bad.ID = "bad"
	r := NewRoster([]Schedule{shop, pay, desk, bad}, nil)
	from := at(t, "2026-03-04T00:00:00Z")
	book := respond.NewBook([]respond.Contact{{ID: "1", Person: "ana", Name: "phone", Verified: from}, {ID: "2", Person: "ben", Name: "mail"}})
	list, err := r.Problems(from, from.Add(14*oneDay), Known{
		Name:      func(p string) (string, bool) { return strings.ToUpper(p), p == "ana" || p == "ben" },
		Reachable: reachable(book)})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, p := range list {
		seen[fmt.Sprintf("%s %s %s", p.Kind, p.Schedule, p.Person)]++
		if p.Text == "" || p.Remedy == "" || !p.From.Before(p.To) {
			t.Errorf("%+v", p)
		}
	}
	for what, want := range map[string]int{"gap shop ": 2, "gap pay ": 0, "gap desk ": 0, "twice pay ana": 1, "unreachable shop ben": 1, "unreachable shop ana": 0, "broken bad ": 1} {
		if seen[what] != want {
			t.Errorf("%q: %d times, want %d", what, seen[what], want)
		}
	}
	list, err = r.Problems(from, from.Add(oneDay), Known{Name: func(string) (string, bool) { return "", false }})
	if err != nil || !strings.Contains(fmt.Sprint(list), "cannot log in any more") {
		t.Errorf("people who left: %+v, %v", list, err)
	}
}

// A week over the change of the clock: the hours are those that pass.
func TestFairnessCountsTheHoursThatPass(t *testing.T) {
	s := weekly("Europe/Berlin")
	s.Holidays = []Holiday{{Date: "2026-03-29", Name: "the day of the change"}}
	s.Layers[0].Turns = []Turn{{"ana"}}
	from := at(t, "2026-03-23T00:00:00+01:00")
	list, err := NewRoster([]Schedule{s}, nil).Fairness(from, at(t, "2026-03-30T00:00:00+02:00"))
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	// Seven days less an hour. The night of Sunday the 22nd has its end in it,
	// that of the 29th its beginning; the night of Saturday is an hour shorter.
	want := Load{Person: "ana", Hours: 167, NightHours: 62, Nights: 8, WeekendHours: 47, HolidayHours: 23}
	if list[0] != want {
		t.Errorf("%+v, want %+v", list[0], want)
	}
}

func TestTheFeedIsACalendar(t *testing.T) {
	s := weekly("Europe/Berlin")
	s.Name = "Shop; all of it, and the kitchens of Zürich, Genève and Bellinzona in one 🔔"
	now := at(t, "2026-03-10T10:00:00Z")
	write := func(now time.Time, person string) string {
		var b strings.Builder
		r := rotaOf(t, s, Override{ID: "o", Schedule: "shop", Person: "ana", From: now.Add(oneDay), To: now.Add(2 * oneDay), By: "Ben", Reason: "a\r\nBEGIN:VEVENT", At: now})
		if err := WriteFeed(&b, "On call", person, []*Rota{r}, now, strings.ToUpper); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	all := write(now, "")
	if strings.Contains(strings.ReplaceAll(all, "\r\n", ""), "\n") || !strings.HasPrefix(all, "BEGIN:VCALENDAR\r\n") || !strings.HasSuffix(all, "END:VCALENDAR\r\n") {
		t.Error("lines do not end in CRLF")
	}
	for line := range strings.SplitSeq(all, "\r\n") {
		if len(line) > 75 {
			t.Errorf("a line of %d octets: %s", len(line), line)
		}
	}
	plain := strings.ReplaceAll(all, "\r\n ", "")
	for _, want := range []string{"SUMMARY:ANA\\, on call in Shop\\; all of it", "DTSTART:20260302T080000Z", "DTEND:20260309T080000Z", "DTSTART:20260330T070000Z", `(a\nBEGIN:VEVENT)`, "🔔"} {
		if !strings.Contains(plain, want) {
			t.Errorf("%q is not in the feed", want)
		}
	}
	uids := func(text string) map[string]bool {
		out := map[string]bool{}
		for line := range strings.SplitSeq(text, "\r\n") {
			if id, ok := strings.CutPrefix(line, "UID:"); ok {
				if out[id] {
					t.Errorf("the UID %s is there twice", id)
				}
				out[id] = true
			}
		}
		return out
	}
	before, after, one := uids(write(now, "")), uids(write(now.Add(time.Hour), "")), uids(write(now, "ana"))
	kept := 0
	for id := range after {
		if before[id] {
			kept++
		}
	}
	// The override moves with now in this test, and cuts a shift.
	if kept < len(before)-4 || len(one) >= len(before) || len(one) == 0 {
		t.Errorf("%d of %d UIDs stay, %d are one person's", kept, len(before), len(one))
	}
}

const someHolidays = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227\r\nSUMMARY:Christmas\\, both \r\n days\r\nBEGIN:VALARM\r\nDTSTART:x\r\nEND:VALARM\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20200101\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:New Year\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART:20260301T100000Z\r\nSUMMARY:Meeting\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"

func TestHolidaysComeFromACalendar(t *testing.T) {
	now := at(t, "2026-03-10T10:00:00Z")
	days, skipped, err := ParseHolidays(someHolidays, now)
	if err != nil || skipped != 1 || len(days) != 2+11 {
		t.Fatalf("%+v, %d skipped, %v", days, skipped, err)
	}
	if days[0] != (Holiday{"2025-01-01", "New Year"}) || days[2] != (Holiday{"2026-12-25", "Christmas, both days"}) || days[3].Date != "2026-12-26" {
		t.Errorf("%+v", days)
	}
	for text, want := range map[string]string{
		"":                                "this is not a calendar",
		"<html>":                          "this is not a calendar",
		"BEGIN:VCALENDAR\nBEGIN:VEVENT\n": "line 2: the event does not end",
		"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:A\nEND:VEVENT\n":                                                 "has no DTSTART",
		"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:2026\nEND:VEVENT\n":                                   "is not a date such as",
		"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20260101\nRRULE:FREQ=DAILY\nEND:VEVENT\n":             "only FREQ=YEARLY is read",
		"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20260101\nDTEND;VALUE=DATE:20270101\nEND:VEVENT\n":    "lasts 365 days",
		"BEGIN:VCALENDAR\n" + strings.Repeat("BEGIN:VEVENT\nDTSTART:20260101T000000\nEND:VEVENT\n", maxEvents+1): "events at most",
		strings.Repeat("x", MaxCalendar+1):                                                                       "KiB at most",
		"BEGIN:VCALENDAR\xff":                                                                                    "UTF-8",
	} {
		if _, _, err := ParseHolidays(text, now); !errors.Is(err, respond.ErrInvalid) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%.80q: want %q, got %v", text, want, err)
		}
	}
}

// No calendar makes it panic or take long, and what it reads is right.
func FuzzHolidays(f *testing.F) {
	f.Add(someHolidays)
	f.Add("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20000229\nRRULE:FREQ=YEARLY\nDURATION:P2W\nEND:VEVENT")
	f.Fuzz(func(t *testing.T, text string) {
		begun := time.Now()
		days, _, err := ParseHolidays(text, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("it took %s", took)
		}
		if err != nil {
			return
		}
		s := weekly("UTC")
		s.Holidays = days
		if err := s.Validate(); err != nil {
			t.Errorf("what was read is refused: %v", err)
		}
	})
}

func BenchmarkOnCall(b *testing.B) {
	s := weekly("Europe/Berlin")
	s.Layers = append(s.Layers, Layer{Name: "Nights", Handoff: "FREQ=DAILY", Start: "2016-01-01T12:00", Turns: []Turn{{"cem"}}, Hours: []Hours{{From: "20:00", To: "08:00"}}})
	r := NewRoster([]Schedule{s}, nil)
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for b.Loop() {
		if d, _, err := r.OnCall("shop", now); err != nil || len(d) == 0 {
			b.Fatal(err)
		}
	}
}
