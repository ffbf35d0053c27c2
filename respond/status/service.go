package status

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
)

// Kind of a record.
type Kind string

const (
	pageKind        Kind = "page"        // by its slug
	updateKind      Kind = "update"      // of an incident
	promiseKind     Kind = "promise"     // of an incident
	maintenanceKind Kind = "maintenance" // of a page
	intervalKind    Kind = "interval"    // of a page
	subscriberKind  Kind = "subscriber"  // of a page
)

// Record is one thing as it is stored.
type Record struct {
	Tenant string
	Kind   Kind
	Owner  string // page or incident that it belongs to
	ID     string
	At     time.Time
	Body   []byte // JSON
}

// Change is what is stored together. Of Remove, the kind, owner and id count; an
// empty id removes all of that kind and owner.
type Change struct {
	Tenant   string
	Put      []Record
	Remove   []Record
	Messages []respond.Message
	Entries  []respond.Entry
	Audit    []access.Entry
}

// Store keeps what this package decides. All methods are safe for concurrent
// use.
type Store interface {
	// ApplyStatus stores a change in one transaction. It fails with
	// respond.ErrConflict where a page's name is taken by another tenant.
	ApplyStatus(ctx context.Context, c Change) error
	// StatusRecords lists a tenant's records of a kind by owner, time and id;
	// only those of one owner where it is named.
	StatusRecords(ctx context.Context, tenant string, kind Kind, owner string) ([]Record, error)

	Incident(ctx context.Context, tenant, id string) (respond.Incident, error)
	IncidentsByID(ctx context.Context, ids []string) ([]respond.Incident, error)
	IncidentAlerts(ctx context.Context, tenant, incident string, standing bool, limit int) ([]respond.Standing, error)
	Contacts(ctx context.Context, tenant, person string) ([]respond.Contact, error)
	SigningKey(ctx context.Context, name string, fresh []byte) ([]byte, error)
}

// Options are what a Service works with.
type Options struct {
	// Folder is where the pages' files are written.
	Folder string
	// URL is where people reach Evenkeel, without a slash at its end.
	URL string
	// Address checks an e-mail address; nil: no letters can be sent.
	Address func(string) (string, error)
	// Stored is told that messages are due.
	Stored func()
}

// Service keeps updates and pages. It is safe for concurrent use.
type Service struct {
	store  Store
	opt    Options
	key    []byte
	limits limiter
	hints  chan struct{}
	// mu is held over reading, deciding and storing.
	mu sync.Mutex
	// written is what each page's files hold.
	written map[string]published
	// forgotten is when unconfirmed subscriptions were last removed.
	forgotten time.Time
}

type published struct {
	sum [32]byte // of what readers see, but for the time
	at  time.Time
}

// New returns a service over a store.
func New(ctx context.Context, store Store, opt Options) (*Service, error) {
	fresh := make([]byte, 32)
	rand.Read(fresh)
	key, err := store.SigningKey(ctx, "status", fresh)
	if err != nil {
		return nil, fmt.Errorf("read the key that signs links of letters: %w", err)
	}
	return &Service{store: store, opt: opt, key: key, hints: make(chan struct{}, 1), written: map[string]published{}}, nil
}

// Hints tells that a round is due.
func (s *Service) Hints() <-chan struct{} { return s.hints }

// apply stores a change, has its messages sent and the pages written.
func (s *Service) apply(ctx context.Context, c Change) error {
	if err := s.store.ApplyStatus(ctx, c); err != nil {
		return err
	}
	if len(c.Messages) > 0 && s.opt.Stored != nil {
		s.opt.Stored()
	}
	select {
	case s.hints <- struct{}{}:
	default:
	}
	return nil
}

func record(kind Kind, owner, id string, at time.Time, tenant string, v any) (Record, error) {
	raw, err := json.Marshal(v)
	return Record{Tenant: tenant, Kind: kind, Owner: owner, ID: id, At: at, Body: raw}, err
}

func records[T any](ctx context.Context, store Store, tenant string, kind Kind, owner string) ([]T, error) {
	list, err := store.StatusRecords(ctx, tenant, kind, owner)
	if err != nil {
		return nil, err
	}
	out := make([]T, len(list))
	for n, r := range list {
		if err := json.Unmarshal(r.Body, &out[n]); err != nil {
			return nil, fmt.Errorf("a stored %s of %s cannot be read: %w", kind, owner, err)
		}
	}
	return out, nil
}

func (s *Service) page(ctx context.Context, tenant, slug string) (Page, error) {
	pages, err := records[Page](ctx, s.store, tenant, pageKind, slug)
	if err != nil {
		return Page{}, err
	}
	if len(pages) == 0 {
		return Page{}, fmt.Errorf("%w: status page %s", respond.ErrNotFound, clip(slug, 60))
	}
	return pages[0], nil
}

