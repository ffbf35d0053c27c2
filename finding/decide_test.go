package finding

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

var t0 = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

var key = Key{Tenant: "default", Environment: "home", Practice: "detect", Check: "disk-slow", Entity: "disk:web-1:sda"}

// play runs a script of "MINUTES what" lines through the decisions and returns
// the finding and its history as "kind from>to".
//
//	0 fire warning postgres      12 ack        30 accept 60      40 expire
func play(t *testing.T, script string) (Finding, string) {
	t.Helper()
	var cur *Finding
	var history []string
	var exempt Exemptions
	for line := range strings.Lines(script) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		minutes, err := time.ParseDuration(words[0] + "m")
		if err != nil {
			t.Fatal(err)
		}
		now := t0.Add(minutes)
		switch words[1] {
		case "unexempt":
			exempt = nil
			continue
		case "exempt":
			long, err := time.ParseDuration(words[2] + "m")
			if err != nil {
				t.Fatal(err)
			}
			exempt = Exemptions{{ID: "known", Checks: []string{"disk-*"}, Entities: []string{"*"}, Owner: "storage", Reason: "it is known", Until: t0.Add(long)}}
			continue
		}
		next, events, changed := do(t, cur, exempt, words[1:], now)
		for _, e := range events {
			history = append(history, fmt.Sprintf("%s %s>%s", e.Kind, e.From, e.To))
		}
		if cur == nil && !changed {
			continue
		}
		cur = &next
	}
	if cur == nil {
		return Finding{}, ""
	}
	return *cur, strings.Join(history, ", ")
}

func do(t *testing.T, cur *Finding, exempt Exemptions, words []string, now time.Time) (next Finding, events []Event, changed bool) {
	t.Helper()
	o := Observation{Key: key, At: now, Reason: "because"}
	var err error
	switch words[0] {
	case "fire":
		o.Sign, o.Report.Title = Firing, "slow"
		if o.Report.Severity, err = ParseSeverity(words[1]); err != nil {
			t.Fatal(err)
		}
		if len(words) > 2 {
			o.Report.Culprits = []Culprit{{Name: words[2]}}
		}
		return decide(cur, o, exempt, now)
	case "clear":
		o.Sign = Clear
		return decide(cur, o, exempt, now)
	case "nodata":
		o.Sign = NoData
		return decide(cur, o, exempt, now)
	case "ack":
		next, events, err = Acknowledge(*cur, "Ada", "on it", now)
	case "accept":
		minutes, perr := time.ParseDuration(words[1] + "m")
		if perr != nil {
			t.Fatal(perr)
		}
		next, events, err = Accept(*cur, "Ada", now.Add(minutes), "planned", now)
	case "reopen":
		next, events, err = Reopen(*cur, "Ada", "not done", now)
	case "expire":
		return expire(*cur, now)
	default:
		t.Fatalf("unknown word %q", words[0])
	}
	if err != nil {
		t.Fatalf("%v at %v: %v", words, now, err)
	}
	return next, events, true
}

