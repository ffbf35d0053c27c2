package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/oncall"
)

// openOnCall stores the schedules of the configuration, and returns the ids of
// all that there are.
func (a *App) openOnCall(ctx context.Context) (map[string]bool, error) {
	a.oncall = oncall.NewService(a.store, oncall.Options{
		People:  a.peopleHere,
		FeedURL: func(token string) string { return a.publicURL() + feedPath + token + feedSuffix },
	})
	if err := a.oncall.Configure(ctx, a.tenant, a.cfg.Respond.Schedules, a.started); err != nil {
		return nil, fmt.Errorf("respond.schedules: %w", err)
	}
	names, err := a.scheduleNames(ctx, a.tenant)
	ids := map[string]bool{}
	for id := range names {
		ids[id] = true
	}
	return ids, err
}

// scheduleNames are the names of a tenant's schedules by their ids.
func (a *App) scheduleNames(ctx context.Context, tenant string) (map[string]string, error) {
	list, err := a.store.Schedules(ctx, tenant)
	names := map[string]string{}
	for _, s := range list {
		names[s.ID] = s.Title()
	}
	return names, err
}

// roster is who is on call, as an escalation asks.
func (a *App) roster(ctx context.Context, tenant string) (respond.Roster, error) {
	// A clock that is set back by a day still finds the overrides of its time.
	return a.oncall.Roster(ctx, tenant, time.Now().Add(-24*time.Hour))
}

func noSchedule(id string) error {
	return fmt.Errorf("there is no schedule %q; name it under respond.schedules, or make it on the page On call first", id)
}

// feedPath and feedSuffix stand before and behind the token of a calendar.
const feedPath, feedSuffix = "/oncall/feed/", ".ics"

// openFeeds serves calendars. Calendar programs cannot log in: the address
// holds a secret instead.
func (a *App) openFeeds(mux *http.ServeMux) {
	mux.HandleFunc("GET "+feedPath+"{token}", func(w http.ResponseWriter, r *http.Request) {
		var text bytes.Buffer
		token, found := strings.CutSuffix(r.PathValue("token"), feedSuffix)
		err := respond.ErrNotFound
		if found {
			err = a.oncall.Feed(r.Context(), &text, token, time.Now())
		}
		w.Header().Set("Cache-Control", "private, no-store")
		switch {
		case errors.Is(err, respond.ErrNotFound):
			http.Error(w, "There is no such calendar. Its address may have been renewed: the page On call makes a new one.", http.StatusNotFound)
		case err != nil:
			// Not with the path, which holds the secret.
			a.log.Error("a calendar could not be made", "error", err)
			http.Error(w, "The calendar could not be made. Ask again later.", http.StatusInternalServerError)
		default:
			w.Header().Set("Content-Type", "text/calendar; charset=utf-8")
			w.Header().Set("Content-Disposition", `inline; filename="oncall.ics"`)
			// Nobody is there any more where this fails.
			_, _ = text.WriteTo(w)
		}
	})
}
