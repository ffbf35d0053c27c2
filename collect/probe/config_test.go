package probe

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const everyKey = `
- name: shop
  type: http
  target: https://shop.example/health?deep=1
  interval: 30s
  timeout: 3s
  http:
    method: POST
    headers:
      X-Key: {value_file: /run/secrets/key}
      Accept: {value: text/html}
    body: '{}'
    basic_auth: {username: eve, password_file: /run/secrets/password}
    follow_redirects: false
    proxy: http://proxy.example:3128
    expect: {status: [200-299, 404, 5xx], body: '^ok', not_body: error}
  tls: {trust: ca_file, ca_file: /etc/ca.pem, server_name: shop.example, min_validity: 14d}
- &tcp
  name: cache
  type: tcp
  target: cache:6379
- <<: *tcp
  name: cache-2
- {name: names, type: dns, dns: {name: shop.example, type: AAAA, expect: {rcodes: [NOERROR], answers: ["::1"]}}}
- {name: mail, type: tls, target: 'mail.example:993'}
- {name: gateway, type: icmp, target: 192.0.2.1}
- {name: db, type: postgres, database: {dsn_file: /run/secrets/dsn, query: select 1}}
- {name: old-db, type: mysql, database: {dsn_env: OLD_DB_DSN}}
- {name: queue, type: redis, target: 'redis://127.0.0.1:6379/0'}
`

func TestConfigReadsEveryKey(t *testing.T) {
	c, err := ParseConfig([]byte(everyKey))
	if err != nil {
		t.Fatal(err)
	}
	no := false
	wanted := Spec{
		Name: "shop", Type: HTTP, Target: "https://shop.example/health?deep=1", Interval: 30 * time.Second, Timeout: 3 * time.Second, Origin: Configured,
		HTTP: HTTPSpec{
			Method: "POST", Body: "{}", FollowRedirects: &no, Proxy: "http://proxy.example:3128",
			Headers:   map[string]Header{"X-Key": {ValueFile: "/run/secrets/key"}, "Accept": {Value: "text/html"}},
			BasicAuth: BasicAuth{Username: "eve", PasswordFile: "/run/secrets/password"},
			Expect:    HTTPExpect{Status: []StatusRange{{200, 299}, {404, 404}, {500, 599}}, Body: "^ok", NotBody: "error"},
		},
		TLS: TLSSpec{Trust: TrustCAFile, CAFile: "/etc/ca.pem", ServerName: "shop.example", MinValidity: 14 * 24 * time.Hour},
	}
	if !reflect.DeepEqual(c.Probes[0], wanted) {
		t.Errorf("read %+v\nwant %+v", c.Probes[0], wanted)
	}
	if len(c.Probes) != 9 || c.Probes[2].Name != "cache-2" || c.Probes[2].Target != "cache:6379" || c.Probes[1].Interval != DefaultInterval || c.Probes[1].Timeout != DefaultTimeout {
		t.Errorf("read %+v", c.Probes)
	}
	if _, err := New(c, "web-1", quiet()); err != nil {
		t.Errorf("a good configuration does not start: %v", err)
	}
}

