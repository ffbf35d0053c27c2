package finding

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

func readExemptions(t *testing.T, text string) Exemptions {
	t.Helper()
	var list Exemptions
	if err := yaml.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// TestWhatAnExemptionIsAbout: checks and entities by id or pattern, and by what
// routes and silences see of a finding; all that is said must hold.
func TestWhatAnExemptionIsAbout(t *testing.T) {
	disk := func(severity Severity) (Key, Report) {
		return key, Report{Severity: severity, EntityKind: "disk", EntityName: "sda", Host: "web-1"}
	}
	for text, want := range map[string]bool{
		`{checks: [disk-slow], entities: ["disk:web-1:sda"]}`:                       true,
		`{checks: [disk-*], entities: ["disk:web-1:*"]}`:                            true,
		`{checks: ["*"], entities: ["disk:web-?:sd?"]}`:                             true,
		`{checks: [cpu-busy, "*-slow"], entities: ["disk:db-1:*", "*:sda"]}`:        true,
		`{checks: [disk-slow], entities: ["*"]}`:                                    true,
		`{checks: [disk-slow], entities: ["disk:web-1"]}`:                           false,
		`{checks: [disk], entities: ["*"]}`:                                         false,
		`{checks: ["disk-slow?"], entities: ["*"]}`:                                 false,
		`{checks: ["*disk"], entities: ["*"]}`:                                      false,
		`{checks: [disk-slow], matchers: ['host="web-1"']}`:                         true,
		`{checks: [disk-slow], matchers: ['host=~"web-.*", severity!="critical"']}`: true,
		`{checks: [disk-slow], matchers: ['environment=home', practice=detect]}`:    true,
		`{checks: [disk-slow], matchers: ['host="web-1"', 'host="web-2"']}`:         false,
		`{checks: [disk-slow], matchers: ['entity_kind=host']}`:                     false,
		`{checks: [disk-slow], entities: ["disk:db-1:*"], matchers: [host=web-1]}`:  false,
		`{checks: [disk-slow], matchers: [service=sda]}`:                            false,
	} {
		x := readExemptions(t, "["+text+"]")[0]
		k, r := disk(Warning)
		if got := x.InScope(k, r); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	x := readExemptions(t, `[{checks: [disk-slow], matchers: ['severity="warning"']}]`)[0]
	if k, r := disk(Critical); x.InScope(k, r) {
		t.Error("what is worse than what was exempted is exempted")
	}
}

// Of several exemptions the one that lasts longest covers, up to its last moment.
func TestTheLongestExemptionCovers(t *testing.T) {
	list := Exemptions{}
	for n, until := range []time.Duration{time.Hour, 3 * time.Hour, 2 * time.Hour} {
		list = append(list, Exemption{ID: fmt.Sprint(n), Checks: []string{"disk-slow"}, Entities: []string{"*"}, Until: t0.Add(until)})
	}
	for after, want := range map[time.Duration]string{0: "1", 3*time.Hour - 1: "1", 3 * time.Hour: ""} {
		got := ""
		if x := list.For(key, Report{}, t0.Add(after)); x != nil {
			got = x.ID
		}
		if got != want {
			t.Errorf("after %s: %q, want %q", after, got, want)
		}
	}
}

func TestExemptionsAreChecked(t *testing.T) {
	good := map[string]string{"id": "old-disks", "checks": "[disk-*]", "entities": `["disk:web-1:*"]`, "until": "2026-06-01", "owner": "storage", "reason": "they are replaced in May"}
	write := func(changes map[string]string) string {
		var fields []string
		for _, k := range []string{"id", "checks", "entities", "matchers", "until", "owner", "reason"} {
			v := good[k]
			if c, is := changes[k]; is {
				v = c
			}
			if v != "" {
				fields = append(fields, k+": "+v)
			}
		}
		return "- {" + strings.Join(fields, ", ") + "}\n"
	}
	for name, c := range map[string]struct {
		text  string
		wants []string // none: it is taken
	}{
		"good":                      {write(nil), nil},
		"ended long ago":            {write(map[string]string{"until": "2001-01-01"}), nil},
		"a year":                    {write(map[string]string{"until": "2027-03-01"}), nil},
		"by matchers alone":         {write(map[string]string{"entities": "", "matchers": "['host=web-1']"}), nil},
		"one check everywhere":      {write(map[string]string{"checks": "[disk-slow]", "entities": `["*"]`}), nil},
		"all checks of one machine": {write(map[string]string{"checks": `["*"]`, "entities": "", "matchers": "['host=web-1']"}), nil},
		"all checks of one service": {write(map[string]string{"checks": `["*"]`, "entities": "", "matchers": "['service=shop']"}), nil},
		"all checks of disks":       {write(map[string]string{"checks": `["*"]`, "entities": `["disk:*"]`}), nil},
		"more than a year":          {write(map[string]string{"until": "2027-03-04"}), []string{"[0] (old-disks).until", "more than a year"}},
		"no end":                    {write(map[string]string{"until": ""}), []string{".until", "2026-06-01"}},
		"no id":                     {write(map[string]string{"id": ""}), []string{"[0].id", "old-disks"}},
		"no checks":                 {write(map[string]string{"checks": ""}), []string{".checks", "docs/checks.md"}},
		"no entities":               {write(map[string]string{"entities": ""}), []string{".entities", "matchers"}},
		"no owner":                  {write(map[string]string{"owner": ""}), []string{".owner", "whom to ask"}},
		"no reason":                 {write(map[string]string{"reason": "ok"}), []string{".reason", "3 to 500"}},
		"a blank check":             {write(map[string]string{"checks": `["disk-*", " "]`}), []string{".checks", "* in it stands for any text"}},
		"two of a name":             {write(nil) + write(nil), []string{"[1] (old-disks).id", "a name of its own"}},
		"two errors":                {write(map[string]string{"owner": "", "until": ""}), []string{".owner", ".until"}},
		"everything":                {write(map[string]string{"checks": `["*"]`, "entities": `["*"]`}), []string{".checks", "whatever is found"}},
		"everything in two":         {write(map[string]string{"checks": `["disk-*", "*"]`, "entities": `["disk:*", "*:*"]`}), []string{"whatever is found"}},
		"everything in words":       {write(map[string]string{"checks": `["?*"]`, "entities": "", "matchers": `['entity=~".+"']`}), []string{"whatever is found"}},
		"everything but one":        {write(map[string]string{"checks": `["*"]`, "entities": "", "matchers": `['host!="web-1"']`}), []string{"whatever is found"}},
		"everything mild":           {write(map[string]string{"checks": `["*"]`, "entities": `["*"]`, "matchers": `['severity!="critical"']`}), []string{"whatever is found"}},
		"everything somewhere":      {write(map[string]string{"checks": `["*"]`, "entities": "", "matchers": `['environment="lab"']`}), []string{"whatever is found", "route"}},
	} {
		err := readExemptions(t, c.text).Validate(t0)
		if len(c.wants) == 0 {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		for _, want := range c.wants {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not say %q", name, err, want)
			}
		}
	}
}

// The pattern matches what a walk over all ways to read it matches.
func FuzzLike(f *testing.F) {
	for _, p := range [][2]string{{"disk-*", "disk-slow"}, {"*:?", "a:ü"}, {"a*b*c", "aXbXbc"}, {"", ""}, {"***", "x"}, {"?", "\xff"}} {
		f.Add(p[0], p[1])
	}
	var slow func(p, s []rune) bool
	slow = func(p, s []rune) bool {
		switch {
		case len(p) == 0:
			return len(s) == 0
		case p[0] == '*':
			return slow(p[1:], s) || len(s) > 0 && slow(p, s[1:])
		}
		return len(s) > 0 && (p[0] == '?' || p[0] == s[0]) && slow(p[1:], s[1:])
	}
	f.Fuzz(func(t *testing.T, pattern, id string) {
		pattern, id = strings.ToValidUTF8(pattern, ""), strings.ToValidUTF8(id, "")
		if len(pattern) > 12 || len(id) > 24 {
			return
		}
		if got, want := like(pattern, id), slow([]rune(pattern), []rune(id)); got != want {
			t.Errorf("%q of %q: %v, want %v", pattern, id, got, want)
		}
	})
}

// TestTheLifeOfAnExemptedFinding plays observations under exemptions that come
// and go: "exempt MINUTES" is one up to then, "unexempt" takes all away.
func TestTheLifeOfAnExemptedFinding(t *testing.T) {
	for name, c := range map[string]struct{ script, history, state string }{
		"it is exempted from the start": {"0 exempt 60\n1 fire warning\n2 fire warning", "opened >open, exempted open>accepted", "accepted"},
		"and stays so when it is worse": {"0 exempt 60\n1 fire info\n2 fire critical", "opened >open, exempted open>accepted, worsened accepted>accepted", "accepted"},
		"until it ends":                 {"0 exempt 60\n1 fire warning\n60 fire warning", "opened >open, exempted open>accepted, expired accepted>open", "open"},
		"or is taken away":              {"0 exempt 60\n1 fire warning\n2 unexempt\n3 fire warning", "opened >open, exempted open>accepted, expired accepted>open", "open"},
		"it comes while it fires":       {"0 fire warning\n1 ack\n2 exempt 60\n3 fire warning", "opened >open, acknowledged open>acknowledged, exempted acknowledged>accepted", "accepted"},
		"it is made longer":             {"0 exempt 60\n1 fire warning\n2 exempt 90\n3 fire warning\n61 fire warning", "opened >open, exempted open>accepted, exempted accepted>accepted", "accepted"},
		"it clears and comes back":      {"0 exempt 60\n1 fire warning\n2 clear\n3 fire critical", "opened >open, exempted open>accepted, resolved accepted>resolved, reopened resolved>accepted", "accepted"},
		"back after its end":            {"0 exempt 60\n1 fire warning\n59 clear\n61 fire warning", "opened >open, exempted open>accepted, resolved accepted>resolved, reopened resolved>open", "open"},
		"back, and it was taken away":   {"0 exempt 60\n1 fire warning\n2 clear\n3 unexempt\n4 fire warning", "opened >open, exempted open>accepted, resolved accepted>resolved, reopened resolved>accepted, expired accepted>open", "open"},
		"in the dark":                   {"0 exempt 60\n1 fire warning\n2 nodata\n3 fire warning", "opened >open, exempted open>accepted, unknown accepted>unknown, known unknown>accepted", "accepted"},
		"exempted in the dark":          {"0 fire warning\n1 nodata\n2 exempt 60\n3 nodata\n4 fire warning", "opened >open, unknown open>unknown, exempted unknown>unknown, known unknown>accepted", "accepted"},
		"ends in the dark":              {"0 exempt 60\n1 fire warning\n2 nodata\n61 nodata\n62 fire warning", "opened >open, exempted open>accepted, unknown accepted>unknown, expired unknown>unknown, known unknown>open", "open"},
		"what a person accepted stays":  {"0 fire warning\n1 accept 30\n2 exempt 60\n3 fire warning", "opened >open, accepted open>accepted", "accepted"},
		"worse than they accepted":      {"0 fire warning\n1 accept 30\n2 exempt 60\n3 fire critical", "opened >open, accepted open>accepted, worsened accepted>open, exempted open>accepted", "accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			f, history := play(t, c.script)
			if history != c.history || string(f.State) != c.state {
				t.Errorf("state %q, history:\n%s\nwant %q:\n%s", f.State, history, c.state, c.history)
			}
		})
	}
}

// TestNothingIsOpenUnderAnExemption plays random lives under exemptions that come
// and go, and looks after each decision.
func TestNothingIsOpenUnderAnExemption(t *testing.T) {
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 2))
		var cur *Finding
		var list Exemptions
		now := t0
		for range 60 {
			now = now.Add(time.Duration(random.IntN(360)) * time.Second)
			if random.IntN(6) == 0 {
				list = nil
				for n := range random.IntN(3) {
					x := Exemption{ID: fmt.Sprint(n), Checks: []string{"disk-*"}, Entities: []string{"*"}, Owner: "storage", Reason: "known", Until: now.Add(time.Duration(random.IntN(90)-20) * time.Minute)}
					if random.IntN(2) == 0 {
						x.Matchers = readExemptions(t, `[{matchers: ['severity!="critical"']}]`)[0].Matchers
					}
					list = append(list, x)
				}
			}
			var next Finding
			var events []Event
			var changed bool
			switch n := random.IntN(20); {
			case n < 15 || cur == nil:
				o := Observation{Key: key, At: now, Sign: []Sign{Firing, Firing, Clear, NoData}[random.IntN(4)], Report: Report{Severity: Severity(1 + random.IntN(3)), Title: "x"}}
				next, events, changed = decide(cur, o, list, now)
			case n == 15:
				if next, events, changed = *cur, nil, false; cur.Exempted() == "" {
					next, events, changed = expire(*cur, now)
				}
				next, events, changed = under(list, next, events, changed, now)
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
				if err != nil {
					continue
				}
				if cur.Exempted() != "" {
					t.Fatalf("seed %d: a person answered what is exempted", seed)
				}
				next, events, changed = under(list, next, events, true, now)
			}
			if cur == nil && !changed {
				continue
			}
			before := Finding{}
			if cur != nil {
				before = *cur
			}
			if !changed && (len(events) > 0 || !reflect.DeepEqual(next, before)) {
				t.Fatalf("seed %d: a change that is none: %+v", seed, events)
			}
			if anew := len(events) > 0 && events[0].Kind == "opened"; changed && next.Revision != before.Revision+1 && !(anew && next.Revision == 1) {
				t.Fatalf("seed %d: revision %d after %d", seed, next.Revision, before.Revision)
			}
			if next.State != Resolved {
				x := list.For(next.Key, next.Report, now)
				by := next.Exempted()
				switch {
				case x != nil && by != x.ID && next.state() != Accepted:
					t.Fatalf("seed %d: it is %s though %s exempts it", seed, next.state(), x.ID)
				case x != nil && by != "" && (by != x.ID || !next.Until.Equal(x.Until)):
					t.Fatalf("seed %d: exempted by %s until %s, not by %+v", seed, by, next.Until, x)
				case x == nil && by != "":
					t.Fatalf("seed %d: exempted by %s, which covers it no longer", seed, by)
				case next.state() == Open && next.Answer != Answer{}:
					t.Fatalf("seed %d: open, and answered: %+v", seed, next.Answer)
				}
			}
			for n, e := range events {
				if n > 0 && e.From != events[n-1].To || e.By == "" || !e.At.Equal(now) {
					t.Fatalf("seed %d: the history has a gap: %+v", seed, events)
				}
			}
			cur = &next
		}
	}
}
