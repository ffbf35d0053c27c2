package console

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/internal/health"
)

// settingsPage is everything that is set, and how Evenkeel itself fares.
type settingsPage struct {
	Actor     access.Actor
	People    []Person
	HasPeople bool
	Tokens    []Token
	HasTokens bool
	Manage    bool
	Probes    []Probe
	HasProbes bool
	Targets   []Target
	HasTarget bool
	Checks    []Check
	HasChecks bool
	Parts     []health.Status
	Storage   []Fact
	About     []Fact
	Secret    string // of a token just made; shown once
	LoginPath string // of a person just added; shown once
	Problem   string
	Notes     []string
	Asked     time.Time
}

func (c *Console) settings(w http.ResponseWriter, r *http.Request) error {
	return c.showSettings(w, r, http.StatusOK, settingsPage{})
}

func (c *Console) showSettings(w http.ResponseWriter, r *http.Request, status int, p settingsPage) error {
	ctx := r.Context()
	p.Actor, p.Asked, p.About = c.actor(r), c.opt.Now(), c.About
	p.Parts = c.Health.Statuses(p.Asked)
	p.Manage = access.Can(p.Actor, access.Manage, access.Scope{Tenant: c.opt.Tenant}) == nil
	var err error
	if c.People != nil && p.Manage {
		p.HasPeople = true
		if p.People, err = c.Services.People.People(ctx, p.Actor); err != nil {
			p.Notes = append(p.Notes, c.partError(r, "The list of people", err))
		}
	}
	if c.Tokens != nil && p.Manage {
		p.HasTokens = true
		if p.Tokens, err = c.Services.Tokens.Tokens(ctx, p.Actor); err != nil {
			p.Notes = append(p.Notes, c.partError(r, "The list of tokens", err))
		}
	}
	if p.HasProbes = c.Probes != nil; p.HasProbes {
		p.Probes = c.Probes(ctx)
	}
	if p.HasTarget = c.Targets != nil; p.HasTarget {
		p.Targets = c.Targets(ctx)
	}
	if p.HasChecks = c.Checks != nil; p.HasChecks {
		p.Checks = c.Checks(ctx)
	}
	if c.Storage != nil {
		p.Storage = c.Storage(ctx)
	}
	return c.render(w, r, status, "Settings", "/settings", settingsView(p))
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

// tokenLives are how long a token can last.
var tokenLives = []struct {
	Value, Title string
	Life         time.Duration
}{
	{"30d", "30 days", 30 * 24 * time.Hour}, {"90d", "90 days", 90 * 24 * time.Hour},
	{"1y", "1 year", 365 * 24 * time.Hour}, {"never", "does not expire", 0},
}

func (c *Console) createToken(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badRequest("The form could not be read.")
	}
	name := strings.TrimSpace(r.PostForm.Get("name"))
	var scopes []access.Permission
	for _, s := range tokenScopes {
		if slices.Contains(r.PostForm["scope"], string(s.Permission)) {
			scopes = append(scopes, s.Permission)
		}
	}
	life := slices.IndexFunc(tokenLives, func(l struct {
		Value, Title string
		Life         time.Duration
	}) bool {
		return l.Value == r.PostForm.Get("life")
	})
	switch {
	case name == "" || len(name) > 80:
		return c.showSettings(w, r, http.StatusUnprocessableEntity, settingsPage{Problem: "Give the token a name of up to 80 characters, such as the program that will use it."})
	case len(scopes) == 0:
		return c.showSettings(w, r, http.StatusUnprocessableEntity, settingsPage{Problem: "Choose what the token is for."})
	case life < 0:
		return c.showSettings(w, r, http.StatusUnprocessableEntity, settingsPage{Problem: "Choose how long the token lasts."})
	}
	now := c.opt.Now()
	var expires time.Time
	if d := tokenLives[life].Life; d > 0 {
		expires = now.Add(d)
	}
	secret, err := c.Services.Tokens.CreateToken(r.Context(), c.actor(r), name, scopes, expires, now)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return c.showSettings(w, r, http.StatusOK, settingsPage{Secret: secret})
}

func (c *Console) revokeToken(w http.ResponseWriter, r *http.Request) error {
	if err := c.Services.Tokens.RevokeToken(r.Context(), c.actor(r), r.PathValue("id"), c.opt.Now()); err != nil {
		return err
	}
	http.Redirect(w, r, "/settings#tokens", http.StatusSeeOther)
	return nil
}

func (c *Console) addPerson(w http.ResponseWriter, r *http.Request) error {
	name, role := strings.TrimSpace(r.PostFormValue("name")), access.Role(r.PostFormValue("role"))
	switch {
	case name == "" || len(name) > 80:
		return c.showSettings(w, r, http.StatusUnprocessableEntity, settingsPage{Problem: "Give the person a login name of up to 80 characters."})
	case !slices.Contains(roles, role):
		return c.showSettings(w, r, http.StatusUnprocessableEntity, settingsPage{Problem: "Choose a role."})
	}
	path, err := c.Services.People.AddPerson(r.Context(), c.actor(r), name, role, c.opt.Now())
	if err != nil {
		return err
	}
	return c.showSettings(w, r, http.StatusOK, settingsPage{LoginPath: path})
}

// roles in rising order.
var roles = []access.Role{access.Viewer, access.Responder, access.Operator, access.Admin}

func (c *Console) disablePerson(w http.ResponseWriter, r *http.Request) error {
	if err := c.Services.People.DisablePerson(r.Context(), c.actor(r), r.PathValue("id"), c.opt.Now()); err != nil {
		return err
	}
	http.Redirect(w, r, "/settings#people", http.StatusSeeOther)
	return nil
}

// permissions says what the actor may do, for the head of the page.
func roleSentence(a access.Actor) string {
	var all []string
	for _, g := range a.Grants {
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
