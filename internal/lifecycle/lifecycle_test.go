package lifecycle

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestPartsStopInReverseOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		g := New(time.Second)
		for _, name := range []string{"store", "collector", "server"} {
			g.Go(name, func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(10 * time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				order = append(order, name)
				return nil
			})
		}
		g.Stop()
		g.Stop()
		if err := g.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := []string{"server", "collector", "store"}; !slices.Equal(order, want) {
			t.Fatalf("stopped in order %v, want %v", order, want)
		}
	})
}

func TestAFailingPartStopsTheOthersAndIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(time.Second)
		stopped := false
		g.Defer("store", func() error { stopped = true; return nil })
		boom := errors.New("boom")
		g.Go("server", func(context.Context) error { return boom })
		err := g.Wait(t.Context())
		if !errors.Is(err, boom) || !strings.Contains(err.Error(), "server") {
			t.Fatalf("error %v does not name the part", err)
		}
		if !stopped {
			t.Fatal("the store was not stopped")
		}
		g.Go("late", func(context.Context) error { t.Error("started after the stop"); return nil })
		synctest.Wait()
	})
}

func TestAPartThatHangsIsNamedAndDoesNotBlockTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(time.Second)
		release := make(chan struct{})
		stopped := false
		g.Defer("store", func() error { stopped = true; return nil })
		g.Go("stuck", func(context.Context) error { <-release; return nil })
		g.Stop()
		err := g.Wait(t.Context())
		close(release)
		if err == nil || !strings.Contains(err.Error(), "stuck: did not stop") {
			t.Fatalf("got %v", err)
		}
		if !stopped {
			t.Fatal("the store was not stopped")
		}
	})
}
