package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/evenkeel/evenkeel/app"
)

func login(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	user := fs.String("user", "admin", "`name` of who logs in")
	_, c, err := a.connect(fs, args, 0)
	if err != nil {
		return exitUnsure, err
	}
	link, err := c.LoginLink(ctx, *user)
	if err != nil {
		return exitUnsure, err
	}
	return exitOK, a.answer(out, map[string]string{"link": link}, func() {
		fmt.Fprintf(out, "%s\nIt works once, within 15 minutes.\n", link)
	})
}

// backup asks the running Evenkeel for a backup. The file appears under its
// name when it is whole.
func backup(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	name := fs.String("to", "", "`file` to write; default: evenkeel-TIME.backup in this folder")
	if _, err := parse(fs, args, 0); err != nil {
		return exitUnsure, err
	}
	if *name == "" {
		*name = "evenkeel-" + time.Now().UTC().Format("20060102-150405") + ".backup"
	}
	c, err := a.client()
	if err != nil {
		return exitUnsure, err
	}
	part := *name + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return exitUnsure, fmt.Errorf("%w; name another file with --to", err)
	}
	err = errors.Join(c.Backup(ctx, f), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(part, *name)
	}
	if err != nil {
		return exitUnsure, errors.Join(err, os.Remove(part))
	}
	info, err := os.Stat(*name)
	if err != nil {
		return exitUnsure, err
	}
	return exitOK, a.answer(out, map[string]any{"file": *name, "bytes": info.Size()}, func() {
		fmt.Fprintf(out, "%s, %.1f MiB. It holds the hashes of passwords and tokens; keep it as safe as the data.\n", *name, float64(info.Size())/(1<<20))
	})
}

func restore(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	data := fs.String("data", "", "new data `folder`; it must be empty or not exist")
	dsn := fs.String("dsn-file", "", "`file` with the DSN of an empty PostgreSQL database for the state, in place of SQLite")
	rest, err := parse(fs, args, 1)
	if err != nil {
		return exitUnsure, err
	}
	if *data == "" {
		return exitUnsure, errors.New("name the new data folder with --data")
	}
	made, err := app.Restore(ctx, rest[0], *data, *dsn)
	if err != nil {
		return exitUnsure, err
	}
	fmt.Fprintf(out, "%s holds the backup of %s. Start with: evenkeel up --data %s\n", *data, made.Local().Format(time.DateTime), *data)
	return exitOK, nil
}
