package reach

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
)

const (
	// keyName is the key that codes and links follow from.
	keyName = "reach"
	// keySize is its length in bytes.
	keySize = 32
	// linkMAC is how much of the HMAC a link carries, in bytes: 128 bits.
	linkMAC = 16
	// pageLink is how long a page's link is good, testLink a test's.
	pageLink, testLink = 24 * time.Hour, 7 * 24 * time.Hour
)

// home is the tenant that a link need not name.
const home = access.DefaultTenant

// written is how bytes stand in a link.
var written = base64.RawURLEncoding

func freshKey() []byte {
	key := make([]byte, keySize)
	rand.Read(key)
	return key
}

// sum signs parts; a length stands before each, so that no two lists of parts
// are signed alike.
func (s *Service) sum(parts ...string) []byte {
	h := hmac.New(sha256.New, s.key)
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return h.Sum(nil)
}

// code is the six digits that a message carries to an address.
func (s *Service) code(tenant, message, address string) string {
	n := binary.BigEndian.Uint64(s.sum("code", tenant, message, address)) % 1_000_000
	return fmt.Sprintf("%06d", n)
}

// CodeText is what a message says that proves a contact.
func (s *Service) CodeText(m respond.Message) string {
	return fmt.Sprintf("%s is your Evenkeel code. Type it where you added this contact. It is good for %d minutes. If you did not ask for it, do nothing.",
		s.code(m.Tenant, m.ID, m.Contact.Address), int(codeLife/time.Minute))
}

// same compares a typed code with the right one in constant time.
func same(code, typed string) bool {
	typed = strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(strings.TrimSpace(typed))
	return subtle.ConstantTimeCompare([]byte(code), []byte(typed)) == 1
}

// Paths of the pages on which links land. The token stands behind a '#', where
// no server, proxy or log sees it; the page's form sends it.
const (
	AckPath     = "/ack"
	ReachedPath = "/reached"
)

// LinkFor is the link that a message carries to its person: it takes the
// incident up, or says that a test has arrived. Nobody's channels get none, and
// neither does a message that tells of many incidents.
func (s *Service) LinkFor(m respond.Message) string {
	if m.Contact.Person == "" || s.opt.URL == "" {
		return ""
	}
	switch {
	case m.Kind == respond.TestMessage:
		return s.opt.URL + ReachedPath + "#" + s.token(m.Tenant, m.ID, m.CreatedAt.Add(testLink))
	case m.Kind == respond.PageMessage && m.Incident != "":
		return s.opt.URL + AckPath + "#" + s.token(m.Tenant, m.ID, m.CreatedAt.Add(pageLink))
	}
	return ""
}

// token names a message and a time, signed. From the message follow the
// incident and the person.
func (s *Service) token(tenant, message string, until time.Time) string {
	end := strconv.FormatInt(until.Unix(), 36)
	mac := written.EncodeToString(s.sum("link", tenant, message, end)[:linkMAC])
	out := message + "." + end + "." + mac
	if tenant != home {
		out += "." + written.EncodeToString([]byte(tenant))
	}
	return out
}

// errLink is all that is said of a link that is not good: who tries links is
// not told how near they came.
var errLink = errors.New("this link is not good any more")

// read returns what a token names, where it is ours, spelled as we spell it and
// its time is not over. What it names is spelled again and compared, since
// decoders forgive more than one spelling (Go's base64 passes over line ends),
// and a link that was used or barred must have no twin.
func (s *Service) read(token string, now time.Time) (tenant, message string, err error) {
	parts := strings.Split(token, ".")
	if len(token) > 500 || len(parts) < 3 || len(parts) > 4 {
		return "", "", errLink
	}
	tenant = home
	if len(parts) == 4 {
		raw, err := written.DecodeString(parts[3])
		if err != nil {
			return "", "", errLink
		}
		tenant = string(raw)
	}
	end, err := strconv.ParseInt(parts[1], 36, 64)
	if err != nil || !hmac.Equal([]byte(token), []byte(s.token(tenant, parts[0], time.Unix(end, 0)))) {
		return "", "", errLink
	}
	if !now.Before(time.Unix(end, 0)) {
		return "", "", errLink
	}
	return tenant, parts[0], nil
}
