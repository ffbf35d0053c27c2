package notify

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// filed is what the store of receipts was told.
type filed struct {
	got []string
	err error
}

func (f *filed) Receipt(_ context.Context, tenant, message string, o respond.Outcome, _ time.Time) error {
	f.got = append(f.got, fmt.Sprintf("%s %s %s %v", tenant, message, o.State, o.Disable))
	return f.err
}

// The signature of Twilio's own documentation of webhook security.
func TestTwilioSignature(t *testing.T) {
	form := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675310"}, "Digits": {"1234"}, "From": {"+14158675310"}, "To": {"+18005551212"}}
	if got := signTwilio("12345", "https://example.com/myapp.php?foo=1&bar=2", form); got != "L/OH5YylLD5NRKLltdqwSvS0BnU=" {
		t.Errorf("got %s", got)
	}
}

func TestTwilioCallsBack(t *testing.T) {
	cfg, _ := setUp(t, "http://127.0.0.1:1")
	m := page(respond.Voice, "+4930123456", "")
	status := twilioCallback(cfg.Twilio.PublicURL, TwilioStatusPath, m.Tenant, m.Incident, m.ID, 0)
	digits := twilioCallback(cfg.Twilio.PublicURL, TwilioDigitsPath, m.Tenant, m.Incident, m.ID, 1)
	last := twilioCallback(cfg.Twilio.PublicURL, TwilioDigitsPath, m.Tenant, m.Incident, m.ID, digitRounds)
	form := func(pairs ...string) url.Values {
		v := url.Values{"To": {"+4930123456"}}
		for n := 0; n < len(pairs); n += 2 {
			v.Set(pairs[n], pairs[n+1])
		}
		return v
	}
	for name, c := range map[string]struct {
		to       string
		form     url.Values
		token    string
		files    filed
		desk     desk
		status   int
		filed    string
		act      Action
		says     string
		goesOnBy bool // asks again
	}{
		"delivered":         {to: status, form: form("MessageStatus", "delivered"), status: 204, filed: "acme 01JMESSAGE delivered false"},
		"on its way":        {to: status, form: form("MessageStatus", "sent"), status: 204},
		"not delivered":     {to: status, form: form("MessageStatus", "undelivered", "ErrorCode", "30005"), status: 204, filed: "acme 01JMESSAGE failed false"},
		"stop":              {to: status, form: form("MessageStatus", "failed", "ErrorCode", "21610"), status: 204, filed: "acme 01JMESSAGE failed true"},
		"answered":          {to: status, form: form("CallStatus", "completed"), status: 204, filed: "acme 01JMESSAGE delivered false"},
		"nobody answered":   {to: status, form: form("CallStatus", "no-answer"), status: 204, filed: "acme 01JMESSAGE failed false"},
		"not stored":        {to: status, form: form("CallStatus", "busy"), files: filed{err: errors.New("hidden")}, status: 503, filed: "acme 01JMESSAGE failed false"},
		"unknown":           {to: status, form: form("CallStatus", "busy"), files: filed{err: respond.ErrNotFound}, status: 404, filed: "acme 01JMESSAGE failed false"},
		"another's":         {to: status, form: form("CallStatus", "busy"), token: "other", status: 403},
		"4":                 {to: digits, form: form("Digits", "4"), status: 200, act: Acknowledge, says: "You have taken up"},
		"6":                 {to: digits, form: form("Digits", "6"), status: 200, act: Resolve, says: "You have taken up"},
		"9":                 {to: digits, form: form("Digits", "9"), status: 200, says: "does nothing", goesOnBy: true},
		"9 for the last":    {to: last, form: form("Digits", "9"), status: 200, says: "goes on to the next"},
		"4, not stored":     {to: digits, form: form("Digits", "4"), desk: desk{err: errors.New("hidden")}, status: 200, act: Acknowledge, says: "did not work", goesOnBy: true},
		"4 by another":      {to: digits, form: form("Digits", "4"), token: "other", status: 403},
		"no message":        {to: cfg.Twilio.PublicURL + TwilioStatusPath + "?t=acme", form: form("CallStatus", "busy"), status: 400},
		"another's path":    {to: cfg.Twilio.PublicURL + "/twilio/other?t=a&m=b", form: form(), status: 404},
		"behind a prefix":   {to: strings.Replace(status, "/twilio", "/below/twilio", 1), form: form("CallStatus", "busy"), status: 403},
		"another incident":  {to: strings.Replace(digits, "01JINCIDENT", "01JOTHER", 1), form: form("Digits", "4"), token: "stale", status: 403},
		"an argument added": {to: digits + "&i=x", form: form("Digits", "4"), token: "stale", status: 403},
	} {
		t.Run(name, func(t *testing.T) {
			signature := signTwilio(twilioSecret, c.to, c.form)
			switch c.token {
			case "other":
				signature = signTwilio("other", c.to, c.form)
			case "stale": // a true signature of another address
				signature = signTwilio(twilioSecret, digits, c.form)
			}
			r := httptest.NewRequest(http.MethodPost, strings.Replace(c.to, cfg.Twilio.PublicURL, "http://10.0.0.1:8080", 1), strings.NewReader(c.form.Encode()))
			r.Header.Set("X-Twilio-Signature", signature)
			w := httptest.NewRecorder()
			NewTwilioCallbacks(*cfg.Twilio, LocalSecrets{}, &c.files, &c.desk).ServeHTTP(w, r)
			if w.Code != c.status {
				t.Fatalf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
			if got := strings.Join(c.files.got, ","); got != c.filed {
				t.Errorf("filed %q, want %q", got, c.filed)
			}
			if c.act == "" && len(c.desk.got) > 0 || c.act != "" && (len(c.desk.got) != 1 || c.desk.got[0] != Interaction{respond.Voice, "+4930123456", "", c.act, "acme", "01JINCIDENT", "01JMESSAGE"}) {
				t.Errorf("acts: %+v", c.desk.got)
			}
			if strings.Contains(w.Body.String(), "hidden") || !strings.Contains(w.Body.String(), c.says) {
				t.Errorf("says %s", w.Body)
			}
			if c.says != "" {
				var script struct {
					XMLName xml.Name `xml:"Response"`
					Gather  *struct {
						Action string `xml:"action,attr"`
					}
				}
				if err := xml.Unmarshal(w.Body.Bytes(), &script); err != nil || (script.Gather != nil) != c.goesOnBy {
					t.Errorf("script %s: %v", w.Body, err)
				}
			}
		})
	}
}

// A call reads the page out and takes a digit that comes back signed.
func TestACallTakesADigit(t *testing.T) {
	var script, back string
	s := play(t, provider{})
	s.steps = []func(http.ResponseWriter, *http.Request, []byte){func(w http.ResponseWriter, _ *http.Request, body []byte) {
		form, _ := url.ParseQuery(string(body))
		script, back = form.Get("Twiml"), form.Get("StatusCallback")
		_, _ = io.WriteString(w, `{"sid":"CA1"}`)
	}}
	cfg, senders := setUp(t, s.URL)
	m := page(respond.Voice, "+4930123456", "")
	m.Content.Title = `Disk </Say><Dial>+1900</Dial> & "more"`
	if o := senders[respond.Voice].Send(context.Background(), m); o.State != respond.Sent {
		t.Fatalf("got %+v", o)
	}
	var got struct {
		Dial   *struct{}
		Gather struct {
			Action string   `xml:"action,attr"`
			Say    []string `xml:"Say"`
		}
	}
	if err := xml.Unmarshal([]byte(script), &got); err != nil || got.Dial != nil || len(got.Gather.Say) != 1 || !strings.Contains(got.Gather.Say[0], "Press 4") {
		t.Fatalf("script %s: %v", script, err)
	}
	if !strings.HasPrefix(back, cfg.Twilio.PublicURL+TwilioStatusPath) || strings.Contains(script, "ackhidden") {
		t.Errorf("callback %s, script %s", back, script)
	}
	form := url.Values{"Digits": {"4"}, "To": {"+4930123456"}}
	r := httptest.NewRequest(http.MethodPost, got.Gather.Action, strings.NewReader(form.Encode()))
	r.Header.Set("X-Twilio-Signature", signTwilio(twilioSecret, got.Gather.Action, form))
	d := &desk{}
	NewTwilioCallbacks(*cfg.Twilio, LocalSecrets{}, &filed{}, d).ServeHTTP(httptest.NewRecorder(), r)
	if len(d.got) != 1 || d.got[0].Action != Acknowledge || d.got[0].Incident != m.Incident {
		t.Errorf("acts: %+v", d.got)
	}
}

// What became of a text message that was cut off is asked for.
func TestAskingWhatBecameOfAnSMS(t *testing.T) {
	m := page(respond.SMS, "+4930123456", "")
	sent := smsText(m, 3)
	m.Content.AckURL = "" // is not known any more
	at := m.CreatedAt.Add(2 * time.Second).Format(time.RFC1123Z)
	entry := func(body, status, at string, code int) map[string]any {
		return map[string]any{"sid": "SM1", "body": body, "status": status, "date_created": at, "error_code": code}
	}
	list := func(entries ...map[string]any) string {
		raw, _ := json.Marshal(map[string]any{"messages": append([]map[string]any{}, entries...)})
		return string(raw)
	}
	for name, c := range map[string]struct {
		status int
		answer string
		want   respond.Outcome
		ok     bool
		fails  bool
	}{
		"queued":         {200, list(entry(sent, "queued", at, 0)), respond.Outcome{State: respond.Sent, ProviderID: "SM1"}, true, false},
		"delivered":      {200, list(entry("x", "sent", at, 0), entry(sent, "delivered", at, 0)), respond.Outcome{State: respond.Delivered, ProviderID: "SM1"}, true, false},
		"failed":         {200, list(entry(sent, "failed", at, 30005)), respond.Outcome{State: respond.Failed, ProviderID: "SM1", Reason: "The phone is off, out of reach or unknown (30005)."}, true, false},
		"unknown":        {200, list(), respond.Outcome{}, false, false},
		"another":        {200, list(entry("CRITICAL #13: Search", "sent", at, 0)), respond.Outcome{}, false, false},
		"an earlier one": {200, list(entry(sent, "sent", m.CreatedAt.Add(-time.Minute).Format(time.RFC1123Z), 0)), respond.Outcome{}, false, false},
		"in trouble":     {500, "{}", respond.Outcome{}, false, true},
		"refused":        {401, `{"message":"` + twilioSecret + `"}`, respond.Outcome{}, false, true},
		"garbage":        {200, "<html>", respond.Outcome{}, false, true},
		"no list":        {200, "{}", respond.Outcome{}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t, provider{})
			s.steps = []func(http.ResponseWriter, *http.Request, []byte){func(w http.ResponseWriter, r *http.Request, _ []byte) {
				if user, pass, _ := r.BasicAuth(); r.Method != http.MethodGet || user != twilioAccount || pass != twilioSecret || r.URL.Query().Get("To") != "+4930123456" || r.URL.Query().Get("DateSent>") != "2026-11-23" {
					t.Errorf("asked by %s %s", r.Method, r.URL)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer)
			}}
			_, senders := setUp(t, s.URL)
			o, ok, err := senders[respond.SMS].(respond.Asker).Ask(context.Background(), m)
			if o != c.want || ok != c.ok || (err != nil) != c.fails {
				t.Errorf("got %+v, %v, %v", o, ok, err)
			}
			if err != nil && secretsIn(err.Error()) != nil {
				t.Errorf("%v shows secrets", err)
			}
		})
	}
}

