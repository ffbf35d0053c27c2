package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/reach"
)

// Contact is one address of a person, or of a channel that belongs to nobody.
type Contact struct {
	ID         string            `json:"id"`
	Person     string            `json:"person,omitempty" doc:"id of the person; empty for a shared channel"`
	PersonName string            `json:"personName,omitempty"`
	Name       string            `json:"name"`
	Channel    respond.Channel   `json:"channel"`
	Address    string            `json:"address"`
	Secret     string            `json:"secret,omitempty" doc:"name of the secret that it signs or logs in with"`
	After      string            `json:"after" doc:"how long after a page begins it is used, such as 5m0s"`
	Urgency    []respond.Urgency `json:"urgency,omitempty" doc:"empty: all"`
	Quiet      *respond.Quiet    `json:"quiet,omitempty"`
	Standing   reach.Standing    `json:"standing" enum:"in-use,unverified,switched-off,gone"`
	Why        string            `json:"why,omitempty" doc:"why it is not in use"`
	Remedy     string            `json:"remedy,omitempty"`
	Verified   time.Time         `json:"verified,omitzero"`
	Reached    time.Time         `json:"reached,omitzero" doc:"when the person last said that a message has reached them"`
	Configured bool              `json:"configured,omitempty" doc:"it comes from the configuration file and is changed there"`
	Receipts   []Receipt         `json:"receipts,omitempty" doc:"its last codes and tests, newest first"`
}

// Receipt is what became of a code or a test.
type Receipt struct {
	ID     string               `json:"id"`
	Kind   respond.MessageKind  `json:"kind"`
	State  respond.MessageState `json:"state"`
	Reason string               `json:"reason,omitempty"`
	At     time.Time            `json:"at"`
	SentAt time.Time            `json:"sentAt,omitzero"`
}

func contactOf(e reach.Entry, names map[string]string) Contact {
	c := Contact{ID: e.ID, Person: e.Person, PersonName: names[e.Person], Name: e.Name, Channel: e.Channel, Address: e.Address, Secret: e.Secret,
		After: e.After.String(), Urgency: e.Urgency, Quiet: e.Quiet, Standing: e.Standing, Why: e.Disabled, Remedy: e.Remedy,
		Verified: e.Verified, Reached: e.Reached, Configured: e.Configured}
	for _, m := range e.Receipts {
		c.Receipts = append(c.Receipts, Receipt{ID: m.ID, Kind: m.Kind, State: m.State, Reason: m.Reason, At: m.CreatedAt, SentAt: m.SentAt})
	}
	return c
}

// ContactFields are what is set of a contact.
type ContactFields struct {
	Name    string            `json:"name,omitempty" maxLength:"80" doc:"default: the channel's"`
	Address string            `json:"address" minLength:"1" maxLength:"2000"`
	Secret  string            `json:"secret,omitempty" maxLength:"80" doc:"for operators: the name of a secret that the configuration lists for contacts"`
	After   int               `json:"afterMinutes,omitempty" minimum:"0" maximum:"1440" doc:"how long after a page begins it is used"`
	Urgency []respond.Urgency `json:"urgency,omitempty" maxItems:"2" doc:"high, low; default: both"`
	Quiet   *respond.Quiet    `json:"quiet,omitempty"`
}

func (f ContactFields) fields() reach.Fields {
	return reach.Fields{Name: f.Name, Address: f.Address, Secret: f.Secret, After: time.Duration(f.After) * time.Minute, Urgency: f.Urgency, Quiet: f.Quiet}
}

// ContactInput names a contact.
type ContactInput struct {
	ID     string `path:"id" maxLength:"100"`
	Tenant string `query:"tenant" maxLength:"80"`
}

func (in ContactInput) tenant() string { return Where{Tenant: in.Tenant}.tenant() }

func (s *server) registerReach(h huma.API) {
	s.registerContacts(h)
	s.registerContactVerbs(h)
	s.registerPolicies(h)
	s.registerSummon(h)
}

