package intake

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/respond"
)

// pdEvent is an event of PagerDuty's Events API v2, and a change event.
type pdEvent struct {
	RoutingKey  string `json:"routing_key"`
	EventAction string `json:"event_action"`
	DedupKey    string `json:"dedup_key"`
	Payload     *struct {
		Summary       string          `json:"summary"`
		Source        string          `json:"source"`
		Severity      string          `json:"severity"`
		Timestamp     string          `json:"timestamp"`
		Component     string          `json:"component"`
		Group         string          `json:"group"`
		Class         string          `json:"class"`
		CustomDetails json.RawMessage `json:"custom_details"`
	} `json:"payload"`
	Links []struct {
		Href string `json:"href"`
		Text string `json:"text"`
	} `json:"links"`
	Client    string `json:"client"`
	ClientURL string `json:"client_url"`
}

// Actions of an event.
const (
	pdTrigger     = "trigger"
	pdAcknowledge = "acknowledge"
	pdResolve     = "resolve"
)

func parsePagerDuty(body []byte) (e pdEvent, err error) {
	if err := json.Unmarshal(body, &e); err != nil {
		return e, readable(err)
	}
	if e.RoutingKey == "" {
		return e, errors.New("'routing_key' is missing or blank")
	}
	return e, nil
}

// check finds all that is wrong with an event, in PagerDuty's words.
func (e pdEvent) check() (faults []string) {
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if len(e.DedupKey) > maxKey {
		add("'dedup_key' is longer than %d bytes", maxKey)
	}
	switch e.EventAction {
	case pdAcknowledge, pdResolve:
		if e.DedupKey == "" {
			add("'dedup_key' is missing or blank")
		}
	case pdTrigger:
		if e.Payload == nil {
			add("'payload' is missing")
			break
		}
		if strings.TrimSpace(e.Payload.Summary) == "" {
			add("'payload.summary' is missing or blank")
		}
		if e.Payload.Source == "" {
			add("'payload.source' is missing or blank")
		}
		if !slices.Contains([]string{"critical", "error", "warning", "info"}, e.Payload.Severity) {
			add("'payload.severity' is not one of critical, error, warning, info")
		}
		if _, err := e.at(); err != nil {
			add("'payload.timestamp' is not a time such as 2026-03-01T12:00:00Z")
		}
	default:
		add("'event_action' is not one of trigger, acknowledge, resolve")
	}
	return faults
}

// pdTimes are forms in which senders write times.
var pdTimes = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05"}

func (e pdEvent) at() (at time.Time, err error) {
	if e.Payload == nil || e.Payload.Timestamp == "" {
		return at, nil
	}
	for _, form := range pdTimes {
		if at, err = time.Parse(form, e.Payload.Timestamp); err == nil {
			return at, nil
		}
	}
	return at, err
}

// key is the key of the event: the sender's, or one that is the same for the
// same news, so that what is sent again folds.
func (e pdEvent) key() string {
	if e.DedupKey != "" || e.Payload == nil {
		return e.DedupKey
	}
	p := e.Payload
	sum := sha256.Sum256([]byte(strings.Join([]string{p.Summary, p.Source, p.Component, p.Group, p.Class}, "\x00")))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// alert lays out an event that passed check. Of an acknowledgement and an end
// only the key counts.
func (e pdEvent) alert() respond.Alert {
	out := respond.Alert{AlertKey: respond.AlertKey{Fingerprint: e.key()}, Labels: map[string]string{}}
	if e.EventAction != pdTrigger {
		out.Status = respond.Ended
		return out
	}
	p := e.Payload
	out.Status, out.Title, out.Severity = respond.Firing, p.Summary, severity(p.Severity)
	out.StartsAt, _ = e.at() // check has read it
	for name, value := range map[string]string{"severity": p.Severity, "source": p.Source, "component": p.Component, "group": p.Group, "class": p.Class} {
		if value != "" {
			out.Labels[name] = cut(value, maxLabelValue)
		}
	}
	if len(p.CustomDetails) > 0 && string(p.CustomDetails) != "null" {
		out.Text = detailsText(p.CustomDetails)
	}
	for _, l := range e.Links {
		out.Links = append(out.Links, respond.Link{Text: cut(cmp.Or(oneLine(l.Text), "Link"), 200), URL: l.Href})
	}
	if e.ClientURL != "" {
		out.Links = append(out.Links, respond.Link{Text: cut(cmp.Or(oneLine(e.Client), "Source"), 200), URL: e.ClientURL})
	}
	return out
}

// detailsText writes details as lines that people can read.
func detailsText(raw json.RawMessage) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return plainValue(raw)
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		if b.Len() > maxText {
			break
		}
		fmt.Fprintf(&b, "%s: %s\n", name, plainValue(fields[name]))
	}
	return b.String()
}

func plainValue(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// changeKind is what a change of a change event is called.
const changeKind = "deployment"

// change makes a change event a change of the estate: of the service that is
// named as its source, or of the entity whose id stands in
// custom_details.entity.
func (e pdEvent) change(by Integration, body []byte, now time.Time) (estate.Observation, []string) {
	var faults []string
	if e.Payload == nil || strings.TrimSpace(e.Payload.Summary) == "" {
		return estate.Observation{}, []string{"'payload.summary' is missing or blank"}
	}
	at, err := e.at()
	switch {
	case err != nil:
		faults = append(faults, "'payload.timestamp' is not a time such as 2026-03-01T12:00:00Z")
	case at.IsZero():
		at = now
	case at.Sub(now) > maxAhead:
		faults = append(faults, "'payload.timestamp' is ahead of the clock here")
	case now.Sub(at) > mostStale:
		faults = append(faults, "'payload.timestamp' is more than 30 days ago")
	}
	details := struct{ Entity, User, Who string }{}
	// Details may be anything; what is not there is not there.
	if json.Unmarshal(e.Payload.CustomDetails, &details) != nil {
		details.Entity = ""
	}
	entity := details.Entity
	if kind, name, ok := strings.Cut(entity, ":"); !ok || kind == "" || name == "" {
		entity = "service:" + cmp.Or(e.Payload.Source, by.ID)
	}
	if len(faults) > 0 {
		return estate.Observation{}, faults
	}
	sum := sha256.Sum256(body)
	return estate.Observation{Tenant: by.Tenant, Environment: by.Environment, Source: by.ID, At: now, Changes: []estate.Change{{
		At: at, Entity: cut(entity, 500), Kind: changeKind, Summary: cut(oneLine(e.Payload.Summary), 1024),
		Who: cut(cmp.Or(details.User, details.Who), 200), Key: "change:" + base64.RawURLEncoding.EncodeToString(sum[:16]),
	}}}, nil
}

// mostStale is how old a change may be that is told.
const mostStale = 30 * 24 * time.Hour
