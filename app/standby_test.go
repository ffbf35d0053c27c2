package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/config"
	"github.com/evenkeel/evenkeel/store/storetest"
)

// TestASecondEvenkeelStandsByAndTakesOver runs two on one database: the second
// says that it stands by, turns alerts away so that they are sent elsewhere,
// and has the state of the first when that ends.
func TestASecondEvenkeelStandsByAndTakesOver(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t)
	yaml := fmt.Sprintf("store: {dsn: %q, standby: true}", dsn)
	first := start(t, yaml)
	awaitReady(t, first)

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Data, cfg.Listen, cfg.DiscoverProbes = t.TempDir(), l.Addr().String(), false
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	opened := make(chan *App, 1)
	go func() {
		second, err := New(ctx, cfg, Options{Log: slog.New(slog.DiscardHandler), Version: "test", BootstrapToken: "t"})
		if err != nil {
			t.Errorf("the second: %v", err)
		}
		opened <- second
	}()
	get := func(path string) (int, string) {
		t.Helper()
		for range 100 {
			resp, err := http.Get("http://" + cfg.Listen + path)
			if err != nil {
				time.Sleep(20 * time.Millisecond) // it does not listen yet
				continue
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "" {
				t.Errorf("%s: 503 without Retry-After", path)
			}
			return resp.StatusCode, string(body)
		}
		t.Fatal("it does not listen")
		return 0, ""
	}
	if status, body := get("/healthz"); status != http.StatusOK || body != "standing by\n" {
		t.Errorf("healthz: %d %q", status, body)
	}
	for _, path := range []string{"/readyz", "/alertmanager/api/v2/alerts", "/"} {
		if status, body := get(path); status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	status, _ := ask(t, first, "/api/v1/incidents")
	if status != http.StatusOK {
		t.Fatalf("the first: %d", status)
	}

	first.stop()
	var second *App
	select {
	case second = <-opened:
	case <-time.After(10 * time.Second):
		t.Fatal("it has not taken over")
	}
	if second == nil {
		t.FailNow()
	}
	done := make(chan error, 1)
	go func() { done <- second.Run(ctx) }()
	awaitReady(t, running{App: second})
	if second.URL() != "http://"+cfg.Listen {
		t.Errorf("it serves %s, not %s", second.URL(), cfg.Listen)
	}
	if status, body := get("/healthz"); status != http.StatusOK || body != "ok\n" {
		t.Errorf("healthz: %d %q", status, body)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("it stopped with: %v", err)
	}
}

func TestWhoIsStoppedWhileStandingByLeavesNothing(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t)
	yaml := fmt.Sprintf("store: {dsn: %q, standby: true}", dsn)
	start(t, yaml)
	cfg, err := config.Parse([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Data, cfg.Listen = t.TempDir(), "127.0.0.1:0"
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	for range 2 { // the second time shows that the folder is free again
		if _, err := New(ctx, cfg, Options{Log: slog.New(slog.DiscardHandler)}); ctx.Err() == nil || err == nil {
			t.Fatalf("it did not wait: %v", err)
		}
	}
}
