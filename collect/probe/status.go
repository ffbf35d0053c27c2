package probe

import (
	"fmt"
	"strconv"
	"strings"
)

// StatusRange is a range of HTTP status codes, ends included.
type StatusRange struct{ From, To int }

// UnmarshalText reads "404", "200-299" or "2xx".
func (r *StatusRange) UnmarshalText(text []byte) error {
	s := string(text)
	from, to, isRange := strings.Cut(s, "-")
	if class, ok := strings.CutSuffix(s, "xx"); ok {
		from, to, isRange = class+"00", class+"99", true
	}
	if !isRange {
		to = from
	}
	var err error
	if r.From, err = strconv.Atoi(from); err == nil {
		r.To, err = strconv.Atoi(to)
	}
	if err != nil || r.From < 100 || r.To > 599 || r.From > r.To {
		return fmt.Errorf("%q is not a status code or a range of them; write 200, 200-299 or 2xx", s)
	}
	return nil
}

func (r StatusRange) String() string {
	if r.From == r.To {
		return strconv.Itoa(r.From)
	}
	return fmt.Sprintf("%d-%d", r.From, r.To)
}

func (r StatusRange) contains(code int) bool { return r.From <= code && code <= r.To }

// listed joins values for a sentence: "a, b or c".
func listed[T any](values []T) string {
	var b strings.Builder
	for i, v := range values {
		switch {
		case i == 0:
		case i == len(values)-1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		fmt.Fprint(&b, v)
	}
	return b.String()
}
