package console

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/reach"
)

// policiesPage lists who is told, in which order.
type policiesPage struct {
	List    []reach.Rule
	Known   reach.Known
	Notices []reach.Notice
	Operate bool
	Problem string
	Asked   time.Time
}

func (c *Console) policies(w http.ResponseWriter, r *http.Request) error {
	return c.showPolicies(w, r, http.StatusOK, "")
}

func (c *Console) showPolicies(w http.ResponseWriter, r *http.Request, status int, problem string) error {
	ctx, actor := r.Context(), c.actor(r)
	p := policiesPage{Problem: problem, Asked: c.opt.Now(), Operate: c.operates(actor)}
	var err error
	if p.List, err = c.Reach.Policies(ctx, actor, c.opt.Tenant); err != nil {
		return err
	}
	if p.Known, err = c.Reach.Known(ctx, actor, c.opt.Tenant); err != nil {
		return err
	}
	if p.Notices, err = c.Reach.Notices(ctx, actor, c.opt.Tenant); err != nil {
		return err
	}
	return c.render(w, r, status, "Policies", "/incidents", policiesView(p))
}

func (c *Console) operates(actor access.Actor) bool {
	return access.Can(actor, access.Operate, access.Scope{Tenant: c.opt.Tenant}) == nil
}

// policyPage is the form of one policy.
type policyPage struct {
	ID      string // empty: a new one
	Form    policyForm
	Groups  []choiceGroup
	Hours   []choice
	Problem string
	UsedBy  []string
}

// choiceGroup is recipients of one kind.
type choiceGroup struct {
	Title string
	List  []choice // value: kind:id
}

// policyForm is a policy as it is typed. Recipients are written kind:id.
type policyForm struct {
	ID, Name, Rounds, Hours string
	Revision                string // that was read
	Steps                   []stepForm
	Last                    []string
}

type stepForm struct {
	Wait string
	To   []string
}

// most that a form takes of each.
const formSteps = 20

func (c *Console) newPolicy(w http.ResponseWriter, r *http.Request) error {
	form := policyForm{Rounds: "2", Steps: []stepForm{{Wait: "5"}}}
	if _, err := c.Reach.Policy(r.Context(), c.actor(r), c.opt.Tenant, respond.DefaultPolicy); err != nil {
		if !errors.Is(err, respond.ErrNotFound) {
			return err
		}
		form.ID, form.Name = respond.DefaultPolicy, "Everything"
	}
	return c.showPolicy(w, r, http.StatusOK, policyPage{Form: form})
}

func (c *Console) policy(w http.ResponseWriter, r *http.Request) error {
	rule, err := c.Reach.Policy(r.Context(), c.actor(r), c.opt.Tenant, r.PathValue("id"))
	if err != nil {
		return err
	}
	if rule.Configured {
		return c.showPolicies(w, r, http.StatusConflict, fmt.Sprintf("%s comes from the configuration file. Change it there, and start Evenkeel again.", rule.Name))
	}
	return c.showPolicy(w, r, http.StatusOK, policyPage{ID: rule.ID, Form: formOf(rule.Policy), UsedBy: rule.UsedBy})
}

func (c *Console) showPolicy(w http.ResponseWriter, r *http.Request, status int, p policyPage) error {
	if err := access.Can(c.actor(r), access.Operate, access.Scope{Tenant: c.opt.Tenant}); err != nil {
		return err
	}
	known, err := c.Reach.Known(r.Context(), c.actor(r), c.opt.Tenant)
	if err != nil {
		return err
	}
	p.Groups = groupsOf(known)
	p.Hours = []choice{{"", "goes out at any hour"}}
	for _, x := range sortedChoices("", known.Schedules) {
		p.Hours = append(p.Hours, choice{x.Value, "waits until somebody is on duty in " + x.Title})
	}
	title := "A new policy"
	if p.ID != "" {
		title = cmp.Or(p.Form.Name, p.ID)
	}
	return c.render(w, r, status, title, "/incidents", policyView(p, title))
}

func groupsOf(k reach.Known) []choiceGroup {
	var out []choiceGroup
	for _, g := range []struct {
		title string
		kind  respond.RecipientKind
		names map[string]string
	}{{"On call in", respond.ToSchedule, k.Schedules}, {"People", respond.ToPerson, k.People}, {"Channels", respond.ToChannel, k.Channels}} {
		if len(g.names) > 0 {
			out = append(out, choiceGroup{g.title, sortedChoices(string(g.kind)+":", g.names)})
		}
	}
	return out
}

func sortedChoices(prefix string, names map[string]string) []choice {
	var out []choice
	for id, name := range names {
		out = append(out, choice{prefix + id, name})
	}
	slices.SortFunc(out, func(a, b choice) int {
		return cmp.Or(strings.Compare(a.Title, b.Title), strings.Compare(a.Value, b.Value))
	})
	return out
}

func formOf(p respond.Policy) policyForm {
	f := policyForm{ID: p.ID, Name: p.Name, Rounds: strconv.Itoa(p.Rounds), Hours: p.Hours, Last: written(p.LastResort), Revision: strconv.FormatInt(p.Revision, 10)}
	for _, s := range p.Steps {
		f.Steps = append(f.Steps, stepForm{Wait: strconv.Itoa(int(s.Wait / time.Minute)), To: written(s.Notify)})
	}
	return f
}

