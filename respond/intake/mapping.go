package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// Mapping says how JSON of any form becomes alerts. Each field is an expression
// in CEL over `body`, the whole request, and `item`, the one alert. What is not
// there in the JSON is asked for by has(item.x) or item.?x.orValue("").
type Mapping struct {
	// Items gives the list of alerts; empty: the body is one.
	Items string `yaml:"items"`
	// Key names the alert, the same at its beginning, repetition and end;
	// empty: its labels name it.
	Key string `yaml:"key"`
	// Title is one line: what is wrong. Required.
	Title string `yaml:"title"`
	// Resolved is true where the alert is over; empty: never, it ends after
	// ends_after.
	Resolved string `yaml:"resolved"`
	Severity string `yaml:"severity"` // a word, such as "critical" or "P1"
	Text     string `yaml:"text"`
	URL      string `yaml:"url"` // where it came from
	// Labels by their names.
	Labels map[string]string `yaml:"labels"`
	// EndsAfter is how long an alert stands after it was last heard of; 0:
	// until it is said to be over.
	EndsAfter time.Duration `yaml:"ends_after"`
}

// Bounds of a mapping.
const (
	maxExpression = 2000 // bytes
	maxMapped     = 1000 // alerts of a request
	itemCost      = 20_000
	listCost      = 1_000_000
	mapWithin     = 2 * time.Second // for a request
	celCheckEvery = 100             // steps of a loop between two looks at the time
)

// mapper is a mapping that was compiled.
type mapper struct {
	items, key, title, resolved, severity, text, url cel.Program
	labels                                           map[string]cel.Program
	endsAfter                                        time.Duration
}

// compile checks every expression and returns every error that it finds.
func (m Mapping) compile() (*mapper, error) {
	env, err := cel.NewEnv(cel.Variable("body", cel.DynType), cel.Variable("item", cel.DynType),
		cel.OptionalTypes(), ext.Strings(), cel.CrossTypeNumericComparisons(true))
	if err != nil {
		return nil, err
	}
	var errs []error
	program := func(field, text string, cost uint64) cel.Program {
		if text == "" {
			return nil
		}
		if len(text) > maxExpression {
			errs = append(errs, fmt.Errorf("%s: %d bytes at most", field, maxExpression))
			return nil
		}
		ast, issues := env.Compile(text)
		if err := issues.Err(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q: %w", field, text, err))
			return nil
		}
		p, err := env.Program(ast, cel.CostLimit(cost), cel.InterruptCheckFrequency(celCheckEvery))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %q: %w", field, text, err))
		}
		return p
	}
	out := &mapper{items: program("items", m.Items, listCost), key: program("key", m.Key, itemCost), title: program("title", m.Title, itemCost),
		resolved: program("resolved", m.Resolved, itemCost), severity: program("severity", m.Severity, itemCost),
		text: program("text", m.Text, itemCost), url: program("url", m.URL, itemCost), labels: map[string]cel.Program{}, endsAfter: m.EndsAfter}
	for name, text := range m.Labels {
		out.labels[name] = program("labels."+name, text, itemCost)
		if text == "" || name == "" || len(name) > maxLabelName {
			errs = append(errs, fmt.Errorf("labels: %q needs a name and an expression", name))
		}
	}
	switch {
	case m.Title == "":
		errs = append(errs, errors.New("title: an expression is needed, such as item.title"))
	case m.Key == "" && len(m.Labels) == 0:
		errs = append(errs, errors.New("key: name the alert by a key or by labels, so that what is sent again folds"))
	case len(m.Labels) > maxLabels:
		errs = append(errs, fmt.Errorf("labels: %d at most", maxLabels))
	case m.EndsAfter != 0 && (m.EndsAfter < leastResolve || m.EndsAfter > mostResolve):
		errs = append(errs, fmt.Errorf("ends_after: %s must be between %s and %s", m.EndsAfter, leastResolve, mostResolve))
	}
	return out, errors.Join(errs...)
}

