package app

import (
	"context"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/notify"
	"github.com/evenkeel/evenkeel/respond/reach"
)

// channelOrder is the order in which channels are offered: first what most
// people have.
var channelOrder = []respond.Channel{respond.Email, respond.SMS, respond.Voice, respond.Ntfy, respond.Telegram, respond.Slack, respond.Teams,
	respond.Webhook, respond.PagerDuty, respond.Shoutrrr}

// openReach lets people manage contacts and policies.
func (a *App) openReach(ctx context.Context, senders map[respond.Channel]respond.Sender) (err error) {
	a.reach, err = reach.New(ctx, a.store, reach.Options{
		Channels: slices.DeleteFunc(slices.Clone(channelOrder), func(c respond.Channel) bool { return senders[c] == nil }),
		Address:  notify.CheckAddress,
		People:   a.peopleHere,
		Person:   a.access.PersonActor,
		Routes: func(_ context.Context, _, policy string) ([]string, error) {
			return a.routes.Plan().Tree.Leads(policy), nil
		},
		Schedules: a.scheduleNames,
		URL:       a.publicURL(),
		Stored:    a.respond.MessagesStored, Acknowledge: a.respond.Acknowledge,
	})
	return err
}

// peopleHere are the names of those who can log in, by their ids.
func (a *App) peopleHere(ctx context.Context, tenant string) (map[string]string, error) {
	return a.access.Names(ctx, access.Evenkeel(tenant), tenant)
}

// releaseConfigured hands over to people what an earlier configuration had and
// this one has not.
func (a *App) releaseConfigured(ctx context.Context) error {
	policies, err := a.store.Policies(ctx, a.tenant)
	if err != nil {
		return err
	}
	for _, p := range policies {
		named := slices.ContainsFunc(a.cfg.Respond.Policies, func(o respond.Policy) bool { return o.ID == p.ID })
		if p.Configured && !named {
			p.Configured = false
			if err := a.store.PutPolicy(ctx, p); err != nil {
				return err
			}
		}
	}
	contacts, err := a.store.Contacts(ctx, a.tenant, "")
	if err != nil {
		return err
	}
	for _, k := range contacts {
		named := slices.ContainsFunc(a.cfg.Respond.Contacts, func(o respond.Contact) bool { return o.ID == k.ID })
		if k.Configured && !named {
			k.Configured = false
			if err := a.store.PutContact(ctx, k); err != nil {
				return err
			}
		}
	}
	return nil
}

// reachedBefore is when a contact of the configuration was last confirmed, as
// long as it is the same one.
func reachedBefore(stored []respond.Contact, k respond.Contact) time.Time {
	for _, o := range stored {
		if o.ID == k.ID && o.Address == k.Address && o.Person == k.Person {
			return o.Reached
		}
	}
	return time.Time{}
}
