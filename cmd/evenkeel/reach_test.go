package main

import (
	"bytes"
	"strings"
	"testing"
)

// A person is paged by hand, and it can be seen who can be reached.
func TestPagingAPersonByHand(t *testing.T) {
	data := t.TempDir()
	p := startUp(t, data)
	p.url = p.await(`Log in +(http://[^/]+)/login/link`)[1]
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"contacts"}, exitOK, "No contacts."},
		{[]string{"page", "admin", "Nobody can pay"}, exitUnsure, "Nobody is told."},
		{[]string{"page", "admin", "Mail is late", "--severity", "warning", "--output", "json"}, exitUnsure, `"severity": "warning"`},
		{[]string{"page", "zoe", "Nobody can pay"}, exitUnsure, "no such person"},
		{[]string{"page", "admin"}, exitUnsure, "takes 2 arguments"},
		{[]string{"incident", "1"}, exitFound, "No contact can be used: there is no contact."},
		{[]string{"contacts", "--person", "admin", "--output", "json"}, exitOK, `"notices": []`},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), append(c.args, "--data", data), &out, &errs)
		if code != c.code || !strings.Contains(out.String()+errs.String(), c.says) {
			t.Errorf("%v ends with %d, want %d with %q:\n%s%s", c.args, code, c.code, c.says, out.String(), errs.String())
		}
	}
}
