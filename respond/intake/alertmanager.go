package intake

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// amAlert is an alert as Alertmanager's API and webhooks have it.
type amAlert struct {
	Status       string            `json:"status"` // of webhooks
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     amTime            `json:"startsAt"`
	EndsAt       amTime            `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	// What Grafana adds.
	SilenceURL   string `json:"silenceURL"`
	DashboardURL string `json:"dashboardURL"`
	PanelURL     string `json:"panelURL"`
}

// amTime is a time that may be empty.
type amTime struct{ time.Time }

// UnmarshalJSON takes RFC 3339, null and the empty text.
func (t *amTime) UnmarshalJSON(raw []byte) error {
	if string(raw) == "null" || string(raw) == `""` {
		return nil
	}
	return t.Time.UnmarshalJSON(raw)
}

// each reads the elements of a list one by one, so that one that cannot be
// read costs the others nothing.
func each[T any](b *batch, list []json.RawMessage, take func(T)) error {
	if len(list) > maxAlerts {
		return fmt.Errorf("there are %d alerts; send %d at most in a request", len(list), maxAlerts)
	}
	for _, raw := range list {
		var x T
		if err := json.Unmarshal(raw, &x); err != nil {
			b.refuse(readable(err))
			continue
		}
		take(x)
	}
	return nil
}

// readable says what is wrong with JSON without Go's names.
func readable(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Errorf("%s is a %s, which it may not be", cmp.Or(kind.Field, "the whole"), kind.Value)
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("it is not JSON at byte %d", syntax.Offset)
	}
	return errors.New("it cannot be read: " + cut(err.Error(), 200))
}

// parseAlerts reads the body of POST /api/v2/alerts. An alert without an end
// ends when its source has not spoken of it for the timeout.
func parseAlerts(b *batch, body []byte, timeout time.Duration) error {
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		return fmt.Errorf("a list of alerts is wanted: %w", readable(err))
	}
	return each(b, list, func(a amAlert) {
		out := a.alert()
		if out.EndsAt.IsZero() {
			out.EndsAt = b.now.Add(timeout)
		}
		if len(out.Labels) == 0 {
			b.refuse(errors.New("it needs at least one label"))
			return
		}
		b.add(out)
	})
}

// amWebhook is a webhook of Alertmanager, version 4, and of Grafana.
type amWebhook struct {
	Version         string            `json:"version"`
	TruncatedAlerts int64             `json:"truncatedAlerts"`
	ExternalURL     string            `json:"externalURL"`
	Alerts          []json.RawMessage `json:"alerts"`
}

// parseWebhook reads a webhook. Its alerts stand until they are said to be
// over: it is repeated too rarely for silence to say anything.
func parseWebhook(b *batch, body []byte) (note string, err error) {
	var hook amWebhook
	if err := json.Unmarshal(body, &hook); err != nil {
		return "", fmt.Errorf("a webhook with a list of alerts is wanted: %w", readable(err))
	}
	if hook.Alerts == nil {
		return "", errors.New("the list alerts is missing; is this a webhook of Alertmanager or Grafana?")
	}
	if hook.TruncatedAlerts > 0 {
		note = fmt.Sprintf("The sender left out %d alerts of a group: raise its max_alerts.", hook.TruncatedAlerts)
	}
	return note, each(b, hook.Alerts, func(a amAlert) {
		out := a.alert()
		switch a.Status {
		case "resolved":
			out.Status = respond.Ended
		case "firing", "":
			// Its end, where it has one, is a guess of the sender's.
			out.EndsAt = time.Time{}
		default:
			b.refuse(fmt.Errorf("status %q is not firing or resolved", cut(a.Status, 60)))
			return
		}
		if len(out.Labels) == 0 {
			b.refuse(errors.New("it needs at least one label"))
			return
		}
		b.add(out)
	})
}

// Annotations and labels that say what people should read first.
var (
	titleNames = []string{"summary", "title", "message"}
	textNames  = []string{"description", "message", "details"}
	linkNames  = []struct{ name, text string }{
		{"runbook_url", "Runbook"}, {"runbook", "Runbook"}, {"dashboard_url", "Dashboard"}, {"dashboard", "Dashboard"},
	}
)

// alert lays it out as Evenkeel has it. The fingerprint follows from all of its
// labels, with those of the integration.
func (a amAlert) alert() respond.Alert {
	out := respond.Alert{Labels: a.Labels, Annotations: a.Annotations, StartsAt: a.StartsAt.Time, EndsAt: a.EndsAt.Time,
		Severity: severity(cmp.Or(a.Labels["severity"], a.Labels["priority"], a.Labels["level"]))}
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	for _, name := range titleNames {
		out.Title = cmp.Or(out.Title, a.Annotations[name])
	}
	for _, name := range textNames {
		if text := a.Annotations[name]; text != out.Title {
			out.Text = cmp.Or(out.Text, text)
		}
	}
	for _, l := range linkNames {
		out.Links = append(out.Links, respond.Link{Text: l.text, URL: a.Annotations[l.name]})
	}
	out.Links = append(out.Links, respond.Link{Text: "Dashboard", URL: a.DashboardURL}, respond.Link{Text: "Panel", URL: a.PanelURL},
		respond.Link{Text: "Source", URL: a.GeneratorURL})
	out.Links = slices.DeleteFunc(out.Links, func(l respond.Link) bool { return l.URL == "" })
	// Prometheus leaves empty labels out; others do not.
	maps.DeleteFunc(out.Labels, func(_, value string) bool { return value == "" })
	return out
}
