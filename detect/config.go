package detect

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

// Config of the practice.
type Config struct {
	// Interval between rounds; 15 s by default.
	// It is the installation's, not a setting of its own.
	Interval time.Duration `yaml:"-"`
	// QueryTime bounds the queries of one round; 10 s by default.
	QueryTime time.Duration `yaml:"query_time"`
	// MaxEntities bounds the entities of one kind in one environment; 5,000 by
	// default.
	MaxEntities int `yaml:"max_entities"`
	// Content is a folder with further signals/*.yaml, mappings/*.yaml and
	// checks/*.yaml.
	Content string `yaml:"content"`
	// Off are the ids of checks that are not made.
	Off []string `yaml:"off"`
	// Exemptions accept what some checks, of any practice, find about some
	// entities until a date.
	Exemptions finding.Exemptions `yaml:"exemptions"`
}

// Defaults returns the configuration of somebody who says nothing.
func Defaults() Config {
	return Config{Interval: 15 * time.Second, QueryTime: 10 * time.Second, MaxEntities: 5000}
}

// Validate says what is wrong with it.
func (c Config) Validate() error {
	var errs []error
	if c.Interval < time.Second || c.Interval > 5*time.Minute {
		errs = append(errs, fmt.Errorf("detect.interval: %s is not between 1s and 5m", c.Interval))
	}
	if c.QueryTime <= 0 {
		errs = append(errs, fmt.Errorf("detect.query_time: %s must be above zero", c.QueryTime))
	}
	if c.MaxEntities < 1 {
		errs = append(errs, fmt.Errorf("detect.max_entities: %d must be at least 1", c.MaxEntities))
	}
	if c.Content != "" {
		if info, err := os.Stat(c.Content); err != nil || !info.IsDir() {
			errs = append(errs, fmt.Errorf("detect.content: %s is not a folder that can be read", c.Content))
		}
	}
	if err := c.Exemptions.Validate(time.Now()); err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			errs = append(errs, errors.New("detect.exemptions"+line))
		}
	}
	return errors.Join(errs...)
}

// Catalogue loads the built-in content, that of the configured folder, and what
// is more, later ones over earlier ones.
func (c Config) Catalogue(more ...fs.FS) (*Catalogue, error) {
	var extra []fs.FS
	if c.Content != "" {
		extra = append(extra, os.DirFS(c.Content))
	}
	catalogue, err := Load(append(extra, more...)...)
	if err != nil {
		return nil, fmt.Errorf("detect: content: %w", err)
	}
	if err := catalogue.remove(c.Off); err != nil {
		return nil, fmt.Errorf("detect.off: %w", err)
	}
	return catalogue, nil
}
