package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// telegram sends as a bot to the chat that is the contact's address. News of an
// incident answers to its first message.
type telegram struct {
	client  *http.Client
	config  TelegramConfig
	secrets Secrets
}

var (
	telegramChat  = regexp.MustCompile(`^(-?[0-9]{1,20}|@[A-Za-z0-9_]{3,64})$`)
	telegramToken = regexp.MustCompile(`^[0-9]+:[-_A-Za-z0-9]+$`)
)

// telegramSize bounds a message: 4,096 letters as UTF-16 has them, so that half
// as many of any kind fit.
const telegramSize = 4000

type telegramMessage struct {
	Chat    string           `json:"chat_id"`
	Text    string           `json:"text"` // plain: a title is never read as markup
	Quiet   bool             `json:"disable_notification,omitempty"`
	Preview telegramPreview  `json:"link_preview_options"`
	Reply   *telegramReplyTo `json:"reply_parameters,omitempty"`
	Buttons *telegramButtons `json:"reply_markup,omitempty"`
}

type telegramButtons struct {
	Rows [][]telegramButton `json:"inline_keyboard"`
}

type telegramButton struct {
	Text string `json:"text"`
	URL  string `json:"url"`
}

// telegramLink tells whether a link may be a button: Telegram refuses a whole
// message for one that leads to a name without a dot, as on a network at home.
func telegramLink(link string) bool {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" {
		return false
	}
	_, notIP := netip.ParseAddr(u.Hostname())
	return notIP != nil && strings.Contains(strings.Trim(u.Hostname(), "."), ".")
}

type telegramPreview struct {
	Off bool `json:"is_disabled"`
}

type telegramReplyTo struct {
	Message int64 `json:"message_id"`
	// Always says to send also where the first message was deleted.
	Always bool `json:"allow_sending_without_reply"`
}

// telegramBody is the pure part.
func telegramBody(m respond.Message) telegramMessage {
	s := shapeOf(m)
	out := telegramMessage{Chat: m.Contact.Address, Preview: telegramPreview{Off: true},
		Quiet: m.Kind == respond.UpdateMessage || m.Kind == respond.ResolvedMessage}
	var row []telegramButton
	if telegramLink(s.Ack) {
		row = append(row, telegramButton{s.AckWord, s.Ack})
		s.Ack = ""
	}
	if telegramLink(s.Link) {
		row = append(row, telegramButton{"Open", s.Link})
		s.Link = ""
	}
	if row != nil {
		out.Buttons = &telegramButtons{[][]telegramButton{row}}
	}
	out.Text = s.within(true, telegramSize)
	if id, err := strconv.ParseInt(m.Content.Thread, 10, 64); err == nil && id > 0 {
		out.Reply = &telegramReplyTo{Message: id, Always: true}
	}
	return out
}

// Send makes one try.
func (t *telegram) Send(ctx context.Context, m respond.Message) respond.Outcome {
	const who = "Telegram"
	if !telegramChat.MatchString(m.Contact.Address) {
		return respond.Outcome{State: respond.Failed, Reason: "The contact's address is no chat of Telegram: a number, or @ and a channel's name."}
	}
	token, err := t.secrets.Secret(ctx, t.config.Token)
	if err != nil {
		return noSecret(err, who)
	}
	if !telegramToken.MatchString(token) {
		return respond.Outcome{State: respond.Failed, Reason: "The secret of Telegram is not a bot's token (digits, a colon, letters); correct it."}
	}
	body, err := json.Marshal(telegramBody(m))
	if err != nil {
		return respond.Outcome{State: respond.Failed, Reason: "The message cannot be written as JSON."}
	}
	a, failed := exchange(ctx, t.client, who, request{method: http.MethodPost, url: strings.TrimRight(t.config.URL, "/") + "/bot" + token + "/sendMessage",
		header: http.Header{"Content-Type": {"application/json"}}, body: body})
	if failed != nil {
		return *failed
	}
	var got struct {
		OK          bool   `json:"ok"`
		Description string `json:"description"`
		Result      struct {
			ID int64 `json:"message_id"`
		} `json:"result"`
		Parameters struct {
			RetryAfter int   `json:"retry_after"` // seconds
			MovedTo    int64 `json:"migrate_to_chat_id"`
		} `json:"parameters"`
	}
	readable := json.Unmarshal(a.body, &got) == nil
	o, ok := a.verdict(who, said(got.Description, token, m.Content.AckURL))
	switch {
	case ok && (!readable || !got.OK || got.Result.ID == 0):
		return garbled(who)
	case ok:
		o.ProviderID = strconv.FormatInt(got.Result.ID, 10)
		if o.Thread = m.Content.Thread; o.Thread == "" {
			o.Thread = o.ProviderID
		}
	case a.status == http.StatusTooManyRequests && got.Parameters.RetryAfter > 0:
		o.RetryAfter = min(time.Duration(min(got.Parameters.RetryAfter, 86400))*time.Second, mostRetryAfter)
	case got.Parameters.MovedTo != 0:
		o.Reason = "The chat has become a supergroup; its address is now " + strconv.FormatInt(got.Parameters.MovedTo, 10) + ". Correct the contact."
	case a.status == http.StatusForbidden && (strings.Contains(got.Description, "blocked") || strings.Contains(got.Description, "deactivated") || strings.Contains(got.Description, "kicked")):
		o.Disable, o.Reason = true, "The bot may not write to this chat any more: it was blocked, or its owner is gone."
	case a.status == http.StatusNotFound:
		o.Reason = "Telegram does not know the bot (404); check its token."
	}
	return o
}
