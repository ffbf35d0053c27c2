package cases

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/evenkeel/evenkeel/correlate"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

// A scenario is a txtar file in testdata/. Its files hold one thing a line:
//
//	relations  FROM KIND TO [CONFIDENCE]
//	findings   HH:MM:SS NAME SEVERITY CHECK ENTITY | TITLE | EVIDENCE | [value=0.18 usual=0.002 culprit=ENTITY share=0.7 seen=HH:MM:SS until=HH:MM:SS exempt=HH:MM:SS]
//	           exempt is when the exemption that covers it ends
//	changes    HH:MM:SS ENTITY SUMMARY
//	courses    HH:MM:SS|- ENTITY SIGNAL NOW USUAL [lower|higher|none] [loaded] [fresh] [cold=NAME,NAME/OF@HH:MM:SS] [host=ENTITY] [from=ENTITY to=ENTITY]
//	           since when it is out (- for as usual); from and to are the ends of an edge
//	expect     at HH:MM cases N
//	           at HH:MM case NAME NAME...       exactly these are one case
//	           at HH:MM NAME cause NAME|none|unknown
//	           at HH:MM NAME suspects|unsuspected ENTITY    some hypothesis, or none, is about it
//	           at HH:MM NAME explained by NAME|nothing
//	           at HH:MM NAME exempted           its part in the case says so
//	           at HH:MM NAME severity SEVERITY  of the case
//	           at HH:MM NAME story|remedy|excluded|unseen|history|for|against TEXT
//	           remedy is that of the likely cause, or the first step for each of the likeliest
//
// Rounds come every minute. Each scenario is run again with everything in
// another order and must give the same.
type scene struct {
	relations []estate.Relation
	findings  []scened
	changes   []estate.Change
	courses   []detect.Course
	expect    []string
}

type scened struct {
	finding.Finding
	seen, until, exempt time.Time
}

func clockAt(t *testing.T, text string) time.Time {
	t.Helper()
	for _, layout := range []string{"15:04:05", "15:04"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.AddDate(2026, 2, 1)
		}
	}
	t.Fatalf("%q is no time", text)
	return time.Time{}
}

func readScene(t *testing.T, file string) (s scene) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		lines := bufio.NewScanner(bytes.NewReader(f.Data))
		for lines.Scan() {
			line := strings.TrimSpace(lines.Text())
			words := strings.Fields(line)
			if len(words) == 0 || strings.HasPrefix(line, "#") {
				continue
			}
			switch f.Name {
			case "relations":
				r := estate.Relation{From: words[0], Kind: estate.RelationKind(words[1]), To: words[2], Source: "test", Confidence: 1}
				if len(words) > 3 {
					if r.Confidence, err = strconv.ParseFloat(words[3], 64); err != nil {
						t.Fatal(err)
					}
				}
				s.relations = append(s.relations, r)
			case "findings":
				s.findings = append(s.findings, readFinding(t, line))
			case "changes":
				at := clockAt(t, words[0])
				s.changes = append(s.changes, estate.Change{ID: fmt.Sprint("change", len(s.changes)), At: at, Entity: words[1], Summary: strings.Join(words[2:], " ")})
			case "courses":
				s.courses = append(s.courses, readCourse(t, words))
			case "expect":
				s.expect = append(s.expect, line)
			default:
				t.Fatalf("%s: %s is no file of a scenario", file, f.Name)
			}
		}
	}
	return s
}

func readCourse(t *testing.T, words []string) detect.Course {
	t.Helper()
	c := detect.Course{Entity: words[1], Kind: kindOf(words[1]), Name: words[1][strings.LastIndex(words[1], ":")+1:], Signal: words[2], Help: words[2], Unit: "seconds", Better: "lower", Known: true}
	var err error
	for n, to := range []*float64{&c.Value, &c.Usual} {
		var x float64
		x, err = strconv.ParseFloat(words[3+n], 64)
		if err != nil {
			t.Fatal(err)
		}
		*to = x
	}
	loaded := false
	for _, word := range words[5:] {
		k, v, _ := strings.Cut(word, "=")
		switch k {
		case "lower", "higher", "none":
			c.Better = k
		case "fresh":
			c.Fresh = true
		case "cold": // NAME,NAME/OF@HH:MM:SS: those of so many instances were started then
			names, rest, _ := strings.Cut(v, "/")
			of, at, _ := strings.Cut(rest, "@")
			c.Cold = &detect.ColdStart{At: clockAt(t, at), Names: strings.Split(names, ","), Habit: "usually take 4 times as long for 60 s", Share: 1}
			if c.Cold.Of, err = strconv.Atoi(of); err != nil {
				t.Fatal(err)
			}
		case "loaded": // nothing unusual at the load of now
			loaded = true
		case "host":
			c.Host = v
		case "from":
			c.Caller = v
		case "to":
			c.Callee = v
		default:
			t.Fatalf("not an attribute: %s", word)
		}
	}
	if c.Size = (c.Value - c.Usual) / max(.002, .08*c.Usual); loaded {
		c.Size = 0
	}
	if words[0] != "-" {
		c.Latest = clockAt(t, words[0])
		c.Earliest = c.Latest.Add(-15 * time.Second)
		c.Worse = c.Better == "lower" && c.Size > 0 || c.Better == "higher" && c.Size < 0
	}
	return c
}

