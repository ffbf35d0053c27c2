package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
)

// Parameters of argon2id: the OWASP password storage cheat sheet's first
// choice, 19 MiB, two passes, one lane. A hash carries its own, so that these
// may change.
const (
	argonMemory = 19 << 10 // KiB
	argonTime   = 2
	argonLanes  = 1
	argonSalt   = 16
	argonKey    = 32

	minPassword = 10
	maxPassword = 200
)

// hashing bounds how many passwords are hashed at once, because each takes
// argonMemory: a flood of logins must not take the machine's memory.
var hashing = make(chan struct{}, 2)

// hashPassword returns the PHC form of a new argon2id hash (RFC 9106).
func hashPassword(ctx context.Context, password string) (string, error) {
	if len(password) < minPassword || len(password) > maxPassword {
		return "", fmt.Errorf("%w: a password has %d to %d characters", ErrInvalid, minPassword, maxPassword)
	}
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	key, err := derive(ctx, password, salt, argonTime, argonMemory, argonLanes, argonKey)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes, b64(salt), b64(key)), nil
}

// checkPassword tells whether the password belongs to the hash. Without a hash
// it takes as long and says no, so that time does not tell who exists.
func checkPassword(ctx context.Context, phc, password string) (bool, error) {
	known := phc != ""
	if !known {
		phc = absent
	}
	var version, memory, passes int
	var lanes uint8
	var rest string
	if _, err := fmt.Sscanf(phc, "$argon2id$v=%d$m=%d,t=%d,p=%d$%s", &version, &memory, &passes, &lanes, &rest); err != nil || version != argon2.Version {
		return false, errors.New("the stored password has a form that this version cannot read; set it anew")
	}
	var salt, want []byte
	for i := range rest {
		if rest[i] != '$' {
			continue
		}
		salt, _ = base64.RawStdEncoding.DecodeString(rest[:i])
		want, _ = base64.RawStdEncoding.DecodeString(rest[i+1:])
	}
	if len(salt) == 0 || len(want) == 0 || len(password) > maxPassword {
		return false, nil
	}
	got, err := derive(ctx, password, salt, uint32(passes), uint32(memory), lanes, uint32(len(want)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1 && known, nil
}

// absent is the hash of no password, with today's parameters.
var absent = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes,
	base64.RawStdEncoding.EncodeToString(make([]byte, argonSalt)), base64.RawStdEncoding.EncodeToString(make([]byte, argonKey)))

func derive(ctx context.Context, password string, salt []byte, passes, memory uint32, lanes uint8, length uint32) ([]byte, error) {
	select {
	case hashing <- struct{}{}:
		defer func() { <-hashing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(password), salt, passes, memory, lanes, length), nil
}
