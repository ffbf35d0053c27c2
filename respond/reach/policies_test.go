package reach_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
	. "github.com/evenkeel/evenkeel/respond/reach"
)

func person(id string) respond.Recipient { return respond.Recipient{Kind: respond.ToPerson, ID: id} }

func TestPoliciesAreMadeChangedAndDeleted(t *testing.T) {
	d := open(t)
	ctx, ola := t.Context(), d.people["ola"]
	p := respond.Policy{ID: "web", Tenant: Home, Name: "Web team", Rounds: 2, Steps: []respond.Step{{Wait: 5 * time.Minute, Notify: []respond.Recipient{person("ana")}}}}
	_, err := d.SavePolicy(ctx, d.people["ana"], p, d.now)
	refused(t, "by a responder", err, access.ErrForbidden, "operate")
	for what, c := range map[string]struct {
		change func(p *respond.Policy)
		says   string
	}{
		"no such person":   {func(p *respond.Policy) { p.Steps[0].Notify = []respond.Recipient{person("zoe")} }, `no person "zoe"`},
		"no such schedule": {func(p *respond.Policy) { p.LastResort = []respond.Recipient{{Kind: respond.ToSchedule, ID: "days"}} }, `no schedule "days"`},
		"no such channel": {func(p *respond.Policy) {
			p.Steps[0].Notify = []respond.Recipient{{Kind: respond.ToChannel, ID: "room"}}
		}, `no channel "room"`},
		"hours of nothing": {func(p *respond.Policy) { p.Hours = "days" }, "hours"},
		"no steps":         {func(p *respond.Policy) { p.Steps = nil }, "1 to 20 steps"},
		"no wait":          {func(p *respond.Policy) { p.Steps[0].Wait = 0 }, "wait"},
		"odd id":           {func(p *respond.Policy) { p.ID = "a/b" }, "id"},
		"odd kind":         {func(p *respond.Policy) { p.Steps[0].Notify = []respond.Recipient{{Kind: "x", ID: "y"}} }, "kind"},
		"odd name":         {func(p *respond.Policy) { p.Name = "a\nb" }, "plain text"},
	} {
		bad := p
		bad.Steps = slices.Clone(p.Steps)
		c.change(&bad)
		_, err := d.SavePolicy(ctx, ola, bad, d.now)
		refused(t, what, err, respond.ErrInvalid, c.says)
	}
	r, err := d.SavePolicy(ctx, ola, p, d.now)
	if err != nil || !strings.Contains(strings.Join(r.Problems, " "), "Ana cannot be reached: there is no contact.") || !strings.Contains(strings.Join(r.Problems, " "), "Step 1 reaches nobody") {
		t.Errorf("%+v, %v", r, err)
	}
	k := d.proved(t, "ana", Fields{})
	if r, err = d.Policy(ctx, d.people["vic"], Home, "web"); err != nil || len(r.Problems)+len(r.UsedBy) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := d.Switch(ctx, d.people["ana"], Home, k.ID, false, d.now); err != nil {
		t.Fatal(err)
	}
	if r, _ = d.Policy(ctx, ola, Home, "web"); !strings.Contains(strings.Join(r.Problems, " "), "switched off by ana") {
		t.Errorf("%+v", r.Problems)
	}

	room, err := d.Add(ctx, ola, Home, "", respond.Webhook, Fields{Name: "ops", Address: "https://example.org/hook"}, d.now)
	if err != nil {
		t.Fatal(err)
	}
	p.LastResort = []respond.Recipient{{Kind: respond.ToChannel, ID: room.ID}, {Kind: respond.ToSchedule, ID: "nights"}}
	_, err = d.SavePolicy(ctx, ola, p, d.now)
	refused(t, "what another has changed since", err, respond.ErrConflict, "somebody else has saved the policy Web team")
	p.Revision = r.Revision
	if r, err = d.SavePolicy(ctx, ola, p, d.now); err != nil || !strings.Contains(strings.Join(r.Problems, " "), "Ops is not verified.") {
		t.Errorf("%+v, %v", r, err)
	}
	refused(t, "a channel that is told", d.Delete(ctx, ola, Home, room.ID, d.now), respond.ErrState, "Web team")

	i, err := d.respond.Declare(ctx, ola, respond.Declaration{Tenant: Home, Title: "Nobody can pay", Severity: finding.Critical, Policy: "web"}, d.now)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "what an incident uses", d.DeletePolicy(ctx, ola, Home, "web", d.now), respond.ErrState, "one incident that is not over")
	if _, err := d.respond.Resolve(ctx, ola, Home, i.ID, "", d.now.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	refused(t, "by a responder", d.DeletePolicy(ctx, d.people["ana"], Home, "web", d.now), access.ErrForbidden, "")
	if err := d.DeletePolicy(ctx, ola, Home, "web", d.now); err != nil {
		t.Fatal(err)
	}
	refused(t, "once more", d.DeletePolicy(ctx, ola, Home, "web", d.now), respond.ErrNotFound, "")
	p.Revision = r.Revision
	_, err = d.SavePolicy(ctx, ola, p, d.now)
	refused(t, "what another has deleted", err, respond.ErrConflict, "deleted")
	if err := d.Delete(ctx, ola, Home, room.ID, d.now); err != nil {
		t.Fatal(err)
	}

	p.ID, p.LastResort, p.Configured = "default", nil, true
	if err := d.db.PutPolicy(ctx, p); err != nil {
		t.Fatal(err)
	}
	_, err = d.SavePolicy(ctx, ola, p, d.now)
	refused(t, "what the file has", err, respond.ErrState, "configuration file")
	refused(t, "what the file has", d.DeletePolicy(ctx, ola, Home, "default", d.now), respond.ErrState, "configuration file")
	p.Configured = false
	if err := d.db.PutPolicy(ctx, p); err != nil {
		t.Fatal(err)
	}
	refused(t, "the default", d.DeletePolicy(ctx, ola, Home, "default", d.now), respond.ErrState, "what no route leads elsewhere")
	page, err := d.db.Audit(ctx, access.AuditFilter{Tenant: Home, Limit: 100})
	if said := fmt.Sprintf("%+v", page.Entries); err != nil || !strings.Contains(said, "policy.create") || !strings.Contains(said, "policy.change") || !strings.Contains(said, "policy.delete") || !strings.Contains(said, "1. Ana, then wait 5m0s") {
		t.Errorf("the audit log: %s, %v", said, err)
	}
}
