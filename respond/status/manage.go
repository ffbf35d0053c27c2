package status

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
)

// reads tells whether the actor may read anything in the tenant.
func reads(actor access.Actor, tenant string) error {
	if list, all := access.Environments(actor, access.Read, tenant); all || len(list) > 0 {
		return nil
	}
	return access.Can(actor, access.Read, access.Scope{Tenant: tenant})
}

func operates(actor access.Actor, tenant string) error {
	return access.Can(actor, access.Operate, access.Scope{Tenant: tenant})
}

func audit(ctx context.Context, actor access.Actor, tenant, action, object, detail string, now time.Time) []access.Entry {
	return []access.Entry{{ID: respond.NewID(), Tenant: tenant, At: now, ActorKind: actor.Kind, ActorID: actor.ID, ActorName: actor.Name,
		Action: action, Object: object, Detail: clip(detail, 400), Address: access.AddressFrom(ctx)}}
}

// Listed is a page as those who manage it see it.
type Listed struct {
	Page
	State       State         `json:"state"`
	States      []State       `json:"states"` // of its components, in their order
	Subscribers int           `json:"subscribers"`
	Maintenance []Maintenance `json:"maintenance"`
	Link        string        `json:"link"` // where readers find it
}

// Pages lists a tenant's pages. Who may not operate sees no key and no address
// list.
func (s *Service) Pages(ctx context.Context, actor access.Actor, tenant string, now time.Time) ([]Listed, error) {
	if err := reads(actor, tenant); err != nil {
		return nil, err
	}
	k, err := s.facts(ctx, tenant, now)
	if err != nil {
		return nil, err
	}
	may := operates(actor, tenant) == nil
	out := []Listed{}
	for _, f := range k.pages {
		l := Listed{Page: f.Page, State: ViewOf(f, now).State, States: []State{}, Maintenance: f.Maintenance, Link: s.opt.URL + f.Page.Path(may)}
		for _, c := range f.Page.Components {
			l.States = append(l.States, f.StateOf(c, now))
		}
		if !may {
			l.Key = ""
		}
		subs, err := records[Subscriber](ctx, s.store, tenant, subscriberKind, f.Page.Slug)
		if err != nil {
			return nil, err
		}
		for _, sub := range subs {
			if !sub.ConfirmedAt.IsZero() {
				l.Subscribers++
			}
		}
		out = append(out, l)
	}
	return out, nil
}

// Page returns one.
func (s *Service) Page(ctx context.Context, actor access.Actor, tenant, slug string, now time.Time) (Listed, error) {
	all, err := s.Pages(ctx, actor, tenant, now)
	if err != nil {
		return Listed{}, err
	}
	n := slices.IndexFunc(all, func(l Listed) bool { return l.Slug == slug })
	if n < 0 {
		return Listed{}, fmt.Errorf("%w: status page %s", respond.ErrNotFound, clip(slug, 60))
	}
	return all[n], nil
}

