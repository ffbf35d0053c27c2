package store

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/internal/naming"
)

// forever is the end of what is still so.
const forever = math.MaxInt64

// micros is how a time is stored: microseconds since 1970, 0 for none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// moment reads what micros wrote.
func moment(us int64) time.Time {
	if us == 0 || us == forever {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// plain is text as a database takes it: one odd name must not stop the rest
// from being stored.
func plain(s string) string { return naming.Text(s) }

// pack writes a value into a column of JSON. The types that are packed always
// can be; a figure that JSON does not know (NaN) is an error.
func pack(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("write JSON: %w", err)
	}
	return string(b), nil
}

// unpack reads a column of JSON.
func unpack[T any](text string) (v T, err error) {
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return v, fmt.Errorf("%w: a column does not hold the JSON that was written: %w", ErrCorrupt, err)
	}
	return v, nil
}

// convert reads a list of rows.
func convert[R, T any](rows []R, read func(R) (T, error)) ([]T, error) {
	out := make([]T, 0, len(rows))
	for _, r := range rows {
		v, err := read(r)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// parameters numbers the question marks of a statement that goes to the driver
// directly, as PostgreSQL wants it.
func (s *Store) parameters(statement string) string {
	if !s.postgres() {
		return statement
	}
	var b strings.Builder
	for i, part := range strings.Split(statement, "?") {
		if i > 0 {
			fmt.Fprintf(&b, "$%d", i)
		}
		b.WriteString(part)
	}
	return b.String()
}
