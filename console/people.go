package console

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
)

// linkLife is how long a login link that one person makes for another is good.
const linkLife = 24 * time.Hour

// roles in rising order.
var roles = []access.Role{access.Viewer, access.Responder, access.Operator, access.Admin}

// everywhere gives a role in all environments of the tenant.
func (c *Console) everywhere(role access.Role) []access.Grant {
	return []access.Grant{{Tenant: c.opt.Tenant, Environment: access.Any, Role: role}}
}

// setOwnPassword ends all of the person's sessions, this one too, so it leads
// back to the login.
func (c *Console) setOwnPassword(w http.ResponseWriter, r *http.Request) error {
	password := r.PostFormValue("password")
	if password != r.PostFormValue("again") {
		return c.refused(w, r, "The two passwords are not the same. Type it twice.")
	}
	actor := c.actor(r)
	if err := c.Access.SetPassword(r.Context(), actor, actor.ID, password); err != nil {
		return c.changed(w, r, err, settingsPage{})
	}
	return c.write(w, r, http.StatusOK, LoginPage(LoginForm{Name: actor.Name, Provider: c.opt.Provider,
		Done: "Your password is set, and you are logged out everywhere. Log in with it."}))
}

func (c *Console) addPerson(w http.ResponseWriter, r *http.Request) error {
	role, ok := roleOf(r)
	if !ok {
		return c.refused(w, r, "Choose a role.")
	}
	name := strings.TrimSpace(r.PostFormValue("name"))
	if _, err := c.Access.CreateUser(r.Context(), c.actor(r), name, "", c.everywhere(role)); err != nil {
		return c.changed(w, r, err, settingsPage{})
	}
	return c.makeLink(w, r, name)
}

// linkForPerson is for who has lost their password, or has none.
func (c *Console) linkForPerson(w http.ResponseWriter, r *http.Request) error {
	people, err := c.Access.Users(r.Context(), c.actor(r))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(people, func(u access.User) bool { return u.ID == r.PathValue("id") })
	if i < 0 {
		return c.changed(w, r, access.ErrNotFound, settingsPage{})
	}
	return c.makeLink(w, r, people[i].Name)
}

func (c *Console) makeLink(w http.ResponseWriter, r *http.Request, name string) error {
	secret, err := c.Access.NewLoginLink(r.Context(), c.actor(r), name, linkLife)
	return c.changed(w, r, err, settingsPage{Link: "/login/link#" + secret, LinkFor: name})
}

func (c *Console) setRole(w http.ResponseWriter, r *http.Request) error {
	role, ok := roleOf(r)
	if !ok {
		return c.refused(w, r, "Choose a role.")
	}
	err := c.Access.SetGrants(r.Context(), c.actor(r), r.PathValue("id"), c.everywhere(role))
	return c.changed(w, r, err, settingsPage{Done: fmt.Sprintf("The role is now %s, from the person's next click on.", role)})
}

func (c *Console) lockOut(w http.ResponseWriter, r *http.Request) error {
	err := c.Access.SetDisabled(r.Context(), c.actor(r), r.PathValue("id"), true)
	return c.changed(w, r, err, settingsPage{Done: "The person is locked out."})
}

func (c *Console) letIn(w http.ResponseWriter, r *http.Request) error {
	err := c.Access.SetDisabled(r.Context(), c.actor(r), r.PathValue("id"), false)
	return c.changed(w, r, err, settingsPage{Done: "The person may log in again."})
}

func roleOf(r *http.Request) (access.Role, bool) {
	role := access.Role(r.PostFormValue("role"))
	return role, slices.Contains(roles, role)
}

// mayDo says what grants allow: "admin everywhere".
func mayDo(grants []access.Grant) string {
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

// logsInBy says how a person can prove who they are.
func logsInBy(u access.User) string {
	switch {
	case u.Disabled:
		return "locked out"
	case u.Subject != "":
		return "identity provider"
	case u.Password != "":
		return "password"
	}
	return "one-time link"
}

// standingRole is the role that is chosen in a person's row: what they have
// everywhere, or none where it is not as simple as that.
func standingRole(u access.User) access.Role {
	if len(u.Grants) == 1 && u.Grants[0].Environment == access.Any {
		return u.Grants[0].Role
	}
	return ""
}
