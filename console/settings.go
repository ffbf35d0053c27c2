package console

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/internal/health"
)

// settingsPage is everything that is set, and how Evenkeel itself fares.
type settingsPage struct {
	Actor    access.Actor
	Manage   bool // people and tokens are shown
	Password bool // the actor has a password of their own to set
	People   []access.User
	Tokens   []access.Token
	Probes   []Probe
	Targets  []Target
	Checks   []checkRow
	Parts    []health.Status
	Storage  []Fact
	About    []Fact
	Has      struct{ Probes, Targets, Checks bool }
	Secret   string // of a token just made; shown once
	Link     string // that logs a person in; shown once
	Done     string // what has just been done
	Problem  string // why it was not
	Notes    []string
	Asked    time.Time
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
	if c.Access != nil {
		p.Password = p.Actor.Kind == access.Person
		p.Manage = access.Can(p.Actor, access.Manage, access.Scope{Tenant: c.opt.Tenant}) == nil
	}
	if p.Manage {
		var err error
		if p.People, err = c.Access.Users(ctx, p.Actor); err != nil {
			p.Notes = append(p.Notes, c.partError(r, "The list of people", err))
		}
		if p.Tokens, err = c.Access.Tokens(ctx, p.Actor); err != nil {
			p.Notes = append(p.Notes, c.partError(r, "The list of tokens", err))
		}
	}
	if p.Has.Probes = c.Probes != nil; p.Has.Probes {
		p.Probes = c.Probes()
	}
	if p.Has.Targets = c.Targets != nil; p.Has.Targets {
		p.Targets = c.Targets()
	}
	if p.Has.Checks = c.Checks != nil; p.Has.Checks {
		p.Checks = checkRows(c.Checks())
	}
	if c.Storage != nil {
		p.Storage = c.Storage()
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

// checkRow is one check over all that it looks at.
type checkRow struct {
	Check                    string
	OK, Pending, Firing, Bad int
	Reasons                  []string // why it cannot tell, the first few
}

// Looked is how many things it could judge.
func (r checkRow) Looked() int { return r.OK + r.Pending + r.Firing }

const shownReasons = 2

// checkRows adds coverage up by check: what fires first, then what cannot be
// told, then by name.
func checkRows(all []detect.Coverage) []checkRow {
	index := map[string]int{}
	var rows []checkRow
	for _, c := range all {
		i, seen := index[c.Check]
		if !seen {
			i = len(rows)
			index[c.Check] = i
			rows = append(rows, checkRow{Check: c.Check})
		}
		row := &rows[i]
		switch c.State {
		case detect.OK:
			row.OK++
		case detect.Pending:
			row.Pending++
		case detect.Firing:
			row.Firing++
		default:
			row.Bad++
			if c.Reason != "" && len(row.Reasons) < shownReasons && !slices.Contains(row.Reasons, c.Reason) {
				row.Reasons = append(row.Reasons, c.Reason)
			}
		}
	}
	slices.SortFunc(rows, func(a, b checkRow) int {
		return cmp.Or(cmp.Compare(min(b.Firing, 1), min(a.Firing, 1)), cmp.Compare(min(b.Bad, 1), min(a.Bad, 1)), strings.Compare(a.Check, b.Check))
	})
	return rows
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

// roles in rising order.
var roles = []access.Role{access.Viewer, access.Responder, access.Operator, access.Admin}

// everywhere gives a role in all environments of the tenant.
func (c *Console) everywhere(role access.Role) []access.Grant {
	return []access.Grant{{Tenant: c.opt.Tenant, Environment: access.Any, Role: role}}
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
	// The scopes say what it may; the role is only what they are taken from.
	secret, _, err := c.Access.CreateToken(r.Context(), c.actor(r), strings.TrimSpace(r.PostForm.Get("name")), c.everywhere(access.Admin), scopes, expires)
	return c.changed(w, r, err, settingsPage{Secret: secret})
}

func (c *Console) revokeToken(w http.ResponseWriter, r *http.Request) error {
	return c.changed(w, r, c.Access.RevokeToken(r.Context(), c.actor(r), r.PathValue("id")), settingsPage{Done: "The token is revoked."})
}

func (c *Console) setPassword(w http.ResponseWriter, r *http.Request) error {
	if r.PostFormValue("password") != r.PostFormValue("again") {
		return c.refused(w, r, "The two passwords are not the same.")
	}
	err := c.Access.SetPassword(r.Context(), c.actor(r), c.actor(r).ID, r.PostFormValue("password"))
	return c.changed(w, r, err, settingsPage{Done: "Your new password is set."})
}

// linkLife is how long a login link that an admin hands on can be used.
const linkLife = 24 * time.Hour

func (c *Console) addPerson(w http.ResponseWriter, r *http.Request) error {
	role := access.Role(r.PostFormValue("role"))
	if !slices.Contains(roles, role) {
		return c.refused(w, r, "Choose a role.")
	}
	u, err := c.Access.CreateUser(r.Context(), c.actor(r), strings.TrimSpace(r.PostFormValue("name")), "", c.everywhere(role))
	if err != nil {
		return c.changed(w, r, err, settingsPage{})
	}
	return c.giveLink(w, r, u.Name)
}

func (c *Console) linkPerson(w http.ResponseWriter, r *http.Request) error {
	users, err := c.Access.Users(r.Context(), c.actor(r))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(users, func(u access.User) bool { return u.ID == r.PathValue("id") })
	if i < 0 {
		return c.refused(w, r, "There is no such person any more.")
	}
	return c.giveLink(w, r, users[i].Name)
}

func (c *Console) giveLink(w http.ResponseWriter, r *http.Request, name string) error {
	secret, err := c.Access.NewLoginLink(r.Context(), c.actor(r), name, linkLife)
	return c.changed(w, r, err, settingsPage{Link: "/login/link#" + secret})
}

func (c *Console) disablePerson(w http.ResponseWriter, r *http.Request) error {
	return c.changed(w, r, c.Access.SetDisabled(r.Context(), c.actor(r), r.PathValue("id"), true), settingsPage{Done: "The person is locked out."})
}

func (c *Console) enablePerson(w http.ResponseWriter, r *http.Request) error {
	return c.changed(w, r, c.Access.SetDisabled(r.Context(), c.actor(r), r.PathValue("id"), false), settingsPage{Done: "The person may log in again."})
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

// grantSentence says what grants allow: "admin everywhere".
func grantSentence(grants []access.Grant) string {
	var all []string
	for _, g := range grants {
		where := "everywhere"
		if g.Environment != access.Any {
			where = "in " + g.Environment
		}
		all = append(all, string(g.Role)+" "+where)
	}
	if len(all) == 0 {
		return "no role"
	}
	return strings.Join(all, ", ")
}

func roleSentence(a access.Actor) string { return grantSentence(a.Grants) }

// loginWay says how a person logs in.
func loginWay(u access.User) string {
	switch {
	case u.Subject != "":
		return "the company's login"
	case u.Password != "":
		return "password"
	}
	return "link only"
}
