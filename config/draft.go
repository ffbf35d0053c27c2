package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel/evenkeel/respond"
)

// ParseRespond reads what a configuration says of responding, over the
// defaults, and checks it. The text may be a whole configuration; its other
// sections are not looked at. Errors are respond.ErrInvalid, with the line
// where it is known.
func ParseRespond(raw []byte) (Respond, error) {
	file := struct {
		Respond Respond              `yaml:"respond"`
		Others  map[string]yaml.Node `yaml:",inline"`
	}{Respond: Default().Respond}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return Respond{}, fmt.Errorf("%w: %w", respond.ErrInvalid, readable(err))
	}
	if len(file.Others) > 0 && !hasRespond(raw) {
		return Respond{}, fmt.Errorf("%w: there is no section respond; write policies, contacts, schedules and route below it, as in the configuration file", respond.ErrInvalid)
	}
	if err := errors.Join(file.Respond.Config.Validate(), file.Respond.Schedules.Validate(), file.Respond.Routing.Validate()); err != nil {
		return Respond{}, fmt.Errorf("%w: %w", respond.ErrInvalid, err)
	}
	return file.Respond, nil
}

func hasRespond(raw []byte) bool {
	var top map[string]yaml.Node
	if yaml.Unmarshal(raw, &top) != nil {
		return false
	}
	_, is := top["respond"]
	return is
}
