package reach

import (
	"strings"
	"testing"
	"time"
)

// Whatever is sent as a link, only one that was made here is read, as what it
// was made for, in one spelling, and in time.
func FuzzToken(f *testing.F) {
	now := time.Date(2027, 3, 1, 10, 0, 0, 0, time.UTC)
	s := &Service{key: []byte(strings.Repeat("k", keySize))}
	other := &Service{key: []byte(strings.Repeat("x", keySize))}
	f.Add("default", "01J-p1-1", int64(60), s.token(home, "m", now.Add(time.Hour)))
	f.Add("acme", "test-01J", int64(-60), other.token(home, "m", now.Add(time.Hour)))
	f.Add("a.b", "m.n", int64(0), "m.n.o.p")
	mine := s.token(home, "m", now.Add(time.Hour))
	f.Add("default", "m", int64(60), mine[:len(mine)-9]+"\r"+mine[len(mine)-9:]) // found by fuzzing
	f.Add("default", "m", int64(60), mine+"."+written.EncodeToString([]byte(home)))
	f.Add("", "", int64(1<<40), "..."+strings.Repeat(".", 99))
	f.Fuzz(func(t *testing.T, tenant, message string, in int64, token string) {
		if gotTenant, gotMessage, err := s.read(token, now); err == nil {
			parts := strings.Split(token, ".")
			if token != s.token(home, "m", now.Add(time.Hour)) || gotTenant != home || gotMessage != "m" {
				t.Fatalf("%q is taken for %q of %q: %v", token, gotMessage, gotTenant, parts)
			}
		}
		if strings.Contains(message, ".") || len(tenant)+len(message) > 200 {
			return // ids of messages have neither
		}
		in %= 1 << 32
		good := s.token(tenant, message, now.Add(time.Duration(in)*time.Second))
		gotTenant, gotMessage, err := s.read(good, now)
		if (err == nil) != (in > 0) || err == nil && (gotTenant != tenant || gotMessage != message) {
			t.Fatalf("%q of %q in %d s: %q of %q, %v", message, tenant, in, gotMessage, gotTenant, err)
		}
		if _, _, err := other.read(good, now); err == nil {
			t.Fatal("another key reads it")
		}
		if len(token) < len(good) && token != "" {
			if _, _, err := s.read(good[:len(good)-len(token)%len(good)]+token, now); err == nil && !strings.HasSuffix(good, token) {
				t.Fatal("a changed link is read")
			}
		}
	})
}
