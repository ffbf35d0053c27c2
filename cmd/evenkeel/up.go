package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/app"
	"github.com/evenkeel/evenkeel/collect/kube"
	"github.com/evenkeel/evenkeel/config"
)

// loadConfig reads the file, or the defaults where none is named, and puts the
// flags that were given over it.
func loadConfig(fs *flag.FlagSet, args []string) (config.Config, error) {
	file := fs.String("config", "", "configuration `file` (YAML); without it the defaults serve")
	data := fs.String("data", "", "data `folder`; overrides the file")
	listen := fs.String("listen", "", "`address` to serve, such as 127.0.0.1:7070; overrides the file")
	plain := fs.Bool("allow-plain-http", false, "serve other machines without TLS, where the network itself is trusted")
	kubeconfig := fs.String("kubeconfig", "", "watch the Kubernetes cluster of this kubeconfig `file` too")
	kubeContext := fs.String("context", "", "`context` of the kubeconfig file, instead of its current one")
	level := fs.String("log", "", "log `level`: debug, info, warn or error")
	if _, err := parse(fs, args, 0); err != nil {
		return config.Config{}, err
	}
	cfg := config.Default()
	if *file != "" {
		var err error
		if cfg, err = config.Load(*file); err != nil {
			return config.Config{}, err
		}
	}
	if *data != "" {
		cfg.Data = *data
	}
	if *listen != "" {
		cfg.Listen = *listen
	}
	if *level != "" {
		cfg.LogLevel = *level
	}
	if *kubeconfig != "" {
		cluster, err := kube.FromFile(*kubeconfig, *kubeContext)
		if err != nil {
			return config.Config{}, err
		}
		cfg.Kubernetes = append(cfg.Kubernetes, cluster)
	}
	cfg.AllowPlainHTTP = cfg.AllowPlainHTTP || *plain
	return cfg, cfg.Validate()
}

// ballastSize is how much memory is taken and never touched, so that it costs
// none: it makes the heap of a small installation look twice as large to the
// garbage collector, which then runs half as often. A larger heap hardly notices.
const ballastSize = 8 << 20

func up(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	cfg, err := loadConfig(fs, args)
	if err != nil {
		return exitUnsure, err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		return exitUnsure, err
	}
	ballast := make([]byte, ballastSize)
	defer runtime.KeepAlive(ballast)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	a, err := app.New(ctx, cfg, app.Options{
		Log: log, Version: programVersion(), BootstrapToken: os.Getenv("EVENKEEL_BOOTSTRAP_TOKEN"),
	})
	if err != nil && ctx.Err() != nil {
		return exitOK, nil // stopped by a person while it stood by, for example
	}
	if err != nil {
		return exitUnsure, err
	}
	greet(ctx, out, a)
	return exitOK, a.Run(ctx)
}

// greet prints what a person needs to go on, then tells of the progress until
// the first figures are there. It returns at once.
func greet(ctx context.Context, out io.Writer, a *app.App) {
	fmt.Fprintf(out, "\nEvenkeel watches this machine, %s.\n\n", a.Host())
	fmt.Fprintf(out, "  Data    %s\n", a.Data())
	link, err := a.LoginLink(ctx)
	if err != nil {
		fmt.Fprintf(out, "  Console %s (no login link: %v)\n", a.URL(), err)
	} else {
		fmt.Fprintf(out, "  Log in  %s\n          The link works once, within 15 minutes. 'evenkeel login' prints another.\n", link)
	}
	for _, notice := range a.Notices() {
		fmt.Fprintf(out, "\n  Note    %s\n", strings.ReplaceAll(notice, "\n", "\n          "))
	}
	fmt.Fprintln(out)
	started := time.Now()
	go func() {
		for step := range a.Progress(ctx) {
			fmt.Fprintf(out, "  %4.1f s  %s\n", time.Since(started).Seconds(), step)
		}
	}()
}
