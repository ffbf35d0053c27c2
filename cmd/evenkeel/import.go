package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/respond/route/alertmanager"
)

// imported is another system's configuration as ours, and what is to be said
// of it.
type imported struct {
	text      []byte
	set, lost []string
}

// importers read other systems' configurations. Errors name the place in path.
var importers = map[string]func(path string, raw []byte) (imported, error){
	"alertmanager": importAlertmanager,
	"sloth":        importObjectives,
	"openslo":      importObjectives,
}

// importConfig carries another system's configuration over.
func importConfig(_ context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	output := fs.String("output", "", "`file` to write to; printed where it is not given")
	rest, err := parse(fs, args, 2)
	if err != nil {
		return exitUnsure, err
	}
	read, ok := importers[rest[0]]
	if !ok {
		return exitUnsure, fmt.Errorf("%q cannot be imported from; there are alertmanager, sloth and openslo", rest[0])
	}
	raw, err := os.ReadFile(rest[1])
	if err != nil {
		return exitUnsure, err
	}
	in, err := read(rest[1], raw)
	if err != nil {
		return exitUnsure, err
	}
	// Without a file, what is to be read stands in comments, so that the whole
	// is still YAML.
	mark := "# "
	if *output != "" {
		if err := writeNew(*output, in.text); err != nil {
			return exitUnsure, err
		}
		mark = ""
		fmt.Fprintf(out, "Written to %s.\n", *output)
	} else if _, err := out.Write(in.text); err != nil {
		return exitUnsure, err
	}
	tell := func(title string, notes []string) {
		if len(notes) == 0 {
			return
		}
		fmt.Fprintf(out, "%s\n", strings.TrimSpace(mark))
		fmt.Fprintf(out, "%s%s\n", mark, title)
		for _, n := range notes {
			fmt.Fprintf(out, "%s%s\n", mark, n)
		}
	}
	tell("To be set before it works:", in.set)
	tell("Not carried over:", in.lost)
	if len(in.lost) > 0 {
		return exitFound, nil
	}
	return exitOK, nil
}

func importAlertmanager(path string, raw []byte) (imported, error) {
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
		return imported{}, errors.New(strings.Join(lines, "\n"))
	}
	text, err := in.YAML()
	if err != nil {
		return imported{}, err
	}
	placed := func(notes []alertmanager.Note) (out []string) {
		for _, n := range notes {
			out = append(out, fmt.Sprintf("%s:%d: %s", path, n.Line, n.Text))
		}
		return out
	}
	return imported{text, placed(in.Set), placed(in.Lost)}, nil
}

// importObjectives reads Sloth's and OpenSLO's objectives; a file says which.
func importObjectives(path string, raw []byte) (imported, error) {
	objectives, notes, err := slo.Import(raw)
	if err != nil {
		return imported{}, fmt.Errorf("%s: %w", path, err)
	}
	text, err := yaml.Marshal(map[string]slo.Config{"slos": objectives})
	for n := range notes {
		notes[n] = path + ": " + notes[n]
	}
	return imported{text: text, lost: notes}, err
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
