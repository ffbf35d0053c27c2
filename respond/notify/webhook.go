package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// webhook sends JSON, signed as Standard Webhooks has it, to the URL that is
// the contact's address. The contact's secret, where it has one, signs.
type webhook struct {
	client *http.Client
	vault  vault
}

// WebhookBody is what a webhook is sent, as JSON. Fields are added, never
// changed.
type WebhookBody struct {
	Type      string           `json:"type"`      // incident.page, .update, .resolved, .test, .verify
	ID        string           `json:"id"`        // of the message; the same on every try
	Timestamp time.Time        `json:"timestamp"` // when the message was decided
	Tenant    string           `json:"tenant"`
	Headline  string           `json:"headline"` // one line for people
	Incident  *WebhookIncident `json:"incident,omitempty"`
	Text      string           `json:"text"` // a few lines for people
	// AcknowledgeURL acknowledges by one click and one confirmation.
	AcknowledgeURL string `json:"acknowledgeUrl,omitempty"`
	// PossibleDuplicate says that an earlier try may have arrived.
	PossibleDuplicate bool `json:"possibleDuplicate,omitempty"`
}

// WebhookIncident is what a webhook is told of an incident.
type WebhookIncident struct {
	ID       string           `json:"id,omitempty"`
	Number   int64            `json:"number,omitempty"`
	Count    int              `json:"count,omitempty"` // of incidents, where the message tells of several
	Title    string           `json:"title"`
	Severity finding.Severity `json:"severity,omitempty"`
	State    respond.State    `json:"state,omitempty"`
	URL      string           `json:"url,omitempty"`
}

// webhookBody is the pure part.
func webhookBody(m respond.Message) WebhookBody {
	s, c := shapeOf(m), m.Content
	b := WebhookBody{Type: "incident." + string(m.Kind), ID: m.ID, Timestamp: m.CreatedAt.UTC(), Tenant: m.Tenant, Headline: s.Headline,
		Text: s.Text, AcknowledgeURL: s.Ack, PossibleDuplicate: m.PossibleDuplicate}
	if m.Kind != respond.TestMessage && m.Kind != respond.VerifyMessage {
		b.Incident = &WebhookIncident{ID: m.Incident, Number: c.Number, Count: c.Incidents, Title: s.Title, Severity: c.Severity, State: c.State, URL: c.URL}
	}
	return b
}

// Send makes one try.
func (w *webhook) Send(ctx context.Context, m respond.Message) respond.Outcome {
	const who = "the webhook"
	u, err := url.Parse(m.Contact.Address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return respond.Outcome{State: respond.Failed, Reason: "The webhook's address is no URL that begins with https:// or http://; correct the contact."}
	}
	body, err := json.Marshal(webhookBody(m))
	if err != nil {
		return respond.Outcome{State: respond.Failed, Reason: "The message cannot be written as JSON."}
	}
	header := http.Header{"Content-Type": {"application/json"}, "Webhook-Id": {m.ID}}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	header.Set("Webhook-Timestamp", now)
	if m.Contact.Secret != "" {
		secret, err := w.vault.of(ctx, m.Contact)
		if err != nil {
			return noSecret(err, who)
		}
		signature, err := SignWebhook(secret, m.ID, now, body)
		if err != nil {
			return respond.Outcome{State: respond.Failed, Reason: "The webhook's secret is not base64 behind whsec_; correct it."}
		}
		header.Set("Webhook-Signature", signature)
	}
	a, failed := exchange(ctx, w.client, who, request{method: http.MethodPost, url: u.String(), header: header, body: body})
	if failed != nil {
		return *failed
	}
	// What a stranger's server says is shown to nobody.
	o, _ := a.verdict(who, "")
	return o
}

// SignWebhook returns the signature of a body as Standard Webhooks has it:
// v1, and HMAC-SHA256 over id.timestamp.body in base64. A secret that begins
// with whsec_ is base64 behind it; any other is taken as it is.
func SignWebhook(secret, id, timestamp string, body []byte) (string, error) {
	key := []byte(secret)
	if text, ok := strings.CutPrefix(secret, "whsec_"); ok {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return "", fmt.Errorf("the secret behind whsec_ is not base64")
		}
		key = raw
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", id, timestamp)
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}