// Round writes down how components do, reminds who promised an update, and
// writes the pages' files where readers would see a difference, or five minutes
// have gone.
func (s *Service) Round(ctx context.Context, tenant string, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := s.facts(ctx, tenant, now)
	if err != nil {
		return err
	}
	c, keep := Change{Tenant: tenant}, []string{}
	for n := range all.pages {
		seen, err := observed(&all.pages[n], now)
		if err != nil {
			return err
		}
		c.Put = append(c.Put, seen...)
		keep = append(keep, all.pages[n].Page.Slug)
	}
	if err := s.remind(ctx, tenant, all.cases, &c, now); err != nil {
		return err
	}
	s.forget(all, &c, now)
	if err := s.forgetUnconfirmed(ctx, tenant, keep, &c, now); err != nil {
		return err
	}
	if len(c.Put)+len(c.Remove) > 0 {
		if err := s.store.ApplyStatus(ctx, c); err != nil {
			return err
		}
		if len(c.Messages) > 0 && s.opt.Stored != nil {
			s.opt.Stored()
		}
	}
	for _, f := range all.pages {
		if err := s.write(f, now); err != nil {
			return err
		}
	}
	return unpublish(s.opt.Folder, tenant, keep)
}

// write renders a page into its files where they would differ.
func (s *Service) write(f Facts, now time.Time) error {
	v := ViewOf(f, now)
	still := v
	still.WrittenAt = time.Time{}
	raw, err := json.Marshal(struct {
		View          View
		Private, Mail bool
		Key           string
	}{still, v.Private, v.Mail, f.Page.Key})
	if err != nil {
		return err
	}
	sum, last := sha256.Sum256(raw), s.written[f.Page.Slug]
	if age := now.Sub(last.at); sum == last.sum && age >= 0 && age < seenEvery {
		return nil
	}
	all, err := Render(v)
	if err != nil {
		return err
	}
	g := gate{Tenant: f.Page.Tenant, Private: f.Page.Private}
	if g.Private {
		key := sha256.Sum256([]byte(f.Page.Key))
		g.Key = hex.EncodeToString(key[:])
	}
	if err := publish(s.opt.Folder, f.Page.Slug, g, all); err != nil {
		return err
	}
	s.written[f.Page.Slug] = published{sum, now}
	return nil
}

// observed takes the state of now of a page's components in.
func observed(f *Facts, now time.Time) (put []Record, err error) {
	for _, part := range f.Page.Components {
		last := Interval{Page: f.Page.Slug, Component: part.ID}
		for _, i := range f.Intervals {
			if i.Component == part.ID && !i.From.Before(last.From) {
				last = i
			}
		}
		for _, i := range Observe(last, f.StateOf(part, now), now) {
			r, err := Seen(f.Page.Tenant, i)
			if err != nil {
				return nil, err
			}
			put = append(put, r)
			n := slices.IndexFunc(f.Intervals, func(o Interval) bool { return intervalID(o) == intervalID(i) })
			if n >= 0 {
				f.Intervals[n] = i
			} else {
				f.Intervals = append(f.Intervals, i)
			}
		}
	}
	return put, nil
}

// Seen is an interval as it is stored.
func Seen(tenant string, i Interval) (Record, error) {
	return record(intervalKind, i.Page, intervalID(i), i.From, tenant, i)
}

func intervalID(i Interval) string { return fmt.Sprintf("%s %d", i.Component, i.From.UnixMicro()) }

// known is all that a round reads.
type known struct {
	pages []Facts
	cases []Case
}

func (s *Service) facts(ctx context.Context, tenant string, now time.Time) (k known, err error) {
	pages, err := records[Page](ctx, s.store, tenant, pageKind, "")
	if err != nil {
		return k, err
	}
	updates, err := records[Update](ctx, s.store, tenant, updateKind, "")
	if err != nil {
		return k, err
	}
	if k.cases, err = s.cases(ctx, tenant, updates); err != nil {
		return k, err
	}
	for _, p := range pages {
		f := Facts{Page: p, Cases: k.cases, Mail: s.opt.Address != nil}
		if !p.Private {
			f.URL = s.opt.URL + p.Path(false)
		}
		if f.Maintenance, err = records[Maintenance](ctx, s.store, tenant, maintenanceKind, p.Slug); err != nil {
			return k, err
		}
		if f.Intervals, err = records[Interval](ctx, s.store, tenant, intervalKind, p.Slug); err != nil {
			return k, err
		}
		k.pages = append(k.pages, f)
	}
	return k, nil
}