func TestTheLifeOfAFinding(t *testing.T) {
	for name, c := range map[string]struct {
		script, history string
		state           State
		check           func(f Finding) bool
	}{
		"nothing comes of nothing": {script: "0 clear\n1 nodata"},
		"it opens, and is written again only when it has stood for a while": {
			script:  "0 fire warning\n1 fire warning\n4.9 fire warning\n5 fire warning\n6 fire warning",
			history: "opened >open", state: Open,
			check: func(f Finding) bool { return f.Revision == 2 && f.LastSeen.Equal(t0.Add(5*time.Minute)) }},
		"the first culprit is taken at once, another one after a minute": {
			script:  "0 fire warning\n0.25 fire warning postgres\n0.5 fire warning backup\n2 fire warning backup\n2.1 fire warning\n3 fire warning",
			history: "opened >open", state: Open,
			check: func(f Finding) bool { return f.Culprits[0].Name == "backup" && f.Revision == 3 }},
		"it resolves, and comes back as the same one": {
			script:  "0 fire warning\n1 clear\n11 fire warning\n12 clear",
			history: "opened >open, resolved open>resolved, reopened resolved>open, resolved open>resolved", state: Resolved,
			check: func(f Finding) bool {
				return f.Returns == 1 && f.ResolvedAt.Equal(t0.Add(12*time.Minute)) && f.Reason == "because"
			}},
		"much later it is another one": {
			script: "0 fire warning\n1 clear\n11.1 fire warning", history: "opened >open, resolved open>resolved, opened >open", state: Open,
			check: func(f Finding) bool { return f.Revision == 1 && f.Returns == 0 && f.ID == "" }},
		"no data is unknown, not resolved": {
			script:  "0 fire warning\n1 nodata\n2 nodata\n300 nodata\n301 fire warning",
			history: "opened >open, unknown open>unknown, known unknown>open", state: Open},
		"clear again after no data": {
			script: "0 fire warning\n1 nodata\n2 clear", history: "opened >open, unknown open>unknown, resolved unknown>resolved", state: Resolved},
		"it gets worse at once and better slowly": {
			script:  "0 fire warning\n1 fire critical\n2 fire warning\n5.9 fire warning\n6 fire warning",
			history: "opened >open, worsened open>open, eased open>open", state: Open,
			check: func(f Finding) bool { return f.Severity == Warning }},
		"acknowledged it stays so": {
			script: "0 fire warning\n1 ack\n7 fire warning\n8 clear", history: "opened >open, acknowledged open>acknowledged, resolved acknowledged>resolved", state: Resolved},
		"worse than what was acknowledged, it opens": {
			script:  "0 fire warning\n1 ack\n2 fire critical",
			history: "opened >open, acknowledged open>acknowledged, worsened acknowledged>open", state: Open,
			check: func(f Finding) bool { return f.Answer == Answer{} }},
		"an accepted one that eases and worsens within what was accepted stays accepted": {
			script:  "0 fire critical\n1 accept 600\n10 fire warning\n11 fire critical\n12 nodata\n13 fire critical",
			history: "opened >open, accepted open>accepted, eased accepted>accepted, worsened accepted>accepted, unknown accepted>unknown, known unknown>accepted",
			state:   Accepted, check: func(f Finding) bool { return f.Reason == "planned" && f.By == "Ada" }},
		"an acceptance outlives a short recovery": {
			script:  "0 fire warning\n1 accept 600\n2 clear\n3 fire warning",
			history: "opened >open, accepted open>accepted, resolved accepted>resolved, reopened resolved>accepted", state: Accepted},
		"but not a worse return": {
			script:  "0 fire warning\n1 accept 600\n2 clear\n3 fire critical",
			history: "opened >open, accepted open>accepted, resolved accepted>resolved, reopened resolved>open", state: Open,
			check: func(f Finding) bool { return f.Until.IsZero() && f.Prior == "" && f.Answer == Answer{} }},
		"an acceptance ends": {
			script:  "0 fire warning\n1 accept 60\n60 expire\n61 expire\n62 expire",
			history: "opened >open, accepted open>accepted, expired accepted>open", state: Open,
			check: func(f Finding) bool { return f.Until.IsZero() }},
		"an acceptance ends in the dark": {
			script:  "0 fire warning\n1 accept 60\n2 nodata\n61 expire\n62 fire warning",
			history: "opened >open, accepted open>accepted, unknown accepted>unknown, expired unknown>unknown, known unknown>open", state: Open},
		"what is said in the dark counts when there is light": {
			script:  "0 fire warning\n1 nodata\n2 ack\n3 fire warning\n4 reopen",
			history: "opened >open, unknown open>unknown, acknowledged unknown>unknown, known unknown>acknowledged, reopened acknowledged>open", state: Open},
	} {
		t.Run(name, func(t *testing.T) {
			f, history := play(t, c.script)
			if history != c.history || f.State != c.state {
				t.Errorf("state %q, history:\n%s\nwant %q:\n%s", f.State, history, c.state, c.history)
			}
			if c.check != nil && !c.check(f) {
				t.Errorf("the finding is not as it should be: %+v", f)
			}
		})
	}
}