func freshKey() string {
	raw := make([]byte, 18)
	rand.Read(raw)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// Save makes a page, or changes the one of its name on the revision that was
// read; revision 0 makes a new one.
func (s *Service) Save(ctx context.Context, actor access.Actor, p Page, now time.Time) (Listed, error) {
	if err := operates(actor, p.Tenant); err != nil {
		return Listed{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	pages, err := records[Page](ctx, s.store, p.Tenant, pageKind, "")
	if err != nil {
		return Listed{}, err
	}
	var before Page
	if n := slices.IndexFunc(pages, func(o Page) bool { return o.Slug == p.Slug }); n >= 0 {
		before = pages[n]
	} else if len(pages) >= maxPages {
		return Listed{}, invalid("a tenant may have %d status pages at most", maxPages)
	}
	switch {
	case before.Slug == "" && p.Revision != 0:
		return Listed{}, fmt.Errorf("%w: status page %s", respond.ErrNotFound, clip(p.Slug, 60))
	case before.Revision != p.Revision:
		return Listed{}, fmt.Errorf("%w: somebody else has saved the page %s; read it again", respond.ErrConflict, p.Slug)
	}
	if p, err = p.checked(before, now); err != nil {
		return Listed{}, err
	}
	p.Revision, p.Key = before.Revision+1, before.Key
	if p.Private && p.Key == "" {
		p.Key = freshKey()
	}
	return s.put(ctx, actor, p, "status.save", now)
}

// put stores a page. The caller holds mu.
func (s *Service) put(ctx context.Context, actor access.Actor, p Page, action string, now time.Time) (Listed, error) {
	r, err := record(pageKind, p.Slug, p.Slug, p.CreatedAt, p.Tenant, p)
	if err != nil {
		return Listed{}, err
	}
	if err := s.apply(ctx, Change{Tenant: p.Tenant, Put: []Record{r}, Audit: audit(ctx, actor, p.Tenant, action, p.Slug, p.Title, now)}); err != nil {
		return Listed{}, err
	}
	return s.Page(ctx, actor, p.Tenant, p.Slug, now)
}

// Renew gives a private page a new link; the old one leads nowhere from then
// on.
func (s *Service) Renew(ctx context.Context, actor access.Actor, tenant, slug string, now time.Time) (Listed, error) {
	if err := operates(actor, tenant); err != nil {
		return Listed{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.page(ctx, tenant, slug)
	if err != nil {
		return Listed{}, err
	}
	if !p.Private {
		return Listed{}, fmt.Errorf("%w: a public page has no secret link", respond.ErrState)
	}
	p.Key, p.ChangedAt, p.Revision = freshKey(), now, p.Revision+1
	return s.put(ctx, actor, p, "status.renew", now)
}

// Delete removes a page with all that belongs to it.
func (s *Service) Delete(ctx context.Context, actor access.Actor, tenant, slug string, now time.Time) error {
	if err := operates(actor, tenant); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.page(ctx, tenant, slug); err != nil {
		return err
	}
	c := Change{Tenant: tenant, Audit: audit(ctx, actor, tenant, "status.delete", slug, "", now)}
	for _, k := range []Kind{pageKind, maintenanceKind, intervalKind, subscriberKind} {
		c.Remove = append(c.Remove, Record{Kind: k, Owner: slug})
	}
	delete(s.written, slug)
	return s.apply(ctx, c)
}

// Announce puts maintenance on a page; with an id, it changes the one that
// there is.
func (s *Service) Announce(ctx context.Context, actor access.Actor, m Maintenance, now time.Time) (Maintenance, error) {
	if err := operates(actor, m.Tenant); err != nil {
		return m, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.page(ctx, m.Tenant, m.Page)
	if err != nil {
		return m, err
	}
	if m, err = m.checked(p, now); err != nil {
		return m, err
	}
	list, err := records[Maintenance](ctx, s.store, m.Tenant, maintenanceKind, m.Page)
	if err != nil {
		return m, err
	}
	known := slices.ContainsFunc(list, func(o Maintenance) bool { return o.ID == m.ID })
	switch {
	case m.ID == "" && len(list) >= 500:
		return m, invalid("a page may have 500 maintenances at most; delete old ones")
	case m.ID == "":
		m.ID = respond.NewID()
	case !known:
		return m, fmt.Errorf("%w: maintenance %s", respond.ErrNotFound, clip(m.ID, 60))
	}
	r, err := record(maintenanceKind, m.Page, m.ID, m.From, m.Tenant, m)
	if err != nil {
		return m, err
	}
	return m, s.apply(ctx, Change{Tenant: m.Tenant, Put: []Record{r}, Audit: audit(ctx, actor, m.Tenant, "status.maintenance", m.Page, m.Title, now)})
}

// Withdraw removes a maintenance.
func (s *Service) Withdraw(ctx context.Context, actor access.Actor, tenant, slug, id string, now time.Time) error {
	if err := operates(actor, tenant); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := records[Maintenance](ctx, s.store, tenant, maintenanceKind, slug)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(m Maintenance) bool { return m.ID == id }) {
		return fmt.Errorf("%w: maintenance %s", respond.ErrNotFound, clip(id, 60))
	}
	return s.apply(ctx, Change{Tenant: tenant, Remove: []Record{{Kind: maintenanceKind, Owner: slug, ID: id}},
		Audit: audit(ctx, actor, tenant, "status.withdraw", slug, id, now)})
}

// incident returns one that the actor may see.
func (s *Service) incident(ctx context.Context, actor access.Actor, tenant, id string) (respond.Incident, error) {
	i, err := s.store.Incident(ctx, tenant, id)
	if err != nil {
		return i, err
	}
	if access.Can(actor, access.Read, access.Scope{Tenant: tenant, Environment: i.Environment}) != nil {
		return i, fmt.Errorf("%w: incident %s", respond.ErrNotFound, clip(id, 60))
	}
	return i, nil
}

// Updates lists an incident's updates, the oldest first.
func (s *Service) Updates(ctx context.Context, actor access.Actor, tenant, incident string) ([]Update, error) {
	if _, err := s.incident(ctx, actor, tenant, incident); err != nil {
		return nil, err
	}
	return records[Update](ctx, s.store, tenant, updateKind, incident)
}

// maxUpdates bounds what is written to one incident.
const maxUpdates = 500

// Write adds an update to an incident. What is public stands on the pages whose
// components it names or touches, and goes to their subscribers.
func (s *Service) Write(ctx context.Context, actor access.Actor, tenant, incident string, d Draft, now time.Time) (Update, error) {
	i, err := s.incident(ctx, actor, tenant, incident)
	if err != nil {
		return Update{}, err
	}
	if err := access.Can(actor, access.Respond, access.Scope{Tenant: tenant, Environment: i.Environment}); err != nil {
		return Update{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before, err := records[Update](ctx, s.store, tenant, updateKind, incident)
	if err != nil {
		return Update{}, err
	}
	if len(before) >= maxUpdates {
		return Update{}, invalid("an incident may have %d updates at most", maxUpdates)
	}
	u, err := write(d, i, before, respond.NewID(), actor.Name, now)
	if err != nil {
		return u, err
	}
	r, err := record(updateKind, incident, u.ID, u.At, tenant, u)
	if err != nil {
		return u, err
	}
	reach := "for us alone"
	if u.Public {
		reach = "for everybody"
	}
	c := Change{Tenant: tenant, Put: []Record{r}, Audit: audit(ctx, actor, tenant, "incident.update", incident, string(u.Phase), now),
		Entries: []respond.Entry{{ID: respond.NewID(), Tenant: tenant, At: now, Kind: respond.Updated, By: actor.Name, Incident: incident,
			Reason: fmt.Sprintf("Update %s, %s: %s", reach, u.Phase, u.Text)}}}
	if u.NextAt.IsZero() {
		c.Remove = append(c.Remove, Record{Kind: promiseKind, Owner: incident, ID: incident})
	} else {
		p, err := record(promiseKind, incident, incident, u.NextAt, tenant, Promise{Tenant: tenant, Incident: incident, Update: u.ID, At: u.NextAt, WakeAt: u.NextAt})
		if err != nil {
			return u, err
		}
		c.Put = append(c.Put, p)
	}
	if u.Public {
		if err := s.tell(ctx, tenant, append(before, u), u, &c, now); err != nil {
			return u, err
		}
	}
	return u, s.apply(ctx, c)
}

// tell writes the letters of a public update, which must be about a component
// of some page.
func (s *Service) tell(ctx context.Context, tenant string, all []Update, u Update, c *Change, now time.Time) error {
	cases, err := s.cases(ctx, tenant, all)
	if err != nil {
		return err
	}
	pages, err := records[Page](ctx, s.store, tenant, pageKind, "")
	if err != nil {
		return err
	}
	for _, named := range u.Components {
		if !slices.ContainsFunc(pages, func(p Page) bool {
			return slices.ContainsFunc(p.Components, func(k Component) bool { return p.Slug+"/"+k.ID == named })
		}) {
			return invalid("there is no component %q; name them as PAGE/COMPONENT", clip(named, 100))
		}
	}
	shown := false
	for _, p := range pages {
		if len(cases[0].touched(p)) == 0 {
			continue
		}
		shown = true
		subs, err := records[Subscriber](ctx, s.store, tenant, subscriberKind, p.Slug)
		if err != nil {
			return err
		}
		for _, sub := range subs {
			if !sub.ConfirmedAt.IsZero() && s.opt.Address != nil {
				c.Messages = append(c.Messages, s.letter(sub, "status-"+u.ID+"-"+sub.ID, respond.StatusMessage, p.Title+": "+u.Title,
					u.Phase.Words()+".\n\n"+u.Text, s.opt.URL+p.Path(true), now))
			}
		}
	}
	if !shown {
		return invalid("name the components of a status page that it is about: else nobody would see it")
	}
	return nil
}
