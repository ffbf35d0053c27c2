package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/evenkeel/evenkeel/respond"
)

// slack posts as a bot to the conversation that is the contact's address. The
// first message of an incident is kept up to date in place, and what happens is
// told in its thread.
type slack struct {
	client  *http.Client
	config  SlackConfig
	secrets Secrets
}

const slackName = "Slack"

// slackAnswer is what Slack's methods answer.
type slackAnswer struct {
	OK      bool   `json:"ok"`
	Error   string `json:"error"`
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}

// Send makes one try. A message's thread is "conversation:ts" of the incident's
// first message.
func (s *slack) Send(ctx context.Context, m respond.Message) respond.Outcome {
	if m.Contact.Address == "" {
		return respond.Outcome{State: respond.Failed, Reason: "The contact names no conversation of Slack."}
	}
	token, err := s.secrets.Secret(ctx, s.config.Token)
	if err != nil {
		return noSecret(err, slackName)
	}
	channel, ts, threaded := strings.Cut(m.Content.Thread, ":")
	if !threaded {
		_, o := s.call(ctx, token, "chat.postMessage", slackCard(m, m.Contact.Address))
		return o
	}
	// The update first: done twice it does no harm, unlike the answer in the
	// thread. Where it cannot be done at all, the answer still can.
	if _, o := s.call(ctx, token, "chat.update", slackStanding(m, channel, ts)); o.State == respond.Due {
		o.Uncertain = false
		return o
	}
	got, o := s.call(ctx, token, "chat.postMessage", slackReply(m, channel, ts))
	if got.Error == "thread_not_found" || got.Error == "message_not_found" || got.Error == "cannot_reply_to_message" {
		_, o = s.call(ctx, token, "chat.postMessage", slackCard(m, m.Contact.Address))
		return o
	}
	if o.State == respond.Sent {
		o.Thread = m.Content.Thread
	}
	return o
}

// call calls one method of Slack's Web API.
func (s *slack) call(ctx context.Context, token, method string, with slackMessage) (slackAnswer, respond.Outcome) {
	var got slackAnswer
	body, err := json.Marshal(with)
	if err != nil {
		return got, respond.Outcome{State: respond.Failed, Reason: "The message cannot be written as JSON."}
	}
	a, failed := exchange(ctx, s.client, slackName, request{method: http.MethodPost, url: strings.TrimRight(s.config.URL, "/") + "/" + method,
		header: http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Authorization": {"Bearer " + token}}, body: body})
	if failed != nil {
		return got, *failed
	}
	readable := json.Unmarshal(a.body, &got) == nil
	o, ok := a.verdict(slackName, "")
	switch {
	case !ok:
		return got, o
	case !readable || !got.OK && got.Error == "" || got.OK && got.TS == "":
		return slackAnswer{}, garbled(slackName)
	case got.OK:
		place := got.Channel + ":" + got.TS
		return got, respond.Outcome{State: respond.Sent, ProviderID: place, Thread: place}
	}
	return got, slackRefused(a, got.Error, token)
}

// slackRefused is the outcome of an error that Slack tells within a 200.
func slackRefused(a answer, code, token string) respond.Outcome {
	o := respond.Outcome{State: respond.Failed}
	switch code {
	case "ratelimited", "rate_limited", "message_limit_exceeded":
		a.status = http.StatusTooManyRequests
		o, _ = a.verdict(slackName, "")
	case "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org", "accesslimited":
		o = respond.Outcome{State: respond.Due, Uncertain: code == "internal_error" || code == "fatal_error", Reason: "Slack is in trouble (" + code + ")."}
	case "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope", "no_permission", "not_allowed_token_type", "ekm_access_denied":
		o.Reason = "Slack refuses our login (" + code + "); check the bot's token and its scope chat:write."
	case "channel_not_found", "not_in_channel":
		o.Reason = "Slack does not let us into this conversation (" + code + "); invite the bot, or correct the contact."
	case "is_archived":
		o.Disable, o.Reason = true, "The conversation in Slack is archived."
	default:
		o.Reason = "Slack refuses the message (" + said(code, token) + ")."
	}
	return o
}