// TestWhateverHappensTheInvariantsHold plays random lives.
func TestWhateverHappensTheInvariantsHold(t *testing.T) {
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 1))
		var cur *Finding
		now, lastState := t0, State("")
		for range 60 {
			now = now.Add(time.Duration(random.IntN(360)) * time.Second)
			var before Finding
			if cur != nil {
				before = *cur
			}
			var next Finding
			var events []Event
			var changed bool
			var sign Sign
			switch n := random.IntN(20); {
			case n < 15 || cur == nil:
				sign = []Sign{Firing, Firing, Clear, NoData}[random.IntN(4)]
				o := Observation{Key: key, At: now, Sign: sign, Since: now.Add(time.Duration(random.IntN(20)-10) * time.Minute),
					Report: Report{Severity: Severity(1 + random.IntN(3)), Title: "x"}}
				next, events, changed = Decide(cur, o, now)
				if again, _, _ := Decide(cur, o, now); !reflect.DeepEqual(next, again) {
					t.Fatal("the same question, two answers")
				}
			case n == 15:
				next, events, changed = expire(*cur, now)
			default:
				var err error
				switch n {
				case 16:
					next, events, err = Acknowledge(*cur, "Ada", "", now)
				case 17, 18:
					next, events, err = Accept(*cur, "Ada", now.Add(time.Hour), "planned", now)
				case 19:
					next, events, err = Reopen(*cur, "Ada", "", now)
				}
				changed = err == nil
				if err != nil && !errors.Is(err, ErrState) {
					t.Fatal(err)
				}
			}
			if cur != nil && !reflect.DeepEqual(before, *cur) {
				t.Fatal("what stands was written to")
			}
			if !changed {
				if len(events) > 0 || cur != nil && !reflect.DeepEqual(next, before) {
					t.Fatalf("seed %d: a change that is none: %+v", seed, events)
				}
				continue
			}
			for _, e := range events {
				anew := e.Kind == "opened"
				if e.From != lastState && !anew || anew && (e.From != "" || lastState != "" && lastState != Resolved) {
					t.Fatalf("seed %d: %s from %q, but it was %q", seed, e.Kind, e.From, lastState)
				}
				if e.By == "" || e.Kind == "" || !e.At.Equal(now) {
					t.Fatalf("seed %d: an event without its who, what or when: %+v", seed, e)
				}
				lastState = e.To
			}
			anew := len(events) > 0 && events[0].Kind == "opened"
			switch {
			case lastState != next.State:
				t.Fatalf("seed %d: the history ends in %q, the finding is %q", seed, lastState, next.State)
			case sign == NoData && next.State != Unknown:
				t.Fatalf("seed %d: no data made it %q", seed, next.State)
			case cur != nil && before.State != Resolved && anew:
				t.Fatalf("seed %d: a second finding while one stands", seed)
			case next.Revision != before.Revision+1 && !(anew && next.Revision == 1):
				t.Fatalf("seed %d: revision %d after %d", seed, next.Revision, before.Revision)
			case (next.State == Resolved) == next.ResolvedAt.IsZero():
				t.Fatalf("seed %d: %q, resolved at %v", seed, next.State, next.ResolvedAt)
			case next.State == Unknown && next.Prior != Open && next.Prior != Acknowledged && next.Prior != Accepted:
				t.Fatalf("seed %d: unknown with nowhere to go: %q", seed, next.Prior)
			case next.State != Unknown && next.State != Resolved && next.Prior != "":
				t.Fatalf("seed %d: %q remembers %q", seed, next.State, next.Prior)
			case (next.state() == Accepted) == next.Until.IsZero() && next.State != Resolved:
				t.Fatalf("seed %d: %q until %v", seed, next.state(), next.Until)
			case next.state() == Open && next.Answer != Answer{}:
				t.Fatalf("seed %d: open, and answered: %+v", seed, next.Answer)
			case (next.state() == Accepted || next.state() == Acknowledged) && next.Severity > next.Answer.Severity:
				t.Fatalf("seed %d: %q at %s, though it is %s", seed, next.state(), next.Answer.Severity, next.Severity)
			case next.FirstSeen.After(next.LastSeen) || next.LastSeen.After(now) || next.ChangedAt.After(now):
				t.Fatalf("seed %d: its times are out of order: %+v", seed, next)
			}
			cur = &next
		}
	}
}