func written(list []respond.Recipient) []string {
	var out []string
	for _, r := range list {
		out = append(out, string(r.Kind)+":"+r.ID)
	}
	return out
}

func recipients(list []string) []respond.Recipient {
	var out []respond.Recipient
	for _, text := range list {
		kind, id, _ := strings.Cut(text, ":")
		if r := (respond.Recipient{Kind: respond.RecipientKind(kind), ID: id}); !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// readPolicy reads the form.
func readPolicy(form url.Values) policyForm {
	get := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	f := policyForm{ID: get("id"), Name: get("name"), Rounds: get("rounds"), Hours: get("hours"), Last: form["last"], Revision: get("revision")}
	for n := range formSteps {
		if wait := fmt.Sprintf("wait-%d", n); form.Has(wait) {
			f.Steps = append(f.Steps, stepForm{Wait: get(wait), To: form[fmt.Sprintf("to-%d", n)]})
		}
	}
	return f
}

// policy is what the form says; problem says what cannot be read in it.
func (f policyForm) policy(tenant string) (p respond.Policy, problem string) {
	p = respond.Policy{ID: f.ID, Tenant: tenant, Name: f.Name, Hours: f.Hours, LastResort: recipients(f.Last)}
	var err error
	if p.Rounds, err = strconv.Atoi(f.Rounds); err != nil {
		return p, "Say in figures how often the steps are gone through."
	}
	// A form without one is a new policy's.
	p.Revision, _ = strconv.ParseInt(f.Revision, 10, 64)
	for n, s := range f.Steps {
		minutes, err := strconv.Atoi(s.Wait)
		if err != nil || minutes < 1 || minutes > 24*60 {
			return p, fmt.Sprintf("Step %d: say in minutes how long they have, 1 to 1440.", n+1)
		}
		if len(s.To) == 0 {
			return p, fmt.Sprintf("Step %d tells nobody. Choose somebody, or take the step out.", n+1)
		}
		p.Steps = append(p.Steps, respond.Step{Notify: recipients(s.To), Wait: time.Duration(minutes) * time.Minute})
	}
	return p, ""
}

// savePolicy stores the form, or adds or takes out a step, as the pressed
// button says.
func (c *Console) savePolicy(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badRequest("The form could not be read.")
	}
	p := policyPage{ID: r.PathValue("id"), Form: readPolicy(r.PostForm)}
	what, which, _ := strings.Cut(r.PostForm.Get("do"), "-")
	switch what {
	case "add":
		if len(p.Form.Steps) < formSteps {
			p.Form.Steps = append(p.Form.Steps, stepForm{Wait: "5"})
		}
		return c.showPolicy(w, r, http.StatusOK, p)
	case "remove":
		if n, err := strconv.Atoi(which); err == nil && n >= 0 && n < len(p.Form.Steps) {
			p.Form.Steps = slices.Delete(p.Form.Steps, n, n+1)
		}
		return c.showPolicy(w, r, http.StatusOK, p)
	}
	if p.ID != "" {
		p.Form.ID = p.ID
	} else if p.Form.ID == "" {
		p.Form.ID = slug(p.Form.Name)
	}
	policy, problem := p.Form.policy(c.opt.Tenant)
	if problem == "" && p.ID == "" {
		if _, err := c.Reach.Policy(r.Context(), c.actor(r), c.opt.Tenant, policy.ID); err == nil {
			problem = fmt.Sprintf("There is a policy %s already. Choose another name or short name.", policy.ID)
		} else if !errors.Is(err, respond.ErrNotFound) {
			return err
		}
	}
	if problem == "" {
		_, err := c.Reach.SavePolicy(r.Context(), c.actor(r), policy, c.opt.Now())
		why, refused := refusal(err)
		if err != nil && !refused {
			return err
		}
		problem = why
	}
	if problem != "" {
		p.Problem = problem
		return c.showPolicy(w, r, http.StatusUnprocessableEntity, p)
	}
	http.Redirect(w, r, "/policies#policy-"+url.PathEscape(policy.ID), http.StatusSeeOther)
	return nil
}

func (c *Console) deletePolicy(w http.ResponseWriter, r *http.Request) error {
	err := c.Reach.DeletePolicy(r.Context(), c.actor(r), c.opt.Tenant, r.PathValue("id"), c.opt.Now())
	if why, refused := refusal(err); refused {
		return c.showPolicies(w, r, http.StatusConflict, why)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/policies", http.StatusSeeOther)
	return nil
}

// slug makes a short name of a name.
func slug(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	out := strings.Trim(b.String(), "-")
	return out[:min(len(out), 60)]
}

// toldText names whom a list tells.
func toldText(list []respond.Recipient, k reach.Known) string {
	var names []string
	for _, r := range list {
		names = append(names, k.Name(r))
	}
	switch n := len(names); n {
	case 0:
		return "nobody"
	case 1:
		return names[0]
	default:
		return joined(names[:n-1]) + " and " + names[n-1]
	}
}

// afterSteps says what comes when all steps are over.
func afterSteps(p respond.Policy, k reach.Known) string {
	text := "All of it " + times(p.Rounds) + "."
	to := "the last step"
	if len(p.LastResort) > 0 {
		to = toldText(p.LastResort, k)
	}
	return text + " After that " + to + plural(max(1, len(p.LastResort)), " is", " are") + " told every hour."
}
