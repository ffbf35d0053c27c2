package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/notify"
)

// slackPath is where Slack sends the buttons that people press.
const slackPath = "/slack/interactions"

// openAnswers takes what people answer from within a channel. These requests
// come from providers, who sign them; so they stand before the login.
func (a *App) openAnswers(mux *http.ServeMux) {
	answers := channelAnswers{a}
	if s := a.cfg.Notify.Slack; s != nil && s.SigningSecret != "" {
		mux.Handle("POST "+slackPath, notify.NewSlackInteractions(*s, notify.LocalSecrets{}, answers))
	}
	if t := a.cfg.Notify.Twilio; t != nil && t.PublicURL != "" {
		callbacks := notify.NewTwilioCallbacks(*t, notify.LocalSecrets{}, a.respond, answers)
		mux.Handle("POST "+notify.TwilioStatusPath, callbacks)
		mux.Handle("POST "+notify.TwilioDigitsPath, callbacks)
	}
}

// channelAnswers does what a person asks for by a button or a digit, with that
// person's own rights.
type channelAnswers struct{ a *App }

// Act does it once more where a provider repeats itself; the second time it
// says that it is done already.
func (c channelAnswers) Act(ctx context.Context, i notify.Interaction) (string, error) {
	who, err := c.whoIs(ctx, i)
	if errors.Is(err, access.ErrSession) {
		return fmt.Sprintf("Evenkeel does not know you here. Ask an operator for a contact of yours with the channel %s and the address %s.", i.Channel, i.User), nil
	}
	if err != nil {
		return "", err
	}
	now, note := time.Now(), "By "+string(i.Channel)+"."
	said := "You have it. Nobody else is paged."
	switch i.Action {
	case notify.Acknowledge:
		_, err = c.a.respond.Acknowledge(ctx, who, i.Tenant, i.Incident, note, now)
	case notify.Resolve:
		said = "It is over."
		_, err = c.a.respond.Resolve(ctx, who, i.Tenant, i.Incident, note, now)
	default:
		return "This does nothing.", nil
	}
	switch {
	case errors.Is(err, respond.ErrState):
		return "Nothing was changed: " + strings.TrimPrefix(err.Error(), respond.ErrState.Error()+": ") + ".", nil
	case errors.Is(err, respond.ErrNotFound):
		return "There is no such incident any more, or you may not see it.", nil
	case errors.Is(err, access.ErrForbidden):
		return "You may not do that. The role responder may.", nil
	case err != nil:
		return "", err
	}
	return said, nil
}

// whoIs finds the person by their contact. An SMS and a call reach the same
// number.
func (c channelAnswers) whoIs(ctx context.Context, i notify.Interaction) (access.Actor, error) {
	contacts, err := c.a.store.Contacts(ctx, i.Tenant, "")
	if err != nil {
		return access.Actor{}, err
	}
	phone := i.Channel == respond.Voice || i.Channel == respond.SMS
	for _, k := range contacts {
		same := k.Channel == i.Channel || phone && (k.Channel == respond.Voice || k.Channel == respond.SMS)
		if same && k.Person != "" && k.Address == i.User && !k.Verified.IsZero() {
			return c.a.access.PersonActor(ctx, k.Person)
		}
	}
	return access.Actor{}, access.ErrSession
}
