package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// draftFile has policies, a schedule of one person, contacts and routes.
const draftFile = `
data: somewhere/else
respond:
  contacts:
    - {id: phone, person: admin, name: phone, channel: sms, address: "+491"}
    - {id: mail, person: admin, name: mail, channel: email, address: a@example.org, after: 3m}
  schedules:
    - {id: web, name: Web, time_zone: Europe/Berlin, layers: [{name: Weeks, turns: [admin], handoff: weekly, start: "2026-03-02T09:00"}]}
  policies:
    - id: default
      rounds: 1
      steps: [{notify: [{kind: schedule, id: web}], wait: 5m}]
    - id: quiet
      rounds: 1
      steps: [{notify: [{kind: channel, id: phone}], wait: 5m}]
  route:
    policy: default
    routes:
      - {name: checkout, matchers: ["service=checkout"]}
      - {name: tests, policy: quiet, matchers: ["service=test"], muted: "Nobody is paged for tests."}
`

// What would happen is told of a file alone, of the running server, and of a
// draft there; nothing of it stays.
func TestWhatWouldHappen(t *testing.T) {
	data, none := t.TempDir(), t.TempDir()
	p := startUp(t, data)
	p.url = p.await(`Log in +(http://[^/]+)/login/link`)[1]
	draft, bad := filepath.Join(none, "draft.yaml"), filepath.Join(none, "bad.yaml")
	for path, text := range map[string]string{draft: draftFile, bad: strings.Replace(draftFile, "kind: schedule, id: web", "kind: schedule, id: night", 1)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := []string{"--at", "2027-03-28T02:30:00+01:00"}
	for _, c := range []struct {
		data string
		args []string
		code int
		says string
	}{
		{none, []string{"--config", draft, "--labels", "severity=critical,service=checkout"}, exitOK, "admin would be paged by phone after 30 s, at Sun 28 Mar 2027 03:30:30 CEST"},
		{none, []string{"--config", draft, "--labels", "severity=critical,service=checkout"}, exitOK, "02:30 on Sunday, 28 March 2027 does not exist in Europe/Berlin"},
		{none, []string{"--config", draft, "--labels", "severity=critical,service=checkout"}, exitOK, "Only the file counts"},
		{none, []string{"--config", draft, "--labels", "service=test", "--within", "2h"}, exitFound, "Nobody is paged for tests."},
		{none, []string{"--config", draft, "--by", "admin", "--acknowledge-after", "1m", "--output", "json"}, exitOK, `"kind": "acknowledged"`},
		{none, []string{"--config", bad}, exitUnsure, "night"},
		{none, []string{"--labels", "service"}, exitUnsure, "is not a label"},
		{none, nil, exitUnsure, "evenkeel"},
		{data, []string{"--labels", "severity=critical"}, exitFound, "Nobody would be paged"},
		{data, []string{"--config", draft, "--labels", "severity=critical,service=checkout"}, exitOK, "admin would be paged by phone after 30 s, at Sun 28 Mar 2027 03:30:30 CEST"},
		{data, []string{"--config", bad}, exitUnsure, "night"},
		{data, []string{"--labels", "severity=critical"}, exitFound, "Nobody would be paged"}, // the draft has left nothing
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), append(append([]string{"simulate", "--data", c.data}, at...), c.args...), &out, &errs)
		if code != c.code || !strings.Contains(out.String()+errs.String(), c.says) {
			t.Errorf("%v ends with %d, want %d with %q:\n%s%s", c.args, code, c.code, c.says, out.String(), errs.String())
		}
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"incidents", "--data", data}, &out, &errs); code != exitOK || !strings.Contains(out.String(), "No incidents.") {
		t.Errorf("simulations have left incidents: %s%s", out.String(), errs.String())
	}
}