func readFinding(t *testing.T, line string) scened {
	t.Helper()
	parts := strings.Split(line, "|")
	words := strings.Fields(parts[0])
	if len(words) != 5 || len(parts) < 3 {
		t.Fatalf("not a finding: %s", line)
	}
	at := clockAt(t, words[0])
	severity, err := finding.ParseSeverity(words[2])
	if err != nil {
		t.Fatal(err)
	}
	out := scened{seen: at, Finding: finding.Finding{ID: words[1], State: finding.Open, FirstSeen: at, LastSeen: at,
		Key:    finding.Key{Tenant: "t", Environment: "e", Practice: "detect", Check: words[3], Entity: words[4]},
		Report: finding.Report{Severity: severity, Title: strings.TrimSpace(parts[1]), EntityKind: kindOf(words[4]), EntityName: nameOf(words[4]), Remedy: []string{"What the check says."}}}}
	e := finding.Evidence{Text: strings.TrimSpace(parts[2])}
	if len(parts) > 3 {
		for _, word := range strings.Fields(parts[3]) {
			k, v, _ := strings.Cut(word, "=")
			number := func() *float64 {
				x, err := strconv.ParseFloat(v, 64)
				if err != nil {
					t.Fatal(err)
				}
				return &x
			}
			switch k {
			case "value":
				e.Value = number()
			case "usual":
				e.Usual = number()
			case "culprit":
				out.Culprits = []finding.Culprit{{Entity: v, Name: nameOf(v), Text: "does most of it"}}
			case "share": // of the culprit
				out.Culprits[0].Share = *number()
			case "seen":
				out.seen = clockAt(t, v)
			case "until":
				out.until = clockAt(t, v)
			case "exempt":
				out.exempt = clockAt(t, v)
			default:
				t.Fatalf("not an attribute: %s", word)
			}
		}
	}
	out.Evidence = []finding.Evidence{e}
	return out
}

// at is what there is at a time.
func (s scene) at(now time.Time) Input {
	in := Input{Tenant: "t", Environment: "e", Relations: s.relations, Now: now}
	for _, f := range s.findings {
		if f.seen.After(now) {
			continue
		}
		if f.exempt.After(now) {
			f.State, f.Until, f.Answer = finding.Accepted, f.exempt, finding.Answer{By: "storage", Text: "known", Severity: finding.Critical, Exemption: "known"}
		}
		if !f.until.IsZero() && !f.until.After(now) {
			f.State, f.ResolvedAt = finding.Resolved, f.until
		}
		in.Findings = append(in.Findings, f.Finding)
	}
	for _, c := range s.courses {
		if c.Latest.After(now) { // it is as usual still
			c.Value, c.Size, c.Latest, c.Earliest, c.Worse = c.Usual, 0, time.Time{}, time.Time{}, false
		}
		in.Courses = append(in.Courses, c)
	}
	for _, c := range s.changes {
		if !c.At.After(now) {
			in.Changes = append(in.Changes, c)
		}
	}
	return in
}

// world is what a Service keeps.
type world struct {
	cases  map[string]Case
	events map[string][]Event
}

func (w *world) round(t *testing.T, in Input) {
	t.Helper()
	prev := slices.Collect(maps.Values(w.cases))
	out := Gather(prev, in)
	for _, o := range out {
		if old, ok := w.cases[o.Case.ID]; ok && o.Changed && o.Case.Revision != old.Revision+1 {
			t.Fatalf("case %s goes from revision %d to %d", o.Case.ID, old.Revision, o.Case.Revision)
		}
		if !o.Changed && len(o.Events) > 0 {
			t.Fatalf("case %s has not changed, and has events: %v", o.Case.ID, o.Events)
		}
		for _, h := range o.Case.Hypotheses {
			if len(h.Remedy) == 0 || slices.Contains(h.Remedy, "") {
				t.Errorf("nothing is to be done about %s: %s", h.Entity, h.Text)
			}
		}
		// What is kept is what comes back from a store.
		body, err := json.Marshal(o.Case)
		if err != nil {
			t.Fatal(err)
		}
		var c Case
		if err := json.Unmarshal(body, &c); err != nil {
			t.Fatal(err)
		}
		w.cases[c.ID] = c
		w.events[c.ID] = append(w.events[c.ID], o.Events...)
	}
	// The same again changes nothing.
	for _, o := range Gather(slices.Collect(maps.Values(w.cases)), in) {
		if o.Changed {
			a, _ := json.Marshal(w.cases[o.Case.ID])
			b, _ := json.Marshal(o.Case)
			t.Fatalf("a second look at the same changes case %s (%v)\nwas %s\nis  %s", o.Case.ID, o.Events, a, b)
		}
	}
}

