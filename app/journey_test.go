package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/config"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// running is a whole Evenkeel in this process, on a port of its own.
type running struct {
	*App
	stop func()
}

// start runs Evenkeel with the configuration until the test ends.
func start(t *testing.T, yaml string) running {
	t.Helper()
	return startIn(t, t.TempDir(), yaml)
}

func startIn(t *testing.T, data, yaml string) running {
	t.Helper()
	return startWith(t, data, yaml, nil)
}

func startWith(t *testing.T, data, yaml string, senders map[respond.Channel]respond.Sender) running {
	t.Helper()
	cfg, err := config.Parse([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return startLogged(t, data, cfg, slog.New(slog.DiscardHandler), senders)
}

func startLogged(t *testing.T, data string, cfg config.Config, log *slog.Logger, senders map[respond.Channel]respond.Sender) running {
	t.Helper()
	cfg.Data, cfg.Listen, cfg.DiscoverProbes = data, "127.0.0.1:0", false
	cfg.Interval = model.Duration(time.Second)
	cfg.Detect.Off = append(cfg.Detect.Off, ofThisMachine(t)...)
	a, err := New(t.Context(), cfg, Options{Log: log, Version: "test", BootstrapToken: "t", Senders: senders})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Evenkeel stopped with: %v", err)
		}
	}
	t.Cleanup(stop)
	return running{a, stop}
}

// ofThisMachine are the checks of what a busy machine that runs tests may truly
// suffer: another test's process that was killed for want of memory is no affair
// of this one.
func ofThisMachine(t *testing.T) (off []string) {
	t.Helper()
	all, err := detect.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all.Checks() {
		switch estate.Kind(c.Entity) {
		case estate.Host, estate.Disk, "volume", estate.Filesystem, estate.Interface, estate.Unit, "group", "cgroup", estate.Listener, "peer":
			off = append(off, c.ID)
		}
	}
	return off
}

// expiredServer serves TLS with a certificate that ended an hour ago.
func expiredServer(t *testing.T) *httptest.Server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "shop"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func certificateProbe(s *httptest.Server) string {
	return fmt.Sprintf("probes: [{name: shop, type: tls, target: %q, interval: 1s, timeout: 900ms}]", s.Listener.Addr())
}

// awaitFinding waits for a finding of the check and returns it.
func awaitFinding(t *testing.T, a running, check string) finding.Finding {
	t.Helper()
	actor := access.Evenkeel(access.DefaultTenant)
	for range 300 {
		page, err := a.findings.List(t.Context(), actor, finding.Filter{Tenant: access.DefaultTenant, Check: check})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Findings) > 0 {
			return page.Findings[0]
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("no finding of %s within 30 seconds; parts: %+v", check, a.board.Statuses(time.Now()))
	return finding.Finding{}
}

// A person's way from the printed link to the answered finding, in a browser.
func TestAPersonLogsInAcceptsAFindingAndLogsOut(t *testing.T) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium on this machine")
	}
	a := start(t, certificateProbe(expiredServer(t)))
	f := awaitFinding(t, a, "certificate-expired")
	link, err := a.LoginLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	allocator, end := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(end)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	ctx, end = context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(end)

	do := func(what string, actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, actions...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	text := func() string {
		t.Helper()
		got, err := chromedp.Run(ctx, chromedp.Text("body"))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}

	do("open the link", chromedp.Navigate(link), chromedp.Click(`button[type=submit]`), chromedp.WaitVisible(`a[href^="/findings/"]`))
	if got := text(); !strings.Contains(got, f.Title) {
		t.Fatalf("Now does not show %q:\n%s", f.Title, got)
	}
	do("open the finding", chromedp.Click(`a[href="/findings/`+f.ID+`"]`), chromedp.WaitVisible(`form.accept`))
	if got := text(); !strings.Contains(got, f.Effect) || !strings.Contains(got, f.Remedy[0]) {
		t.Errorf("the finding's page lacks what users feel or what to do:\n%s", got)
	}
	do("accept it until tomorrow", chromedp.SetValue(`#until`, "tomorrow"),
		chromedp.SendKeys(`#reason`, "the new certificate comes tomorrow"), chromedp.Click(`form.accept button[type=submit]`),
		chromedp.WaitVisible(`form[action$="/reopen"]`))

	accepted, events, err := a.findings.Get(t.Context(), access.Evenkeel(access.DefaultTenant), access.DefaultTenant, f.ID)
	if err != nil {
		t.Fatal(err)
	}
	if accepted.State != finding.Accepted || accepted.By != access.AdminName || accepted.Reason != "the new certificate comes tomorrow" {
		t.Errorf("after accepting: state %s by %q for %q", accepted.State, accepted.By, accepted.Reason)
	}
	if left := time.Until(accepted.Until); left <= 0 || left > 34*time.Hour {
		t.Errorf("accepted until %s, which is not tomorrow", accepted.Until)
	}
	if last := events[len(events)-1]; last.Kind != "accepted" {
		t.Errorf("the last event is %s", last.Kind)
	}

	do("log out", chromedp.Click(`summary[aria-label]`), chromedp.Click(`form[action="/logout"] button`), chromedp.WaitVisible(`form[action="/login"]`))
	do("go back", chromedp.Navigate(a.URL()+"/findings/"+f.ID), chromedp.WaitVisible(`form[action="/login"]`))
	if got := text(); strings.Contains(got, f.Title) {
		t.Error("after the logout the finding can still be read")
	}
	do("use the link again", chromedp.Navigate("about:blank"), chromedp.Navigate(link), chromedp.Click(`button[type=submit]`), chromedp.WaitVisible(`a[href="/login"]`))
}
