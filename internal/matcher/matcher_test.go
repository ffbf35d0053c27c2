package matcher

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// What both of Alertmanager's grammars say of texts that people write.
func TestMatchersAreReadAsAlertmanagerDoes(t *testing.T) {
	for text, want := range map[string]string{
		`severity="critical"`:                `severity="critical"`,
		`severity=critical`:                  `severity="critical"`,
		` severity = critical `:              `severity="critical"`,
		`{severity="critical",team=~"a|b",}`: `severity="critical" team=~"a|b"`,
		`foo!=bar, dings!~bums`:              `foo!="bar" dings!~"bums"`,
		`{}`:                                 ``,
		``:                                   ``,
		`foo=`:                               `foo=""`, // classic alone
		`foo=""`:                             `foo=""`,
		`foo="a,b"`:                          `foo="a,b"`,
		`foo=~"a{1,3}"`:                      `foo=~"a{1,3}"`,
		`status=~5..`:                        `status=~"5.."`,
		`status=~"5\\d\\d"`:                  `status=~"5\\d\\d"`,
		`status=~5\d\d`:                      `status=~"5\\d\\d"`, // classic alone: a backslash needs no other
		`status=~"5\d\d"`:                    `status=~"5\\d\\d"`, // so here
		`foo="say \"hi\""`:                   `foo="say \"hi\""`,
		`foo="a\nb"`:                         `foo="a\nb"`,
		`foo="\t"`:                           `foo="\\t"`,     // they disagree: classic has the say
		`foo="\u00e9"`:                       `foo="\\u00e9"`, // so here
		`{"föö"="bär"}`:                      `"föö"="bär"`,   // UTF-8 alone
		`föö=bär`:                            `"föö"="bär"`,
		`"foo bar"="x"`:                      `"foo bar"="x"`,
		`"foo.bar"=~"\\d+"`:                  `"foo.bar"=~"\\d+"`,
		`foo:bar="x"`:                        `"foo:bar"="x"`,
		`foo=bär`:                            `foo="bär"`,
		`foo="x"}`:                           `foo="x"`, // classic takes a brace too few
		`{foo="x"`:                           `foo="x"`,
		`foo={`:                              `foo="{"`,
		`foo=a b`:                            `foo="a b"`, // classic alone
		`a="b" c="d"`:                        "",
		`=x`:                                 "",
		`foo`:                                "",
		`foo="bar`:                           "",
		`foo="b"ar"`:                         "",
		`foo=~"("`:                           "",
		`foo=~"a)|(b"`:                       "", // would reach past the anchors
		`,`:                                  "",
		`a=b,,c=d`:                           "",
		"foo=\"\xff\"":                       "",
	} {
		got, err := Parse(text)
		empty := text == "" || text == "{}"
		if want == "" && !empty {
			if err == nil {
				t.Errorf("%q is read as %v", text, got)
			}
			continue
		}
		if err != nil || strings.Join(got.Texts(), " ") != want {
			t.Errorf("%q is read as %v, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{`{a="b"}`, `a="b",c="d"`, ``} {
		if m, err := ParseOne(text); err == nil {
			t.Errorf("one matcher: %q is read as %v", text, m)
		}
	}
}

func TestAMatcherAsksForTheWholeValueAndTakesAMissingLabelForAnEmptyOne(t *testing.T) {
	for text, want := range map[string][2]bool{ // x="ab", no x
		`x="ab"`:      {true, false},
		`x!="ab"`:     {false, true},
		`x=""`:        {false, true},
		`x!=""`:       {true, false},
		`x=~"a"`:      {false, false},
		`x=~"a."`:     {true, false},
		`x=~"a|ab"`:   {true, false},
		`x=~".*"`:     {true, true},
		`x=~".+"`:     {true, false},
		`x!~"a."`:     {false, true},
		`x!~".+"`:     {false, true},
		`x=~"(?i)AB"`: {true, false},
	} {
		m, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{m.Hold(map[string]string{"x": "ab"}), m.Hold(nil)}; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func TestErrorsOfMatchersNameTheLine(t *testing.T) {
	var c struct{ Matchers Matchers }
	err := yaml.Unmarshal([]byte("matchers:\n  - a=b\n  - c=~(\n"), &c)
	if err == nil || !strings.Contains(err.Error(), "line 3") || !strings.Contains(err.Error(), "regular expression") {
		t.Fatal(err)
	}
}

// Whatever is read is written so that it is read as the same again, in each of
// the three ways in which it is written.
func FuzzMatchers(f *testing.F) {
	for _, s := range []string{`a="b"`, `{a=~"b|c",d!~e}`, `"ü"="\n"`, `a="\\"`, `a=b\`, `a="\"",b=`, "a=\"\x01\"", `a:b=c`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(list.String())
		if err != nil || !slices.EqualFunc(list, again, Same) {
			t.Fatalf("%q is %v, and then %v, %v", text, list.Texts(), again.Texts(), err)
		}
		raw, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		var viaJSON Matchers
		if err := json.Unmarshal(raw, &viaJSON); err != nil || !slices.EqualFunc(list, viaJSON, Same) {
			t.Fatalf("%q is %s in JSON: %v", text, raw, err)
		}
		if raw, err = yaml.Marshal(list); err != nil {
			t.Fatal(err)
		}
		var viaYAML Matchers
		if err := yaml.Unmarshal(raw, &viaYAML); err != nil || !slices.EqualFunc(list, viaYAML, Same) {
			t.Fatalf("%q is %s in YAML: %v", text, raw, err)
		}
	})
}