func (w *world) open() (out []Case) {
	for _, c := range w.cases {
		if c.State == Open {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Case) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func (w *world) of(name string) *Case {
	for _, c := range w.open() {
		for _, m := range c.Members {
			if m.Finding == name && m.EndedAt.IsZero() {
				return &c
			}
		}
	}
	return nil
}

func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no scenarios", err)
	}
	for _, file := range files {
		for seed := range 3 {
			t.Run(fmt.Sprintf("%s/%d", strings.TrimSuffix(filepath.Base(file), ".txtar"), seed), func(t *testing.T) {
				s := readScene(t, file)
				r := rand.New(rand.NewPCG(uint64(seed), 1))
				if seed > 0 {
					r.Shuffle(len(s.relations), func(i, j int) { s.relations[i], s.relations[j] = s.relations[j], s.relations[i] })
					r.Shuffle(len(s.findings), func(i, j int) { s.findings[i], s.findings[j] = s.findings[j], s.findings[i] })
					r.Shuffle(len(s.courses), func(i, j int) { s.courses[i], s.courses[j] = s.courses[j], s.courses[i] })
					r.Shuffle(len(s.changes), func(i, j int) { s.changes[i], s.changes[j] = s.changes[j], s.changes[i] })
				}
				s.run(t)
			})
		}
	}
}

func (s scene) run(t *testing.T) {
	now := s.findings[0].seen
	for _, f := range s.findings {
		if f.seen.Before(now) {
			now = f.seen
		}
	}
	w := &world{cases: map[string]Case{}, events: map[string][]Event{}}
	for _, line := range s.expect {
		words := strings.Fields(line)
		at := clockAt(t, words[1])
		for ; !now.After(at); now = now.Truncate(time.Minute).Add(time.Minute) {
			w.round(t, s.at(now))
		}
		if err := w.holds(words[2:]); err != "" {
			body, _ := json.MarshalIndent(w.open(), "", " ")
			t.Errorf("%s: %s", line, err)
			if testing.Verbose() {
				t.Logf("%s", body)
			}
		}
	}
}

func (w *world) holds(words []string) string {
	open := w.open()
	switch words[0] {
	case "cases":
		if fmt.Sprint(len(open)) != words[1] {
			return fmt.Sprintf("there are %d", len(open))
		}
		return ""
	case "case":
		c := w.of(words[1])
		if c == nil {
			return "no case has " + words[1]
		}
		var have []string
		for _, m := range c.Members {
			if m.EndedAt.IsZero() {
				have = append(have, m.Finding)
			}
		}
		slices.Sort(have)
		want := slices.Sorted(slices.Values(words[1:]))
		if !slices.Equal(have, want) {
			return "the case has " + strings.Join(have, " ")
		}
		return ""
	}
	c := w.of(words[0])
	if c == nil {
		return "no case has " + words[0]
	}
	text := strings.Join(words[2:], " ")
	has := func(list ...string) string {
		if slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, text) }) {
			return ""
		}
		return "there is: " + strings.Join(list, "; ")
	}
	switch words[1] {
	case "cause":
		have := string(c.Verdict)
		if b := c.Best(); b != nil {
			have = cmp.Or(b.Finding, b.Entity)
		}
		if have != words[2] {
			var scores []string
			for _, h := range c.Hypotheses {
				scores = append(scores, fmt.Sprintf("%s %.2f", cmp.Or(h.Finding, h.Entity), h.Score))
			}
			return fmt.Sprintf("it is %s (%s)", have, strings.Join(scores, ", "))
		}
	case "suspects":
		if !slices.ContainsFunc(c.Hypotheses, func(h Hypothesis) bool { return h.Entity == words[2] }) {
			return fmt.Sprintf("the hypotheses are %+v", c.Hypotheses)
		}
	case "unsuspected":
		if slices.ContainsFunc(c.Hypotheses, func(h Hypothesis) bool { return h.Entity == words[2] }) {
			return "it is suspected"
		}
	case "explained":
		for _, m := range c.Members {
			if have := cmp.Or(m.ExplainedBy, "nothing"); m.Finding == words[0] && have != words[3] {
				return "it is explained by " + have
			}
		}
	case "story":
		return has(c.Story.Text(time.UTC))
	case "remedy":
		return has(c.Steps()...)
	case "unseen":
		return has(c.Unseen...)
	case "excluded":
		var list []string
		for _, x := range c.Excluded {
			list = append(list, x.Entity+": "+x.Reason)
		}
		return has(list...)
	case "for":
		var list []string
		for _, h := range c.Hypotheses {
			list = append(list, h.For...)
		}
		return has(list...)
	case "against":
		var list []string
		for _, h := range c.Hypotheses {
			list = append(list, h.Against...)
		}
		return has(list...)
	case "exempted":
		for _, m := range c.Members {
			if m.Finding == words[0] && (m.Exemption != "known" || !m.Accepted) {
				return "it is not"
			}
		}
	case "severity":
		return has(c.Severity.String())
	case "history":
		var list []string
		for _, e := range w.events[c.ID] {
			list = append(list, string(e.Kind)+" "+e.Text)
		}
		return has(list...)
	default:
		return "not known: " + words[1]
	}
	return ""
}

