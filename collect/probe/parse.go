package probe

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// ConfigError is one thing that is wrong in the configuration: where, and
// what to do about it.
type ConfigError struct {
	Line int    // in the YAML text; 0 where it is not known
	Path string // such as "probes[3].timeout"
	Text string // what is wrong, and the remedy
}

func (e *ConfigError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %s: %s", e.Line, e.Path, e.Text)
	}
	return e.Path + ": " + e.Text
}

// UnmarshalYAML reads the list of probes and fills in the defaults. Unknown
// keys are refused. The error joins every ConfigError that was found.
func (c *Config) UnmarshalYAML(node *yaml.Node) error {
	d := decoder{lines: map[string]int{}}
	c.Probes = nil
	d.value(node, reflect.ValueOf(&c.Probes).Elem(), "probes")
	for i := range c.Probes {
		c.Probes[i].setDefaults()
	}
	c.lines = d.lines
	return errors.Join(d.errs...)
}

// ParseConfig reads a YAML document that holds the list of probes, and
// validates it.
func ParseConfig(text []byte) (Config, error) {
	var c Config
	if err := yaml.Unmarshal(text, &c); err != nil {
		return Config{}, err
	}
	return c, c.Validate()
}

// maxErrors bounds what one broken file may say.
const maxErrors = 20

// decoder fills Go values from YAML nodes and notes where each path stands.
// yaml's own decoder drops the strictness about unknown keys below a custom
// UnmarshalYAML, and names Go types instead of paths.
type decoder struct {
	lines map[string]int
	errs  []error
	nodes int
}

func (d *decoder) fail(n *yaml.Node, path, format string, args ...any) {
	if len(d.errs) < maxErrors {
		d.errs = append(d.errs, &ConfigError{Line: n.Line, Path: path, Text: fmt.Sprintf(format, args...)})
	}
}

func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	// Aliases can make a short text stand for a huge one.
	if d.nodes++; d.nodes > 100_000 {
		if d.nodes == 100_001 {
			d.fail(n, path, "the configuration is too large; write fewer than %d probes and fewer aliases", MaxProbes)
		}
		return
	}
	for depth := 0; n.Kind == yaml.AliasNode; depth++ {
		if depth > 8 {
			d.fail(n, path, "aliases lead to each other too often; write the value itself")
			return
		}
		n = n.Alias
	}
	if _, ok := d.lines[path]; !ok {
		d.lines[path] = n.Line
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), path)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			d.fail(n, path, `is to be a list; begin each item with "- "`)
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
		for i, item := range n.Content {
			d.value(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Map:
		d.mapping(n, path, func(key, value *yaml.Node) {
			item := reflect.New(v.Type().Elem()).Elem()
			d.value(value, item, path+"."+key.Value)
			if v.IsNil() {
				v.Set(reflect.MakeMap(v.Type()))
			}
			v.SetMapIndex(reflect.ValueOf(key.Value), item)
		})
	case reflect.Struct:
		if _, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
			d.scalar(n, v, path)
			return
		}
		fields := fieldsByKey(v.Type())
		d.mapping(n, path, func(key, value *yaml.Node) {
			i, ok := fields[key.Value]
			if !ok {
				d.fail(key, path+"."+key.Value, "there is no such key; the keys here are %s", keysOf(v.Type()))
				return
			}
			d.value(value, v.Field(i), path+"."+key.Value)
		})
	default:
		d.scalar(n, v, path)
	}
}

// mapping calls each for every key, after those of merged ("<<") mappings.
func (d *decoder) mapping(n *yaml.Node, path string, each func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, `is to be keys with values, such as "name: shop"`)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key, value := n.Content[i], n.Content[i+1]; key.Tag == "!!merge" {
			from := value
			if from.Kind == yaml.AliasNode {
				from = from.Alias
			}
			if from == n || from.Kind != yaml.MappingNode || slices.ContainsFunc(from.Content, func(c *yaml.Node) bool { return c.Tag == "!!merge" }) {
				d.fail(key, path, "<< takes one alias of a mapping that has no << itself")
				continue
			}
			for j := 0; j+1 < len(from.Content); j += 2 {
				each(from.Content[j], from.Content[j+1])
			}
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Tag == "!!merge":
		case key.Kind != yaml.ScalarNode:
			d.fail(key, path, "keys are to be plain words")
		case seen[key.Value]:
			d.fail(key, path+"."+key.Value, "stands here twice; remove one")
		default:
			seen[key.Value] = true
			each(key, value)
		}
	}
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, path, "is to be one plain value")
		return
	}
	if t, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := t.UnmarshalText([]byte(n.Value)); err != nil {
			d.fail(n, path, "%s", err)
		}
		return
	}
	switch v.Interface().(type) {
	case time.Duration:
		value, err := parseDuration(n.Value)
		if err != nil {
			d.fail(n, path, "%s", err)
		}
		v.SetInt(int64(value))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.Value)
	case reflect.Bool:
		switch n.Value {
		case "true":
			v.SetBool(true)
		case "false":
		default:
			d.fail(n, path, "is to be true or false")
		}
	}
}

// parseDuration reads Go's durations and whole days: "15s", "500ms", "14d".
func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 36500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	if v, err := time.ParseDuration(s); err == nil && v >= 0 {
		return v, nil
	}
	return 0, fmt.Errorf("%q is not a duration; write a number with ms, s, m, h or d, such as 15s", excerpt(s, 40))
}

func fieldsByKey(t reflect.Type) map[string]int {
	keys := map[string]int{}
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" && key != "-" {
			keys[key] = i
		}
	}
	return keys
}

func keysOf(t reflect.Type) string {
	var keys []string
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" && key != "-" {
			keys = append(keys, key)
		}
	}
	return strings.Join(keys, ", ")
}
