package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/respond"
)

// twilio is an account that sends SMS and calls people.
type twilio struct {
	client  *http.Client
	config  TwilioConfig
	secrets Secrets
}

const twilioName = "Twilio"

var (
	e164      = regexp.MustCompile(`^\+[1-9][0-9]{5,14}$`)
	twilioSID = regexp.MustCompile(`^AC[0-9a-f]{32}$`)
)

// Paths at which Twilio calls back; they are mounted below the public URL.
const (
	TwilioStatusPath = "/twilio/status"
	TwilioDigitsPath = "/twilio/digits"
)

// twilioResource is what Twilio knows of a message or a call.
type twilioResource struct {
	SID         string `json:"sid"`
	Status      any    `json:"status"` // a word; in an error, the HTTP status
	Body        string `json:"body"`
	DateCreated string `json:"date_created"` // RFC 1123
	ErrorCode   int    `json:"error_code"`
	Code        int    `json:"code"` // in an error
}

// create makes a message or a call.
func (t *twilio) create(ctx context.Context, kind string, form url.Values) respond.Outcome {
	token, err := t.secrets.Secret(ctx, t.config.Token)
	if err != nil {
		return noSecret(err, twilioName)
	}
	a, failed := exchange(ctx, t.client, twilioName, request{method: http.MethodPost, url: t.resource(kind), user: t.config.Account, pass: token,
		header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, body: []byte(form.Encode())})
	if failed != nil {
		return *failed
	}
	var got twilioResource
	readable := json.Unmarshal(a.body, &got) == nil
	o, ok := a.verdict(twilioName, "")
	switch {
	case ok && (!readable || got.SID == ""):
		return garbled(twilioName)
	case ok:
		o.ProviderID = clip(oneLine(got.SID), 64)
		return o
	case o.State == respond.Failed && got.Code != 0:
		return twilioRefused(got.Code)
	}
	return o
}

func (t *twilio) resource(kind string) string {
	return t.config.URL + "/2010-04-01/Accounts/" + t.config.Account + "/" + kind
}

// callback is a URL at which Twilio tells what became of a message.
func (t *twilio) callback(path string, m respond.Message, round int) string {
	return twilioCallback(t.config.PublicURL, path, m.Tenant, m.Incident, m.ID, round)
}

func twilioCallback(public, path, tenant, incident, message string, round int) string {
	q := url.Values{"t": {tenant}, "m": {message}}
	if incident != "" {
		q.Set("i", incident)
	}
	if round > 0 {
		q.Set("n", strconv.Itoa(round))
	}
	return public + path + "?" + q.Encode()
}

// twilioRefused is the outcome of an error code that will not pass.
func twilioRefused(code int) respond.Outcome {
	number := strconv.Itoa(code)
	o := respond.Outcome{State: respond.Failed}
	switch code {
	case 21610:
		o.Disable, o.Reason = true, "The owner of this number asked for no more messages by answering STOP (21610)."
	case 21211, 21214, 21217, 21401, 13223, 13224:
		o.Disable, o.Reason = true, "Twilio says that this is no number ("+number+"); correct the contact."
	case 21612, 21614, 30006:
		o.Disable, o.Reason = true, "This number takes no SMS ("+number+"), as many landlines do; use a voice contact."
	case 21408, 21215, 13227:
		o.Reason = "The account may not reach this country (" + number + "); allow it at Twilio."
	case 20003, 20404:
		o.Reason = "Twilio refuses our login (" + number + "); check the account's SID and its token."
	case 30003, 30005:
		o.Reason = "The phone is off, out of reach or unknown (" + number + ")."
	case 30004, 30007:
		o.Reason = "The carrier or the owner blocks our messages (" + number + ")."
	default:
		o.Reason = "Twilio refuses the message (its error " + number + ")."
	}
	return o
}

// signTwilio is X-Twilio-Signature: HMAC-SHA1 over the URL and the sorted
// fields of the form, in base64.
func signTwilio(token, to string, form url.Values) string {
	var text strings.Builder
	text.WriteString(to)
	keys := make([]string, 0, len(form))
	for k := range form {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		values := slices.Clone(form[k])
		slices.Sort(values)
		for _, v := range slices.Compact(values) {
			text.WriteString(k)
			text.WriteString(v)
		}
	}
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(text.String()))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
