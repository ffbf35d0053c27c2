// Package naming makes names from the outside world ones that can be kept.
//
// A mount point or a process may be called anything. Invariants: what comes out
// is text that both databases and their indexes take; what could be kept as it
// was is unchanged; the same name always yields the same one, wherever it is
// met; two names stay two.
package naming

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// MaxName bounds what names something, in bytes: PostgreSQL takes 2,700 for a
// whole row of an index, which may hold several names.
const MaxName = 300

// Name makes of an id, a name or a key one that can be kept. What is cut off
// leaves a mark made from the whole.
func Name(s string) string {
	s = Text(s)
	if len(s) <= MaxName {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return fmt.Sprintf("%s~%x", strings.ToValidUTF8(s[:MaxName-17], ""), sum[:8])
}

// Text leaves out what no database holds as text: zero bytes, and what is not
// UTF-8.
func Text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}
