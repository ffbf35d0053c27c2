package notify

import (
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// Receipts takes a provider's later word on a message.
type Receipts interface {
	// Receipt stores it; it comes more than once, and for messages that are
	// settled already.
	Receipt(ctx context.Context, tenant, message string, o respond.Outcome, now time.Time) error
}

const (
	// callbackTime bounds what is done for a callback; Twilio waits 15 s.
	callbackTime = 10 * time.Second
	// digitRounds is how often a wrong digit is asked for again.
	digitRounds = 3
)

// TwilioCallbacks takes what Twilio tells: receipts at TwilioStatusPath and
// pressed digits at TwilioDigitsPath.
type TwilioCallbacks struct {
	config    TwilioConfig
	secrets   Secrets
	receipts  Receipts
	responder Responder
	now       func() time.Time
}

// NewTwilioCallbacks returns the handler for both paths.
func NewTwilioCallbacks(cfg TwilioConfig, secrets Secrets, receipts Receipts, responder Responder) *TwilioCallbacks {
	return &TwilioCallbacks{config: cfg.withDefaults(), secrets: secrets, receipts: receipts, responder: responder, now: time.Now}
}

func (h *TwilioCallbacks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "Twilio posts here.", http.StatusMethodNotAllowed)
		return
	}
	path := ""
	for _, p := range []string{TwilioStatusPath, TwilioDigitsPath} {
		if strings.HasSuffix(r.URL.Path, p) {
			path = p
		}
	}
	if path == "" {
		http.NotFound(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, interactionSize))
	if err != nil {
		http.Error(w, "The request is too large or was cut off.", http.StatusRequestEntityTooLarge)
		return
	}
	token, err := h.secrets.Secret(r.Context(), h.config.Token)
	if err != nil {
		http.Error(w, "The secret of Twilio cannot be read here.", http.StatusServiceUnavailable)
		return
	}
	// What was signed is the URL as Twilio was given it, not as a proxy
	// before us passes it on.
	back, err := parseTwilio(token, h.config.PublicURL+path+"?"+r.URL.RawQuery, r.URL.RawQuery, string(body), r.Header.Get("X-Twilio-Signature"))
	switch {
	case errors.Is(err, errNotTwilio):
		http.Error(w, sentence(err.Error())+".", http.StatusForbidden)
		return
	case err != nil:
		http.Error(w, sentence(err.Error())+".", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), callbackTime)
	defer cancel()
	if path == TwilioDigitsPath {
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		_, _ = io.WriteString(w, h.digits(ctx, back).String())
		return
	}
	if o, settled := back.outcome(); settled {
		err := h.receipts.Receipt(ctx, back.tenant, back.message, o, h.now())
		if errors.Is(err, respond.ErrNotFound) {
			http.Error(w, "There is no such message.", http.StatusNotFound)
			return
		}
		if err != nil {
			http.Error(w, "The receipt could not be stored.", http.StatusServiceUnavailable)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// digits does what a digit asks for and says what came of it.
func (h *TwilioCallbacks) digits(ctx context.Context, back twilioBack) twiml {
	i := Interaction{Channel: respond.Voice, User: back.to, Tenant: back.tenant, Incident: back.incident, Message: back.message}
	switch back.digits {
	case "4":
		i.Action = Acknowledge
	case "6":
		i.Action = Resolve
	}
	again := "This key does nothing."
	if i.Action != "" && i.Incident != "" {
		text, err := h.responder.Act(ctx, i)
		if err == nil {
			return twiml{Say: speak(clip(spoken(text), 300) + " Goodbye."), Hangup: &struct{}{}}
		}
		again = "That did not work; Evenkeel could not store it."
	}
	if back.round >= digitRounds {
		return twiml{Say: speak(again + " The page goes on to the next person. Goodbye."), Hangup: &struct{}{}}
	}
	action := twilioCallback(h.config.PublicURL, TwilioDigitsPath, back.tenant, back.incident, back.message, back.round+1)
	return twiml{Gather: &gather{Action: action, Method: "POST", Digits: 1, Timeout: 10, Say: speak(again + " " + voiceKeys)},
		Say: speak("No key was pressed. The page goes on to the next person. Goodbye.")}
}

// twilioBack is what Twilio calls back with.
type twilioBack struct {
	tenant, incident, message string
	round                     int
	digits, to                string
	messageStatus, callStatus string
	code                      int
}

var errNotTwilio = errors.New("the request is not signed by Twilio")

// parseTwilio checks and reads a callback to the URL.
func parseTwilio(token, to, query, body, signature string) (b twilioBack, err error) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return b, errors.New("the request is no form")
	}
	if token == "" || subtle.ConstantTimeCompare([]byte(signTwilio(token, to, form)), []byte(signature)) != 1 {
		return b, errNotTwilio
	}
	q, err := url.ParseQuery(query)
	if err != nil || q.Get("t") == "" || q.Get("m") == "" {
		return b, errors.New("the address names no message")
	}
	b = twilioBack{tenant: q.Get("t"), incident: q.Get("i"), message: q.Get("m"), digits: form.Get("Digits"), to: clip(oneLine(form.Get("To")), 32),
		messageStatus: form.Get("MessageStatus"), callStatus: form.Get("CallStatus")}
	b.round, _ = strconv.Atoi(q.Get("n")) // signed; zero where there is none
	b.code, _ = strconv.Atoi(form.Get("ErrorCode"))
	return b, nil
}

// outcome is what a receipt means; settled is false while it is on its way.
func (b twilioBack) outcome() (o respond.Outcome, settled bool) {
	if b.messageStatus != "" {
		return twilioStatus(b.messageStatus, b.code)
	}
	switch b.callStatus {
	case "completed":
		return respond.Outcome{State: respond.Delivered, Reason: "The call was answered."}, true
	case "busy":
		return respond.Outcome{State: respond.Failed, Reason: "The line was busy."}, true
	case "no-answer":
		return respond.Outcome{State: respond.Failed, Reason: "Nobody answered the call."}, true
	case "failed", "canceled":
		return respond.Outcome{State: respond.Failed, Reason: "The call could not be made; check the number."}, true
	}
	return o, false
}