// Errors of Twilio that say more than their status.
func TestTwilioRefuses(t *testing.T) {
	for code, want := range map[int]struct {
		disable bool
		says    string
	}{21610: {true, "STOP"}, 21211: {true, "no number"}, 21614: {true, "landlines"}, 21408: {false, "country"}, 99999: {false, "99999"}} {
		s := play(t, provider{})
		s.steps = []func(http.ResponseWriter, *http.Request, []byte){func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"code":%d,"message":"hidden","status":400}`, code)
		}}
		_, senders := setUp(t, s.URL)
		if o := senders[respond.SMS].Send(context.Background(), page(respond.SMS, "+4930123456", "")); o.State != respond.Failed || o.Disable != want.disable || !strings.Contains(o.Reason, want.says) {
			t.Errorf("%d: got %+v", code, o)
		}
	}
}

func FuzzTwilioCallback(f *testing.F) {
	f.Add("t=acme&m=1&i=2&n=1", "Digits=4&To=%2B49")
	f.Add("t=acme&m=1", "MessageStatus=failed&ErrorCode=30005&MessageStatus=sent")
	f.Add("%zz", "%zz=1")
	f.Fuzz(func(t *testing.T, query, body string) {
		const place = "https://ops.example.com/twilio/status?"
		if _, err := parseTwilio("token", place+query, query, body, "x"); err == nil {
			t.Fatal("taken without a signature")
		}
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		b, err := parseTwilio("token", place+query, query, body, signTwilio("token", place+query, form))
		if err == nil && (b.tenant == "" || b.message == "") {
			t.Errorf("a callback for nothing: %+v", b)
		}
		if o, settled := b.outcome(); settled && o.State != respond.Delivered && o.State != respond.Failed {
			t.Errorf("a receipt of state %s", o.State)
		}
	})
}
