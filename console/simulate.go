package console

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/simulate"
)

// Simulator works out what would happen with an alert.
type Simulator interface {
	Simulate(ctx context.Context, actor access.Actor, ask simulate.Ask, draft []byte, now time.Time) (simulate.Trace, error)
}

// simulatePage is the question and its answer.
type simulatePage struct {
	Form    simulateForm
	People  []choice
	Trace   *simulate.Trace // nil before anything was asked
	Problem string
}

// simulateForm is the question as it is typed.
type simulateForm struct {
	Labels, At, Zone, By, After string
}

// exampleLabels are what the form has before anything was asked.
const exampleLabels = "severity=critical\nservice=checkout"

// nobodyAnswers and firstAnswers are what can be chosen beside persons.
const nobodyAnswers, firstAnswers = "", "first"

func (c *Console) simulate(w http.ResponseWriter, r *http.Request) error {
	ctx, actor, q := r.Context(), c.actor(r), r.URL.Query()
	p := simulatePage{Form: simulateForm{Labels: exampleLabels, At: "now", After: "10"},
		People: []choice{{nobodyAnswers, "nobody"}, {firstAnswers, "whoever is told first"}}}
	if c.Reach != nil {
		known, err := c.Reach.Known(ctx, actor, c.opt.Tenant)
		if err != nil {
			return err
		}
		p.People = append(p.People, sortedChoices("", known.People)...)
	}
	if !q.Has("labels") {
		return c.render(w, r, http.StatusOK, "What if", "/incidents", simulateView(p))
	}
	p.Form = simulateForm{Labels: q.Get("labels"), At: q.Get("at"), Zone: strings.TrimSpace(q.Get("zone")), By: q.Get("by"), After: q.Get("after")}
	trace, err := c.simulated(r, p.Form)
	var bad badRequest
	switch {
	case errors.As(err, &bad):
		p.Problem = string(bad)
	case errors.Is(err, respond.ErrInvalid):
		p.Problem = upperFirst(strings.TrimPrefix(err.Error(), respond.ErrInvalid.Error()+": ")) + "."
	case err != nil:
		return err
	default:
		p.Trace = &trace
		return c.render(w, r, http.StatusOK, "What if", "/incidents", simulateView(p))
	}
	return c.render(w, r, http.StatusUnprocessableEntity, "What if", "/incidents", simulateView(p))
}

func (c *Console) simulated(r *http.Request, f simulateForm) (simulate.Trace, error) {
	ask := simulate.Ask{Tenant: c.opt.Tenant, Labels: map[string]string{}, At: f.At, Zone: f.Zone}
	for line := range strings.FieldsFuncSeq(f.Labels, func(r rune) bool { return r == '\n' || r == '\r' || r == ',' }) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		switch {
		case strings.TrimSpace(line) == "":
		case !ok || strings.TrimSpace(name) == "":
			return simulate.Trace{}, badRequest(fmt.Sprintf("%q is not a label. Write one a line, such as service=checkout.", line))
		default:
			ask.Labels[strings.TrimSpace(name)] = strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	if f.By != nobodyAnswers {
		minutes, err := time.ParseDuration(strings.TrimSpace(f.After) + "m")
		if err != nil {
			return simulate.Trace{}, badRequest("Say after how many minutes it is taken up, as a number.")
		}
		ask.Acknowledged, ask.After = true, minutes
		if f.By != firstAnswers {
			ask.By = f.By
		}
	}
	return c.Simulate.Simulate(r.Context(), c.actor(r), ask, nil, c.opt.Now())
}

// verdictMark is the sigil of a verdict.
func verdictMark(v simulate.Verdict) string {
	switch v {
	case simulate.Paged:
		return "steady"
	case simulate.Nobody:
		return "soon"
	}
	return "unknown"
}

// eventMark is the sigil of what happens.
func eventMark(k simulate.Kind) string {
	switch k {
	case simulate.Page, simulate.Message:
		return "now"
	case simulate.Missed, simulate.Exhausted:
		return "soon"
	case simulate.Acknowledged:
		return "tended"
	case simulate.Held, simulate.Muted, simulate.Wait:
		return "accepted"
	}
	return "info"
}

// clockOf is the hour of a moment by the trace's zone, with the day where it is
// another one than that of the alert.
func clockOf(m, asked simulate.Moment) string {
	day, hour := dayAndHour(m.Local)
	if first, _ := dayAndHour(asked.Local); first == day {
		return hour
	}
	return strings.Join(strings.Fields(day)[:3], " ") + " " + hour
}

// dayAndHour parts "Sun 28 Mar 2027 03:30:00 CEST".
func dayAndHour(local string) (day, hour string) {
	words := strings.Fields(local)
	if len(words) < 5 {
		return local, ""
	}
	return strings.Join(words[:4], " "), strings.TrimSuffix(words[4], ":00")
}

// labelWords writes labels in their order.
func labelWords(labels map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, k+"="+labels[k])
	}
	return strings.Join(out, ", ")
}