// parse maps a body. What an expression may cost is bounded, and so is the time
// of all.
func (m *mapper) parse(ctx context.Context, b *batch, body []byte) error {
	var all any
	if err := json.Unmarshal(body, &all); err != nil {
		return readable(err)
	}
	ctx, cancel := context.WithTimeout(ctx, mapWithin)
	defer cancel()
	list := []any{all}
	if m.items != nil {
		v, err := eval(ctx, m.items, map[string]any{"body": all, "item": nil})
		if err != nil {
			return fmt.Errorf("items: %w", err)
		}
		native, ok := v.Value().([]any)
		if !ok {
			if values, is := v.Value().([]ref.Val); is {
				for _, x := range values {
					native = append(native, x.Value())
				}
				ok = true
			}
		}
		if !ok {
			return fmt.Errorf("items: it gives %s where a list is wanted", v.Type().TypeName())
		}
		list = native
	}
	if len(list) > maxMapped {
		return fmt.Errorf("there are %d alerts; send %d at most in a request", len(list), maxMapped)
	}
	for _, item := range list {
		if ctx.Err() != nil {
			return fmt.Errorf("mapping took longer than %s; send fewer alerts at once", mapWithin)
		}
		a, err := m.alert(ctx, map[string]any{"body": all, "item": item}, b.now)
		if err != nil {
			b.refuse(err)
			continue
		}
		b.add(a)
	}
	return nil
}

// alert maps one item.
func (m *mapper) alert(ctx context.Context, names map[string]any, now time.Time) (a respond.Alert, err error) {
	text := func(field string, p cel.Program) (out string) {
		if p == nil || err != nil {
			return ""
		}
		v, evalErr := eval(ctx, p, names)
		if evalErr == nil {
			out, evalErr = asText(v)
		}
		if evalErr != nil {
			err = fmt.Errorf("%s: %w", field, evalErr)
		}
		return out
	}
	a.Labels = map[string]string{}
	for name, p := range m.labels {
		if value := text("labels."+name, p); value != "" {
			a.Labels[name] = value
		}
	}
	a.Fingerprint, a.Title, a.Text = text("key", m.key), text("title", m.title), text("text", m.text)
	if word := text("severity", m.severity); word != "" && err == nil {
		if a.Severity = severity(word); a.Severity == 0 {
			err = fmt.Errorf("severity: %q is none that is known; map it to %s, %s or %s", cut(word, 60), finding.Critical, finding.Warning, finding.Info)
		}
	}
	if url := text("url", m.url); url != "" {
		a.Links = []respond.Link{{Text: "Source", URL: url}}
	}
	if m.resolved != nil && err == nil {
		v, evalErr := eval(ctx, m.resolved, names)
		over, is := v.(types.Bool)
		switch {
		case evalErr != nil:
			err = fmt.Errorf("resolved: %w", evalErr)
		case !is:
			err = fmt.Errorf("resolved: it gives %s where true or false is wanted", v.Type().TypeName())
		case bool(over):
			a.Status = respond.Ended
		}
	}
	switch {
	case err != nil:
	case m.key != nil && a.Fingerprint == "":
		err = errors.New("key: it is empty")
	case len(a.Fingerprint) > maxKey:
		a.Fingerprint = hashLabels(map[string]string{"key": a.Fingerprint})
	}
	if a.Status != respond.Ended && m.endsAfter > 0 {
		a.EndsAt = now.Add(m.endsAfter)
	}
	return a, err
}

// eval evaluates within its cost and the time. Errors of the interpreter say
// what is missing; they hold no values.
func eval(ctx context.Context, p cel.Program, names map[string]any) (ref.Val, error) {
	v, _, err := p.ContextEval(ctx, names)
	if err != nil {
		return types.NullValue, errors.New(cut(oneLine(err.Error()), 200))
	}
	return v, nil
}

// asText takes texts, numbers and truths; null is empty.
func asText(v ref.Val) (string, error) {
	switch v := v.(type) {
	case types.String:
		return string(v), nil
	case types.Null:
		return "", nil
	case types.Double, types.Int, types.Uint, types.Bool, types.Timestamp, types.Duration:
		if text, ok := v.ConvertToType(types.StringType).(types.String); ok {
			return string(text), nil
		}
	case *types.Optional:
		if !v.HasValue() {
			return "", nil
		}
		return asText(v.GetValue())
	}
	return "", fmt.Errorf("it gives %s where a text is wanted", strings.TrimPrefix(v.Type().TypeName(), "google.protobuf."))
}
