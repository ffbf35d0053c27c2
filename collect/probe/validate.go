package probe

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$`)

// Validate says everything that is wrong with the probes, as joined
// ConfigErrors. It opens no file and asks nobody.
func (c Config) Validate() error {
	v := validator{lines: c.lines}
	if len(c.Probes) > MaxProbes {
		v.fail("probes", "there are %d probes; at most %d are possible, so raise none beyond and run a second Evenkeel for the rest", len(c.Probes), MaxProbes)
		return errors.Join(v.errs...)
	}
	names := map[string]int{}
	for i, s := range c.Probes {
		v.base = fmt.Sprintf("probes[%d]", i)
		if first, taken := names[s.Name]; taken {
			v.fail("name", "%q is also the name of probes[%d]; give each probe a name of its own", s.Name, first)
		}
		names[s.Name] = i
		v.spec(s)
	}
	return errors.Join(v.errs...)
}

// validate checks one probe that did not come from a file.
func (s Spec) validate() error {
	v := validator{base: "probe " + s.Name}
	v.spec(s)
	return errors.Join(v.errs...)
}

type validator struct {
	base  string
	lines map[string]int
	errs  []error
}

func (v *validator) fail(field, format string, args ...any) {
	if len(v.errs) >= maxErrors {
		return
	}
	path := strings.TrimPrefix(v.base+"."+field, ".")
	line := v.lines[path]
	for at := path; line == 0 && at != ""; line = v.lines[at] {
		at = at[:max(strings.LastIndexAny(at, ".["), 0)]
	}
	v.errs = append(v.errs, &ConfigError{Line: line, Path: path, Text: fmt.Sprintf(format, args...)})
}

func (v *validator) spec(s Spec) {
	if !nameForm.MatchString(s.Name) {
		v.fail("name", `%q is not a name; use up to 80 letters, digits, ".", "-" and "_", beginning with a letter or digit`, excerpt(s.Name, 80))
	}
	if !slices.Contains(types, s.Type) {
		v.fail("type", "%q is not a type of probe; use %s", excerpt(string(s.Type), 40), listed(types))
		return
	}
	switch {
	case s.Interval < MinInterval:
		v.fail("interval", "%s is shorter than %s; probe less often", s.Interval, MinInterval)
	case s.Timeout <= 0:
		v.fail("timeout", "%s is no time at all; remove it or write one such as 5s", s.Timeout)
	case s.Timeout > s.Interval:
		v.fail("timeout", "%s is longer than the interval %s; lower it, or raise the interval", s.Timeout, s.Interval)
	case s.Timeout == s.Interval:
		v.fail("timeout", "%s is as long as the interval; lower it, or raise the interval", s.Timeout)
	}
	v.sections(s)
	switch s.Type {
	case HTTP:
		v.http(s)
	case TCP, TLS:
		v.hostPort(s.Target)
	case ICMP:
		if s.Target == "" || strings.ContainsAny(s.Target, "/ @?") {
			v.fail("target", "%q is not a host; write a name or an address, without a port", excerpt(s.Target, 80))
		}
	case DNS:
		v.dns(s)
	case Postgres, MySQL, Redis:
		v.database(s)
	}
	v.tls(s)
}

// sections refuses settings that the type would silently pass over.
func (v *validator) sections(s Spec) {
	refuse := func(key string, section any, takes ...Type) {
		if !reflect.ValueOf(section).IsZero() && !slices.Contains(takes, s.Type) {
			v.fail(key, "means nothing to a probe of type %s; remove it", s.Type)
		}
	}
	refuse("http", s.HTTP, HTTP)
	refuse("dns", s.DNS, DNS)
	refuse("database", s.Database, Postgres, MySQL, Redis)
	t := s.TLS
	if t.Trust == TrustSystem {
		t.Trust = "" // the default
	}
	refuse("tls", t, HTTP, TLS, MySQL, Redis)
}

func (v *validator) hostPort(target string) {
	host, port, err := net.SplitHostPort(target)
	if n, perr := strconv.Atoi(port); err != nil || host == "" || perr != nil || n < 1 || n > 65535 || strings.ContainsAny(host, "/@ ?") {
		v.fail("target", "%q is not host:port; write one such as db-1:5432 or [::1]:443", excerpt(shownTarget(target), 80))
	}
}

// shownTarget hides what stands before an "@", for a target in the wrong form.
func shownTarget(target string) string {
	if i := strings.LastIndex(target, "@"); i >= 0 {
		return "…" + target[i:]
	}
	return target
}

func (v *validator) url(field, text string, schemes ...string) *url.URL {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme) {
		v.fail(field, "is not a URL that begins with %s://", listed(schemes))
		return nil
	}
	if _, has := u.User.Password(); has {
		v.fail(field, "holds a password; keep it in a file instead")
		return nil
	}
	return u
}

func (v *validator) http(s Spec) {
	h := s.HTTP
	if u := v.url("target", s.Target, "http", "https"); u != nil && u.User != nil {
		v.fail("target", "holds a user; write it in http.basic_auth.username")
	}
	if h.Proxy != "" {
		v.url("http.proxy", h.Proxy, "http", "https", "socks5")
	}
	if _, err := http.NewRequest(h.Method, "http://localhost/", nil); err != nil {
		v.fail("http.method", "%q is not an HTTP method", excerpt(h.Method, 20))
	}
	for name, value := range h.Headers {
		path := "http.headers." + excerpt(name, 80)
		switch {
		case !validHeaderName(name):
			v.fail(path, "is not the name of a header")
		case (value.Value == "") == (value.ValueFile == ""):
			v.fail(path, "needs either value or value_file")
		case strings.ContainsAny(value.Value, "\r\n\x00"):
			v.fail(path, "holds a line break, which a header cannot")
		}
	}
	if (h.BasicAuth.Username == "") != (h.BasicAuth.PasswordFile == "") {
		v.fail("http.basic_auth", "needs both username and password_file")
	}
	if h.BasicAuth.Username != "" && h.BearerFile != "" {
		v.fail("http.bearer_file", "cannot stand beside basic_auth; remove one")
	}
	for field, expr := range map[string]string{"body": h.Expect.Body, "not_body": h.Expect.NotBody} {
		if _, err := regexp.Compile(expr); err != nil {
			v.fail("http.expect."+field, "is not a regular expression (RE2): %s", excerpt(err.Error(), 200))
		}
	}
}

func validHeaderName(name string) bool {
	if name == "" || len(name) > 200 {
		return false
	}
	for _, c := range []byte(name) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return true
}

func (v *validator) dns(s Spec) {
	if s.Target != "" {
		v.hostPort(withPort(s.Target, "53"))
	}
	if _, ok := dns.IsDomainName(s.DNS.Name); !ok || s.DNS.Name == "" {
		v.fail("dns.name", "%q is not a name to look up; write one that the resolver is to know", excerpt(s.DNS.Name, 80))
	}
	if _, ok := dns.StringToType[strings.ToUpper(s.DNS.Type)]; !ok {
		v.fail("dns.type", "%q is not a type of record; write one such as A, AAAA, MX or TXT", excerpt(s.DNS.Type, 20))
	}
	for i, code := range s.DNS.Expect.Rcodes {
		if _, ok := dns.StringToRcode[strings.ToUpper(code)]; !ok {
			v.fail(fmt.Sprintf("dns.expect.rcodes[%d]", i), "%q is not a response code; write one such as NOERROR or NXDOMAIN", excerpt(code, 20))
		}
	}
}

func (v *validator) database(s Spec) {
	given := 0
	for _, text := range []string{s.Target, s.Database.DSNFile, s.Database.DSNEnv} {
		if text != "" {
			given++
		}
	}
	if given != 1 {
		v.fail("target", "give exactly one of target (a DSN without a password), database.dsn_file and database.dsn_env; %d are given", given)
	}
	if s.Target != "" {
		v.url("target", s.Target, dsnSchemes[s.Type]...)
	}
	if s.Type == Redis && s.Database.Query != "" {
		v.fail("database.query", "means nothing to Redis, which is sent PING; remove it")
	}
}

var dsnSchemes = map[Type][]string{
	Postgres: {"postgres", "postgresql"},
	MySQL:    {"mysql"},
	Redis:    {"redis", "rediss"},
}

func (v *validator) tls(s Spec) {
	t := s.TLS
	switch {
	case !slices.Contains([]Trust{TrustSystem, TrustCAFile, TrustSelfSigned, TrustAny}, t.Trust):
		v.fail("tls.trust", "%q is not known; use system, ca_file, self-signed or any", excerpt(string(t.Trust), 40))
	case (t.Trust == TrustCAFile) != (t.CAFile != ""):
		v.fail("tls.ca_file", "goes together with trust: ca_file; set both or neither")
	}
}

// withPort adds the port to a host or address that has none.
func withPort(host, port string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}
