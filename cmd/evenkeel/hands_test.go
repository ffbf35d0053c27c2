package main

import (
	"bytes"
	"strings"
	"testing"
)

// Who does what in an incident, and what those who wait are told, from the
// command line.
func TestTheWorkOfAnIncident(t *testing.T) {
	data := t.TempDir()
	p := startUp(t, data)
	p.url = p.await(`Log in +(http://[^/]+)/login/link`)[1]
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"declare", "Nobody can pay"}, exitUnsure, "Nobody is told."},
		{[]string{"role", "1", "commander", "admin"}, exitOK, "commander: admin"},
		{[]string{"role", "1", "boss", "admin"}, exitUnsure, "commander"},
		{[]string{"role", "1", "commander", "zoe"}, exitUnsure, "no such person"},
		{[]string{"task", "1", "Ask the bank", "--owner", "admin", "--due", "2h"}, exitOK, "1  [ ] Ask the bank (admin), until "},
		{[]string{"task", "1", "Stop the campaign"}, exitOK, "2  [ ] Stop the campaign"},
		{[]string{"task", "1", "--done", "3"}, exitUnsure, "there is no task 3"},
		{[]string{"task", "1", "--done", "1"}, exitOK, "1  [x] Ask the bank"},
		{[]string{"task", "1"}, exitUnsure, "give the text"},
		{[]string{"update", "1", "We are looking into it.", "--next", "30m"}, exitOK, "Written (investigating), for us alone"},
		{[]string{"update", "1", "We know why.", "--phase", "identified"}, exitOK, "Written (identified)"},
		{[]string{"update", "1", "We know why.", "--public", "--title", "Payments fail"}, exitUnsure, "name the components of a status page"},
		{[]string{"update", "1", "Still at it."}, exitOK, "Written (identified)"},
		{[]string{"incidents", "1"}, exitFound, "2  [ ] Stop the campaign"},
		{[]string{"role", "1", "commander", "nobody"}, exitOK, "Tasks"},
		{[]string{"resolve", "1"}, exitOK, "Still open: Stop the campaign"},
		{[]string{"incident", "1"}, exitOK, "One task is still open"},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), append(c.args, "--data", data), &out, &errs)
		if code != c.code || !strings.Contains(out.String()+errs.String(), c.says) {
			t.Errorf("%v ends with %d, want %d with %q:\n%s%s", c.args, code, c.code, c.says, out.String(), errs.String())
		}
	}
}