func TestAnswersAreChecked(t *testing.T) {
	f, _ := play(t, "0 fire warning")
	resolved, _ := play(t, "0 fire warning\n1 clear")
	acknowledged, _ := play(t, "0 fire warning\n1 ack")
	for name, c := range map[string]struct {
		f     Finding
		until time.Time
		why   string
		want  error
	}{
		"good":               {f, t0.Add(time.Hour), "it is planned", nil},
		"acknowledged":       {acknowledged, t0.Add(time.Hour), "it is planned", nil},
		"a year":             {f, t0.AddDate(1, 0, 0), "it is planned", nil},
		"more than a year":   {f, t0.AddDate(1, 0, 2), "it is planned", ErrInvalid},
		"the past":           {f, t0.Add(-time.Second), "it is planned", ErrInvalid},
		"now":                {f, t0, "it is planned", ErrInvalid},
		"no date":            {f, time.Time{}, "it is planned", ErrInvalid},
		"no reason":          {f, t0.Add(time.Hour), "  \n", ErrInvalid},
		"short":              {f, t0.Add(time.Hour), "ok", ErrInvalid},
		"three characters":   {f, t0.Add(time.Hour), "日本語", nil},
		"500":                {f, t0.Add(time.Hour), strings.Repeat("ü", 500), nil},
		"501":                {f, t0.Add(time.Hour), strings.Repeat("ü", 501), ErrInvalid},
		"not text":           {f, t0.Add(time.Hour), "a\x00bcd", ErrInvalid},
		"resolved meanwhile": {resolved, t0.Add(time.Hour), "it is planned", ErrState},
	} {
		if _, _, err := Accept(c.f, "Ada", c.until, c.why, t0); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, _, err := Acknowledge(acknowledged, "Bob", "", t0); !errors.Is(err, ErrState) {
		t.Errorf("acknowledged twice: %v", err)
	}
	if _, _, err := Reopen(f, "Bob", "", t0); !errors.Is(err, ErrState) {
		t.Errorf("reopened while open: %v", err)
	}
}

// TestWhatAProgramWroteIsKept: the last lines of a program come a moment after
// the finding and are stored at once, and stay when nobody can read them any more.
func TestWhatAProgramWroteIsKept(t *testing.T) {
	at := func(minutes int, lines ...string) Observation {
		o := Observation{Key: key, At: t0.Add(time.Duration(minutes) * time.Minute), Sign: Firing, Report: Report{Severity: Warning, Title: "crashes", Evidence: []Evidence{{Text: "5 restarts"}}}}
		if len(lines) > 0 {
			o.Report.Evidence = append(o.Report.Evidence, Evidence{Text: "it wrote", Lines: lines})
		}
		return o
	}
	f, _, _ := Decide(nil, at(0), t0)
	for _, step := range []struct {
		minutes int
		lines   []string
		changed bool
		want    string
	}{{1, nil, false, ""}, {2, []string{"no such host"}, true, "no such host"}, {3, []string{"later"}, false, "no such host"}, {8, nil, true, "no such host"}, {14, []string{"later"}, true, "later"}} {
		o := at(step.minutes, step.lines...)
		next, _, changed := Decide(&f, o, o.At)
		got := ""
		for _, e := range next.Evidence {
			got += strings.Join(e.Lines, " ")
		}
		if changed != step.changed || got != step.want {
			t.Errorf("after %d min: stored %v, want %v; lines %q, want %q", step.minutes, changed, step.changed, got, step.want)
		}
		f = next
	}
}
