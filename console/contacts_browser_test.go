package console

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
)

// TestContactsInABrowser adds an address on a phone, types the code while the
// page looks after its receipt by itself, makes a policy, and takes an incident
// up by the link of a message, under the content policy that people have.
func TestContactsInABrowser(t *testing.T) {
	v := newVisitor(t)
	ctx := v.ctx
	d := livedDemo(t)
	server := httptest.NewServer(guarded(d))
	defer server.Close()
	do, is := v.do, v.is

	do("the contacts on a phone", chromedp.EmulateViewport(390, 844), chromedp.Navigate(server.URL+"/contacts"))
	is("nothing is wider than the phone", `document.documentElement.scrollWidth <= 390`)
	do("add an address", chromedp.Click(`#add > summary`), chromedp.SendKeys(`#new-address`, "night@example.org"), chromedp.SendKeys(`#new-name`, "night mail"))
	is("the browser knows the zone", `document.getElementById("new-zone").value !== ""`)
	do("send it", chromedp.Click(`#add button.primary`))
	is("it is there", `document.body.innerText.includes("night mail") && [...document.querySelectorAll(".contact")].some(r => r.innerText.includes("night@example.org") && r.innerText.includes("not verified yet"))`)
	const row = `[...document.querySelectorAll(".contact")].find(r => r.innerText.includes("night@example.org"))`
	do("ask for a code", chromedp.Evaluate[chromedp.Void](row+`.querySelector('button[aria-label^="Send a code"]').click()`))
	is("it is on its way", row+`.querySelector("input.code") !== null && `+row+`.innerText.includes("to be sent")`)
	id, err := chromedp.Run(ctx, chromedp.Evaluate[string](row+`.id.replace("contact-", "")`))
	if err != nil {
		t.Fatal(err)
	}
	code := d.code(t, id)
	do("type half of it", chromedp.SendKeys(`#contact-`+id+` input.code`, code[:3]))
	list, err := d.state.ClaimMessages(t.Context(), respond.Claim{Now: d.now.Add(time.Minute), Ahead: d.now.Add(time.Hour), Until: d.now.Add(time.Hour), Stale: d.now.Add(time.Hour), Limit: 100, PerLane: 100})
	if err != nil {
		t.Fatal(err)
	}
	var settled []respond.Settled
	for _, m := range list {
		x := respond.Settle(m, respond.Outcome{State: respond.Sent}, d.now)
		x.Entry.ID = "e-" + m.ID
		settled = append(settled, x)
	}
	if err := d.state.SettleMessages(t.Context(), settled); err != nil {
		t.Fatal(err)
	}
	is("the receipt comes by itself, and what was typed stays", row+`.innerText.includes("ago: sent") || `+row+`.innerText.includes("now: sent")`)
	is("what was typed stays", row+`.querySelector("input.code").value === "`+code[:3]+`"`)
	do("type the rest", chromedp.SendKeys(`#contact-`+id+` input.code`, code[3:]), chromedp.Click(`#contact-`+id+` form[action$="/verify"] button`))
	is("it is in use", row+`.innerText.includes("in use")`)

	do("a policy", chromedp.Navigate(server.URL+"/policies/new"), chromedp.SendKeys(`#policy-name`, "Night watch"),
		chromedp.Click(`input[name="to-0"][value^="person:"]`), chromedp.Click(`button[value=add]`))
	is("it has a second step", `document.querySelector("input[name='to-1']") !== null && document.querySelector("input[name='to-0']:checked") !== null`)
	do("take it out", chromedp.Click(`button[value=remove-1]`))
	is("it has one step", `location.pathname === "/policies" && document.querySelector("input[name='to-1']") === null`)
	do("save", chromedp.Click(`button.primary[value=save]`))
	is("it is listed", `location.pathname === "/policies" && document.body.innerText.includes("Night watch")`)
	is("nothing is wider than the phone", `document.documentElement.scrollWidth <= 390`)

	i, err := d.respond.Summon(t.Context(), d.actor, respond.Declaration{Tenant: access.DefaultTenant, Title: "Nobody can log in", Severity: 3, Policy: "default"}, respond.By{ID: d.actor.ID, Name: "robin"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	story, err := d.respond.Get(t.Context(), d.actor, access.DefaultTenant, i.ID)
	if err != nil || len(story.Messages) == 0 {
		t.Fatal(err)
	}
	link := strings.Replace(d.reach.LinkFor(story.Messages[0]), "https://ops.example.org", server.URL, 1)
	do("open the link", chromedp.Navigate(link))
	is("it asks, and the address holds no token", `document.body.innerText.includes("Do you take it?") && location.hash === ""`)
	if s := d.incident(t, "Nobody can log in").State; s != respond.Triggered {
		t.Fatalf("the look has made it %s", s)
	}
	do("take it", chromedp.Click(`button.primary`))
	is("it is done", `document.body.innerText.includes("You have it")`)
	if s := d.incident(t, "Nobody can log in").State; s != respond.Acknowledged {
		t.Errorf("it is %s", s)
	}
}
