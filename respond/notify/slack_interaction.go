package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// Action is what a person asks for from within a channel.
type Action string

const (
	Acknowledge Action = "acknowledge"
	Resolve     Action = "resolve"
)

// Interaction is a person's answer to a message. That it comes from the
// provider is proven; who the person is to Evenkeel is for the Responder to say.
type Interaction struct {
	Channel  respond.Channel
	User     string // the provider's id of the person; on the phone the number that was called
	UserName string // as the provider shows it; may be empty
	Action   Action
	Tenant   string
	Incident string
	Message  string
}

// Responder does what a person asks for.
type Responder interface {
	// Act does it and returns a sentence that tells the person what came of it.
	// It is called again with the same Interaction where a provider repeats
	// itself. An error is one of ours; its text is not shown.
	Act(ctx context.Context, i Interaction) (said string, err error)
}

const (
	// slackTolerance is how old a signed request may be.
	slackTolerance = 5 * time.Minute
	// interactionSize bounds a request, in bytes.
	interactionSize = 256 << 10
	// Slack waits 3 s. Acting and telling the person must fit.
	slackActTime  = 1500 * time.Millisecond
	slackTellTime = time.Second
)

// SlackInteractions takes what people press in Slack.
type SlackInteractions struct {
	config    SlackConfig
	secrets   Secrets
	responder Responder
	client    *http.Client
	now       func() time.Time
}

// NewSlackInteractions returns the handler for Slack's interactivity URL.
func NewSlackInteractions(cfg SlackConfig, secrets Secrets, responder Responder) *SlackInteractions {
	return &SlackInteractions{config: cfg.withDefaults(), secrets: secrets, responder: responder, client: providerClient(), now: time.Now}
}

func (h *SlackInteractions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "Slack posts here.", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, interactionSize))
	if err != nil {
		http.Error(w, "The request is too large or was cut off.", http.StatusRequestEntityTooLarge)
		return
	}
	secret, err := h.secrets.Secret(r.Context(), h.config.SigningSecret)
	if err != nil {
		http.Error(w, "The signing secret of Slack cannot be read here.", http.StatusServiceUnavailable)
		return
	}
	if err := checkSlack(secret, r.Header, body, h.now()); err != nil {
		http.Error(w, sentence(err.Error())+".", http.StatusUnauthorized)
		return
	}
	i, answerTo, err := parseSlack(body)
	if err != nil {
		http.Error(w, sentence(err.Error())+".", http.StatusBadRequest)
		return
	}
	if i.Action == "" { // the button that opens a link
		w.WriteHeader(http.StatusOK)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), slackActTime)
	defer cancel()
	text, err := h.responder.Act(ctx, i)
	if err != nil {
		text = "That did not work: Evenkeel could not store it. Please try again, or use the console."
	}
	told := h.tell(r.Context(), answerTo, text)
	if err != nil && !told {
		// The person then sees a warning beside the button.
		http.Error(w, text, http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// tell shows a text to the person who pressed, and to nobody else.
func (h *SlackInteractions) tell(ctx context.Context, to, text string) bool {
	u, err := url.Parse(to)
	if err != nil || text == "" || u.Scheme+"://"+u.Host != h.config.AnswerOrigin {
		return false
	}
	body, err := json.Marshal(map[string]any{"response_type": "ephemeral", "replace_original": false, "text": slackEscape(clip(oneLine(text), 500))})
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, slackTellTime)
	defer cancel()
	a, failed := exchange(ctx, h.client, slackName, request{method: http.MethodPost, url: to, header: http.Header{"Content-Type": {"application/json"}}, body: body})
	return failed == nil && a.status < 300
}

// checkSlack checks a request's signature: v0, and HMAC-SHA256 over
// v0:timestamp:body in hex.
func checkSlack(secret string, header http.Header, body []byte, now time.Time) error {
	stamp := header.Get("X-Slack-Request-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return errors.New("the request has no time of signing")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > slackTolerance || age < -slackTolerance {
		return errors.New("the request was signed too long ago, or a clock is wrong")
	}
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%s:", stamp)
	mac.Write(body)
	want := "v0=" + hex.EncodeToString(mac.Sum(nil))
	if secret == "" || !hmac.Equal([]byte(want), []byte(header.Get("X-Slack-Signature"))) {
		return errors.New("the request is not signed by Slack")
	}
	return nil
}

// parseSlack reads a pressed button. A button that only opens a link gives an
// Interaction without Action.
func parseSlack(body []byte) (i Interaction, answerTo string, err error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return i, "", errors.New("the request is no form")
	}
	var p struct {
		Type string `json:"type"`
		User struct {
			ID       string `json:"id"`
			Username string `json:"username"`
			Name     string `json:"name"`
		} `json:"user"`
		AnswerTo string `json:"response_url"`
		Actions  []struct {
			ID    string `json:"action_id"`
			Value string `json:"value"`
		} `json:"actions"`
	}
	if err := json.Unmarshal([]byte(form.Get("payload")), &p); err != nil {
		return i, "", errors.New("the payload is not JSON")
	}
	if p.Type != "block_actions" || len(p.Actions) != 1 || p.User.ID == "" {
		return i, "", errors.New("the payload is not one pressed button")
	}
	i = Interaction{Channel: respond.Slack, User: clip(oneLine(p.User.ID), 64), UserName: clip(oneLine(p.User.Username), 80)}
	if i.UserName == "" {
		i.UserName = clip(oneLine(p.User.Name), 80)
	}
	switch p.Actions[0].ID {
	case slackAck:
		i.Action = Acknowledge
	case slackResolve:
		i.Action = Resolve
	case slackOpen:
		return i, p.AnswerTo, nil
	default:
		return Interaction{}, "", errors.New("the button is none of ours")
	}
	var v slackValue
	if err := json.Unmarshal([]byte(p.Actions[0].Value), &v); err != nil || v.Tenant == "" || v.Incident == "" || v.Message == "" {
		return Interaction{}, "", errors.New("the button names no incident")
	}
	i.Tenant, i.Incident, i.Message = v.Tenant, v.Incident, v.Message
	return i, p.AnswerTo, nil
}
