package oncall

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
)

// FeedKind says what a feed is of.
type FeedKind string

const (
	ScheduleFeed FeedKind = "schedule"
	PersonFeed   FeedKind = "person"
)

// Feed is a calendar that programs ask for without a login: whoever has its
// token may. There is one of each schedule and person at most; a new token makes
// the old one worthless. Only the token's hash is kept.
type Feed struct {
	Tenant string    `json:"tenant"`
	Kind   FeedKind  `json:"kind"`
	Of     string    `json:"of"` // id of the schedule or person
	Hash   string    `json:"-"`
	MadeAt time.Time `json:"madeAt"`
	MadeBy string    `json:"madeBy"` // user id
}

// hashOf is what is stored of a token. A plain hash suffices: tokens are random
// and long.
func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// RenewFeed makes the feed of a schedule, or of the actor where the schedule is
// empty, and returns its address. It is shown this once; the address that was
// made before leads nowhere from now on.
func (s *Service) RenewFeed(ctx context.Context, actor access.Actor, tenant, schedule string, now time.Time) (address string, err error) {
	if err := may(actor, access.Read, tenant); err != nil {
		return "", err
	}
	f := Feed{Tenant: tenant, Kind: PersonFeed, Of: actor.ID, MadeAt: now, MadeBy: actor.ID}
	switch {
	case schedule != "":
		// It ends what others have in their calendars.
		if err := may(actor, access.Respond, tenant); err != nil {
			return "", err
		}
		if _, err := s.Schedule(ctx, actor, tenant, schedule); err != nil {
			return "", err
		}
		f.Kind, f.Of = ScheduleFeed, schedule
	case actor.Kind != access.Person:
		return "", invalid("only a person has a calendar of their own; log in as yourself, or ask for the feed of a schedule")
	}
	token := access.NewSecret()
	f.Hash = hashOf(token)
	err = s.store.ApplyOnCall(ctx, Change{Tenant: tenant, Feeds: []Feed{f}, Audit: entry(ctx, actor, tenant, "feed.renew", f.Of, string(f.Kind), now)})
	return s.opt.FeedURL(token), err
}

// Feed writes the calendar of a token. A token that is not known, of a schedule
// that was deleted or of a person who has left is respond.ErrNotFound.
func (s *Service) Feed(ctx context.Context, w io.Writer, token string, now time.Time) error {
	f, err := s.store.Feed(ctx, hashOf(token))
	if err != nil {
		return err
	}
	people, err := s.opt.People(ctx, f.Tenant)
	if err != nil {
		return err
	}
	r, err := s.Roster(ctx, f.Tenant, now.Add(-3*feedBack-oneDay))
	if err != nil {
		return err
	}
	title, person, rotas := "On call", "", r.All()
	if f.Kind == ScheduleFeed {
		rota, err := r.Rota(f.Of)
		if err != nil {
			return err
		}
		title, rotas = "On call: "+rota.Title(), []*Rota{rota}
	} else if person = f.Of; people[person] == "" {
		return fmt.Errorf("%w: the person of this feed has left", respond.ErrNotFound)
	}
	return WriteFeed(w, title, person, rotas, now, func(id string) string { return nameOf(people, id) })
}
