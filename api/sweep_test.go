package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// oddities are values that no parameter should choke on: wrong types, sizes,
// signs and encodings.
var oddities = []string{
	"", " ", "0", "-1", "1.5", "1e999", "99999999999999999999", "NaN", "true", "null", "[]", "{}", "'", `"`, "%", "%zz", "..", "../../etc/passwd",
	"\x00", "a\x00b", "\xff\xfe", "\xed\xa0\x80", "\u202e", "💥", strings.Repeat("a", 5000), strings.Repeat("%", 300), "a,b,c", "*", "default",
	"2026-13-45T99:99:99Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-03-01T00:00:00+99:99", "-292277022399-01-01T00:00:00Z",
	"' OR 1=1 --", "<script>", "eyJhIjoxfQ", "e30", "AAAA",
}

// oddBodies replace a whole body.
var oddBodies = []string{
	"", "null", "[]", "0", `"text"`, "{", "{}}", `{"a":`, "\xff", "\x00", `{"\u0000":1}`, strings.Repeat("[", 20000), strings.Repeat(`{"a":`, 5000),
	`{"name":{"name":{}}}`, `{"until":1}`, `{"grants":[{"tenant":[],"role":5}]}`, `{"scopes":"read"}`, `{"expires":"never"}`, `{"unknown":1}`,
}

// oddFields replace one field of a good body.
var oddFields = []string{`null`, `true`, `-1`, `1e999`, `1.5`, `""`, `" "`, `"\u0000"`, `"\ud800"`, `[]`, `[null]`, `[[]]`, `{}`, `"` + strings.Repeat("x", 9000) + `"`,
	`"2026-02-30T00:00:00Z"`, `"9999-12-31T23:59:59Z"`, `[{"tenant":"*","environment":"*","role":"god"}]`, `[{"tenant":"","environment":"","role":"admin"}]`}

// specification is as much of OpenAPI as the sweep needs.
type specification struct {
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]schema }
}

type operation struct {
	Parameters  []struct{ Name, In string }
	RequestBody struct {
		Content map[string]struct{ Schema schema }
	}
}

type schema struct {
	Ref        string `json:"$ref"`
	Properties map[string]json.RawMessage
}

// Whatever is asked, the answer is never that Evenkeel broke: what is wrong
// with the question is said as a problem.
func TestNoQuestionBreaksTheServer(t *testing.T) {
	s := serve(t)
	var spec specification
	if err := json.Unmarshal([]byte(s.ask(t, http.MethodGet, "/openapi.json", "", "").body), &spec); err != nil {
		t.Fatal(err)
	}
	id := s.theFinding(t, "local").ID
	incident := s.theIncident(t, "local").ID
	asked := 0
	check := func(method, path, body string, headers ...string) {
		t.Helper()
		asked++
		got := s.ask(t, method, path, admin, body, headers...)
		if got.status >= 500 {
			t.Errorf("%s %.200s with %.200q: %d %s\n%s", method, path, body, got.status, got.body, lastLine(s.log.String()))
		}
		if got.status >= 400 && got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %.200s with %.200q: %d is not told as a problem: %.200s", method, path, body, got.status, got.body)
		}
	}
	for template, operations := range spec.Paths {
		if template == "/api/v1/events" {
			continue // a stream without end; TestChangesAreHeardAtOnce is its test
		}
		for method, o := range operations {
			method = strings.ToUpper(method)
			named := id
			switch {
			case strings.HasPrefix(template, "/api/v1/contacts"):
				named = s.aRoom(t)
			case strings.HasPrefix(template, "/api/v1/status-pages"):
				named = "shop"
			case strings.HasPrefix(template, "/api/v1/policies"):
				named = "web"
			case strings.HasPrefix(template, "/api/v1/incidents"):
				named = incident
			}
			path := strings.ReplaceAll(strings.ReplaceAll(template, "{id}", named), "{role}", "scribe")
			good := map[string]string{"name": `"x"`, "until": `"2026-12-31T00:00:00Z"`, "reason": `"because"`, "title": `"Nobody can pay"`, "to": `"x"`, "matchers": `["a=\"b\""]`, "labels": `{"a":"b"}`, "into": `"x"`, "alerts": `["x"]`,
				"address": `"https://example.org/hook"`, "channel": `"webhook"`, "shared": `true`, "code": `"123456"`, "person": `"admin"`, "text": `"Look here"`, "rounds": `1`,
				"steps": `[{"notify":[{"kind":"person","id":"x"}],"waitMinutes":5}]`}
			for _, p := range o.Parameters {
				for _, odd := range oddities {
					switch p.In {
					case "query":
						check(method, path+"?"+url.Values{p.Name: {odd}}.Encode(), "{}")
						check(method, path+"?"+url.Values{p.Name: {odd, odd}}.Encode(), "{}")
					case "path":
						if odd != "" && odd != ".." && !strings.Contains(odd, "../") {
							check(method, strings.ReplaceAll(template, "{"+p.Name+"}", url.PathEscape(odd)), "{}")
						}
					case "header":
						if !strings.ContainsAny(odd, "\x00") {
							check(method, path, "{}", p.Name, odd)
						}
					}
				}
			}
			media, ok := o.RequestBody.Content["application/json"]
			if !ok {
				continue
			}
			for _, odd := range oddBodies {
				check(method, path, odd, "Content-Type", "application/json")
				check(method, path, odd, "Content-Type", "text/plain")
				check(method, path, odd, "Content-Type", "application/x-www-form-urlencoded; charset=\xff")
			}
			check(method, path, `{"name":"`+strings.Repeat("x", 100<<10)+`"}`)
			body := media.Schema
			if body.Ref != "" {
				body = spec.Components.Schemas[body.Ref[strings.LastIndex(body.Ref, "/")+1:]]
			}
			for field := range body.Properties {
				for _, odd := range oddFields {
					fields := []string{fmt.Sprintf("%q:%s", field, odd)}
					for other, value := range good {
						if _, has := body.Properties[other]; has && other != field {
							fields = append(fields, fmt.Sprintf("%q:%s", other, value))
						}
					}
					check(method, path, "{"+strings.Join(fields, ",")+"}")
				}
			}
		}
	}
	if asked < 3000 {
		t.Errorf("only %d questions were asked; does the specification lack something?", asked)
	}
	if s.ask(t, http.MethodGet, "/api/v1/me", admin, "").status != http.StatusOK {
		t.Error("after the sweep the server does not answer any more")
	}
}

func lastLine(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return lines[len(lines)-1]
}
