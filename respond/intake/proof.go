package intake

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Secrets gives the secret of a name, as env:NAME or file:/path.
type Secrets interface {
	// Secret returns it, or an error that does not carry it.
	Secret(ctx context.Context, name string) (string, error)
}

// secretsFor is how long a secret that was read is used before it is read
// anew, so that a changed one needs no restart.
const secretsFor = 15 * time.Second

// shortestSecret is how many bytes a secret has at least: no other bound stands
// against guessing.
const shortestSecret = 16

// tolerance is how old a signature may be, as Standard Webhooks has it.
const tolerance = 5 * time.Minute

var (
	errUnproven = errors.New("the secret is wrong, or there is none")
	errSecret   = errors.New("a secret of Evenkeel's own configuration cannot be read")
)

// ring holds the secrets of the configuration for a while.
type ring struct {
	secrets Secrets
	mu      sync.Mutex
	known   map[string]kept
}

type kept struct {
	secret string
	err    error
	at     time.Time
}

// secret returns the secret of a name, or errSecret.
func (r *ring) secret(ctx context.Context, name string, now time.Time) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, ok := r.known[name]
	if age := now.Sub(k.at); !ok || age < 0 || age > secretsFor {
		k = kept{at: now}
		k.secret, k.err = r.secrets.Secret(ctx, name)
		if k.err == nil && len(k.secret) < shortestSecret {
			k.err = fmt.Errorf("it has less than %d bytes, which can be guessed", shortestSecret)
		}
		if k.err != nil {
			k.secret, k.err = "", fmt.Errorf("%w: %w", errSecret, k.err)
		}
		r.known[name] = k
	}
	return k.secret, k.err
}

// same compares without telling by its time how much of it was right.
func same(given, secret string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(secret))
	return secret != "" && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// bySecret finds the integration of a dialect whose secret was given. All are
// compared, whichever fits. Where a secret cannot be read and none of the
// others fits, it is errSecret: the sender may be right.
func (s *Server) bySecret(ctx context.Context, d Dialect, given string) (found *source, err error) {
	err = errUnproven
	for _, x := range s.integrations {
		if x.by.Dialect != d {
			continue
		}
		secret, readErr := s.ring.secret(ctx, x.by.Secret, s.now())
		switch {
		case readErr != nil:
			s.refused(x, readErr.Error())
			if errors.Is(err, errUnproven) {
				err = readErr
			}
		case same(given, secret) && found == nil:
			found = x
		}
	}
	if found != nil {
		return found, nil
	}
	return nil, err
}

// byHeader proves a request by its header Authorization: Bearer, or Basic
// with the id as the user's name.
func (s *Server) byHeader(r *http.Request, d Dialect) (*source, error) {
	if user, password, ok := r.BasicAuth(); ok {
		x := s.integration(d, user)
		if x == nil {
			return nil, errUnproven
		}
		return x, s.proveSecret(r.Context(), x, x.by.Secret, password)
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return nil, errUnproven
	}
	return s.bySecret(r.Context(), d, token)
}

// proveSecret compares what was given for a source. A refusal is shown with it.
func (s *Server) proveSecret(ctx context.Context, x *source, name, given string) error {
	secret, err := s.ring.secret(ctx, name, s.now())
	if err == nil && !same(given, secret) {
		err = errUnproven
	}
	if err != nil {
		s.refused(x, "A request did not prove itself: "+err.Error())
	}
	return err
}

// authorized proves a request to the source that its path names.
func (s *Server) authorized(r *http.Request, x *source, name string) error {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if user, password, basic := r.BasicAuth(); basic {
		given, ok = password, user == x.id()
	}
	if !ok {
		given = ""
	}
	return s.proveSecret(r.Context(), x, name, given)
}

// signed proves a webhook by its signature.
func (s *Server) signed(r *http.Request, x *source, body []byte) error {
	secret, err := s.ring.secret(r.Context(), x.by.Secret, s.now())
	switch {
	case err != nil:
	case x.by.Dialect == Grafana:
		err = grafanaSigned(r.Header, x.by, body, secret, s.now())
	default:
		err = standardSigned(r.Header, body, secret, s.now())
	}
	if err != nil {
		s.refused(x, "A request did not prove itself: "+err.Error())
	}
	return err
}

const (
	grafanaSignature = "X-Grafana-Alerting-Signature"
	webhookSignature = "Webhook-Signature"
)

// grafanaSigned checks Grafana's HMAC over the body, or over the time and the
// body where a header for the time is set up.
func grafanaSigned(h http.Header, by Integration, body []byte, secret string, now time.Time) error {
	mac := hmac.New(sha256.New, []byte(secret))
	if by.TimestampHeader != "" {
		stamp := h.Get(by.TimestampHeader)
		if err := fresh(stamp, now); err != nil {
			return err
		}
		mac.Write([]byte(stamp + ":"))
	}
	mac.Write(body)
	given, err := hex.DecodeString(h.Get(grafanaSignature))
	if err != nil || !hmac.Equal(given, mac.Sum(nil)) {
		return fmt.Errorf("%w: the signature does not fit", errUnproven)
	}
	return nil
}

// standardSigned checks a signature of Standard Webhooks (v1, symmetric).
func standardSigned(h http.Header, body []byte, secret string, now time.Time) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) == 0 {
		return fmt.Errorf("%w: for Standard Webhooks it must be base64 after whsec_", errSecret)
	}
	stamp := h.Get("Webhook-Timestamp")
	if err := fresh(stamp, now); err != nil {
		return err
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", h.Get("Webhook-Id"), stamp)
	mac.Write(body)
	want := mac.Sum(nil)
	for n, text := range strings.Fields(h.Get(webhookSignature)) {
		version, value, _ := strings.Cut(text, ",")
		given, err := base64.StdEncoding.DecodeString(value)
		if n < 10 && version == "v1" && err == nil && hmac.Equal(given, want) {
			return nil
		}
	}
	return fmt.Errorf("%w: no signature fits", errUnproven)
}

// fresh tells whether a signed time, in seconds since 1970, is about now.
func fresh(stamp string, now time.Time) error {
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: the time that it signs is missing", errUnproven)
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > tolerance || off < -tolerance {
		return fmt.Errorf("%w: the time that it signs is more than %s off; compare the clocks", errUnproven, tolerance)
	}
	return nil
}
