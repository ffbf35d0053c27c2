package respond

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
)

// Role is a part that one person at a time plays in an incident. It says who
// does what; it gives no right and takes none.
type Role string

const (
	Commander      Role = "commander"      // decides, and keeps the whole in view
	Communications Role = "communications" // tells those who wait
	Scribe         Role = "scribe"         // writes down what is seen and done
)

// AllRoles are the roles that there are, in the order in which people fill them.
var AllRoles = []Role{Commander, Communications, Scribe}

// Roles are the persons (user ids) who have a role in an incident; empty where
// nobody has it.
type Roles struct {
	Commander      string `json:"commander,omitempty"`
	Communications string `json:"communications,omitempty"`
	Scribe         string `json:"scribe,omitempty"`
}

// Of returns the person who has a role; empty for nobody, and for what is no
// role.
func (r Roles) Of(role Role) string {
	if at := r.at(role); at != nil {
		return *at
	}
	return ""
}

func (r *Roles) at(role Role) *string {
	switch role {
	case Commander:
		return &r.Commander
	case Communications:
		return &r.Communications
	case Scribe:
		return &r.Scribe
	}
	return nil
}

// GiveRole gives a role of an incident to a person, or to nobody where to has no
// id. Who gets it from somebody else is told. The note may be empty.
func (s *Service) GiveRole(ctx context.Context, actor access.Actor, tenant, id string, role Role, to By, note string, now time.Time) (Incident, error) {
	return s.act(ctx, actor, tenant, id, "incident.role", now, func(t *turn, f Facts) error {
		return t.giveRole(f, by(actor), role, to, note)
	})
}

// giveRole hands a role over. Nobody has it twice, and nobody loses it without
// a line that names who did that.
func (t *turn) giveRole(f Facts, by By, role Role, to By, note string) error {
	note, err := written("the note", note, 0)
	has := t.Incident.Roles.at(role)
	switch {
	case err != nil:
		return err
	case has == nil:
		return fmt.Errorf("%w: the role is not one of commander, communications, scribe", ErrInvalid)
	case t.Incident.State == Resolved:
		return fmt.Errorf("%w: it is resolved already", ErrState)
	case *has == to.ID && to.ID == "":
		return fmt.Errorf("%w: nobody is %s", ErrState, role)
	case *has == to.ID:
		return fmt.Errorf("%w: %s is %s already", ErrState, to.Name, role)
	}
	var reason string
	switch {
	case to.ID == "" && *has == by.ID:
		reason = fmt.Sprintf("%s is no longer %s; nobody is now.", by.Name, role)
	case to.ID == "":
		reason = fmt.Sprintf("%s takes the role of %s back; nobody has it now.", by.Name, role)
	case to.ID == by.ID:
		reason = fmt.Sprintf("%s is %s now.", by.Name, role)
	default:
		reason = fmt.Sprintf("%s makes %s %s.", by.Name, to.Name, role)
	}
	if note != "" {
		reason += " " + note
	}
	*has = to.ID
	t.hand(f, RoleGiven, by, to, reason)
	return nil
}

// hand writes down that something is somebody's now, and tells them.
func (t *turn) hand(f Facts, kind EntryKind, by, to By, reason string) {
	at := len(t.Entries)
	t.note(kind, by.Name, reason).Person = to.ID
	refused := t.tell(f, by, to, reason)
	t.Entries[at].Reason += refused
}

// tell brings news to one person, where that is not who made them: by the first
// of their contacts that can be used and is no call, nor another incident tool.
// It begins no page and waits for no answer. Where there is no such contact,
// refused is a sentence that says so.
func (t *turn) tell(f Facts, by, to By, news string) (refused string) {
	if to.ID == "" || to.ID == by.ID {
		return ""
	}
	contacts, why := f.Book.usable(Recipient{Kind: ToPerson, ID: to.ID}, to.ID, t.Incident.Urgency)
	uses, _ := inTime(contacts, t.Incident.Urgency, t.now)
	n := slices.IndexFunc(uses, func(u use) bool { return u.Channel != Voice && u.Channel != PagerDuty })
	if n < 0 {
		if len(contacts) > 0 {
			why = append(why, "only calls would reach them")
		}
		return fmt.Sprintf(" %s could not be told: %s.", to.Name, strings.Join(why, ", "))
	}
	c := uses[n]
	m := Message{ID: fmt.Sprintf("%s-t%d", t.Incident.ID, t.Incident.Revision+1), Tenant: t.Incident.Tenant, Incident: t.Incident.ID,
		Kind: UpdateMessage, Contact: c.Contact, Content: t.content(f, news), State: Due, NextAt: t.now.Add(c.Waits), CreatedAt: t.now, ChangedAt: t.now}
	if c.Waits > 0 {
		m.NotBefore = m.NextAt
	}
	t.Messages = append(t.Messages, m)
	e := t.note(MessageQueued, system, fmt.Sprintf("%s is told by %s.", to.Name, c.Name))
	e.Person = to.ID
	return ""
}
