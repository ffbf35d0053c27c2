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
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// slackSays answers one call of a method.
func slackSays(t *testing.T, method, answer string, check func(body map[string]any)) func(http.ResponseWriter, *http.Request, []byte) {
	return func(w http.ResponseWriter, r *http.Request, body []byte) {
		if r.URL.Path != "/"+method {
			t.Errorf("%s was called, want %s", r.URL.Path, method)
		}
		var got map[string]any
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
		if check != nil {
			check(got)
		}
		_, _ = io.WriteString(w, answer)
	}
}

// News of an incident changes its first message in place and goes into its
// thread; where one of both goes wrong, nothing is told twice or lost.
func TestSlackKeepsOneMessageOfAnIncident(t *testing.T) {
	const done = `{"ok":true,"channel":"C1","ts":"18.2"}`
	in := func(field, want string) func(map[string]any) {
		return func(body map[string]any) {
			if fmt.Sprint(body[field]) != want {
				t.Errorf("%s is %v, want %s", field, body[field], want)
			}
		}
	}
	type steps = []func(http.ResponseWriter, *http.Request, []byte)
	for name, c := range map[string]struct {
		steps
		kind respond.MessageKind
		want respond.Outcome
	}{
		"both": {steps{slackSays(t, "chat.update", done, func(body map[string]any) {
			in("ts", "17.5")(body)
			in("text", "Acknowledged #12: Checkout fails for 8 % of customers")(body)
		}), slackSays(t, "chat.postMessage", done, func(body map[string]any) {
			in("thread_ts", "17.5")(body)
			in("text", "Update #12: Checkout fails for 8 % of customers")(body)
		})},
			respond.UpdateMessage, respond.Outcome{State: respond.Sent, ProviderID: "C1:18.2", Thread: "C1:17.5"}},
		"a page again is seen in the channel": {steps{slackSays(t, "chat.update", done, nil), slackSays(t, "chat.postMessage", done, in("reply_broadcast", "true"))},
			respond.PageMessage, respond.Outcome{State: respond.Sent, ProviderID: "C1:18.2", Thread: "C1:17.5"}},
		"the message cannot be changed": {steps{slackSays(t, "chat.update", `{"ok":false,"error":"cant_update_message"}`, nil), slackSays(t, "chat.postMessage", done, nil)},
			respond.UpdateMessage, respond.Outcome{State: respond.Sent, ProviderID: "C1:18.2", Thread: "C1:17.5"}},
		"the thread is gone": {steps{slackSays(t, "chat.update", `{"ok":false,"error":"message_not_found"}`, nil), slackSays(t, "chat.postMessage", `{"ok":false,"error":"thread_not_found"}`, nil),
			slackSays(t, "chat.postMessage", done, in("thread_ts", "<nil>"))}, respond.ResolvedMessage, respond.Outcome{State: respond.Sent, ProviderID: "C1:18.2", Thread: "C1:18.2"}},
		"too fast": {steps{slackSays(t, "chat.update", `{"ok":false,"error":"ratelimited"}`, nil)}, respond.UpdateMessage,
			respond.Outcome{State: respond.Due, Reason: "Slack asks for fewer messages (429)."}},
		"the change breaks off": {steps{func(w http.ResponseWriter, _ *http.Request, _ []byte) { panic(http.ErrAbortHandler) }}, respond.UpdateMessage,
			respond.Outcome{State: respond.Due, Reason: "The connection to Slack broke. It may have taken the message all the same."}},
		"archived": {steps{slackSays(t, "chat.update", `{"ok":false,"error":"is_archived"}`, nil), slackSays(t, "chat.postMessage", `{"ok":false,"error":"is_archived"}`, nil)},
			respond.UpdateMessage, respond.Outcome{State: respond.Failed, Disable: true, Reason: "The conversation in Slack is archived."}},
		"a wrong token": {steps{slackSays(t, "chat.update", `{"ok":false,"error":"invalid_auth"}`, nil), slackSays(t, "chat.postMessage", `{"ok":false,"error":"invalid_auth"}`, nil)},
			respond.UpdateMessage, respond.Outcome{State: respond.Failed, Reason: "Slack refuses our login (invalid_auth); check the bot's token and its scope chat:write."}},
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t, provider{})
			s.steps = c.steps
			_, senders := setUp(t, s.URL)
			m := page(respond.Slack, "C1", "")
			m.Kind, m.Content.Thread, m.Content.State = c.kind, "C1:17.5", respond.Acknowledged
			if got := senders[respond.Slack].Send(context.Background(), m); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if n, _ := s.saw(); n != len(c.steps) {
				t.Errorf("%d calls, want %d", n, len(c.steps))
			}
		})
	}
}

// desk is who does what people ask for.
type desk struct {
	got  []Interaction
	err  error
	slow bool
}

func (d *desk) Act(ctx context.Context, i Interaction) (string, error) {
	d.got = append(d.got, i)
	if d.slow {
		<-ctx.Done()
		return "", ctx.Err()
	}
	return "You have taken up #12 <@here>.", d.err
}

