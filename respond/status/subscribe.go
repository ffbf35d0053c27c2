package status

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// Subscriber is an address that asked for a page's letters.
type Subscriber struct {
	ID      string    `json:"id"` // follows from the page and the address by our key
	Tenant  string    `json:"tenant"`
	Page    string    `json:"page"`
	Address string    `json:"address"`
	AskedAt time.Time `json:"askedAt"`
	// ConfirmedAt is when the link in the first letter was followed; zero: no
	// letter but that one goes there.
	ConfirmedAt time.Time `json:"confirmedAt,omitzero"`
}

const (
	maxSubscribers = 5000 // of a page
	confirmWithin  = 3 * 24 * time.Hour
	perSource      = 10 // letters asked for in an hour
	perAddress     = 3
	perPage        = 200
	limitWindow    = time.Hour
	limitKeys      = 10_000
)

// ErrTooMany is more subscriptions from one source, or at all, than are taken.
var ErrTooMany = errors.New("too many subscriptions were asked for")

// limiter counts by key within a window. It is bounded: where it is full, new
// keys are refused.
type limiter struct {
	mu    sync.Mutex
	since time.Time
	count map[string]int
}

func (l *limiter) take(key string, most int, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := now.Sub(l.since); d >= limitWindow || d < 0 || l.count == nil {
		l.since, l.count = now, map[string]int{}
	}
	if _, known := l.count[key]; !known && len(l.count) >= limitKeys {
		return false
	}
	l.count[key]++
	return l.count[key] <= most
}

// Subscribe has a letter sent that asks whether the address wants more. Whether
// it is known makes no difference that can be seen.
func (s *Service) Subscribe(ctx context.Context, tenant, slug, address, source string, now time.Time) error {
	parsed, err := mail.ParseAddress(strings.TrimSpace(address))
	if err != nil || len(address) > 254 || s.opt.Address == nil {
		return invalid("this is no e-mail address")
	}
	to, err := s.opt.Address(parsed.Address)
	if err != nil {
		return invalid("this is no e-mail address")
	}
	if at := strings.LastIndex(to, "@"); at > 0 {
		to = to[:at] + strings.ToLower(to[at:])
	}
	if !s.limits.take("source "+source, perSource, now) || !s.limits.take("page "+slug, perPage, now) {
		return ErrTooMany
	}
	id := s.sum("subscriber", tenant, slug, strings.ToLower(to))
	if !s.limits.take("address "+id, perAddress, now) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := records[Subscriber](ctx, s.store, tenant, subscriberKind, slug)
	if err != nil {
		return err
	}
	sub, known := Subscriber{ID: id, Tenant: tenant, Page: slug, Address: to, AskedAt: now}, false
	for _, o := range list {
		if o.ID == id {
			sub, known = o, true
			sub.AskedAt = now
		}
	}
	if !known && len(list) >= maxSubscribers {
		return ErrTooMany
	}
	page, err := s.page(ctx, tenant, slug)
	if err != nil {
		return err
	}
	m := s.letter(sub, "ask-"+respond.NewID(), respond.SubscribeMessage, page.Title+": letters of the status page",
		"Somebody, you we hope, asked for letters of this status page. Follow the link to get them. If it was not you, do nothing: no more letters come.", "", now)
	if !sub.ConfirmedAt.IsZero() {
		m = s.letter(sub, "known-"+respond.NewID(), respond.StatusMessage, page.Title+": you get these letters already",
			"Somebody, you we hope, asked for letters of this status page. You get them already.", "", now)
	}
	r, err := record(subscriberKind, slug, id, sub.AskedAt, tenant, sub)
	if err != nil {
		return err
	}
	return s.apply(ctx, Change{Tenant: tenant, Put: []Record{r}, Messages: []respond.Message{m}})
}

