package host

import (
	"errors"
	"fmt"
	"path/filepath"
)

// Config says how this machine is watched. The zero value watches it under its
// own name with all defaults.
type Config struct {
	// Name of the host in ids and labels; empty: the machine's host name.
	Name string `yaml:"name"`
	// Groups is how many process groups are listed by name; the rest are
	// summed as "(others)". 0 means 40.
	Groups int `yaml:"groups"`
	// Collectors are node_exporter's collectors to run; empty: those that
	// fit this machine.
	Collectors []string `yaml:"collectors"`
	// ProcRoot, SysRoot and Root are where /proc, /sys and / are found, for
	// a machine that is watched from inside a container. Empty: as they are.
	ProcRoot string `yaml:"proc_root"`
	SysRoot  string `yaml:"sys_root"`
	Root     string `yaml:"root"`
}

// The bounds of Config.Groups.
const (
	defaultGroups = 40
	maxGroups     = 500
)

func (c Config) withDefaults() Config {
	if c.Groups == 0 {
		c.Groups = defaultGroups
	}
	if c.Root == "" {
		c.Root = "/"
	}
	if c.ProcRoot == "" {
		c.ProcRoot = filepath.Join(c.Root, "proc")
	}
	if c.SysRoot == "" {
		c.SysRoot = filepath.Join(c.Root, "sys")
	}
	return c
}

// Validate tells what is wrong with the configuration, all of it at once.
func (c Config) Validate() error {
	var errs []error
	if c.Groups < 0 || c.Groups > maxGroups {
		errs = append(errs, fmt.Errorf("host.groups is %d; it must be 1 to %d", c.Groups, maxGroups))
	}
	for key, path := range map[string]string{"proc_root": c.ProcRoot, "sys_root": c.SysRoot, "root": c.Root} {
		if path != "" && !filepath.IsAbs(path) {
			errs = append(errs, fmt.Errorf("host.%s is %q; it must be an absolute path", key, path))
		}
	}
	for _, name := range c.Collectors {
		if !knownCollector(name) {
			errs = append(errs, fmt.Errorf("host.collectors has %q, which is no collector of node_exporter", name))
		}
	}
	return errors.Join(errs...)
}

func (c Config) roots() roots { return roots{proc: c.ProcRoot, sys: c.SysRoot, root: c.Root} }
