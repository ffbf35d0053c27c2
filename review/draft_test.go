package review

import (
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

var t0 = time.Date(2027, 3, 1, 3, 0, 0, 0, time.UTC)

// story is an incident at night: nobody answers the first call.
func story() respond.Story {
	at := func(m int) time.Time { return t0.Add(time.Duration(m) * time.Minute) }
	return respond.Story{
		Incident: respond.Incident{ID: "i1", Number: 7, Tenant: "t", Environment: "prod", Title: "Checkout *fails*", Severity: finding.Critical,
			State: respond.Resolved, OpenedAt: at(1), AckedAt: at(21), ResolvedAt: at(41), Assignee: "ana", Paged: 2},
		Alerts: []respond.Standing{
			{Alert: respond.Alert{Title: "Checkout *fails*", Text: "One order in five is lost.\n1. Look at the database", StartsAt: at(0), Labels: map[string]string{"entity": "host:db-1"}},
				Fate: respond.Over, EndedAt: at(36)},
			{Alert: respond.Alert{Title: "Orders are slow", StartsAt: at(5)}, Fate: respond.Over, EndedAt: at(30)},
		},
		Messages: []respond.Message{{State: respond.Failed, Contact: respond.Contact{Name: "phone"}}, {State: respond.Sent, Contact: respond.Contact{Name: "mail"}}},
		Entries: []respond.Entry{
			{At: at(1), Kind: respond.Opened, By: "Evenkeel", Reason: "Incident 7 began."},
			{At: at(1), Kind: respond.MessageTried, By: "Evenkeel", Reason: "A try."},
			{At: at(6), Kind: respond.NobodyToPage, By: "Evenkeel", Reason: "Nobody is on call."},
			{At: at(21), Kind: respond.Taken, By: "ana@example.org", Person: "ana", Reason: "Ana has taken it up."},
			{At: at(41), Kind: respond.Finished, By: "Evenkeel", Reason: "All of its alerts have ended."},
		},
	}
}

var upgrade = estate.Change{At: t0.Add(-10 * time.Minute), Entity: "host:db-1", Summary: "postgresql was upgraded", Who: "unattended-upgrade"}

var bad, total = 120., 600.

var felt = impact.Impact{Objectives: []slo.Harm{{Title: "Checkout answers", Target: 99.9, Window: 30 * 24 * 3600, Bad: &bad, Total: &total}}}

func TestADraftSaysWhatTheLedgerSays(t *testing.T) {
	d := Draft(story(), []estate.Change{upgrade}, felt, map[string]string{"ana": "Ana"})
	text := d.Markdown(map[string]string{"ana": "Ana"})
	for _, want := range []string{
		`# Incident 7: Checkout \*fails\*`,
		"It began at 2027-03-01 03:00 UTC and was noticed 1 min later. Ana took it up 20 min after it was noticed. It was over 40 min after it was noticed.",
		"- Checkout *fails*. One order in five is lost.",
		"- Checkout answers: 120 of 600 requests went wrong (20 %; 0.1 % may). What that is of the error budget of 30 days is not known.",
		"| Time to detect | 1 min |", "| Time to acknowledge | 20 min |", "| Time to mitigate | 35 min |", "| Time to resolve | 40 min |",
		"- 10 min before it began: postgresql was upgraded. (by unattended-upgrade)",
		"- It was noticed 1 min after it began, by an alert and not by a customer.",
		"- It was taken up only after 20 min.",
		"- Once a step of the escalation reached nobody.",
		"- 1 of the messages to phone failed.",
		"- **02:50:00** Change: postgresql was upgraded. (unattended-upgrade)",
		"- **03:21:00** Ana has taken it up. (ana@example.org)",
		"Nobody has worked on it yet.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "A try.") {
		t.Error("the tries of messages are in the timeline")
	}
	if err := d.Validate(); err != nil {
		t.Errorf("the draft could not be saved: %v", err)
	}
}

// What is not known is not told as if it were.
func TestADraftOfWhatIsNotOver(t *testing.T) {
	s := story()
	s.Incident.State, s.Incident.ResolvedAt, s.Incident.AckedAt, s.Incident.Declared = respond.Triggered, time.Time{}, time.Time{}, true
	s.Alerts, s.Messages, s.Entries = nil, nil, nil
	text := Draft(s, nil, impact.Impact{Unknown: "nothing was promised yet."}, nil).Markdown(nil)
	for _, want := range []string{"It was noticed at 2027-03-01 03:01 UTC. Nobody took it up. It is not over yet.", "| Time to resolve | not known |", "| Time to mitigate | not known |",
		"## Impact\n\n- What users felt is not known: nothing was promised yet.", "A person noticed it; no alert did."} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

func TestTimesOf(t *testing.T) {
	at := func(m int) time.Time { return t0.Add(time.Duration(m) * time.Minute) }
	over := func(start, end int) respond.Standing {
		return respond.Standing{Alert: respond.Alert{StartsAt: at(start)}, Fate: respond.Over, EndedAt: at(end)}
	}
	standing := respond.Standing{Alert: respond.Alert{StartsAt: at(2)}, Fate: respond.Grouped}
	i := respond.Incident{OpenedAt: at(1), AckedAt: at(3), ResolvedAt: at(9), State: respond.Resolved}
	still, declared := i, i
	still.State, declared.Declared = respond.Acknowledged, true
	for name, c := range map[string]struct {
		incident respond.Incident
		alerts   []respond.Standing
		want     string // detect, acknowledge, mitigate, resolve
	}{
		"two alerts":                 {i, []respond.Standing{over(0, 4), over(2, 8)}, "1m0s 2m0s 7m0s 8m0s"},
		"one still fires":            {still, []respond.Standing{over(0, 4), standing}, "1m0s 2m0s - -"},
		"fired again after it":       {i, []respond.Standing{over(0, 20)}, "1m0s 2m0s 8m0s 8m0s"},
		"no alert":                   {declared, nil, "- 2m0s 8m0s 8m0s"},
		"a clock ahead of ours":      {i, []respond.Standing{over(5, 8)}, "0s 2m0s 7m0s 8m0s"},
		"the start is not told":      {i, []respond.Standing{{Fate: respond.Over, EndedAt: at(4)}}, "- 2m0s 3m0s 8m0s"},
		"resolved while it fires on": {i, []respond.Standing{standing}, "0s 2m0s - 8m0s"},
	} {
		spans, ok := timesOf(c.incident, c.alerts).Spans()
		var got []string
		for k := range spans {
			if ok[k] {
				got = append(got, spans[k].String())
			} else {
				got = append(got, "-")
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", name, s, c.want)
		}
	}
}

func TestWhatPeopleWroteIsChecked(t *testing.T) {
	d := Document{Summary: strings.Repeat("x", maxText+1), Timeline: []Moment{{Text: " "}}, Actions: []Action{{}, {Text: "a", Due: "soon"}}}
	err := d.Validate()
	for _, want := range []string{"summary has 20001 bytes", "timeline, line 1: 1 to", "timeline, line 1: a time", "action 1:", `action 2: "soon" is not a date; write 2027-03-28`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

// No text of a program becomes markup.
func FuzzMarkdown(f *testing.F) {
	f.Add("a\n# b", "[x](y)")
	f.Fuzz(func(t *testing.T, title, line string) {
		d := Document{Title: title, Timeline: []Moment{{At: t0, Text: line, By: title}}, Actions: []Action{{Text: line}}}
		text := d.Markdown(nil)
		heads := 0
		for _, l := range strings.Split(text, "\n") {
			if strings.HasPrefix(l, "#") {
				heads++
			}
		}
		if heads != 10 {
			t.Fatalf("%d headings:\n%s", heads, text)
		}
		for _, given := range []string{title, line} {
			plain := literal(given)
			for _, c := range markup[1:] {
				plain = strings.ReplaceAll(plain, `\`+string(c), "")
			}
			if strings.ContainsAny(strings.ReplaceAll(plain, `\\`, ""), markup[1:]) {
				t.Fatalf("%q is written as %q", given, literal(given))
			}
		}
	})
}