// forgetUnconfirmed removes addresses whose owners have not followed the link of
// the first letter in time: somebody else may have written them down.
func (s *Service) forgetUnconfirmed(ctx context.Context, tenant string, slugs []string, c *Change, now time.Time) error {
	if d := now.Sub(s.forgotten); d >= 0 && d < time.Hour {
		return nil // there may be thousands of them
	}
	for _, slug := range slugs {
		list, err := records[Subscriber](ctx, s.store, tenant, subscriberKind, slug)
		if err != nil {
			return err
		}
		for _, sub := range list {
			if sub.ConfirmedAt.IsZero() && now.Sub(sub.AskedAt) > confirmWithin {
				c.Remove = append(c.Remove, Record{Kind: subscriberKind, Owner: slug, ID: sub.ID})
			}
		}
	}
	s.forgotten = now
	return nil
}

// Confirm takes the word of who followed the link of a first letter.
func (s *Service) Confirm(ctx context.Context, tenant, slug, token string, now time.Time) error {
	return s.byToken(ctx, tenant, slug, "confirm", token, func(sub Subscriber) (Change, error) {
		if sub.ConfirmedAt.IsZero() {
			if now.Sub(sub.AskedAt) > confirmWithin {
				return Change{}, fmt.Errorf("%w: subscription", respond.ErrNotFound)
			}
			sub.ConfirmedAt = now
		}
		r, err := record(subscriberKind, slug, sub.ID, sub.AskedAt, tenant, sub)
		return Change{Tenant: tenant, Put: []Record{r}}, err
	})
}

// Unsubscribe ends the letters. What is ended already is no error: mail
// programs ask more than once.
func (s *Service) Unsubscribe(ctx context.Context, tenant, slug, token string, _ time.Time) error {
	err := s.byToken(ctx, tenant, slug, "unsubscribe", token, func(sub Subscriber) (Change, error) {
		return Change{Tenant: tenant, Remove: []Record{{Kind: subscriberKind, Owner: slug, ID: sub.ID}}}, nil
	})
	if errors.Is(err, errGone) {
		return nil
	}
	return err
}

// errGone is a good link to a subscription that is not there any more.
var errGone = fmt.Errorf("%w: the subscription ended", respond.ErrNotFound)

func (s *Service) byToken(ctx context.Context, tenant, slug, what, token string, do func(Subscriber) (Change, error)) error {
	id, mac, ok := strings.Cut(token, ".")
	if len(token) > 200 || !ok || !hmac.Equal([]byte(mac), []byte(s.sum(what, tenant, slug, id))) {
		return fmt.Errorf("%w: subscription", respond.ErrNotFound)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := records[Subscriber](ctx, s.store, tenant, subscriberKind, slug)
	if err != nil {
		return err
	}
	for _, sub := range list {
		if sub.ID == id {
			c, err := do(sub)
			if err != nil {
				return err
			}
			return s.apply(ctx, c)
		}
	}
	return errGone
}

// sum signs parts by the service's key; a length stands before each.
func (s *Service) sum(parts ...string) string {
	h := hmac.New(sha256.New, s.key)
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

// letter is one letter to a subscriber. Its links are filled in at each try.
func (s *Service) letter(sub Subscriber, id string, kind respond.MessageKind, title, text, url string, now time.Time) respond.Message {
	return respond.Message{ID: id, Tenant: sub.Tenant, Kind: kind, State: respond.Due, NextAt: now, CreatedAt: now, ChangedAt: now,
		Contact: respond.Contact{ID: sub.ID, Tenant: sub.Tenant, Name: sub.Page, Channel: respond.Email, Address: sub.Address, Verified: now},
		Content: respond.Content{Title: title, Text: text, URL: url}}
}

// Links are the links of a letter: what confirms it, and what ends the letters.
func (s *Service) Links(m respond.Message) (confirm, unsubscribe string) {
	link := func(what string) string {
		return s.opt.URL + "/status/" + m.Contact.Name + "/" + what + "/" + m.Contact.ID + "." + s.sum(what, m.Tenant, m.Contact.Name, m.Contact.ID)
	}
	if m.Kind == respond.SubscribeMessage {
		return link("confirm"), ""
	}
	return "", link("unsubscribe")
}
