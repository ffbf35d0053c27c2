package console

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// visitor is a person in front of a browser. What the browser complains of on
// the way fails the test at its end.
type visitor struct {
	t   *testing.T
	ctx context.Context
}

func newVisitor(t *testing.T) visitor {
	t.Helper()
	v := visitor{t, browser(t)}
	v.do("open the browser", chromedp.Navigate("about:blank"))
	var mu sync.Mutex
	var complaints []string
	messages := chromedp.Console(v.ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			mu.Lock()
			complaints = append(complaints, fmt.Sprint(m))
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range complaints {
			t.Error("the browser complains: ", c)
		}
	})
	return v
}

// do takes steps, all of which must be possible. A page that renews itself may
// take a thing away between the look for it and the touch; a person would touch
// what stands there then.
func (v visitor) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	for _, step := range steps {
		err := chromedp.Do(v.ctx, step)
		for try := 0; try < 3 && err != nil && strings.Contains(err.Error(), "Could not find node"); try++ {
			err = chromedp.Do(v.ctx, step)
		}
		if err != nil {
			v.t.Fatalf("%s: %v\n%s", what, err, v.shown())
		}
	}
}

// is waits until an expression is true on the page.
func (v visitor) is(what, script string) {
	v.t.Helper()
	for range 200 {
		if ok, err := chromedp.Run(v.ctx, chromedp.Evaluate[bool](script)); err == nil && ok {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	v.t.Fatalf("%s is not so: %s\n%s", what, script, v.shown())
}

// shown is what the page says, for whoever reads of a failure.
func (v visitor) shown() string {
	text, _ := chromedp.Run(v.ctx, chromedp.Evaluate[string]("location.href + ' ' + document.body.innerText.slice(0, 2000)"))
	return text
}
