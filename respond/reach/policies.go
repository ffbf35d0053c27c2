package reach

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
)

// maxPolicies bounds the policies of a tenant.
const maxPolicies = 500

// Rule is a policy as it is shown.
type Rule struct {
	respond.Policy
	Problems []string `json:"problems"` // what would go wrong with a page now
	UsedBy   []string `json:"usedBy"`   // where it is used
}

// Known are the names of everything that a policy can tell, by their ids.
type Known struct {
	People, Schedules, Channels map[string]string
}

// Name is how people call a recipient; its id where it is not there any more.
func (k Known) Name(r respond.Recipient) string {
	switch r.Kind {
	case respond.ToPerson:
		return cmp.Or(k.People[r.ID], r.ID)
	case respond.ToSchedule:
		return "whoever is on call in " + cmp.Or(k.Schedules[r.ID], r.ID)
	}
	return cmp.Or(k.Channels[r.ID], r.ID)
}

// Known returns what policies can name, for everybody who may read them.
func (s *Service) Known(ctx context.Context, actor access.Actor, tenant string) (Known, error) {
	if err := reads(actor, tenant); err != nil {
		return Known{}, err
	}
	k, _, err := s.known(ctx, tenant)
	return k, err
}

func (s *Service) known(ctx context.Context, tenant string) (k Known, book respond.Book, err error) {
	if k.People, err = s.opt.People(ctx, tenant); err != nil {
		return k, book, err
	}
	if s.opt.Schedules != nil {
		if k.Schedules, err = s.opt.Schedules(ctx, tenant); err != nil {
			return k, book, err
		}
	}
	contacts, err := s.store.Contacts(ctx, tenant, "")
	if err != nil {
		return k, book, err
	}
	k.Channels = map[string]string{}
	for _, c := range contacts {
		if c.Person == "" {
			k.Channels[c.ID] = c.Name
		}
	}
	return k, respond.NewBook(contacts), nil
}

