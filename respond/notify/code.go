package notify

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

const (
	// codeLife is how long a code is good.
	codeLife = 15 * time.Minute
	// codeTries is how often a code may be guessed: 5 of a million.
	codeTries = 5
)

// Code is what is kept of a code that proves a contact: enough to check what a
// person types, and not the code.
type Code struct {
	Contact string    `json:"contact"` // id of the contact that it proves
	Salt    []byte    `json:"salt"`
	Sum     []byte    `json:"sum"` // SHA-256 of salt, contact and code
	Until   time.Time `json:"until"`
	Tries   int       `json:"tries"` // wrong ones so far
}

// What is wrong with a code that was typed.
var (
	ErrCodeWrong   = errors.New("this is not the code that was sent; look at the newest message")
	ErrCodeExpired = errors.New("the code is too old; ask for a new one")
	ErrCodeSpent   = errors.New("the code was mistyped too often; ask for a new one")
)

// NewCode makes a code of six digits for a contact. The code goes into a
// message (VerifyContent) and nowhere else; the value is stored.
func NewCode(contact string, now time.Time) (code string, keep Code) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	code = fmt.Sprintf("%06d", n)
	keep = Code{Contact: contact, Salt: make([]byte, 16), Until: now.Add(codeLife)}
	rand.Read(keep.Salt)
	keep.Sum = keep.sum(code)
	return code, keep
}

// Check returns what to store after a person has typed a code, and nil where it
// is the right one. A code that was right is to be deleted: it is good once.
// The caller stores the value before it answers, so that many tries at once
// count.
func (c Code) Check(contact, typed string, now time.Time) (Code, error) {
	switch {
	case c.Tries >= codeTries:
		return c, ErrCodeSpent
	case !now.Before(c.Until):
		return c, ErrCodeExpired
	}
	typed = strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(strings.TrimSpace(typed))
	same := subtle.ConstantTimeCompare(c.Sum, c.sum(typed))
	if same&subtle.ConstantTimeCompare([]byte(c.Contact), []byte(contact)) != 1 {
		c.Tries++
		return c, ErrCodeWrong
	}
	return c, nil
}

func (c Code) sum(code string) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%x\n%s\n%s", c.Salt, c.Contact, code)
	return h.Sum(nil)
}

// VerifyContent is what a message says that carries a code.
func VerifyContent(code string) respond.Content {
	return respond.Content{Title: "Your Evenkeel code", Text: fmt.Sprintf(
		"%s is your Evenkeel code. Type it where you added this contact. It is good for %d minutes. If you did not ask for it, do nothing.",
		code, int(codeLife/time.Minute))}
}

// TestContent is what a message says that only checks whether somebody can be
// reached.
func TestContent() respond.Content {
	return respond.Content{Title: "Test: nothing is wrong", Text: "This only checks that Evenkeel can reach you."}
}
