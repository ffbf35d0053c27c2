package notify

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

func TestTheLongTail(t *testing.T) {
	said := make(chan string, 1)
	s := play(t, provider{check: func(_ *http.Request, body []byte) error { said <- string(body); return nil }})
	setUp(t, s.URL)
	t.Setenv("NOTIFY_TEST_TAIL", "generic://"+strings.TrimPrefix(s.URL, "http://")+"/hook?disabletls=yes&@Authorization=hidden")
	cfg := Config{ContactSecrets: []ContactSecret{{Name: "tail", From: "env:NOTIFY_TEST_TAIL"}}}
	sender := Senders(cfg, LocalSecrets{})[respond.Shoutrrr]
	send := func(fails string, within time.Duration) respond.Outcome {
		s.set(fails)
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		return sender.Send(ctx, page(respond.Shoutrrr, "chat", "tail"))
	}
	for fails, want := range map[string]respond.Outcome{"": {State: respond.Sent}, "401": {State: respond.Due, Uncertain: true}, "500": {State: respond.Due, Uncertain: true}, "reset": {State: respond.Due, Uncertain: true}} {
		o := send(fails, 5*time.Second)
		if got := <-said; !strings.Contains(got, "Checkout fails") {
			t.Errorf("%q: said %q", fails, got)
		}
		if o.State != want.State || o.Uncertain != want.Uncertain || secretsIn(o.Reason) != nil {
			t.Errorf("%q: got %+v, want %+v", fails, o, want)
		}
	}
	// Services that never answer take their places and no more.
	for range shoutrrrPlaces {
		if o := send("hang", 60*time.Millisecond); o.State != respond.Due || !o.Uncertain {
			t.Fatalf("got %+v", o)
		}
		<-said
	}
	if o := send("hang", time.Second); o.State != respond.Due || o.Uncertain {
		t.Errorf("one more than there are places for: %+v", o)
	}
	for _, wrong := range []string{"nothing://hidden", "logger://", "%zz", "discord://"} {
		t.Setenv("NOTIFY_TEST_TAIL", wrong)
		if o := Senders(cfg, LocalSecrets{})[respond.Shoutrrr].Send(context.Background(), page(respond.Shoutrrr, "chat", "tail")); o != wrongShoutrrr {
			t.Errorf("%s: got %+v", wrong, o)
		}
	}
}