// cases are the incidents of updates. What was merged stands as long as what it
// is part of.
func (s *Service) cases(ctx context.Context, tenant string, updates []Update) ([]Case, error) {
	var order []string
	of := map[string][]Update{}
	for _, u := range updates {
		if of[u.Incident] == nil {
			order = append(order, u.Incident)
		}
		of[u.Incident] = append(of[u.Incident], u)
	}
	if len(order) == 0 {
		return nil, nil
	}
	list, err := s.store.IncidentsByID(ctx, order)
	if err != nil {
		return nil, err
	}
	byID := map[string]respond.Incident{}
	for _, i := range list {
		byID[i.ID] = i
	}
	var out []Case
	for _, id := range order {
		c := Case{Incident: byID[id], Updates: of[id]}
		end := byID[id]
		for range 10 {
			if end.MergedInto == "" {
				break
			}
			next, ok := byID[end.MergedInto]
			if !ok {
				if next, err = s.store.Incident(ctx, tenant, end.MergedInto); err != nil {
					return nil, err
				}
				byID[next.ID] = next
			}
			end = next
		}
		c.Open, c.OverAt = end.ID != "" && end.State != respond.Resolved, end.ResolvedAt
		if _, told := lastPublic(c.Updates); told {
			alerts, err := s.store.IncidentAlerts(ctx, tenant, id, false, 500)
			if err != nil {
				return nil, err
			}
			for _, a := range alerts {
				c.Labels = append(c.Labels, a.Labels)
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// forget removes what is older than is shown.
func (s *Service) forget(k known, c *Change, now time.Time) {
	old := now.Add(-History - 24*time.Hour)
	for _, f := range k.pages {
		for _, i := range f.Intervals {
			if i.To.Before(old) {
				c.Remove = append(c.Remove, Record{Kind: intervalKind, Owner: f.Page.Slug, ID: intervalID(i)})
			}
		}
		for _, m := range f.Maintenance {
			if m.To.Before(old) {
				c.Remove = append(c.Remove, Record{Kind: maintenanceKind, Owner: f.Page.Slug, ID: m.ID})
			}
		}
	}
	for _, one := range k.cases {
		last := one.Updates[len(one.Updates)-1]
		if !one.Open && last.At.Before(old) && one.OverAt.Before(old) {
			for _, u := range one.Updates {
				c.Remove = append(c.Remove, Record{Kind: updateKind, Owner: u.Incident, ID: u.ID})
			}
		}
	}
}

// remind tells those who look after an incident that an update is overdue.
func (s *Service) remind(ctx context.Context, tenant string, cases []Case, c *Change, now time.Time) error {
	list, err := records[Promise](ctx, s.store, tenant, promiseKind, "")
	if err != nil {
		return err
	}
	for _, p := range list {
		n := slices.IndexFunc(cases, func(o Case) bool { return o.Incident.ID == p.Incident })
		var i respond.Incident
		over := n < 0
		if n >= 0 {
			i, over = cases[n].Incident, !cases[n].Open
		}
		next, kept, late := p.Due(over, i.Number, now)
		if kept {
			c.Remove = append(c.Remove, Record{Kind: promiseKind, Owner: p.Incident, ID: p.Incident})
			continue
		}
		if next != p {
			r, err := record(promiseKind, p.Incident, p.Incident, next.WakeAt, tenant, next)
			if err != nil {
				return err
			}
			c.Put = append(c.Put, r)
		}
		if late == "" {
			continue
		}
		entry := respond.Entry{ID: respond.NewID(), Tenant: tenant, At: now, Kind: respond.UpdateOverdue, Reason: late, By: "Evenkeel", Incident: p.Incident, Person: i.Assignee}
		contact, ok, err := s.assignee(ctx, i)
		if err != nil {
			return err
		}
		if !ok {
			entry.Reason += " Nobody who can be reached looks after it."
		} else {
			m := respond.Message{ID: fmt.Sprintf("late-%s-%d", p.Update, next.Reminded), Tenant: tenant, Kind: respond.UpdateMessage, Contact: contact, State: respond.Due, NextAt: now, CreatedAt: now, ChangedAt: now,
				Content: respond.Content{Number: i.Number, Title: "An update is overdue", Text: late, URL: s.opt.URL + "/incidents/" + i.ID}}
			c.Messages, entry.Message = append(c.Messages, m), m.ID
		}
		c.Entries = append(c.Entries, entry)
	}
	return nil
}

// assignee is the first contact of who looks after an incident.
func (s *Service) assignee(ctx context.Context, i respond.Incident) (k respond.Contact, ok bool, err error) {
	if i.Assignee == "" {
		return k, false, nil
	}
	list, err := s.store.Contacts(ctx, i.Tenant, i.Assignee)
	if err != nil {
		return k, false, err
	}
	for _, o := range list {
		if o.Disabled == "" && !o.Verified.IsZero() && (!ok || o.After < k.After) {
			k, ok = o, true
		}
	}
	k.After = 0
	return k, ok, nil
}
