package console

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// browser starts a headless Chromium, or skips the test where there is none.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("no Chromium on this machine")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	ctx, late := context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(late)
	return ctx
}

// TestScreenshots writes pictures of the pages for docs/console.md and for the
// eyes of whoever changes them:
//
//	CONSOLE_SHOTS=/tmp/shots go test ./console -run TestScreenshots
func TestScreenshots(t *testing.T) {
	folder := os.Getenv("CONSOLE_SHOTS")
	if folder == "" {
		t.Skip("CONSOLE_SHOTS names no folder")
	}
	ctx := browser(t)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	lived, quiet, steady := livedDemo(t), quietDemo(t), quietDemo(t)
	steady.furnish(t)
	steady.measure(t)
	for _, p := range []string{"host", "detect", "probe"} {
		quiet.board.Expect(p, 15*time.Second, quiet.now)
	}
	quiet.board.Report("host", quiet.now, time.Second, nil)
	lived.now = lived.now.Add(15 * time.Second) // its incidents were opened by the real clock
	cubed := quietDemo(t)
	cubed.cluster(t)
	before := "at=" + unix(cubed.now.Add(-time.Hour))
	cased := livedDemo(t)
	cased.gather(t)
	cased.now = cased.now.Add(15 * time.Second)
	crowded := quietDemo(t)
	crowded.crowd(t)
	exempted := livedDemo(t)
	exempted.exempt(t)
	servers := map[string]*httptest.Server{}
	for name, d := range map[string]*demo{"crowded": crowded, "lived": lived, "quiet": quiet, "steady": steady, "cased": cased, "cubed": cubed, "exempted": exempted} {
		servers[name] = httptest.NewServer(d.readers())
		defer servers[name].Close()
	}
	finding := findingURL(lived.byCheck(t, "disk-latency").ID)
	pages := []struct{ name, demo, path string }{
		{"now", "lived", "/"}, {"now-steady", "steady", "/"}, {"now-first", "quiet", "/"},
		{"findings", "lived", "/findings"}, {"finding", "lived", finding}, {"cases", "cased", "/cases"}, {"case", "cased", caseURL(cased.theCase(t).ID)}, {"case-incident", "cased", incidentURL(cased.incident(t, "Checkout").ID)}, {"case-now", "cased", "/"}, {"host", "lived", "/entities/host:web-1"},
		{"incidents", "lived", "/incidents"}, {"incident", "lived", incidentURL(lived.incident(t, "35 times slower").ID)},
		{"incident-tended", "lived", incidentURL(lived.incident(t, "backup.service").ID)},
		{"simulate", "lived", simulatedURL}, {"simulate-first", "lived", "/simulate"}, {"lessons", "lived", "/lessons"}, {"document", "lived", documentURL(lived.incident(t, "wait for a processor").ID)},
		{"document-edit", "lived", documentURL(lived.incident(t, "wait for a processor").ID) + "?edit"}, {"slos", "lived", "/slos"}, {"suggestions", "lived", "/slos/suggestions"}, {"checks", "lived", "/checks"}, {"check", "lived", "/checks/disk-latency"}, {"exemptions", "exempted", "/checks"}, {"exempted", "exempted", findingURL(exempted.byCheck(t, "disk-latency").ID)}, {"exempted-now", "exempted", "/"}, {"signals", "lived", "/signals"}, {"calls", "lived", "/calls"}, {"calls-first", "quiet", "/calls"}, {"calls-of", "lived", "/entities/service:checkout"},
		{"contacts", "lived", "/contacts"}, {"contacts-first", "quiet", "/contacts"}, {"policies", "lived", "/policies"}, {"policies-first", "quiet", "/policies"}, {"policy", "lived", "/policies/default"},
		{"silences", "lived", "/silences"}, {"silences-first", "quiet", "/silences"}, {"silence", "lived", "/silences?matchers=alertname%3D%22disk%22"},
		{"routes", "lived", "/routes"}, {"route", "lived", "/routes?labels=team%3Dpayments%2C+environment%3Dtest&at=2027-03-28+02%3A30"},
		{"oncall", "lived", "/oncall"}, {"oncall-first", "quiet", "/oncall"},
		{"status-pages", "lived", "/status-pages"}, {"status-pages-first", "quiet", "/status-pages"}, {"status-page", "lived", "/status-pages/shop"}, {"status", "lived", "/status/shop/"},
		{"sources", "lived", "/sources"}, {"sources-first", "quiet", "/sources"},
		{"ack", "lived", "/ack#x"}, {"reached", "lived", "/reached#x"},
		{"endpoint", "lived", "/entities/endpoint:shop"}, {"estate", "lived", "/estate"}, {"changes", "lived", "/changes"},
		{"clusters", "cubed", "/kubernetes"}, {"cluster", "cubed", "/entities/kubernetes-cluster:prod"}, {"namespaces", "cubed", "/namespaces"}, {"namespace", "cubed", "/entities/namespace:prod:shop"},
		{"workload", "cubed", "/entities/" + escaped("workload:prod:shop:deployment/checkout")}, {"workload-then", "cubed", "/entities/" + escaped("workload:prod:shop:deployment/checkout") + "?" + before},
		{"finding-wrote", "cubed", findingURL(cubed.byCheck(t, "kubernetes-crash-loop").ID)}, {"node", "cubed", "/entities/node:prod:node-2"}, {"cluster-then", "cubed", "/entities/kubernetes-cluster:prod?" + before}, {"pod", "cubed", "/entities/pod:prod:shop:checkout-5b8c4d6f9-5lmnp"},
		{"map", "crowded", "/map"}, {"map-namespace", "crowded", "/map?ns=payments"}, {"map-then", "crowded", "/map?at=" + unix(crowded.now.Add(-10*time.Minute))}, {"map-small", "cubed", "/map"},
		{"map-list", "crowded", "/map#map-list"}, {"workload-crowd", "crowded", "/entities/" + escaped("workload:prod:shop:deployment/checkout")}, {"cluster-crowd", "crowded", "/entities/kubernetes-cluster:prod"},
		{"settings", "lived", "/settings"}, {"search", "lived", "/search?q=web"}, {"login", "lived", "/login"},
	}
	only := strings.FieldsFunc(os.Getenv("CONSOLE_SHOT"), func(r rune) bool { return r == ',' })
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{390, 1440, 3440} {
			for _, p := range pages {
				if len(only) > 0 && !slices.Contains(only, fmt.Sprintf("%s-%d-%s", p.name, width, scheme)) && !slices.Contains(only, p.name) {
					continue
				}
				if width == 3440 && scheme == "light" && len(only) == 0 {
					continue
				}
				features := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
				if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, features); err != nil {
					t.Fatal(err)
				}
				err := chromedp.Do(ctx,
					chromedp.EmulateViewport(width, map[int64]int64{390: 844, 1440: 900, 3440: 1440}[width]),
					chromedp.Navigate(servers[p.demo].URL+p.path), chromedp.Sleep(1200*time.Millisecond))
				if err != nil {
					t.Fatal(p, err)
				}
				png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(p, err)
				}
				file := filepath.Join(folder, fmt.Sprintf("%s-%d-%s.png", p.name, width, scheme))
				if err := os.WriteFile(file, png, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
