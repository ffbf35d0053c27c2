package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Load reads a configuration file over the defaults and checks the whole. The
// error names the file, the line where it is known, and what to do.
func Load(path string) (Config, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("cannot read the configuration: %w; check the path given with --config", err)
	}
	c, err := Parse(raw)
	if err != nil {
		return Config{}, prefixed(path, err)
	}
	return c, nil
}

// Parse reads a configuration from YAML over the defaults and checks it.
// Unknown keys are refused, so that a slip of the pen is not a setting that
// silently does nothing.
func Parse(raw []byte) (Config, error) {
	c := Default()
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, readable(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Config{}, errors.New("more than one YAML document; remove everything from the second '---' on")
	}
	if err := c.Validate(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// readable turns the decoder's errors into one line each, without Go types.
func readable(err error) error {
	var typed *yaml.TypeError
	if !errors.As(err, &typed) {
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var errs []error
	for _, e := range typed.Errors {
		e, _, _ = strings.Cut(e, " in type ")
		e = strings.Replace(e, "field ", "unknown key ", 1)
		e = strings.TrimSuffix(e, " not found")
		errs = append(errs, errors.New(e))
	}
	return errors.Join(errs...)
}

// prefixed puts the file's name before each line of an error.
func prefixed(path string, err error) error {
	lines := strings.Split(err.Error(), "\n")
	for i, l := range lines {
		if rest, ok := strings.CutPrefix(l, "line "); ok {
			lines[i] = path + ":" + rest
		} else {
			lines[i] = path + ": " + l
		}
	}
	return errors.New(strings.Join(lines, "\n"))
}
