package console

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/evenkeel/evenkeel/access/httpauth"
	"github.com/evenkeel/evenkeel/finding"
)

// TestInABrowser goes through the pages as a person does: reads Now, opens the
// finding, sees its charts, accepts it until tomorrow, searches for the host
// by keyboard, looks closer at its charts and turns the light down. Nothing
// may break the content policy or throw on the way.
func TestInABrowser(t *testing.T) {
	v := newVisitor(t)
	ctx := v.ctx
	d := livedDemo(t)
	mux := http.NewServeMux()
	mux.Handle("/", d)
	mux.HandleFunc("/api/v1/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		l := d.findings.Listen(4)
		defer l.Close()
		for {
			select {
			case <-r.Context().Done():
				return
			case n := <-l.C():
				fmt.Fprintf(w, "event: finding\ndata: {\"id\":%q}\n\n", n.ID)
			case <-time.After(50 * time.Millisecond):
				fmt.Fprint(w, ": alive\n\n")
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				return
			}
		}
	})
	server := httptest.NewServer(guarded(mux))
	defer server.Close()
	do, is := v.do, v.is

	do("Now", chromedp.EmulateViewport(1440, 900), chromedp.Navigate(server.URL+"/"))
	is("Now is live", `document.getElementById("live").textContent === "Live"`)
	do("open the finding", chromedp.Click(`.row .cover[href^="/findings"]`))
	is("all three charts are drawn", `document.querySelectorAll(".chart[data-drawn] canvas").length === 3`)
	is("the crosshair reads values", `[...document.querySelectorAll(".legend b")].every(b => b.textContent !== "")`)
	do("accept it", chromedp.SetValue(`#reason`, "The backup ends tonight"), chromedp.Click(`.accept button`))
	is("it is accepted", `document.body.innerText.includes("robin accepted it until") && document.body.innerText.includes("The backup ends tonight")`)
	if f := d.byCheck(t, "disk-latency"); f.State != finding.Accepted {
		t.Errorf("the finding is %s", f.State)
	}

	do("back to Now", chromedp.Navigate(server.URL+"/"))
	is("it needs nobody now", `!document.body.innerText.includes("Needs you now")`)
	is("Now is live again", `document.getElementById("live").textContent === "Live"`)
	d.fire(t, "memory-pressure", "host:db-1", d.now, finding.Report{Severity: finding.Critical, EntityKind: "host", EntityName: "db-1", Title: "db-1 is out of memory", Effect: "Queries fail.", Remedy: []string{"Add memory."}, Evidence: []finding.Evidence{{Text: "Nothing is left."}}})
	is("a new finding comes by itself", `document.querySelector("h1").textContent.includes("One thing needs you now") && document.body.innerText.includes("db-1 is out of memory")`)

	do("open the palette", chromedp.Evaluate[chromedp.Void](`document.dispatchEvent(new KeyboardEvent("keydown", {key: "k", ctrlKey: true, bubbles: true}))`))
	is("the palette is open", `document.getElementById("palette").open && document.querySelectorAll("#hits [role=option]").length > 0`)
	do("type", chromedp.SendKeys(`#palette input`, "web-1"))
	is("it finds the host", `[...document.querySelectorAll("#hits a")].some(a => a.pathname === "/entities/host:web-1")`)
	do("choose", chromedp.Evaluate[chromedp.Void](`(() => {
		const input = document.querySelector("#palette input"), press = key => input.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
		const all = [...document.querySelectorAll("#hits a")];
		for (let i = 0; i <= all.findIndex(a => a.pathname === "/entities/host:web-1"); i++) press("ArrowDown");
		press("Enter");
	})()`))
	is("the host's charts are drawn", `location.pathname === "/entities/host:web-1" && document.querySelectorAll(".chart[data-drawn] canvas").length === 12`)
	box, err := chromedp.Run(ctx, chromedp.Evaluate[struct{ X, Y float64 }](`(() => {
		const over = document.querySelector(".u-over");
		over.scrollIntoView({block: "center"});
		const b = over.getBoundingClientRect();
		return {X: b.left, Y: b.top + 40};
	})()`))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []struct {
		kind input.DispatchMouseEventType
		x    float64
		held int64
	}{{input.DispatchMouseEventTypeMouseMoved, 60, 0}, {input.DispatchMouseEventTypeMousePressed, 60, 1}, {input.DispatchMouseEventTypeMouseMoved, 120, 1}, {input.DispatchMouseEventTypeMouseMoved, 200, 1}, {input.DispatchMouseEventTypeMouseReleased, 200, 0}} {
		event := input.DispatchMouseEventParams{Type: m.kind, X: box.X + m.x, Y: box.Y, Button: input.MouseButtonLeft, Buttons: m.held, ClickCount: 1}
		if _, err := chromedp.Call(ctx, input.DispatchMouseEvent, event); err != nil {
			t.Fatal(err)
		}
	}
	is("the range is narrower", `new URL(location.href).searchParams.get("to") - new URL(location.href).searchParams.get("from") < 3000 && !document.querySelector("[data-zoom-out]").hidden`)
	do("and back", chromedp.Click(`[data-zoom-out]`))
	is("the hour is back", `new URL(location.href).searchParams.get("last") === "1h" && document.querySelector("[data-zoom-out]").hidden`)
	do("turn the light down", chromedp.Click(`[data-theme-toggle]`))
	is("it is dark", `document.documentElement.dataset.theme === "dark" && getComputedStyle(document.body).backgroundColor === "rgb(14, 21, 25)"`)
	do("on a phone", chromedp.EmulateViewport(360, 780), chromedp.Navigate(server.URL+"/entities/host:web-1"))
	is("nothing is wider than the phone", `document.documentElement.scrollWidth <= 360`)
	for _, path := range []string{"/", "/findings", "/estate", "/changes", "/settings", "/login", "/contacts", "/policies", "/policies/default", "/ack", findingURL(d.byCheck(t, "disk-latency").ID)} {
		do(path, chromedp.Navigate(server.URL+path))
		is(path+" is not wider than the phone", `document.documentElement.scrollWidth <= 360`)
	}
	do("a login link", chromedp.Navigate(server.URL+"/login/link#s3cret"))
	is("the secret is in the form and not in the address", `document.querySelector("form input[name=secret]").value === "s3cret" && !location.href.includes("s3cret")`)
}

// guarded gives a browser the policy under which people see the pages.
func guarded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", httpauth.ContentPolicy)
		h.ServeHTTP(w, r)
	})
}
