package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/lab"
)

// shoot takes pictures of the page of the case with the most findings, as a
// person sees it while the fault goes on: FAULT-WIDTH-SCHEME.png.
func (r *runner) shoot(ctx context.Context, e *lab.Evenkeel, name string, all []cases.Case) error {
	if r.shots == "" || len(all) == 0 {
		return nil
	}
	shown := slices.MaxFunc(all, func(a, b cases.Case) int { return len(a.Members) - len(b.Members) })
	path, err := exec.LookPath("chromium")
	if err != nil {
		return fmt.Errorf("%w: pictures need chromium", lab.ErrCannot)
	}
	profile, err := os.MkdirTemp(r.scene.Dir, "chromium")
	if err != nil {
		return err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(profile))
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	defer stop()
	ctx, end := chromedp.NewContext(ctx)
	defer end()
	ctx, late := context.WithTimeout(ctx, time.Minute)
	defer late()
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		return err
	}
	if _, err := chromedp.Call(ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Authorization": "Bearer " + e.Token}}); err != nil {
		return err
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{390, 1440} {
			features := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
			if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, features); err != nil {
				return err
			}
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(e.URL+"/cases/"+shown.ID), chromedp.Sleep(1500*time.Millisecond)); err != nil {
				return err
			}
			png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(r.shots, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)), png, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}
