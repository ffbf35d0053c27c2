package redact

import (
	"strings"
	"testing"
)

const (
	jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
	aws = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

func TestWhatLooksLikeASecretIsMasked(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"key=value":          {"connect user=shop password=hunter2 db=orders", "connect user=shop password=[masked] db=orders"},
		"a longer name":      {"DB_PASSWORD_PROD=hunter2", "DB_PASSWORD_PROD=[masked]"},
		"JSON":               {`{"user":"shop","password":"hun\"ter2","n":1}`, `{"user":"shop","password":"[masked]","n":1}`},
		"JSON with blanks":   {`  "api_key" : "k-1, 2",`, `  "api_key" : "[masked]",`},
		"JSON in a string":   {`msg="{\"passwd\":\"hunter2\",\"n\":1}"`, `msg="{\"passwd\":\"[masked]\",\"n\":1}"`},
		"a number":           {`{"secret": 123456}`, `{"secret": [masked]`},
		"a list":             {`passwords: [one, two]`, `passwords: [masked]`},
		"a struct of Go":     {"{User:shop Password:hunter2 N:1}", "{User:shop Password:[masked] N:1}"},
		"a hash of Ruby":     {`{"secret_token" => "abc"}`, `{"secret_token" => "[masked]"}`},
		"a map in brackets":  {`config['password'] = 'hunter2'`, `config['password'] = '[masked]'`},
		"no quote that ends": {`token="abc def`, `token="[masked]`},
		"a flag":             {"exec /app --db-password hunter2 --port 80", "exec /app --db-password [masked] --port 80"},
		"a list of flags":    {`args ["--token", "abc"]`, `args ["--token", "[masked]"]`},
		"a header":           {"> Authorization: Basic c2hvcDpodW50ZXIy and=more", "> Authorization: [masked]"},
		"headers of Go":      {"map[Authorization:[Bearer abc] Accept:[*/*]]", "map[Authorization:[masked]"},
		"cookies":            {"Set-Cookie: sid=abc; Path=/; Secure", "Set-Cookie: [masked]"},
		"bearer":             {"sent Bearer abc.def-123 to it", "sent Bearer [masked] to it"},
		"bearer after a key": {"token: Bearer abc", "token: [masked] [masked]"},
		"basic":              {"auth failed for basic c2hvcDpodW50ZXIy", "auth failed for basic [masked]"},
		"an address":         {"dial postgres://shop:hunter2@db:5432/orders failed", "dial postgres://shop:[masked]@db:5432/orders failed"},
		"an odd password":    {"redis://:p@ss/w:rd@cache:6379", "redis://:[masked]@cache:6379"},
		"a token as user":    {"clone https://abcdef0123@example.org/x", "clone https://[masked]@example.org/x"},
		"a driver's address": {"open root:hunter2@tcp(db:3306)/orders", "open root:[masked]@tcp(db:3306)/orders"},
		"a query":            {"GET /x?user=1&access_token=abc HTTP/1.1", "GET /x?user=1&access_token=[masked] HTTP/1.1"},
		"a JWT":              {"got " + jwt + ".", "got [masked]"},
		"a key of AWS":       {"as AKIAIOSFODNN7EXAMPLE with\n" + "  " + aws + " now", "as [masked] with\n  [masked] now"},
		"a token of GitHub":  {"using ghp_0123456789abcdefABCDEF0123456789abcd", "using [masked]"},
		"PEM": {"key:\n-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc=\n-----END RSA PRIVATE KEY-----\nend",
			"key:\n[masked]\nend"},
		"PEM without its end":       {"x\n-----BEGIN PRIVATE KEY-----\nMIIEow\nabc", "x\n[masked]"},
		"PEM without its beginning": {"MIIEow\nabc=\n-----END PRIVATE KEY-----\nend", "[masked]-----END PRIVATE KEY-----\nend"},
		"PEM in one line":           {`"-----BEGIN PRIVATE KEY-----\nMIIEow\n-----END PRIVATE KEY-----\n"`, `"[masked]\n"`},
		"the middle of PEM":         {"a\nMIIEowIBAAKCAQEAxyzMIIEowIBAAKCAQEAxyz0123456789abcdefABCDEF0+/=\nb", "a\n[masked]\nb"},
		"two keys in a row":         {"token=password=abc", "token=[masked]"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Text(c.text); got != c.want {
				t.Errorf("%q is masked as\n%q, wanted\n%q", c.text, got, c.want)
			}
		})
	}
}

func TestWhatIsNoSecretStays(t *testing.T) {
	for _, text := range []string{
		"",
		"panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:12 +0x1d",
		"FATAL:  password authentication failed for user \"shop\"",
		"dial tcp 10.0.0.7:5432: connect: connection refused",
		"java.lang.OutOfMemoryError: Java heap space",
		"2026-03-01T14:00:00Z ERROR could not read https://example.org:8443/a?b=c: 503",
		"the bearer token is missing; basic authentication is off",
		"image example.org/shop:1.2@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"commit 3b18e512dba79e4c8300dd08aeb37f8e728b8dad of main",
		"tests passed: 12, failed: 0",
	} {
		if got := Text(text); got != text {
			t.Errorf("%q is masked as %q", text, got)
		}
	}
}

// forms are where a secret may stand; ~ is the secret.
var forms = []string{
	"password=~", "DB_PASSWD=~", `"password": "~"`, `{"client_secret":"~","n":1}`, `{\"api_key\":\"~\"}`, "apikey: ~", "api-key=~", "token=~", "'token': '~'",
	"Authorization: Bearer ~", "authorization=~", "Cookie: a=~; b=c", "private_key=~", "private key: ~", "--password ~", "--token=~", "Bearer ~",
	"postgres://user:~@db:5432/x", "https://~@example.org/", "user:~@tcp(db:3306)/x", "AKIAIOSFODNN7EXAMPLE 0123456789abcdefghij~0123456789ABCDEFGHIJ",
	"-----BEGIN PRIVATE KEY-----\nabc\n~\nabc\n-----END PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----\n~\nabc", "eyJhbGciOiJIUzI1NiJ9.~.abc",
}

// FuzzNoPlantedSecretSurvives plants a secret in each form that is known, with
// anything before and behind it.
func FuzzNoPlantedSecretSurvives(f *testing.F) {
	for i := range forms {
		f.Add(uint(i), "hunter2hunter2", "2026-03-01 ERROR ", " at main.go:12")
		f.Add(uint(i), "Zq9-zq9_Zq9", `{"msg":"`, `"}`)
		f.Add(uint(i), "abcABC123", "token=", "@x:y@z")
		f.Add(uint(i), "abcABC123", "x\n", "\ny")
		f.Add(uint(i), "abcABC123", `"password":"a\\","`, `"`)
	}
	f.Fuzz(func(t *testing.T, which uint, random, before, behind string) {
		// Letters, digits and what all of the forms may have; nothing that the
		// text around it has too.
		secret := "Sx7" + strings.Map(func(r rune) rune {
			if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
				return r
			}
			return -1
		}, random) + "7xS"
		form := forms[which%uint(len(forms))]
		if strings.HasPrefix(form, "AKIA") {
			secret = strings.NewReplacer("-", "", "_", "").Replace(secret)
		}
		if strings.Contains(before+behind+form, secret) {
			t.Skip("the secret stands in the open as well")
		}
		// A form begins where a word does.
		text := before + " " + strings.Replace(form, "~", secret, 1) + behind
		if got := Text(text); strings.Contains(got, secret) {
			t.Errorf("%q survives in %q, of %q", secret, got, text)
		}
	})
}
