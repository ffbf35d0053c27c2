package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
)

// TokenPrefix begins every API token, so that a leaked one is recognised by
// people and by scanners.
const TokenPrefix = "evk_"

// NewSecret returns at least 256 random bits as text.
func NewSecret() string { return rand.Text() + rand.Text() }

// hashSecret is what is stored of a secret. A plain hash suffices: the secrets
// are random and long, unlike passwords. Looking one up by its hash also makes
// the time of the comparison say nothing about the secret.
func hashSecret(secret string) string {
	h := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(h[:])
}
