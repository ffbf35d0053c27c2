package console

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/internal/health"
)

// settingsPage is everything that is set, and how Evenkeel itself fares.
type settingsPage struct {
	Actor   access.Actor
	People  []access.User
	Tokens  []access.Token
	Probes  []Probe
	Targets []Target
	Checks  []Check
	Parts   []health.Status
	Storage []Fact
	About   []Fact
	Has     struct{ Password, Access, Probes, Targets, Checks bool }
	Secret  string // of a token just made; shown once
	Link    string // that logs a person in; shown once
	LinkFor string // whom
	Done    string // what has just been done
	Problem string // why it was not
	Notes   []string
	Asked   time.Time
}

func (c *Console) settings(w http.ResponseWriter, r *http.Request) error {
	return c.showSettings(w, r, http.StatusOK, settingsPage{})
}

func (c *Console) showSettings(w http.ResponseWriter, r *http.Request, status int, p settingsPage) error {
	ctx := r.Context()
	p.Actor, p.Asked, p.About = c.actor(r), c.opt.Now(), c.About
	p.Parts = c.Health.Statuses(p.Asked)
	if err := access.Can(p.Actor, access.Read, access.Scope{Tenant: c.opt.Tenant, Environment: anyOf(p.Actor, c.opt.Tenant)}); err != nil {
		return err
	}
	p.Has.Password = c.Access != nil && p.Actor.Kind == access.Person
	p.Has.Access = c.Access != nil && access.Can(p.Actor, access.Manage, access.Scope{Tenant: c.opt.Tenant}) == nil
	if p.Has.Access {
		var err error
		if p.People, err = c.Access.Users(ctx, p.Actor); err != nil {
			p.Notes = append(p.Notes, c.partError(r, "The list of people", err))
		}
		if p.Tokens, err = c.Access.Tokens(ctx, p.Actor); err != nil {
			p.Notes = append(p.Notes, c.partError(r, "The list of tokens", err))
		}
	}
	if p.Has.Probes = c.Probes != nil; p.Has.Probes {
		p.Probes = c.Probes(ctx)
	}
	if p.Has.Targets = c.Targets != nil; p.Has.Targets {
		p.Targets = c.Targets(ctx)
	}
	if p.Has.Checks = c.Checks != nil; p.Has.Checks {
		p.Checks = rankChecks(c.Checks(ctx))
	}
	if c.Storage != nil {
		p.Storage = c.Storage(ctx)
	}
	return c.render(w, r, status, "Settings", "/settings", settingsView(p))
}

// anyOf is an environment that the actor may read, or "" for the whole tenant.
func anyOf(a access.Actor, tenant string) string {
	if names, all := access.Environments(a, access.Read, tenant); !all && len(names) > 0 {
		return names[0]
	}
	return ""
}

// rankChecks puts what fires first, then what cannot be told, what is well, and
// last what has nothing to look at here.
func rankChecks(all []Check) []Check {
	rank := func(x Check) int {
		switch {
		case x.Firing > 0:
			return 0
		case x.Unknown > 0:
			return 1
		case x.Looked > 0:
			return 2
		}
		return 3
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Check) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(orID(a), orID(b))) })
	return all
}

// tokenScopes are what a token can be made for.
var tokenScopes = []struct {
	Permission access.Permission
	About      string
}{
	{access.Read, "read findings, the estate and metrics"},
	{access.Respond, "acknowledge and accept findings"},
	{access.Write, "send samples (remote write)"},
	{access.Operate, "change what is watched; take backups"},
	{access.Manage, "manage people and tokens; read the audit log"},
}

type tokenLife struct {
	Value, Title string
	Life         time.Duration // zero: for ever
}

// tokenLives are how long a token can last.
var tokenLives = []tokenLife{
	{"30d", "30 days", 30 * 24 * time.Hour}, {"90d", "90 days", 90 * 24 * time.Hour},
	{"1y", "1 year", 365 * 24 * time.Hour}, {"never", "does not expire", 0},
}

func (c *Console) createToken(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badRequest("The form could not be read.")
	}
	var scopes []access.Permission
	for _, s := range tokenScopes {
		if slices.Contains(r.PostForm["scope"], string(s.Permission)) {
			scopes = append(scopes, s.Permission)
		}
	}
	life := slices.IndexFunc(tokenLives, func(l tokenLife) bool { return l.Value == r.PostForm.Get("life") })
	if len(scopes) == 0 || life < 0 {
		return c.refused(w, r, "Choose what the token is for, and how long it lasts.")
	}
	var expires time.Time
	if d := tokenLives[life].Life; d > 0 {
		expires = c.opt.Now().Add(d)
	}
	// It gives a program what its maker may do, narrowed by the scopes.
	secret, _, err := c.Access.CreateToken(r.Context(), c.actor(r), strings.TrimSpace(r.PostForm.Get("name")), c.actor(r).Grants, scopes, expires)
	return c.changed(w, r, err, settingsPage{Secret: secret})
}

func (c *Console) revokeToken(w http.ResponseWriter, r *http.Request) error {
	err := c.Access.RevokeToken(r.Context(), c.actor(r), r.PathValue("id"))
	return c.changed(w, r, err, settingsPage{Done: "The token is revoked."})
}

// changed shows the settings after a change, or why there was none. It is an
// answer and no redirect, since a secret that is shown once has no address.
func (c *Console) changed(w http.ResponseWriter, r *http.Request, err error, p settingsPage) error {
	switch {
	case err == nil:
		return c.showSettings(w, r, http.StatusOK, p)
	case errors.Is(err, access.ErrTaken):
		return c.refused(w, r, "Another person has this name. Choose a different one.")
	case errors.Is(err, access.ErrInvalid):
		return c.refused(w, r, upperFirst(strings.TrimPrefix(err.Error(), access.ErrInvalid.Error()+": "))+".")
	case errors.Is(err, access.ErrNotFound):
		return c.refused(w, r, "It is not there any more.")
	}
	return err
}

func (c *Console) refused(w http.ResponseWriter, r *http.Request, why string) error {
	return c.showSettings(w, r, http.StatusUnprocessableEntity, settingsPage{Problem: why})
}