// problems tells what would go wrong with a page by a policy as things are.
func problems(p respond.Policy, k Known, book respond.Book) []string {
	var out []string
	add := func(text string) {
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	// one tells whether a recipient can be told of what is urgent.
	one := func(r respond.Recipient) bool {
		switch r.Kind {
		case respond.ToPerson:
			name := k.People[r.ID]
			if name == "" {
				add(fmt.Sprintf("The person %s is not there any more, or is locked out.", r.ID))
				return false
			}
			ways, why := book.Usable(r.ID, respond.High)
			if ways == 0 {
				add(fmt.Sprintf("%s cannot be reached: %s.", name, strings.Join(why, ", ")))
			}
			return ways > 0
		case respond.ToChannel:
			if k.Channels[r.ID] == "" {
				add(fmt.Sprintf("There is no channel %s.", r.ID))
				return false
			}
			ways, why := book.Shared(r.ID, respond.High)
			if ways == 0 {
				add(upper(strings.Join(why, ", ")) + ".")
			}
			return ways > 0
		}
		if k.Schedules[r.ID] == "" {
			add(fmt.Sprintf("There is no schedule %s.", r.ID))
			return false
		}
		return true
	}
	any := func(list []respond.Recipient) bool {
		reached := false
		for _, r := range list {
			reached = one(r) || reached
		}
		return reached
	}
	for n, step := range p.Steps {
		if !any(step.Notify) {
			add(fmt.Sprintf("Step %d reaches nobody; the next one follows at once.", n+1))
		}
	}
	if len(p.LastResort) > 0 && !any(p.LastResort) {
		add("The last resort reaches nobody.")
	}
	if p.Hours != "" && k.Schedules[p.Hours] == "" {
		add(fmt.Sprintf("The schedule %s, for whose hours low urgency waits, is not there: nothing waits.", p.Hours))
	}
	return out
}

func upper(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// tells tells whether a policy names a recipient.
func tells(p respond.Policy, r respond.Recipient) bool {
	for _, s := range p.Steps {
		if slices.Contains(s.Notify, r) {
			return true
		}
	}
	return slices.Contains(p.LastResort, r)
}

// Policies lists those of a tenant by their names, the default one first.
func (s *Service) Policies(ctx context.Context, actor access.Actor, tenant string) ([]Rule, error) {
	if err := reads(actor, tenant); err != nil {
		return nil, err
	}
	list, err := s.store.Policies(ctx, tenant)
	if err != nil {
		return nil, err
	}
	known, book, err := s.known(ctx, tenant)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b respond.Policy) int {
		if (a.ID == respond.DefaultPolicy) != (b.ID == respond.DefaultPolicy) {
			if a.ID == respond.DefaultPolicy {
				return -1
			}
			return 1
		}
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	out := make([]Rule, len(list))
	for n, p := range list {
		used, err := s.usedBy(ctx, p)
		if err != nil {
			return nil, err
		}
		out[n] = Rule{Policy: p, Problems: problems(p, known, book), UsedBy: used}
	}
	return out, nil
}

// Policy returns one, or respond.ErrNotFound.
func (s *Service) Policy(ctx context.Context, actor access.Actor, tenant, id string) (Rule, error) {
	list, err := s.Policies(ctx, actor, tenant)
	if err != nil {
		return Rule{}, err
	}
	n := slices.IndexFunc(list, func(r Rule) bool { return r.ID == id })
	if n < 0 {
		return Rule{}, fmt.Errorf("%w: policy %s", respond.ErrNotFound, id)
	}
	return list[n], nil
}

// usedBy names where a policy is used.
func (s *Service) usedBy(ctx context.Context, p respond.Policy) ([]string, error) {
	var out []string
	if p.ID == respond.DefaultPolicy {
		out = append(out, "what no route leads elsewhere, and incidents that people declare")
	}
	if s.opt.Routes != nil {
		routes, err := s.opt.Routes(ctx, p.Tenant, p.ID)
		if err != nil {
			return nil, err
		}
		for _, r := range routes {
			out = append(out, "the route "+r)
		}
	}
	page, err := s.store.Incidents(ctx, respond.IncidentFilter{Tenant: p.Tenant, Limit: 500,
		States: []respond.State{respond.Triggered, respond.Acknowledged, respond.Snoozed}})
	if err != nil {
		return nil, err
	}
	open := 0
	for _, i := range page.Incidents {
		if i.Policy == p.ID {
			open++
		}
	}
	switch {
	case open == 1:
		out = append(out, "one incident that is not over")
	case open > 1:
		out = append(out, fmt.Sprintf("%d incidents that are not over", open))
	}
	return out, nil
}

var policyID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// SavePolicy stores a policy, a new one where its id is new. Its revision is the
// one that was read, 0 for a new one; where somebody else has saved it since, it
// fails with respond.ErrConflict. It is for operators.
func (s *Service) SavePolicy(ctx context.Context, actor access.Actor, p respond.Policy, now time.Time) (Rule, error) {
	if err := access.Can(actor, access.Operate, access.Scope{Tenant: p.Tenant}); err != nil {
		return Rule{}, err
	}
	if !policyID.MatchString(p.ID) {
		return Rule{}, invalid("the id %q is not 1 to 64 letters, digits, dots, dashes and underscores", p.ID)
	}
	var err error
	if p.Name, err = named("the name", cmp.Or(strings.TrimSpace(p.Name), p.ID)); err != nil {
		return Rule{}, err
	}
	p.Configured = false
	if err := p.Validate(); err != nil {
		return Rule{}, invalid("%s", strings.ReplaceAll(strings.ReplaceAll(plainError(err), fmt.Sprintf("policy %q: ", p.ID), ""), "\n", "; "))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := s.store.Policies(ctx, p.Tenant)
	if err != nil {
		return Rule{}, err
	}
	action := "policy.create"
	for _, old := range list {
		if old.ID != p.ID {
			continue
		}
		if old.Configured {
			return Rule{}, configured("policy", old.Name)
		}
		if old.Revision != p.Revision {
			return Rule{}, fmt.Errorf("%w: somebody else has saved the policy %s; look at it as it is now, and change it again", respond.ErrConflict, old.Name)
		}
		action = "policy.change"
	}
	if action == "policy.create" && p.Revision != 0 {
		return Rule{}, fmt.Errorf("%w: somebody else has deleted the policy %s", respond.ErrConflict, p.ID)
	}
	p.Revision++
	if action == "policy.create" && len(list) >= maxPolicies {
		return Rule{}, invalid("%d policies are the most", maxPolicies)
	}
	known, book, err := s.known(ctx, p.Tenant)
	if err != nil {
		return Rule{}, err
	}
	if err := known.all(p); err != nil {
		return Rule{}, err
	}
	c := Change{Tenant: p.Tenant, Policies: []respond.Policy{p}, Audit: audit(ctx, actor, p.Tenant, action, p.ID, described(p, known), now)}
	if err := s.apply(ctx, c); err != nil {
		return Rule{}, err
	}
	used, err := s.usedBy(ctx, p)
	return Rule{Policy: p, Problems: problems(p, known, book), UsedBy: used}, err
}

// all refuses a policy that names what is not there: it is a slip of the hand.
func (k Known) all(p respond.Policy) error {
	check := func(where string, list []respond.Recipient) error {
		for _, r := range list {
			names := map[respond.RecipientKind]map[string]string{respond.ToPerson: k.People, respond.ToSchedule: k.Schedules, respond.ToChannel: k.Channels}[r.Kind]
			if names[r.ID] == "" {
				return invalid("%s: there is no %s %q", where, r.Kind, r.ID)
			}
		}
		return nil
	}
	for n, s := range p.Steps {
		if err := check(fmt.Sprintf("step %d", n+1), s.Notify); err != nil {
			return err
		}
	}
	if err := check("the last resort", p.LastResort); err != nil {
		return err
	}
	if p.Hours != "" && k.Schedules[p.Hours] == "" {
		return invalid("hours: there is no schedule %q", p.Hours)
	}
	return nil
}

// described is a policy in the audit log.
func described(p respond.Policy, k Known) string {
	text := p.Name
	for n, s := range p.Steps {
		var names []string
		for _, r := range s.Notify {
			names = append(names, k.Name(r))
		}
		text += fmt.Sprintf("; %d. %s, then wait %s", n+1, strings.Join(names, ", "), s.Wait)
	}
	if len(text) > 500 {
		text = strings.ToValidUTF8(text[:500], "")
	}
	return text
}

// DeletePolicy removes a policy that is used nowhere. It is for operators.
func (s *Service) DeletePolicy(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) error {
	if err := access.Can(actor, access.Operate, access.Scope{Tenant: tenant}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.Policy(ctx, actor, tenant, id)
	if err != nil {
		return err
	}
	if r.Configured {
		return configured("policy", r.Name)
	}
	if len(r.UsedBy) > 0 {
		return impossible("%s is used by %s; change that first", r.Name, strings.Join(r.UsedBy, ", "))
	}
	return s.apply(ctx, Change{Tenant: tenant, Policy: id, Audit: audit(ctx, actor, tenant, "policy.delete", id, r.Name, now)})
}
