package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/lab"
)

// camera takes pictures of what a person sees of a fault while it lasts: Now,
// the finding and the machine's page, at a phone's width and a wide one, in
// light and dark.
type camera struct{ folder string }

func (c camera) take(ctx context.Context, e *lab.Evenkeel, fault string, f finding.Finding) error {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		return fmt.Errorf("%w: %w", lab.ErrCannot, err)
	}
	answer, err := e.Do(ctx, http.MethodPost, "/api/v1/login-links", map[string]any{})
	if err != nil {
		return err
	}
	var link struct {
		Path string `json:"path"`
	}
	if err := json.Unmarshal(answer, &link); err != nil {
		return fmt.Errorf("login link: %w", err)
	}
	profile, err := os.MkdirTemp("", "evenkeel-camera-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(profile)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(profile), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	allocator, stop := chromedp.NewExecAllocator(ctx, options...)
	defer stop()
	tab, end := chromedp.NewContext(allocator)
	defer end()
	tab, late := context.WithTimeout(tab, time.Minute)
	defer late()
	if err := chromedp.Do(tab, chromedp.Navigate(e.URL+link.Path), chromedp.Sleep(300*time.Millisecond), chromedp.Click(`button.primary`), chromedp.Sleep(time.Second)); err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	pages := map[string]string{"now": "/", "finding": "/findings/" + url.PathEscape(f.ID), "host": "/entities/" + url.PathEscape("host:"+f.Host)}
	for _, scheme := range []string{"light", "dark"} {
		features := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
		if _, err := chromedp.Call(tab, emulation.SetEmulatedMedia, features); err != nil {
			return err
		}
		for width, height := range map[int64]int64{390: 844, 1440: 900} {
			for page, path := range pages {
				if err := chromedp.Do(tab, chromedp.EmulateViewport(width, height), chromedp.Navigate(e.URL+path), chromedp.Sleep(time.Second)); err != nil {
					return fmt.Errorf("%s: %w", page, err)
				}
				// The whole page, as if the screen were that long: what is fixed
				// to its end would lie across the middle otherwise.
				long, err := chromedp.Run(tab, chromedp.Evaluate[int64](`document.documentElement.scrollHeight`))
				if err != nil {
					return fmt.Errorf("%s: %w", page, err)
				}
				if err := chromedp.Do(tab, chromedp.EmulateViewport(width, max(height, long)), chromedp.Sleep(time.Second)); err != nil {
					return fmt.Errorf("%s: %w", page, err)
				}
				png, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
				if err != nil {
					return fmt.Errorf("%s: %w", page, err)
				}
				name := strings.Join([]string{fault, page, fmt.Sprint(width), scheme}, "-") + ".png"
				if err := os.WriteFile(filepath.Join(c.folder, name), png, 0o644); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
