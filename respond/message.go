package respond

import (
	"context"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

// Channel is a way to reach somebody.
type Channel string

const (
	Email     Channel = "email"
	SMS       Channel = "sms"
	Voice     Channel = "voice"
	Slack     Channel = "slack"
	Webhook   Channel = "webhook"
	Ntfy      Channel = "ntfy"
	Telegram  Channel = "telegram"
	Teams     Channel = "teams"
	PagerDuty Channel = "pagerduty"
	Shoutrrr  Channel = "shoutrrr" // the long tail, by that library's URLs
)

// Contact is one address of a person, or of a channel that belongs to nobody.
type Contact struct {
	ID      string  `json:"id" yaml:"id"`
	Tenant  string  `json:"tenant" yaml:"-"`
	Person  string  `json:"person,omitempty" yaml:"person"` // user id; empty for a shared channel
	Name    string  `json:"name" yaml:"name"`               // "phone", "#ops"
	Channel Channel `json:"channel" yaml:"channel"`
	Address string  `json:"address" yaml:"address"` // e-mail address, E.164 number, room, topic; never a secret
	// Secret names the secret to sign or log in with, where one is needed; the
	// secret itself is in the store of secrets, never here.
	Secret   string    `json:"secret,omitempty" yaml:"secret"`
	Verified time.Time `json:"verified,omitzero" yaml:"-"` // when it was shown to reach them; zero: not yet, and no page goes there
	// After is how long after the page begins this contact is used: a person's
	// contacts are used one after another until one of them is answered.
	After    time.Duration `json:"after" yaml:"after"`
	Urgency  []Urgency     `json:"urgency,omitempty" yaml:"urgency"` // empty: all
	Disabled string        `json:"disabled,omitempty" yaml:"-"`      // why nothing is sent there (410 Gone, by its owner)
	// Gone says that the provider has disabled it, so that it has to be proved
	// anew.
	Gone bool `json:"gone,omitempty" yaml:"-"`
	// Quiet are the hours in which it does not want to be disturbed; nil: none.
	Quiet *Quiet `json:"quiet,omitempty" yaml:"quiet,omitempty"`
	// Reached is when a person last said that a test has reached them by it.
	Reached time.Time `json:"reached,omitzero" yaml:"-"`
	// Configured says that the configuration file has it: it is changed there.
	Configured bool `json:"configured,omitempty" yaml:"-"`
}

// MessageKind says what a message is for.
type MessageKind string

const (
	PageMessage      MessageKind = "page"      // take this up
	UpdateMessage    MessageKind = "update"    // news of an incident
	ResolvedMessage  MessageKind = "resolved"  // it is over
	TestMessage      MessageKind = "test"      // can we reach you?
	VerifyMessage    MessageKind = "verify"    // a code that proves a contact
	StatusMessage    MessageKind = "status"    // news of a status page, to who asked for it
	SubscribeMessage MessageKind = "subscribe" // do you want news of a status page?
)

// MessageState is where a message stands. All but the first two are final.
type MessageState string

const (
	Due        MessageState = "due"        // to be sent at NextAt
	Sending    MessageState = "sending"    // claimed until LeaseUntil
	Sent       MessageState = "sent"       // the provider has taken it
	Delivered  MessageState = "delivered"  // the provider says that it arrived
	Failed     MessageState = "failed"     // given up; Reason says why
	Superseded MessageState = "superseded" // not needed any more before it was sent
	Coalesced  MessageState = "coalesced"  // told within another message
)

// Message is one thing to be sent to one contact.
type Message struct {
	// ID is the idempotency key: the same on every try.
	ID       string       `json:"id"`
	Tenant   string       `json:"tenant"`
	Incident string       `json:"incident,omitempty"`
	Page     string       `json:"page,omitempty"`
	Kind     MessageKind  `json:"kind"`
	Contact  Contact      `json:"contact"` // as it was when the message was decided
	Content  Content      `json:"content"`
	State    MessageState `json:"state"`
	Reason   string       `json:"reason,omitempty"`
	Tries    int          `json:"tries"`
	NextAt   time.Time    `json:"nextAt"`
	// LeaseUntil is until when the process that claimed it has it for itself.
	LeaseUntil time.Time `json:"leaseUntil,omitzero"`
	ProviderID string    `json:"providerId,omitempty"`
	// PossibleDuplicate says that an earlier try was cut off and may have
	// arrived.
	PossibleDuplicate bool `json:"possibleDuplicate,omitempty"`
	// Uncertain says that the last try was cut off, so that nobody knows yet
	// whether it arrived.
	Uncertain bool `json:"uncertain,omitempty"`
	// Into is the id of the message that tells this one too, where it is
	// Coalesced.
	Into string `json:"into,omitempty"`
	// NotBefore is the end of the quiet hours that it waits for; zero: it waits
	// for none.
	NotBefore time.Time `json:"notBefore,omitzero"`
	CreatedAt time.Time `json:"createdAt"`
	ChangedAt time.Time `json:"changedAt"` // last decision about it
	SentAt    time.Time `json:"sentAt,omitzero"`
}

// Content is what a message says. A Sender shapes it for its channel.
type Content struct {
	Number int64  `json:"number,omitempty"` // of the incident
	Title  string `json:"title"`
	// Incidents is how many it tells of, where it tells of several in one.
	Incidents int              `json:"incidents,omitempty"`
	Text      string           `json:"text"` // plain, a few lines
	Severity  finding.Severity `json:"severity,omitempty"`
	State     State            `json:"state,omitempty"` // of the incident
	URL       string           `json:"url,omitempty"`   // of the incident in the console
	// AckURL acknowledges by one click and one confirmation; it carries a
	// one-time secret, for the channels that cannot send a signed button.
	AckURL string `json:"ackUrl,omitempty"`
	// Unsubscribe ends the letters of a status page by one click (RFC 8058).
	Unsubscribe string `json:"unsubscribe,omitempty"`
	// Thread is the provider's id of the message to update or to answer to,
	// where this incident has one in this contact.
	Thread string `json:"thread,omitempty"`
}

// Outcome is how a try ended.
type Outcome struct {
	State      MessageState  // Sent, Delivered, Failed for good, or Due for try again
	ProviderID string        // what the provider calls it
	Thread     string        // to be given to the incident's next message in this contact
	RetryAfter time.Duration // for Due: the provider's wish, or zero
	Reason     string        // in plain English, without secrets
	Uncertain  bool          // for Due: it may have arrived all the same
	Disable    bool          // the contact is gone for good (410)
}

// Sender sends over one channel, within the context's deadline. A try that broke
// off after the request was written is Due with Uncertain set: the next one may
// be a duplicate.
type Sender interface {
	Send(ctx context.Context, m Message) Outcome
}

// Asker is a Sender whose provider can be asked what became of a message.
type Asker interface {
	// Ask returns the outcome of an earlier try; ok is false where the
	// provider does not know of it, so that sending again is no duplicate.
	Ask(ctx context.Context, m Message) (o Outcome, ok bool, err error)
}