// press is what Slack sends when somebody presses a button of a card.
func press(m respond.Message, button, answerTo string) string {
	value := ""
	for _, b := range slackCard(m, "C1").Attachments[0].Blocks {
		for _, e := range b.Elements {
			if e.ActionID == button {
				value = e.Value
			}
		}
	}
	payload, _ := json.Marshal(map[string]any{"type": "block_actions", "user": map[string]string{"id": "U7", "username": "ann"}, "response_url": answerTo,
		"actions": []map[string]string{{"action_id": button, "value": value}}})
	return url.Values{"payload": {string(payload)}}.Encode()
}

func signSlack(secret, body string, at time.Time) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = io.WriteString(mac, "v0:"+stamp+":"+body)
	return http.Header{"X-Slack-Request-Timestamp": {stamp}, "X-Slack-Signature": {"v0=" + hex.EncodeToString(mac.Sum(nil))}}
}

func TestButtonsInSlack(t *testing.T) {
	s := play(t, provider{answer: "ok"})
	cfg, _ := setUp(t, s.URL)
	now := time.Now()
	m := page(respond.Slack, "C1", "")
	good := press(m, slackAck, s.URL+"/answer")
	for name, c := range map[string]struct {
		body   string
		header http.Header
		desk   desk
		status int
		acted  int
		told   int
	}{
		"acknowledge":       {good, signSlack(slackSigning, good, now), desk{}, 200, 1, 1},
		"another's secret":  {good, signSlack("other", good, now), desk{}, 401, 0, 0},
		"changed":           {strings.Replace(good, "U7", "U8", 1), signSlack(slackSigning, good, now), desk{}, 401, 0, 0},
		"too old":           {good, signSlack(slackSigning, good, now.Add(-6*time.Minute)), desk{}, 401, 0, 0},
		"from the future":   {good, signSlack(slackSigning, good, now.Add(6*time.Minute)), desk{}, 401, 0, 0},
		"not signed":        {good, nil, desk{}, 401, 0, 0},
		"no payload":        {"a=b", signSlack(slackSigning, "a=b", now), desk{}, 400, 0, 0},
		"only a link":       {press(m, slackOpen, ""), signSlack(slackSigning, press(m, slackOpen, ""), now), desk{}, 200, 0, 0},
		"somebody's button": {press(m, "other", ""), signSlack(slackSigning, press(m, "other", ""), now), desk{}, 400, 0, 0},
		"no place to answer, and it went wrong": {press(m, slackAck, "https://evil.example/"), signSlack(slackSigning, press(m, slackAck, "https://evil.example/"), now),
			desk{err: errors.New("hidden")}, 503, 1, 0},
		"it went wrong": {good, signSlack(slackSigning, good, now), desk{err: errors.New("hidden")}, 200, 1, 1},
		"it takes long": {good, signSlack(slackSigning, good, now), desk{slow: true}, 200, 1, 1},
		"too large":     {strings.Repeat("x", interactionSize+1), nil, desk{}, 413, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s.set("")
			r := httptest.NewRequest(http.MethodPost, "/slack/interactions", strings.NewReader(c.body))
			for k, v := range c.header {
				r.Header[k] = v
			}
			w := httptest.NewRecorder()
			began := time.Now()
			NewSlackInteractions(*cfg.Slack, LocalSecrets{}, &c.desk).ServeHTTP(w, r)
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("took %s; Slack waits 3 s", took)
			}
			told, _ := s.saw()
			if w.Code != c.status || len(c.desk.got) != c.acted || told != c.told {
				t.Errorf("status %d, %d acts, told %d times; want %d, %d, %d: %s", w.Code, len(c.desk.got), told, c.status, c.acted, c.told, w.Body)
			}
			if strings.Contains(w.Body.String(), "hidden") {
				t.Errorf("the answer shows what it must not: %s", w.Body)
			}
			if c.acted == 1 {
				if want := (Interaction{respond.Slack, "U7", "ann", Acknowledge, "acme", "01JINCIDENT", "01JMESSAGE"}); c.desk.got[0] != want {
					t.Errorf("got %+v, want %+v", c.desk.got[0], want)
				}
			}
		})
	}
}

func FuzzSlackInteraction(f *testing.F) {
	m := page(respond.Slack, "C1", "")
	for _, b := range []string{slackAck, slackResolve, slackOpen, "x"} {
		f.Add(press(m, b, "https://hooks.slack.com/x"))
	}
	f.Add("payload=%7B%7D")
	f.Add("payload=null&%zz")
	f.Fuzz(func(t *testing.T, body string) {
		i, _, err := parseSlack([]byte(body))
		if err != nil && i != (Interaction{}) && i.Action != "" {
			t.Errorf("an error with an action: %+v", i)
		}
		if i.Action != "" && (i.Tenant == "" || i.Incident == "" || i.Message == "" || i.User == "") {
			t.Errorf("an action on nothing or by nobody: %+v", i)
		}
		if header := signSlack("other", body, time.Now()); checkSlack(slackSigning, header, []byte(body), time.Now()) == nil {
			t.Error("another's signature is taken")
		}
	})
}
