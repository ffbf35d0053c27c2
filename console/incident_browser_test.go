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
// looks who is on call, takes the incident up, tells those who wait, gives it to
// somebody else, and ends it; the simulator and the status page say what they
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
			open("/oncall")
			v.is("it says who is on call", `document.body.innerText.includes("kim") && document.body.innerText.includes("Nobody is on call in Shop")`)
			open(simulatedURL)
			v.is("the simulator says who would be paged", `document.body.innerText.includes("is paged.")`)

			i := d.incident(t, "35 times slower")
			open(incidentURL(i.ID))
			v.is("the first button is big enough for a thumb", `document.querySelector("form[action$='/acknowledge'] button").getBoundingClientRect().height >= 44`)
			v.do("take it", chromedp.Click(`form[action$="/acknowledge"] button`))
			v.is("it is taken", `document.body.innerText.includes("robin has taken it up")`)
			v.do("write an update", chromedp.Click(`#updates details summary`), chromedp.SetValue(`#u-text`, "We are adding a disk."), chromedp.Click(`#updates form button`))
			v.is("it is written", `document.querySelector("#updates").innerText.includes("We are adding a disk.")`)
			kim := person(t, d, "kim")
			v.do("give it to kim", chromedp.Click(`#answer details summary`), chromedp.SetValue(`form[action$="/reassign"] select`, kim.ID), chromedp.Click(`form[action$="/reassign"] button`))
			v.is("it is given", `document.body.innerText.includes("robin gives it to kim")`)
			v.do("end it", chromedp.Click(`form[action$="/resolve"] button`))
			v.is("it is over, and leads to what was learnt", `document.body.innerText.includes("robin has resolved it") && document.querySelector("a[href$='/document']") !== null`)
			if i := d.incident(t, "35 times slower"); i.State != respond.Resolved {
				t.Errorf("the incident is %s", i.State)
			}
			open("/status/shop/")
			v.is("the status page is in the reader's light", fmt.Sprintf(`matchMedia("(prefers-color-scheme: %s)").matches && document.querySelector("h1").textContent !== ""`, look.scheme))
		})
	}
}
