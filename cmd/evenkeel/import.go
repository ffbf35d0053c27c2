package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/evenkeel/evenkeel/respond/route/alertmanager"
)

// importConfig carries another system's configuration over.
func importConfig(_ context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	output := fs.String("output", "", "`file` to write to; printed where it is not given")
	rest, err := parse(fs, args, 2)
	if err != nil {
		return exitUnsure, err
	}
	if rest[0] != "alertmanager" {
		return exitUnsure, fmt.Errorf("%q cannot be imported from; there is alertmanager", rest[0])
	}
	path := rest[1]
	raw, err := os.ReadFile(path)
	if err != nil {
		return exitUnsure, err
	}
	in, err := alertmanager.Read(raw)
	if err != nil {
		lines := strings.Split(err.Error(), "\n")
		for n, l := range lines {
			if after, ok := strings.CutPrefix(l, "line "); ok {
				lines[n] = path + ":" + after
			} else {
				lines[n] = path + ": " + l
			}
		}
		return exitUnsure, errors.New(strings.Join(lines, "\n"))
	}
	text, err := in.YAML()
	if err != nil {
		return exitUnsure, err
	}
	// Without a file, what is to be read stands in comments, so that the whole
	// is still YAML.
	mark := "# "
	if *output != "" {
		if err := writeNew(*output, text); err != nil {
			return exitUnsure, err
		}
		mark = ""
		fmt.Fprintf(out, "Written to %s.\n", *output)
	} else if _, err := out.Write(text); err != nil {
		return exitUnsure, err
	}
	tell := func(title string, notes []alertmanager.Note) {
		if len(notes) == 0 {
			return
		}
		fmt.Fprintf(out, "%s\n", strings.TrimSpace(mark))
		fmt.Fprintf(out, "%s%s\n", mark, title)
		for _, n := range notes {
			fmt.Fprintf(out, "%s%s:%d: %s\n", mark, path, n.Line, n.Text)
		}
	}
	tell("To be set before it works:", in.Set)
	tell("Not carried over:", in.Lost)
	if len(in.Lost) > 0 {
		return exitFound, nil
	}
	return exitOK, nil
}

// writeNew writes a file that is not there yet.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already; name another file or move it away", path)
	}
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
