package route

import (
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// Why says of each route that is asked whether it takes the alert, one sentence
// each, in the order of asking.
func (r *Router) Why(a respond.Alert, now time.Time) []string {
	var out []string
	for _, v := range r.Explain(a, now).Visits {
		out = append(out, fmt.Sprintf("%s: %s", v.Path, v.Why))
	}
	return out
}