// TestEveryFindingIsInOneCase throws invented estates and findings at Gather.
func TestEveryFindingIsInOneCase(t *testing.T) {
	checks := slices.Sorted(maps.Keys(known.byCheck))
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 9))
		start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		n := 5 + r.IntN(30)
		id := func() string {
			return fmt.Sprintf("%s:e%d", []string{"service", "host", "disk", "group"}[r.IntN(4)], r.IntN(n))
		}
		kinds := []estate.RelationKind{estate.Calls, estate.RunsOn, estate.PartOf, estate.Serves, "odd"}
		var relations []estate.Relation
		for range 2 * n {
			relations = append(relations, estate.Relation{From: id(), To: id(), Kind: kinds[r.IntN(len(kinds))], Source: "x", Confidence: r.Float64()})
		}
		list := map[string]finding.Finding{}
		w := &world{cases: map[string]Case{}, events: map[string][]Event{}}
		for minute := range 90 {
			now := start.Add(time.Duration(minute) * time.Minute)
			if r.IntN(3) == 0 {
				f := finding.Finding{ID: fmt.Sprint("f", len(list)), State: finding.Open, FirstSeen: now,
					Key:    finding.Key{Check: strings.TrimSuffix(checks[r.IntN(len(checks))], ":") + ":x", Entity: id()},
					Report: finding.Report{Severity: finding.Severity(1 + r.IntN(3)), Title: "Something", Remedy: []string{"What the check says."}, Culprits: []finding.Culprit{{Entity: id()}}}}
				if r.IntN(2) == 0 {
					f.Check = checks[r.IntN(len(checks))]
				}
				list[f.ID] = f
			}
			for _, k := range slices.Sorted(maps.Keys(list)) {
				f := list[k]
				switch r.IntN(40) {
				case 0:
					f.State, f.ResolvedAt = finding.Resolved, now
				case 1:
					f.State, f.ResolvedAt = finding.Open, time.Time{}
				case 2:
					f.State = finding.Accepted
				}
				list[k] = f
			}
			if r.IntN(5) == 0 {
				relations[r.IntN(len(relations))].To = id()
			}
			in := Input{Tenant: "t", Environment: "e", Findings: slices.Collect(maps.Values(list)), Relations: relations, Now: now}
			w.round(t, in)
			count := map[string]int{}
			for _, c := range w.open() {
				total := 0.0
				for _, h := range c.Hypotheses {
					total += h.Score
				}
				if total > 1.001+.005*mostHypotheses {
					t.Fatalf("seed %d: scores sum to %g", seed, total)
				}
				if c.Verdict == correlate.CauseFound != (c.Best() != nil) {
					t.Fatalf("seed %d: %s with %+v", seed, c.Verdict, c.Hypotheses)
				}
				for _, m := range c.Members {
					if m.EndedAt.IsZero() {
						count[m.Finding]++
					}
					if m.ExplainedBy == m.Finding {
						t.Fatalf("seed %d: %s explains itself", seed, m.Finding)
					}
					if m.ExplainedBy != "" && list[m.ExplainedBy].State == finding.Resolved {
						t.Fatalf("seed %d: %s is explained by what is over", seed, m.Finding)
					}
				}
			}
			for id, f := range list {
				needs := f.Severity >= finding.Warning && f.State == finding.Open
				if needs && count[id] != 1 || count[id] > 1 {
					t.Fatalf("seed %d, minute %d: %s is in %d open cases", seed, minute, id, count[id])
				}
			}
			for _, c := range w.cases {
				if c.State == Merged {
					into, ok := w.cases[c.MergedInto]
					if !ok || into.ID == c.ID {
						t.Fatalf("seed %d: %s is merged into %q", seed, c.ID, c.MergedInto)
					}
				}
			}
		}
	}
}
