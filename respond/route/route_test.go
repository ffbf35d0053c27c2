package route

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel/evenkeel/respond"
)

const plan = `
route:
  policy: default
  group_by: [alertname]
  routes:
    - name: database
      policy: dba
      matchers: [service=~"mysql|postgres"]
      group_by: [cluster, service]
      group_wait: 10s
      routes:
        - name: pages
          policy: dba-pages
          matchers: ['severity="critical"']
          group_by: ['...']
        - name: quiet
          matchers: [severity="info"]
          muted: Nobody needs to know.
    - name: audit
      policy: audit
      matchers: [team="payments"]
      continue: true
      group_by: []
    - name: payments
      policy: payments
      matchers: [team="payments"]
      mute_time_intervals: [nights]
    - name: office
      policy: office
      match: {team: office}
      match_re: {severity: "warning|info"}
      active_time_intervals: [working hours]
inhibit_rules:
  - name: whole cluster
    source_matchers: [alertname="ClusterDown"]
    target_matchers: [severity=~"warning|critical"]
    equal: [cluster]
time_intervals:
  - name: nights
    time_intervals:
      - times: [{start_time: "22:00", end_time: "24:00"}, {start_time: "00:00", end_time: "06:00"}]
        location: Europe/Berlin
  - name: working hours
    time_intervals:
      - weekdays: ["monday:friday"]
        times: [{start_time: "09:00", end_time: "17:00"}]
        location: Europe/Berlin
  - name: sunday morning
    time_intervals: [{weekdays: [sunday], times: [{start_time: "02:00", end_time: "04:00"}]}]
maintenance:
  - id: weekly
    matchers: [service="mysql"]
    from: 2027-01-01T00:00:00Z
    to: 2027-12-31T00:00:00Z
    time_intervals: [sunday morning]
    owner: Ana
    reason: the weekly restart
`

// noon is a Wednesday, 12:00 in Berlin.
var noon = time.Date(2027, 3, 24, 11, 0, 0, 0, time.UTC)

