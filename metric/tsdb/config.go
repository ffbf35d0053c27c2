package tsdb

import (
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/units"
	"github.com/prometheus/common/model"
)

// Config says where the embedded engine keeps its figures, for how long, and
// what one query may cost. The zero value of each field but Dir means its
// default.
type Config struct {
	// Dir holds the figures and nothing else. It is made if it is missing.
	Dir string `yaml:"-"`
	// RetentionTime is how long figures are kept (default 15d). Figures go in
	// blocks of two hours and more, so that some stay a little longer.
	RetentionTime model.Duration `yaml:"retention_time,omitempty"`
	// RetentionSize bounds the blocks on disk (default 2GiB). The last two to
	// three hours are kept beside them and are not counted.
	RetentionSize units.Base2Bytes `yaml:"retention_size,omitempty"`
	// OutOfOrderWindow is how far behind the newest figure of the whole
	// storage a late one may still come in (default 10m).
	OutOfOrderWindow model.Duration `yaml:"out_of_order_window,omitempty"`
	// MaxExemplars bounds the exemplars in memory (default 5,000, some 1 MB).
	MaxExemplars int64 `yaml:"max_exemplars,omitempty"`

	// MaxSamples is how many samples one query may hold in memory at once
	// (default 10 million, 16 bytes each).
	MaxSamples int `yaml:"max_samples,omitempty"`
	// QueryTimeout bounds one query's time (default 30s), waiting included.
	QueryTimeout model.Duration `yaml:"query_timeout,omitempty"`
	// MaxConcurrent is how many queries run at once (default 8).
	MaxConcurrent int `yaml:"max_concurrent,omitempty"`
	// MaxQueued is how many more may wait for their turn (default 128); the
	// next one is refused at once.
	MaxQueued int `yaml:"max_queued,omitempty"`
}

const minRetention = 2 * time.Hour

func (c Config) withDefaults() Config {
	def(&c.RetentionTime, model.Duration(15*24*time.Hour))
	def(&c.RetentionSize, 2*units.GiB)
	def(&c.OutOfOrderWindow, model.Duration(10*time.Minute))
	def(&c.MaxExemplars, 5_000)
	def(&c.MaxSamples, 10_000_000)
	def(&c.QueryTimeout, model.Duration(30*time.Second))
	def(&c.MaxConcurrent, 8)
	def(&c.MaxQueued, 128)
	return c
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate returns everything that is wrong with c, in words of its fields.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	if time.Duration(c.RetentionTime) < minRetention {
		errs = append(errs, fmt.Errorf("retention_time: %s is too short; the least is %s, the length of one block", c.RetentionTime, model.Duration(minRetention)))
	}
	if c.RetentionSize < 64*units.MiB {
		errs = append(errs, fmt.Errorf("retention_size: %s is too small; give at least 64MiB", c.RetentionSize))
	}
	if w := time.Duration(c.OutOfOrderWindow); w < 0 || w > time.Hour {
		errs = append(errs, fmt.Errorf("out_of_order_window: %s is out of bounds; give 0s to 1h", c.OutOfOrderWindow))
	}
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"max_exemplars", c.MaxExemplars}, {"max_samples", int64(c.MaxSamples)}, {"query_timeout", int64(c.QueryTimeout)},
		{"max_concurrent", int64(c.MaxConcurrent)}, {"max_queued", int64(c.MaxQueued)},
	} {
		if f.value < 0 {
			errs = append(errs, fmt.Errorf("%s: must be above zero; leave it out for the default", f.name))
		}
	}
	return errors.Join(errs...)
}
