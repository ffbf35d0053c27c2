package notify

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/evenkeel/evenkeel/respond"
)

// shoutrrr sends over the services that the library of that name knows:
// Discord, Matrix, Gotify, Pushover, Mattermost and others. The service's URL
// is the contact's secret, so that only the operator says where it leads; the
// address names the place for people.
//
// The library says no more than that something went wrong, takes no context,
// and some of its services wait for ever. So each error is one after which the
// message may have arrived, and calls that go on after their time keep one of a
// bounded number of places until they end.
type shoutrrr struct {
	vault  vault
	places chan struct{}
}

// shoutrrrPlaces is how many calls may go on at once.
const shoutrrrPlaces = 16

// shoutrrrSize bounds a message, in bytes: Discord takes 2,000 letters.
const shoutrrrSize = 1900

func newShoutrrr(v vault) *shoutrrr {
	return &shoutrrr{vault: v, places: make(chan struct{}, shoutrrrPlaces)}
}

// Send makes one try.
func (s *shoutrrr) Send(ctx context.Context, m respond.Message) respond.Outcome {
	place, err := s.vault.of(ctx, m.Contact)
	if err != nil {
		return noSecret(err, "this contact")
	}
	u, err := url.Parse(place)
	if err != nil || u.Scheme == "" || strings.HasPrefix(u.Scheme, "logger") {
		return wrongShoutrrr
	}
	select {
	case s.places <- struct{}{}:
	default:
		return respond.Outcome{State: respond.Due, Reason: "Too many services of shoutrrr do not answer; this one has to wait."}
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-s.places }()
		defer func() {
			if recover() != nil { // of the library or a service's strange answer; its words may hold the URL
				done <- errShoutrrr
			}
		}()
		service, err := new(router.ServiceRouter).Locate(place)
		if err != nil {
			done <- errShoutrrrURL
			return
		}
		shape := shapeOf(m)
		done <- service.Send(shape.within(true, shoutrrrSize), &types.Params{"title": shape.Headline})
	}()
	select {
	case err = <-done:
	case <-ctx.Done():
		return respond.Outcome{State: respond.Due, Uncertain: true, Reason: "The service did not answer in time. It may have taken the message all the same."}
	}
	switch {
	case errors.Is(err, errShoutrrrURL):
		return wrongShoutrrr
	case err != nil:
		return respond.Outcome{State: respond.Due, Uncertain: true, Reason: "The service did not say that it took the message; check its URL if this goes on."}
	}
	return respond.Outcome{State: respond.Sent}
}

var (
	errShoutrrr    = errors.New("the library gave up")
	errShoutrrrURL = errors.New("no service's URL")
	wrongShoutrrr  = respond.Outcome{State: respond.Failed, Reason: "The contact's secret is not the URL of a service that shoutrrr knows; correct it."}
)