func read(t testing.TB, text string) *Plan {
	t.Helper()
	var c Config
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	p, err := Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// alert makes one of pairs of labels.
func alert(pairs ...string) respond.Alert {
	a := respond.Alert{AlertKey: respond.AlertKey{Tenant: "t", Source: "s", Fingerprint: strings.Join(pairs, "|")}, Status: respond.Firing,
		Title: strings.Join(pairs, " "), Labels: map[string]string{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		a.Labels[pairs[i]] = pairs[i+1]
	}
	return a
}

func TestAnAlertGoesToTheDeepestRoutesThatMatch(t *testing.T) {
	r := NewRouter(read(t, plan), nil, nil)
	for _, c := range []struct{ labels, want string }{
		{"alertname A", `root default [alertname=A] 30s`},
		{"service mysql cluster x alertname A", `database dba [cluster=x service=mysql] 10s`},
		{"service mysql alertname A", `database dba [service=mysql] 10s`},
		{"service mysqld alertname A", `root default [alertname=A] 30s`},
		{"service mysql severity critical z 1", `database / pages dba-pages [service=mysql severity=critical z=1] 10s`},
		{"service mysql severity info", `database / quiet dba [service=mysql] 10s muted: Nobody needs to know.`},
		{"team payments", `audit audit [] 30s; payments payments [] 30s`},
		{"team office severity info", `office office [] 30s`},
		{"team office severity critical", `root default [] 30s`},
	} {
		var got []string
		for _, target := range r.Route(alert(strings.Fields(c.labels)...), noon) {
			var shared []string
			for k, v := range target.GroupLabels {
				shared = append(shared, k+"="+v)
			}
			slices.Sort(shared)
			text := fmt.Sprintf("%s %s %v %s", target.Route, target.Policy, shared, target.Wait)
			if target.Muted != "" {
				text += " muted: " + target.Muted
			}
			got = append(got, text)
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.labels, strings.Join(got, "; "), c.want)
		}
	}
}

func TestAlertsOfOneGroupAreOneIncident(t *testing.T) {
	r := NewRouter(read(t, plan), nil, nil)
	group := func(labels string) string {
		return respond.GroupKey(r.Route(alert(strings.Fields(labels)...), noon)[0])
	}
	if group("alertname A host x") != group("alertname A host y") || group("alertname A") == group("alertname B") {
		t.Error("the root groups by alertname")
	}
	if group("service mysql severity critical a 1") == group("service mysql severity critical a 2") {
		t.Error("... groups by all labels")
	}
	// A name and a value must not be mixed up with another name and value.
	if group(`service mysql severity critical a 1",b="2`) == group("service mysql severity critical a 1 b 2") {
		t.Error("labels run into one another")
	}
	if group("service mysql cluster x") == group("service postgres cluster x") {
		t.Error("database groups by service")
	}
}

func TestWithoutAnyRouteEachAlertNameIsAnIncident(t *testing.T) {
	p, err := Compile(Config{})
	if err != nil {
		t.Fatal(err)
	}
	got := NewRouter(p, nil, nil).Route(alert("alertname", "A", "x", "y"), noon)
	if len(got) != 1 || got[0].Policy != respond.DefaultPolicy || len(got[0].GroupLabels) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestTimeIntervalsMuteARouteUntilTheyAreOver(t *testing.T) {
	r := NewRouter(read(t, plan), nil, nil)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ labels, at, until string }{
		{"team payments", "2027-03-24 12:00", ""},
		{"team payments", "2027-03-24 22:00", "2027-03-25 06:00"},
		{"team payments", "2027-03-24 21:59", ""},
		{"team payments", "2027-03-25 05:59", "2027-03-25 06:00"},
		{"team payments", "2027-03-25 06:00", ""},
		{"team payments", "2027-03-27 23:00", "2027-03-28 06:00"}, // an hour of it does not exist
		{"team payments", "2027-10-30 23:00", "2027-10-31 06:00"}, // an hour of it comes twice
		{"team office severity info", "2027-03-24 12:00", ""},
		{"team office severity info", "2027-03-24 17:00", "2027-03-25 09:00"},
		{"team office severity info", "2027-03-26 17:00", "2027-03-29 09:00"}, // over a weekend and the change of the clock
		{"team office severity info", "2027-03-28 12:00", "2027-03-29 09:00"},
	} {
		at, err := time.ParseInLocation("2006-01-02 15:04", c.at, berlin)
		if err != nil {
			t.Fatal(err)
		}
		targets := r.Route(alert(strings.Fields(c.labels)...), at)
		last := targets[len(targets)-1]
		until := ""
		if last.Muted != "" {
			until = last.MutedUntil.In(berlin).Format("2006-01-02 15:04")
		}
		if until != c.until {
			t.Errorf("%s at %s: muted until %q (%s), want %q", c.labels, c.at, until, last.Muted, c.until)
		}
	}
	// The route before it has no intervals.
	if got := r.Route(alert("team", "payments"), time.Date(2027, 3, 24, 23, 0, 0, 0, berlin)); got[0].Muted != "" || got[1].Muted == "" {
		t.Errorf("%+v", got)
	}
}

func TestInhibitionLastsAsLongAsItsSourceFires(t *testing.T) {
	p := read(t, plan)
	firing := p.NewFiring()
	r := NewRouter(p, nil, firing)
	source, target := alert("alertname", "ClusterDown", "cluster", "x", "severity", "critical"), alert("alertname", "A", "cluster", "x", "severity", "warning")
	muted := func(a respond.Alert, at time.Time) bool {
		got := r.Suppress(a, at)
		for _, s := range got {
			if s.Kind != Inhibited || !strings.Contains(s.Reason, "whole cluster") || s.By == "" {
				t.Errorf("%+v", s)
			}
		}
		return len(got) > 0
	}
	if muted(target, noon) {
		t.Error("nothing fires yet")
	}
	firing.Put(noon, source, target)
	other, env, none := alert("alertname", "A", "cluster", "y", "severity", "warning"), target, alert("alertname", "A", "severity", "warning")
	env.Environment = "elsewhere"
	for what, want := range map[*respond.Alert]bool{&target: true, &other: false, &env: false, &none: false} {
		if got := muted(*what, noon); got != want {
			t.Errorf("%v is muted: %v", what.Labels, got)
		}
	}
	// It matches both sides, and so does the only alert that could mute it.
	if muted(source, noon) {
		t.Error("an alert mutes itself")
	}
	// A second one that matches both sides does not mute the first either.
	second := alert("alertname", "ClusterDown", "cluster", "x", "severity", "critical", "n", "2")
	firing.Put(noon, second)
	if muted(source, noon) || muted(second, noon) {
		t.Error("two that match both sides mute each other")
	}
	// The reason stays the same while what it names fires, and is another
	// one's afterwards.
	was := r.Suppress(target, noon)[0].By
	for range 20 {
		firing.Put(noon, second, source)
		if r.Suppress(target, noon)[0].By != was {
			t.Fatal("the reason changes by itself")
		}
	}
	ended := source
	ended.Status = respond.Ended
	if was != source.ID() {
		ended = second
		ended.Status = respond.Ended
	}
	firing.Put(noon, ended)
	if !muted(target, noon) || r.Suppress(target, noon)[0].By == was {
		t.Error("the other source still fires")
	}
	for _, a := range []respond.Alert{source, second} {
		a.Status = respond.Ended
		firing.Put(noon, a)
	}
	if muted(target, noon) {
		t.Error("all sources have ended")
	}
	// A source whose own source falls silent is over by then.
	source.EndsAt = noon.Add(4 * time.Minute)
	firing.Put(noon, source)
	if got := r.Suppress(target, noon); len(got) != 1 || !got[0].Until.Equal(source.EndsAt) {
		t.Errorf("%+v", got)
	}
	if muted(target, noon.Add(4*time.Minute)) {
		t.Error("its source is silent")
	}
	// A label that neither has is equal.
	source.Labels, source.EndsAt = map[string]string{"alertname": "ClusterDown"}, time.Time{}
	source.Fingerprint = "without"
	firing.Put(noon, source)
	if !muted(none, noon) {
		t.Error("labels that both lack are equal")
	}
}

func TestWhatARuleRemembersIsBounded(t *testing.T) {
	p := read(t, plan)
	firing := p.NewFiring()
	a := alert("alertname", "ClusterDown", "cluster", "x")
	for n := range maxSources + 10 {
		a.Fingerprint = fmt.Sprint(n)
		a.EndsAt = noon.Add(time.Minute)
		firing.Put(noon, a)
	}
	if got := firing.rules[0].size; got != maxSources {
		t.Fatalf("%d sources", got)
	}
	later := noon.Add(time.Hour)
	a.Fingerprint, a.EndsAt = "new", later.Add(time.Minute)
	firing.Put(later, a)
	if got := firing.rules[0].size; got != 1 {
		t.Errorf("%d sources after all but one have ended", got)
	}
}

func TestSilencesAndMaintenance(t *testing.T) {
	p := read(t, plan)
	m, err := ParseMatchers(`service="mysql",severity=~"warn.*"`)
	if err != nil {
		t.Fatal(err)
	}
	s := Silence{ID: "1", Tenant: "t", Matchers: m, From: noon, To: noon.Add(time.Hour), Owner: "Ben", Reason: "restoring a backup"}
	only := s
	only.ID, only.Environment, only.To = "2", "prod", noon.Add(2*time.Hour)
	r := NewRouter(p, []Silence{s, only}, nil)
	a := alert("service", "mysql", "severity", "warning")
	for at, want := range map[time.Time]int{noon.Add(-time.Second): 0, noon: 1, noon.Add(time.Hour): 0} {
		if got := r.Suppress(a, at); len(got) != want {
			t.Errorf("at %s: %+v", at, got)
		}
	}
	a.Environment = "prod"
	if got := r.Route(a, noon)[0]; !strings.Contains(got.Muted, "Ben") || !strings.Contains(got.Muted, "restoring a backup") || !got.MutedUntil.Equal(only.To) {
		t.Errorf("until both are over: %+v", got)
	}
	a.Tenant = "other"
	if got := r.Suppress(a, noon); len(got) != 0 {
		t.Errorf("another tenant's silence: %+v", got)
	}
	b := alert("service", "mysql")
	sunday := time.Date(2027, 3, 28, 2, 30, 0, 0, time.UTC)
	if got := r.Suppress(b, sunday); len(got) != 1 || got[0].Kind != Maintains || !got[0].Until.Equal(sunday.Add(90*time.Minute)) {
		t.Errorf("in the window: %+v", got)
	}
	for _, at := range []time.Time{sunday.Add(90 * time.Minute), sunday.AddDate(0, 0, 1), sunday.AddDate(1, 0, -1)} {
		if got := r.Suppress(b, at); len(got) != 0 {
			t.Errorf("at %s: %+v", at, got)
		}
	}
}

func TestASilenceSaysUntilWhenWhoAndWhy(t *testing.T) {
	m, _ := ParseMatchers(`a="b"`)
	all, _ := ParseMatchers(`a=~".*"`)
	good := Silence{Tenant: "t", Matchers: m, From: noon, To: noon.Add(time.Hour), Owner: "Ana", Reason: "why"}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Silence){
		"end":      func(s *Silence) { s.To = time.Time{} },
		"before":   func(s *Silence) { s.To = s.From },
		"longer":   func(s *Silence) { s.To = s.From.AddDate(2, 0, 0) },
		"owner":    func(s *Silence) { s.Owner = " " },
		"reason":   func(s *Silence) { s.Reason = "" },
		"matchers": func(s *Silence) { s.Matchers = nil },
		"whatever": func(s *Silence) { s.Matchers = all },
	} {
		s := good
		change(&s)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestWhatOfASilenceHasBegunIsHistory(t *testing.T) {
	m, _ := ParseMatchers(`a="b"`)
	n, _ := ParseMatchers(`a="c"`)
	ids := 0
	newID := func() string { ids++; return fmt.Sprintf("new-%d", ids) }
	old := Silence{ID: "old", Tenant: "t", Matchers: m, From: noon.Add(-time.Hour), To: noon.Add(time.Hour), Owner: "Ana", Reason: "why"}
	longer := old
	longer.To, longer.Reason = noon.Add(3*time.Hour), "it takes longer"
	got, err := Revise(&old, longer, noon, newID)
	if err != nil || len(got) != 1 || got[0].ID != "old" || !got[0].From.Equal(old.From) || !got[0].To.Equal(longer.To) {
		t.Fatalf("only its end has changed: %+v, %v", got, err)
	}
	other := longer
	other.Matchers = n
	got, err = Revise(&old, other, noon, newID)
	if err != nil || len(got) != 2 || got[0].ID != "new-1" || got[0].State(noon) != Active || got[1].ID != "old" || got[1].State(noon) != Expired {
		t.Fatalf("its matchers have changed: %+v, %v", got, err)
	}
	pending := old
	pending.From = noon.Add(time.Minute)
	moved := pending
	moved.From = noon.Add(2 * time.Minute)
	if got, err = Revise(&pending, moved, noon, newID); err != nil || len(got) != 1 || got[0].ID != "old" {
		t.Fatalf("it has not begun: %+v, %v", got, err)
	}
	over := old
	over.To = noon.Add(-time.Minute)
	if got, err = Revise(&over, longer, noon, newID); err != nil || len(got) != 1 || got[0].ID == "old" || got[0].From.Before(noon) {
		t.Fatalf("it had expired: %+v, %v", got, err)
	}
	if _, err = Revise(nil, over, noon, newID); err == nil {
		t.Fatal("a silence in the past")
	}
	theirs := longer
	theirs.Tenant = "other"
	if _, err = Revise(&old, theirs, noon, newID); err == nil {
		t.Fatal("another tenant's silence")
	}
	gone, changed := Expire(pending, noon)
	if !changed || gone.State(noon) != Expired {
		t.Fatalf("%+v", gone)
	}
	if _, changed = Expire(gone, noon); changed {
		t.Fatal("it has expired already")
	}
}

func TestExplainSaysWhichRouteTookItAndWhy(t *testing.T) {
	r := NewRouter(read(t, plan), nil, nil)
	e := r.Explain(alert("service", "mysql", "severity", "warning"), noon)
	got := strings.Join(e.Lines(), "\n")
	want := `- root: It is asked first, and matches every alert.
  > database: It matches: service=~"mysql|postgres". None of the routes below it does, so it takes the alert itself.
    - database / pages: It does not match: severity="critical" is wanted, and the alert has severity="warning".
    - database / quiet: It does not match: severity="info" is wanted, and the alert has severity="warning".
= policy dba, by the route database; waits 10s for other alerts of the incident`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	lines := strings.Join(r.Explain(alert("team", "payments"), noon.Add(12*time.Hour)).Lines(), "\n")
	for _, part := range []string{"the alert has no label service", "It continues", "pages nobody until 25 March 05:00 UTC", "nights"} {
		if !strings.Contains(lines, part) {
			t.Errorf("%q is missing in\n%s", part, lines)
		}
	}
}

func TestErrorsOfAConfigurationNameThePlaceAndTheRemedy(t *testing.T) {
	for text, want := range map[string]string{
		"route: {matchers: [a=b]}":                                                                           "root takes every alert",
		"route: {mute_time_intervals: [x]}":                                                                  "root may have no time intervals",
		"route: {routes: [{name: deep, mute_time_intervals: [x]}]}":                                          `route deep: there is no time interval "x"`,
		"route: {group_by: ['...', a]}":                                                                      "stands for all labels",
		"route: {group_by: [a, a]}":                                                                          "twice",
		"route: {group_interval: 0s}":                                                                        "group_interval",
		"route: {routes: [{match_re: {a: '('}}]}":                                                            "regular expression",
		"inhibit_rules: [{source_match_re: {a: '['}}]":                                                       "rule 1",
		"time_intervals: [{name: a}, {name: a}]":                                                             `"a"; keep one`,
		"time_intervals: [{time_intervals: []}]":                                                             "no name",
		"time_intervals: [{name: a, time_intervals: [{weekdays: [someday]}]}]":                               "weekday",
		"time_intervals: [{name: a, time_intervals: [{weekdays: ['friday:monday']}]}]":                       "two ranges",
		"time_intervals: [{name: a, time_intervals: [{days_of_month: ['0']}]}]":                              "no day of a month",
		"time_intervals: [{name: a, time_intervals: [{days_of_month: ['-1:1']}]}]":                           "counted from",
		"time_intervals: [{name: a, time_intervals: [{days_of_month: ['20:-10']}]}]":                         "ends before",
		"time_intervals: [{name: a, time_intervals: [{months: ['13']}]}]":                                    "month",
		"time_intervals: [{name: a, time_intervals: [{location: Atlantis}]}]":                                "Europe/Berlin",
		"time_intervals: [{name: a, time_intervals: [{times: [{start_time: '9:00', end_time: '10:00'}]}]}]":  "09:00",
		"time_intervals: [{name: a, time_intervals: [{times: [{start_time: '22:00', end_time: '06:00'}]}]}]": "until 24:00",
		"time_intervals: [{name: a, time_intervals: [{times: [{start: '22:00', end_time: '06:00'}]}]}]":      "unknown key start",
		"maintenance: [{id: a, matchers: [a=b], from: 2027-01-01T00:00:00Z, owner: x, reason: y}]":           "needs an end",
		"maintenance: [{id: a, matchers: [a=b], from: 2027-01-01T00:00:00Z, to: 2027-01-02T00:00:00Z, owner: x, reason: y, time_intervals: [z]}]": `"z"`,
	} {
		var c Config
		err := yaml.Unmarshal([]byte(text), &c)
		if err == nil {
			err = c.Validate()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}