func (s *server) registerContacts(h huma.API) {
	type contacts struct {
		Contacts []Contact      `json:"contacts"`
		Notices  []reach.Notice `json:"notices" doc:"of whom nobody knows whether pages reach them"`
	}
	type list struct {
		Tenant string `query:"tenant" maxLength:"80"`
		Person string `query:"person" maxLength:"100" doc:"only of this person, by their id; default: all that you may see, your own first"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/contacts", "list-contacts", "Contacts", "List contacts: your own; as an admin everybody's; as an operator the shared channels"),
		func(ctx context.Context, in *list) (*body[contacts], error) {
			actor, tenant := s.actor(ctx), Where{Tenant: in.Tenant}.tenant()
			entries, err := s.Reach.Contacts(ctx, actor, tenant)
			if err != nil {
				return nil, s.problem("list-contacts", err)
			}
			names, err := s.Access.Names(ctx, actor, tenant)
			if err != nil {
				return nil, s.problem("list-contacts", err)
			}
			out := contacts{Contacts: []Contact{}, Notices: []reach.Notice{}}
			for _, e := range entries {
				if in.Person == "" || e.Person == in.Person {
					out.Contacts = append(out.Contacts, contactOf(e, names))
				}
			}
			notices, err := s.Reach.Notices(ctx, actor, tenant)
			out.Notices = append(out.Notices, notices...)
			return answer(out), s.problem("list-contacts", err)
		})

	huma.Register(h, op(http.MethodGet, "/api/v1/contacts/{id}", "get-contact", "Contacts", "One contact with the receipts of its last codes and tests"),
		func(ctx context.Context, in *ContactInput) (*body[Contact], error) {
			e, err := s.Reach.Contact(ctx, s.actor(ctx), in.tenant(), in.ID)
			return s.contactAnswer(ctx, "get-contact", in.tenant(), e, err)
		})

	type add struct {
		Body struct {
			ContactFields
			Tenant  string          `json:"tenant,omitempty" maxLength:"80"`
			Person  string          `json:"person,omitempty" maxLength:"100" doc:"id of the person; default: you"`
			Shared  bool            `json:"shared,omitempty" doc:"it belongs to nobody: a room, a program"`
			Channel respond.Channel `json:"channel" maxLength:"20"`
		}
	}
	create := op(http.MethodPost, "/api/v1/contacts", "add-contact", "Contacts", "Add a contact; it is used once it is verified")
	create.DefaultStatus = http.StatusCreated
	huma.Register(h, create, func(ctx context.Context, in *add) (*body[Contact], error) {
		actor, tenant, person := s.actor(ctx), Where{Tenant: in.Body.Tenant}.tenant(), in.Body.Person
		switch {
		case in.Body.Shared && person != "":
			return nil, huma.Error422UnprocessableEntity("a shared channel belongs to no person; give one of person and shared")
		case !in.Body.Shared && person == "" && actor.Kind == access.Person:
			person = actor.ID
		case !in.Body.Shared && person == "":
			return nil, huma.Error422UnprocessableEntity("say whose it is: a person's id, or shared")
		}
		e, err := s.Reach.Add(ctx, actor, tenant, person, in.Body.Channel, in.Body.fields(), time.Now())
		return s.contactAnswer(ctx, "add-contact", tenant, e, err)
	})

	type change struct {
		ContactInput
		Body ContactFields
	}
	huma.Register(h, op(http.MethodPut, "/api/v1/contacts/{id}", "change-contact", "Contacts", "Change a contact; another address has to be verified anew"),
		func(ctx context.Context, in *change) (*body[Contact], error) {
			e, err := s.Reach.Edit(ctx, s.actor(ctx), in.tenant(), in.ID, in.Body.fields(), time.Now())
			return s.contactAnswer(ctx, "change-contact", in.tenant(), e, err)
		})

	remove := op(http.MethodDelete, "/api/v1/contacts/{id}", "delete-contact", "Contacts", "Delete a contact that no policy names")
	remove.DefaultStatus = http.StatusNoContent
	huma.Register(h, remove, func(ctx context.Context, in *ContactInput) (*struct{}, error) {
		return nil, s.problem("delete-contact", s.Reach.Delete(ctx, s.actor(ctx), in.tenant(), in.ID, time.Now()))
	})
}

func (s *server) registerContactVerbs(h huma.API) {
	for _, v := range []struct {
		verb, about string
		do          func(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) (reach.Entry, error)
	}{
		{"code", "Send a code that proves it, by its channel", s.Reach.SendCode},
		{"vouch", "Verify a shared channel on the word of an operator", s.Reach.Vouch},
		{"test", "Send a test message; its receipt stands in the contact", s.Reach.Test},
		{"confirm", "Say that the last test has reached you", s.Reach.Confirm},
		{"enable", "Switch it on again", func(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) (reach.Entry, error) {
			return s.Reach.Switch(ctx, actor, tenant, id, true, now)
		}},
		{"disable", "Switch it off: nothing is sent there", func(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) (reach.Entry, error) {
			return s.Reach.Switch(ctx, actor, tenant, id, false, now)
		}},
	} {
		id := v.verb + "-contact"
		huma.Register(h, op(http.MethodPost, "/api/v1/contacts/{id}/"+v.verb, id, "Contacts", v.about),
			func(ctx context.Context, in *ContactInput) (*body[Contact], error) {
				e, err := v.do(ctx, s.actor(ctx), in.tenant(), in.ID, time.Now())
				return s.contactAnswer(ctx, id, in.tenant(), e, err)
			})
	}

	type verify struct {
		ContactInput
		Body struct {
			Code string `json:"code" minLength:"1" maxLength:"20" doc:"as it was sent; spaces do not matter"`
		}
	}
	huma.Register(h, op(http.MethodPost, "/api/v1/contacts/{id}/verify", "verify-contact", "Contacts", "Prove a contact by the code that was sent to it"),
		func(ctx context.Context, in *verify) (*body[Contact], error) {
			e, err := s.Reach.Verify(ctx, s.actor(ctx), in.tenant(), in.ID, in.Body.Code, time.Now())
			return s.contactAnswer(ctx, "verify-contact", in.tenant(), e, err)
		})
}

func (s *server) contactAnswer(ctx context.Context, what, tenant string, e reach.Entry, err error) (*body[Contact], error) {
	if err != nil {
		return nil, s.problem(what, err)
	}
	names, err := s.Access.Names(ctx, s.actor(ctx), tenant)
	return answer(contactOf(e, names)), s.problem(what, err)
}

func (s *server) registerSummon(h huma.API) {
	type summon struct {
		Body struct {
			Tenant      string           `json:"tenant,omitempty" maxLength:"80"`
			Environment string           `json:"environment,omitempty" maxLength:"80"`
			Person      string           `json:"person" minLength:"1" maxLength:"100" doc:"login name or id of who is told at once"`
			Text        string           `json:"text" minLength:"3" maxLength:"1000" doc:"what it is about, in one line"`
			Severity    finding.Severity `json:"severity,omitempty" doc:"default: critical"`
			Policy      string           `json:"policy,omitempty" maxLength:"100" doc:"who is told where they do not take it up; default: the one named default"`
		}
	}
	page := op(http.MethodPost, "/api/v1/pages", "page-person", "Incidents", "Page one person by hand: opens an incident that they are told of at once")
	page.DefaultStatus = http.StatusCreated
	huma.Register(h, page, func(ctx context.Context, in *summon) (*body[respond.Incident], error) {
		actor, tenant := s.actor(ctx), Where{Tenant: in.Body.Tenant}.tenant()
		to, err := s.person(ctx, "page-person", tenant, "body.person", in.Body.Person)
		if err != nil {
			return nil, err
		}
		d := respond.Declaration{Tenant: tenant, Environment: in.Body.Environment, Title: in.Body.Text, Severity: in.Body.Severity, Policy: in.Body.Policy}
		if d.Severity == 0 {
			d.Severity = finding.Critical
		}
		if d.Policy == "" {
			d.Policy = respond.DefaultPolicy
		}
		i, err := s.Incidents.Summon(ctx, actor, d, to, time.Now())
		return s.incidentAnswer("page-person", i, err)
	})
}
