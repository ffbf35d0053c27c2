package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/lifecycle"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/notify"
)

// openRespond stores the policies and contacts of the configuration and opens
// the service. More are senders beside those that the configuration sets up.
func (a *App) openRespond(ctx context.Context, more map[respond.Channel]respond.Sender) error {
	person, err := a.peopleByName(ctx)
	if err != nil {
		return err
	}
	if err := a.releaseConfigured(ctx); err != nil {
		return err
	}
	schedules, err := a.openOnCall(ctx)
	if err != nil {
		return err
	}
	for _, p := range a.cfg.Respond.Policies {
		p.Tenant, p.Name, p.Configured = a.tenant, cmp.Or(p.Name, p.ID), true
		if p.Hours != "" && !schedules[p.Hours] {
			return fmt.Errorf("respond.policies: %s: hours: %w", p.ID, noSchedule(p.Hours))
		}
		lists := [][]respond.Recipient{p.LastResort}
		for _, s := range p.Steps {
			lists = append(lists, s.Notify)
		}
		for _, list := range lists {
			for n, r := range list {
				switch r.Kind {
				case respond.ToPerson:
					if list[n].ID, err = person(r.ID); err != nil {
						return fmt.Errorf("respond.policies: %s: %w", p.ID, err)
					}
				case respond.ToSchedule:
					if !schedules[r.ID] {
						return fmt.Errorf("respond.policies: %s: %w", p.ID, noSchedule(r.ID))
					}
				}
			}
		}
		if err := a.store.PutPolicy(ctx, p); err != nil {
			return err
		}
	}
	before, err := a.store.Contacts(ctx, a.tenant, "")
	if err != nil {
		return err
	}
	for _, k := range a.cfg.Respond.Contacts {
		k.Tenant, k.Name, k.Verified, k.Configured = a.tenant, cmp.Or(k.Name, k.ID), a.started, true
		if k.Person != "" {
			if k.Person, err = person(k.Person); err != nil {
				return fmt.Errorf("respond.contacts: %s: %w", k.ID, err)
			}
		}
		k.Reached = reachedBefore(before, k)
		if err := a.store.PutContact(ctx, k); err != nil {
			return err
		}
	}
	if err := a.openRoutes(ctx); err != nil {
		return err
	}
	senders := notify.Senders(a.cfg.Notify, notify.LocalSecrets{})
	maps.Copy(senders, more)
	a.respond = respond.NewService(a.store, respond.Options{Senders: senders, Roster: a.roster, Heard: a.routes.Heard,
		Router: func(ctx context.Context, tenant string) (respond.Router, error) {
			return a.routes.Router(ctx, tenant, time.Now())
		},
		IncidentURL: func(id string) string { return a.publicURL() + "/incidents/" + id },
		AckURL:      func(m respond.Message) string { return a.reach.LinkFor(m) },
		Code:        func(m respond.Message) string { return a.reach.CodeText(m) },
		Letter:      func(m respond.Message) (string, string) { return a.status.Links(m) },
		StormLimit:  a.cfg.Respond.StormLimit, StormWindow: a.cfg.Respond.StormWindow}, a.log)
	a.simulate = a.newSimulator()
	if err := a.openStatus(ctx, senders); err != nil {
		return err
	}
	return a.openReach(ctx, senders)
}

// peopleByName finds people by their login names, or by their ids.
func (a *App) peopleByName(ctx context.Context) (func(name string) (id string, err error), error) {
	people, err := a.store.Users(ctx)
	if err != nil {
		return nil, err
	}
	return func(name string) (string, error) {
		for _, u := range people {
			if u.Name == name || u.ID == name {
				return u.ID, nil
			}
		}
		return "", fmt.Errorf("there is no person %q; add them under Settings first, or name the one called %s", name, access.AdminName)
	}, nil
}

// runRespond starts what carries a finding to somebody: findings become alerts,
// incidents escalate, messages are sent.
func (a *App) runRespond(g *lifecycle.Group) {
	hints := a.findings.Listen(1)
	a.board.Expect(casesPart, patience, time.Now())
	g.Defer("hints of findings", func() error { hints.Close(); return nil })
	every(g, a, "incidents of findings", hints.C(), (&findingTeller{a: a}).tell, a.gatherPace)
	loop(g, a.board, "reach", 10*time.Second, time.Minute, func(ctx context.Context, now time.Time) error { return a.reach.Round(ctx, a.tenant, now) })
	loop(g, a.board, "evidence", 5*time.Second, 15*time.Second, a.evidence.Round)
	loop(g, a.board, "impact of cases", 10*time.Second, 30*time.Second, func(ctx context.Context, now time.Time) error { return a.cases.Keep(ctx, a.tenant, now) })
	every(g, a, "escalation", a.respond.Due(), a.respond.Wake, a.respond.Pace)
	const part = "delivery"
	a.board.Expect(part, patience, time.Now())
	g.Go(part, func(ctx context.Context) error {
		a.respond.Deliver(ctx, func(err error) { a.board.Report(part, time.Now(), 0, err) })
		return nil
	})
}

