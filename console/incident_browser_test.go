package console

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/evenkeel/evenkeel/respond"
)

// At 3 in the morning, on a phone and at a desk, in light and in dark: a person
// looks who is on call, takes the incident up, tells those who wait, takes a role,
// adds a task and ends it, makes the incident less urgent, gives it to somebody
// else, takes it back, and ends it; the simulator and the status page say what they
// should.
func TestAnIncidentInABrowser(t *testing.T) {
	for _, look := range []struct {
		width  int64
		scheme string
	}{{390, "dark"}, {1440, "light"}, {390, "light"}, {1440, "dark"}} {
		t.Run(fmt.Sprint(look.width, " ", look.scheme), func(t *testing.T) {
			v := newVisitor(t)
			d := livedDemo(t)
			server := httptest.NewServer(d.readers())
			defer server.Close()
			features := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}}}
			if _, err := chromedp.Call(v.ctx, emulation.SetEmulatedMedia, features); err != nil {
				t.Fatal(err)
			}
			fits := fmt.Sprintf(`document.documentElement.scrollWidth <= %d`, look.width)
			open := func(path string) {
				t.Helper()
				v.do(path, chromedp.EmulateViewport(look.width, 844), chromedp.Navigate(server.URL+path))
				v.is(path+" is not wider than the screen", fits)
			}
			open("/policies")
			if look.width < 768 {
				v.is("one line stands for the other pages", `document.querySelector(".response-menu").getBoundingClientRect().height < 60`)
				v.do("fold them out", chromedp.Click(`.response-menu summary`))
				v.is("all of them are there", `[...document.querySelectorAll(".response-menu a")].filter(a => a.checkVisibility()).length === 10`)
				v.is("they fit", fits)
			}
			v.do("ask what would happen", chromedp.Click(`main p a[href="/simulate"]`))
			v.is("the simulator asks", `location.pathname === "/simulate"`)
			open("/oncall")
			v.is("it says who is on call", `document.body.innerText.includes("kim") && document.body.innerText.includes("Nobody is on call in Shop")`)
			open(simulatedURL)
			v.is("the simulator says who would be paged", `document.body.innerText.includes("is paged.")`)

			i := d.incident(t, "35 times slower")
			open(incidentURL(i.ID))
			v.is("each part has the width of its column", `(() => {
				const width = x => x.getBoundingClientRect().width;
				const fits = (column, parts) => [...document.querySelectorAll(parts)].every(x => Math.abs(width(x) - width(document.querySelector(column))) < 1);
				return document.querySelectorAll(".seen > section").length > 1 && document.querySelectorAll(".work > section").length > 1 &&
					fits("#told", ".seen > section") && fits(".sidebar", ".work > section");
			})()`)
			// On a phone what comes next is at its foot; the same at a desk stands beside the story.
			next := `#answer `
			if look.width < 768 {
				next = `.thumb `
				v.is("the next step is one, big enough for a thumb, above the sections and within the window", `(() => {
					const bar = document.querySelector(".thumb").getBoundingClientRect(), buttons = [...document.querySelectorAll(".thumb button, .thumb .button")];
					return buttons.length === 1 && buttons.every(b => b.getBoundingClientRect().height >= 44) && bar.bottom <= document.querySelector(".nav").getBoundingClientRect().top + 1;
				})()`)
				v.is("what is at the end of the page is not hidden by it", `(() => {
					scrollTo(0, document.documentElement.scrollHeight);
					const end = document.querySelector(".foot span:last-child").getBoundingClientRect().bottom <= document.querySelector(".thumb").getBoundingClientRect().top;
					scrollTo(0, 0);
					return end;
				})()`)
			}
			v.do("take it", chromedp.Click(next+`form[action$="/acknowledge"] button`))
			v.is("it is taken", `document.body.innerText.includes("robin has taken it up")`)
			v.do("write an update", chromedp.Navigate(server.URL+incidentURL(i.ID)+"?write=update#updates"), chromedp.SetValue(`#u-text`, "We are adding a disk."), chromedp.Click(`#updates form button`))
			v.is("it is written", `document.querySelector("#updates").innerText.includes("We are adding a disk.")`)

			v.do("take a role", chromedp.Click(`.roles li:first-child button`))
			v.is("it has the role", `document.querySelector(".roles li:first-child").innerText.includes("robin") && document.querySelector("#happened").innerText.includes("robin is commander now.")`)
			v.do("add a task", chromedp.Click(`#new-task summary`), chromedp.SetValue(`#k-text`, "Order a disk"), chromedp.SetValue(`#k-due`, "60"), chromedp.Click(`#new-task button`))
			v.is("it is to be done", `document.querySelector(".tasks li").innerText.includes("Order a disk")`)
			v.is("who ends it now is reminded", `[...document.querySelectorAll(".hint")].some(h => h.checkVisibility() && h.textContent.includes("Order a disk"))`)
			v.is("it still fits", fits)
			v.is("all that can be pressed is big enough for a thumb", fmt.Sprintf(`%d > 768 || [...document.querySelectorAll(".hands button, .hands summary, .thumb button, .thumb .button, #answer button")].filter(b => b.checkVisibility()).every(b => b.getBoundingClientRect().height >= 44)`, look.width))
			v.do("end the task", chromedp.Click(`.tasks form[action$="/task-done"] button`))
			v.is("it is done", `document.querySelector("#hands").innerText.includes("One task is done") && document.querySelector("#happened").innerText.includes("Done: Order a disk")`)
			v.do("change the urgency", chromedp.Click(`#answer details summary`), chromedp.SetValue(`form[action$="/severity"] select`, "warning"), chromedp.Click(`form[action$="/severity"] button`))
			v.is("it is less urgent", `document.querySelector("#happened").innerText.includes("Severity: warning (was critical)")`)
			v.do("look at the pages alone", chromedp.Click(`#happened .tabs a:nth-child(3)`))
			v.is("the story is narrowed", `document.querySelector("#happened").innerText.includes("To be told by kim's phone") && !document.querySelector("#happened").innerText.includes("Order a disk")`)

			kim := person(t, d, "kim")
			v.do("give it to kim", chromedp.Click(`#answer details summary`), chromedp.SetValue(`form[action$="/reassign"] select`, kim.ID), chromedp.Click(`form[action$="/reassign"] button`))
			v.is("it is given", `document.body.innerText.includes("robin gives it to kim")`)
			v.do("take it back", chromedp.Click(next+`form[action$="/acknowledge"] button`))
			v.is("it is taken back", fmt.Sprintf(`document.querySelector(%q)?.checkVisibility()`, next+`form[action$="/resolve"] button`))
			v.do("end it", chromedp.Click(next+`form[action$="/resolve"] button`))
			v.is("it is over, and leads to what was learnt", `document.body.innerText.includes("robin has resolved it") && document.querySelector("a[href$='/document']") !== null`)
			if i := d.incident(t, "35 times slower"); i.State != respond.Resolved {
				t.Errorf("the incident is %s", i.State)
			}
			open("/status/shop/")
			v.is("the status page is in the reader's light", fmt.Sprintf(`matchMedia("(prefers-color-scheme: %s)").matches && document.querySelector("h1").textContent !== ""`, look.scheme))
		})
	}
}
