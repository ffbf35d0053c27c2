package store

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// A place is where a row stands in its list: bytes whose order is the order of
// the list. A page's cursor is the place of its last row, so that rows which
// come and go meanwhile neither repeat nor hide others.

// list names a list, so that a cursor of one is refused by another.
type list byte

const (
	findingList  list = 'f'
	entityList   list = 'e'
	changeList   list = 'c'
	auditList    list = 'a'
	incidentList list = 'i'
	caseList     list = 'k'
)

const (
	// maxPlace bounds a cursor, which comes from outside.
	maxPlace = 4096
	sumSize  = 4

	pageSize    = 50
	maxPageSize = 500
	// maxTotal is where counting entities stops.
	maxTotal = 10_000
)

// newestFirst yields places that fall with time, then rise with the id.
func newestFirst(at time.Time, id string) []byte {
	b := binary.BigEndian.AppendUint64(nil, ^ordered(micros(at)))
	return append(b, id...)
}

// ordered maps an int64 to bytes of the same order.
func ordered(v int64) uint64 { return uint64(v) ^ 1<<63 }

// cursor writes a place for outside. The sum catches what was cut or mistyped;
// it is no secret, and no cursor shows more than its list does.
func cursor(l list, place []byte) string {
	b := append([]byte{byte(l)}, place...)
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(append(b, sum[:sumSize]...))
}

// errCursor is what parseCursor fails with; the caller wraps it with what its
// domain calls invalid.
var errCursor = errors.New("the cursor is not one of this list; begin again without it")

// parseCursor reads what cursor wrote. An empty one is the list's beginning.
func parseCursor(l list, text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) > base64.RawURLEncoding.EncodedLen(maxPlace) {
		return nil, errCursor
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < 1+sumSize || b[0] != byte(l) || cursor(l, b[1:len(b)-sumSize]) != text {
		return nil, errCursor
	}
	return b[1 : len(b)-sumSize], nil
}

// limit is how many rows a page has: what was asked for, within bounds.
func limit(asked int) int {
	if asked <= 0 {
		return pageSize
	}
	return min(asked, maxPageSize)
}

// invalid marks what a caller got wrong with the sentinel of its domain.
func invalid(sentinel, err error) error { return fmt.Errorf("%w: %w", sentinel, err) }