// patience is how long a round of responding may take in a storm before the
// board calls it stale.
const patience = time.Minute

// every does a round, again after the pace that it asks for then, and at once
// when there is a hint.
func every[T any](g *lifecycle.Group, a *App, part string, hints <-chan T, round func(context.Context, time.Time) error, pace func(context.Context) time.Duration) {
	a.board.Expect(part, patience, time.Now())
	g.Go(part, func(ctx context.Context) error {
		for {
			start := time.Now()
			err := round(ctx, start)
			if ctx.Err() != nil {
				return nil
			}
			a.board.Report(part, time.Now(), time.Since(start), err)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pace(ctx)):
			case <-hints:
			}
			if err != nil { // not at once again
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(time.Second):
				}
			}
		}
	})
}

// findingTeller turns findings into alerts. It reads what stands, so that a
// hint which got lost, or a finding from before the start, is told all the same;
// what has not changed is not told again.
type findingTeller struct {
	a    *App
	told map[string]telling // by finding; nil before the first round
}

// telling is what was told of a finding.
type telling struct {
	revision             int64
	of, explainedBy, was string
}

// tell makes cases of what there is, and tells what has changed. While there is
// no policy there is nobody to tell, and nothing becomes an incident. Where cases
// cannot be made the findings are told as they are: no page waits for them.
func (t *findingTeller) tell(ctx context.Context, now time.Time) error {
	standing, err := t.list(ctx, finding.Filter{States: []finding.State{finding.Open, finding.Acknowledged, finding.Accepted, finding.Unknown}})
	if err != nil {
		return err
	}
	over, err := t.list(ctx, finding.Filter{States: []finding.State{finding.Resolved}, Since: now.Add(-cases.Lingers)})
	if err != nil {
		return err
	}
	t.a.gather(ctx, append(standing, over...), now)
	ready, err := t.a.respond.Ready(ctx, t.a.tenant)
	if err != nil || !ready {
		return err
	}
	told := map[string]telling{}
	belongings := t.a.cases.Belongings(t.a.tenant)
	var news []respond.Alert
	for _, f := range append(standing, over...) {
		b := belongings[f.ID]
		now := telling{f.Revision, b.Case, b.ExplainedBy, strings.Join(b.Was, " ")}
		told[f.ID] = now
		if t.told == nil || t.told[f.ID] != now {
			alert := alertOf(f, b)
			if b.Case != "" {
				alert.Links = append(alert.Links, respond.Link{Text: "What belongs to it", URL: t.a.publicURL() + "/cases/" + b.Case})
			}
			news = append(news, alert)
		}
	}
	if t.told == nil {
		ended, err := t.a.respond.Orphans(ctx, t.a.tenant, respond.FindingSource, func(id string) bool { _, is := told[id]; return is })
		if err != nil {
			return err
		}
		news = append(news, ended...)
	}
	if err := t.a.respond.Receive(ctx, news); err != nil {
		return err
	}
	t.told = told
	return nil
}

// list reads all pages of a list.
func (t *findingTeller) list(ctx context.Context, f finding.Filter) (all []finding.Finding, err error) {
	f.Tenant, f.Limit = t.a.tenant, 500
	for {
		page, err := t.a.findings.List(ctx, access.Evenkeel(t.a.tenant), f)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Findings...)
		if f.Cursor = page.Next; f.Cursor == "" {
			return all, nil
		}
	}
}

// alertOf is a finding as an alert. What somebody has accepted, and what hurts
// nobody, pages nobody.
func alertOf(f finding.Finding, b cases.Belonging) respond.Alert {
	a := respond.Alert{AlertKey: respond.AlertKey{Tenant: f.Tenant, Source: respond.FindingSource, Fingerprint: f.ID}, Environment: f.Environment,
		Status: respond.Firing, Severity: f.Severity, Title: f.Title, StartsAt: f.FirstSeen,
		Acknowledged: f.State == finding.Acknowledged || f.State == finding.Unknown && f.Prior == finding.Acknowledged,
		Labels:       finding.Labels(f.Key, f.Report)}
	a.Case, a.CaseWas = b.Case, b.Was
	if b.ExplainedBy != "" {
		a.By, a.Why = respond.AlertKey{Tenant: f.Tenant, Source: respond.FindingSource, Fingerprint: b.ExplainedBy}.ID(), b.Why
	}
	a.Text = f.Effect
	for n, step := range f.Remedy {
		a.Text += fmt.Sprintf("\n%d. %s", n+1, step)
	}
	a.Text = strings.TrimSpace(a.Text)
	if f.State == finding.Resolved || f.IsAccepted() || f.Severity < finding.Warning {
		a.Status = respond.Ended
	}
	return a
}
