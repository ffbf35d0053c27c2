package kube

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unique"

	quantity "k8s.io/apimachinery/pkg/api/resource"
)

// amounts are quantities by the name of their resource, sorted by it. They take
// a fraction of the memory of a map, and there are two for each container.
type amounts []amountOf

type amountOf struct {
	name  string
	value float64
}

func (a *amounts) UnmarshalJSON(raw []byte) error {
	var all map[string]number
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	*a = parsed(all)
	return nil
}

// parsed leaves out what is no quantity.
func parsed[T ~string](all map[string]T) amounts {
	if len(all) == 0 {
		return nil
	}
	out := make(amounts, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if q, err := quantity.ParseQuantity(string(all[name])); err == nil {
			out = append(out, amountOf{same(name), q.AsApproximateFloat64()})
		}
	}
	return out
}

// same returns the one copy that is kept of a text that many objects share.
func same(text string) string { return unique.Make(text).Value() }

// whole is a whole number, which Rollouts write as a text; 0 where it is none.
type whole int64

func (n *whole) UnmarshalJSON(raw []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	if err != nil {
		v = 0 // Rollouts before 1.0 wrote a hash
	}
	*n = whole(v)
	return nil
}