func TestConfigErrorsNameThePlaceAndTheRemedy(t *testing.T) {
	const ok = "- {name: a, type: tcp, target: 'h:1'}\n"
	for _, c := range []struct{ text, says string }{
		{ok + ok + ok + "- name: b\n  type: tcp\n  target: h:1\n  timeout: 20s\n", "line 7: probes[3].timeout: 20s is longer than the interval 15s; lower it, or raise the interval"},
		{ok + ok, `line 2: probes[1].name: "a" is also the name of probes[0]; give`},
		{"- {name: a, type: tcp, target: 'h:1', timeut: 3s}", "probes[0].timeut: there is no such key; the keys here are name, type, target, interval, timeout"},
		{"- {name: a, type: tcp, target: 'h:1', timeout: fast}", `probes[0].timeout: "fast" is not a duration; write a number with`},
		{"- {name: a, type: tcp, target: 'h:1', interval: 100ms}", "100ms is shorter than 1s"},
		{"- {name: a, type: tcp, target: 'h:1', interval: 5s, timeout: 5s}", "5s is as long as the interval"},
		{"- {name: a b, type: tcp, target: 'h:1'}", `"a b" is not a name`},
		{"- {name: a, type: ftp, target: 'h:1'}", `"ftp" is not a type of probe; use http, tcp, dns, tls, icmp, postgres, mysql or redis`},
		{"- {name: a, type: tcp, target: h}", `"h" is not host:port`},
		{"- {name: a, type: tcp, target: 'eve:hunter2@h:1'}", "is not host:port"},
		{"- {name: a, type: tcp, target: 'h:1', dns: {name: x}}", "probes[0].dns: means nothing to a probe of type tcp; remove it"},
		{"- {name: a, type: http, target: 'ftp://h'}", "not a URL that begins with http or https://"},
		{"- {name: a, type: http, target: 'http://eve:hunter2@h/'}", "holds a password"},
		{"- {name: a, type: http, target: 'http://h/', http: {expect: {body: '('}}}", "http.expect.body: is not a regular expression"},
		{"- {name: a, type: http, target: 'http://h/', http: {expect: {status: [2000]}}}", `probes[0].http.expect.status[0]: "2000" is not a status code`},
		{"- {name: a, type: http, target: 'http://h/', http: {headers: {'X Y': {value: z}}}}", "is not the name of a header"},
		{"- {name: a, type: http, target: 'http://h/', http: {headers: {X: {}}}}", "probes[0].http.headers.X: needs either value or value_file"},
		{"- {name: a, type: http, target: 'http://h/', http: {basic_auth: {username: x}}}", "needs both"},
		{"- {name: a, type: dns}", "probes[0].dns.name"},
		{"- {name: a, type: dns, dns: {name: x, type: B}}", `"B" is not a type of record`},
		{"- {name: a, type: postgres, target: 'postgres://eve:hunter2@h/db'}", "holds a password; keep it in a file instead"},
		{"- {name: a, type: postgres}", "give exactly one of target"},
		{"- {name: a, type: tls, target: 'h:1', tls: {trust: ca_file}}", "goes together with"},
		{"- {name: a, name: b, type: tcp, target: 'h:1'}", "stands here twice"},
		{"name: a", "probes: is to be a list"},
		{"- a", "probes[0]: is to be keys with values"},
		{"- {name: [a], type: tcp, target: 'h:1'}", "probes[0].name: is to be one plain value"},
		{"- {name: a, type: http, target: 'http://h', http: {follow_redirects: perhaps}}", "is to be true or false"},
	} {
		_, err := ParseConfig([]byte(c.text))
		if err == nil {
			t.Errorf("accepted: %s", c.text)
			continue
		}
		if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s\n gives %q\n want  %q", c.text, err, c.says)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("a password is in the error: %v", err)
		}
		var at *ConfigError
		if !errors.As(err, &at) || at.Line == 0 {
			t.Errorf("no line in %v", err)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(everyKey))
	f.Add([]byte("- &a {name: *a}"))
	f.Add([]byte("- {<<: {<<: {name: x}}, type: dns}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig(text)
		if err != nil {
			return
		}
		for _, s := range c.Probes {
			if s.Timeout <= 0 || s.Interval < MinInterval || s.Timeout >= s.Interval {
				t.Errorf("accepted timeout %s of interval %s", s.Timeout, s.Interval)
			}
			if s.Database != (DatabaseSpec{}) || s.TLS.CAFile != "" {
				continue // would open a file
			}
			if _, err := newCheck(s); err != nil {
				t.Errorf("accepted, and cannot run: %v", err)
			}
		}
	})
}

func TestSecretsAreNeverShown(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "dsn")
	for _, kind := range []Type{Postgres, MySQL, Redis} {
		for _, dsn := range []string{
			string(kind) + "://eve:hunter2@127.0.0.1:1/db?x=hunter2", string(kind) + "://eve:hunter2@:port:/%zz", "hunter2", "host=h password=hunter2 port=x", "\x00hunter2",
			string(kind) + "://eve:hunter2@127.0.0.1:1/hunter\n2", string(kind) + "://hunter2",
		} {
			if err := os.WriteFile(path, []byte(dsn), 0o600); err != nil {
				t.Fatal(err)
			}
			s := Spec{Type: kind, Database: DatabaseSpec{DSNFile: path}, Timeout: 300 * time.Millisecond}
			r := once(t, s)
			if r.Outcome == Up {
				t.Errorf("%q is up", dsn)
			}
			c, err := newCheck(s)
			if err != nil {
				t.Fatal(err)
			}
			if dsn != string(kind)+"://hunter2" && strings.Contains(r.Message+c.label(), "hunter2") {
				t.Errorf("%s %q leaks: %s, %s", kind, dsn, r.Message, c.label())
			}
		}
	}
}

func TestTheManualsExamplesWork(t *testing.T) {
	text, err := os.ReadFile("../../docs/probes.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```yaml\nprobes:\n")[1:]
	if len(blocks) < 5 {
		t.Fatalf("found %d examples", len(blocks))
	}
	for _, b := range blocks {
		example, _, _ := strings.Cut(b, "```")
		if _, err := ParseConfig([]byte(example)); err != nil {
			t.Errorf("%v in:\n%s", err, example)
		}
	}
}
