package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// pagerDuty sends events (Events API v2). The integration's routing key is the
// contact's secret; the address names the service for people. The incident is
// the dedup_key, so that a message sent twice changes nothing.
type pagerDuty struct {
	client *http.Client
	config PagerDutyConfig
	vault  vault
}

type pagerDutyEvent struct {
	RoutingKey string            `json:"routing_key"`
	Action     string            `json:"event_action"` // trigger, acknowledge, resolve
	DedupKey   string            `json:"dedup_key"`
	Payload    *pagerDutyPayload `json:"payload,omitempty"`
	Client     string            `json:"client,omitempty"`
	ClientURL  string            `json:"client_url,omitempty"`
	Links      []pagerDutyLink   `json:"links,omitempty"`
}

type pagerDutyPayload struct {
	Summary   string            `json:"summary"` // at most 1,024 letters
	Source    string            `json:"source"`
	Severity  string            `json:"severity"` // critical, error, warning, info
	Timestamp string            `json:"timestamp"`
	Details   map[string]string `json:"custom_details,omitempty"`
}

type pagerDutyLink struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// pagerDutyBody is the pure part; the routing key is added by Send.
func pagerDutyBody(m respond.Message) pagerDutyEvent {
	s := shapeOf(m)
	key := m.Tenant + "/" + m.Incident
	if m.Incident == "" {
		key = m.Tenant + "/message/" + m.ID
	}
	e := pagerDutyEvent{Action: "trigger", DedupKey: clipBytes(key, 255), Client: "Evenkeel", ClientURL: s.Link}
	switch {
	case m.Kind == respond.ResolvedMessage || m.Content.State == respond.Resolved && m.Incident != "":
		e.Action = "resolve"
		return e
	case m.Content.State == respond.Acknowledged || m.Content.State == respond.Snoozed:
		e.Action = "acknowledge"
		return e
	}
	severity := "info"
	if m.Kind == respond.PageMessage || m.Kind == respond.UpdateMessage {
		severity = "error"
	}
	switch m.Content.Severity {
	case finding.Critical:
		severity = "critical"
	case finding.Warning:
		severity = "warning"
	case finding.Info:
		severity = "info"
	}
	summary := s.Title
	if m.Content.Incidents > 1 {
		summary = s.Headline
	}
	e.Payload = &pagerDutyPayload{Summary: clip(summary, 1024), Source: "Evenkeel", Severity: severity, Timestamp: m.CreatedAt.UTC().Format(time.RFC3339Nano)}
	if s.Text != "" {
		e.Payload.Details = map[string]string{"text": s.Text}
	}
	if s.Link != "" {
		e.Links = []pagerDutyLink{{s.Link, "Open in Evenkeel"}}
	}
	return e
}

// Send makes one try.
func (p *pagerDuty) Send(ctx context.Context, m respond.Message) respond.Outcome {
	const who = "PagerDuty"
	key, err := p.vault.of(ctx, m.Contact)
	if err != nil {
		return noSecret(err, "this contact of "+who)
	}
	event := pagerDutyBody(m)
	event.RoutingKey = key
	body, err := json.Marshal(event)
	if err != nil {
		return respond.Outcome{State: respond.Failed, Reason: "The message cannot be written as JSON."}
	}
	a, failed := exchange(ctx, p.client, who, request{method: http.MethodPost, url: p.config.URL, header: http.Header{"Content-Type": {"application/json"}}, body: body})
	if failed != nil {
		return *failed
	}
	var got struct {
		Status   string `json:"status"`
		Message  string `json:"message"`
		DedupKey string `json:"dedup_key"`
	}
	readable := json.Unmarshal(a.body, &got) == nil
	o, ok := a.verdict(who, said(got.Message, key, m.Content.AckURL))
	if ok && (!readable || got.Status != "success") {
		return garbled(who)
	}
	o.ProviderID = clip(oneLine(got.DedupKey), 255)
	return o
}
