package console

import (
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/correlate/cases"
)

// historyLine is what is told of a case's history in one line: an event, or all
// that joined the case within a minute, which would otherwise fill a screen.
type historyLine struct {
	cases.Event
	More []string // what else joined then
}

// togetherWithin is how long after the first one what joins is told with it.
const togetherWithin = time.Minute

// historyOf folds what joined at once into one line, in the order of the events.
func historyOf(events []cases.Event) (out []historyLine) {
	for _, e := range events {
		if n := len(out) - 1; n >= 0 && e.Kind == cases.Joined && out[n].Kind == cases.Joined && e.By == out[n].By && e.At.Sub(out[n].At).Abs() <= togetherWithin {
			out[n].More = append(out[n].More, e.Text)
			continue
		}
		out = append(out, historyLine{Event: e})
	}
	return out
}

// others counts what else joined, in words.
func (l historyLine) others() string {
	if len(l.More) == 1 {
		return "and one more joined"
	}
	return fmt.Sprintf("and %d more joined", len(l.More))
}
