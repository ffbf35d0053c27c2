package offline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/evenkeel/evenkeel/correlate"
)

// TSDBOptions say what is read of a Prometheus data folder.
type TSDBOptions struct {
	// From and To bound the time that is looked at: the incident, and at least
	// as long before it. A zero To is the newest sample, a zero From an hour
	// before To.
	From, To time.Time
	Onset    int64  // Unix seconds; 0 has it found
	Symptom  string // ENTITY METRIC, as the answer writes them; "" for none
	// Graph is a file with caller,callee beside the calls that the data tells
	// of (service graphs, meshes); "" for none.
	Graph string
}

const (
	mostSeries  = 500_000 // series that are looked at
	finest      = 15      // seconds of a step, at least
	steps       = 240     // of the time that is looked at, about
	defaultTime = time.Hour
)

// TSDB reads a panel from the data folder of a Prometheus, its log included.
// The folder is only read; the Prometheus may be running. What a series means
// is read from its name and labels by the conventions of exporters (meaning.go).
func TSDB(ctx context.Context, dir string, o TSDBOptions) (correlate.Panel, error) {
	p, err := readTSDB(ctx, dir, o)
	if err != nil || o.Graph == "" {
		return p, err
	}
	err = inFile(o.Graph, func(f io.Reader) error {
		calls, err := readEdges(o.Graph, f)
		p.Calls = append(p.Calls, calls...)
		return err
	})
	return p, err
}

func readTSDB(ctx context.Context, dir string, o TSDBOptions) (p correlate.Panel, err error) {
	_, err = os.Stat(filepath.Join(dir, "wal"))
	head := err == nil
	end := o.To
	// Without a log there is nothing past the blocks, and it cannot be asked for.
	if o.To.IsZero() || !head {
		if end, err = newest(ctx, dir, head); err != nil {
			return p, fmt.Errorf("%s: %w", dir, err)
		}
	}
	if o.To.IsZero() {
		o.To = end
	}
	if o.To.Before(end) {
		end = o.To
	}
	if o.From.IsZero() {
		o.From = o.To.Add(-defaultTime)
	}
	if !o.To.After(o.From) {
		return p, fmt.Errorf("--from %s is not before --to %s", o.From.Format(time.RFC3339), o.To.Format(time.RFC3339))
	}
	if o.To.Unix()-o.From.Unix() < finest {
		return p, fmt.Errorf("--from %s and --to %s are less than %d s apart, which is the shortest step; choose a longer time", o.From.Format(time.RFC3339), o.To.Format(time.RFC3339), finest)
	}
	b := newPanelBuilder(o)
	err = reading(dir, func(db *tsdb.DBReadOnly) (err error) {
		q, err := db.Querier(o.From.Add(-lookback).UnixMilli(), end.UnixMilli())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, q.Close()) }()
		set := q.Select(ctx, false, nil, labels.MustNewMatcher(labels.MatchNotEqual, model.MetricNameLabel, ""))
		for n := 0; set.Next(); n++ {
			if n == mostSeries {
				return fmt.Errorf("there are more than %d series between %s and %s; choose a shorter time", mostSeries, o.From.Format(time.RFC3339), o.To.Format(time.RFC3339))
			}
			if err := b.add(set.At()); err != nil {
				return fmt.Errorf("%s: %w", set.At().Labels(), err)
			}
		}
		return set.Err()
	})
	if err != nil {
		return p, fmt.Errorf("%s: %w", dir, err)
	}
	return b.panel(dir)
}

// reading opens a data folder and reads. One opening serves one query: the
// library links files to a place of its own for each.
func reading(dir string, read func(*tsdb.DBReadOnly) error) (err error) {
	scratch, err := os.MkdirTemp("", "evenkeel-diagnose-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	db, err := tsdb.OpenDBReadOnly(dir, scratch, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return read(db)
}

// newest is the time of the newest sample: in the log where there is one, else
// the end of the last block.
func newest(ctx context.Context, dir string, head bool) (end time.Time, err error) {
	last := int64(math.MinInt64)
	err = reading(dir, func(db *tsdb.DBReadOnly) error {
		blocks, err := db.Blocks()
		if err != nil {
			return err
		}
		for _, b := range blocks {
			last = max(last, b.Meta().MaxTime-1)
		}
		return nil
	})
	if err == nil && head {
		err = reading(dir, func(db *tsdb.DBReadOnly) error { return newestOfHead(ctx, db, &last) })
	}
	if err != nil {
		return end, fmt.Errorf("%w; give the data folder of a Prometheus, the one that holds wal", err)
	}
	if last == math.MinInt64 {
		return end, errors.New("there is no data; give the data folder of a Prometheus, the one that holds wal")
	}
	return time.UnixMilli(last), nil
}

// newestOfHead looks at all series: what came by remote write has none that is
// sure to be there.
func newestOfHead(ctx context.Context, db *tsdb.DBReadOnly, last *int64) (err error) {
	q, err := db.Querier(*last, math.MaxInt64)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	set := q.Select(ctx, false, nil, labels.MustNewMatcher(labels.MatchNotEqual, model.MetricNameLabel, ""))
	var it chunkenc.Iterator
	for set.Next() {
		it = set.At().Iterator(it)
		for kind := it.Seek(*last + 1); kind != chunkenc.ValNone; kind = it.Next() {
			*last = it.AtT()
		}
		if err := it.Err(); err != nil {
			return err
		}
	}
	return set.Err()
}

// panelBuilder folds series into the columns of a panel as they are read, so
// that memory follows the columns and not the series.
type panelBuilder struct {
	o       TSDBOptions
	grid    grid
	columns map[columnKey]*column
	calls   map[correlate.Call]bool
	// instances are those of each job: a job with only one is named by itself.
	instances map[string]map[string]bool
	it        chunkenc.Iterator
}

type columnKey struct {
	entity entity
	name   string
}

// column is a sum over series, or a quotient of two sums.
type column struct {
	signal     correlate.Signal
	sum, below []float64
	quotient   bool
}

func newPanelBuilder(o TSDBOptions) *panelBuilder {
	seconds := o.To.Unix() - o.From.Unix()
	return &panelBuilder{o: o, grid: newGrid(o.From.Unix(), o.To.Unix(), max(finest, (seconds/steps+finest-1)/finest*finest)),
		columns: map[columnKey]*column{}, calls: map[correlate.Call]bool{}, instances: map[string]map[string]bool{}}
}

func (b *panelBuilder) add(s storage.Series) error {
	ls := s.Labels()
	if c, ok := callOf(ls); ok && len(b.calls) < mostColumns {
		b.calls[c] = true
	}
	name := ls.Get(model.MetricNameLabel)
	b.it = s.Iterator(b.it)
	switch b.it.Next() {
	case chunkenc.ValNone:
		return b.it.Err()
	case chunkenc.ValHistogram, chunkenc.ValFloatHistogram:
		// A native histogram is read as the sum and the count that a classic
		// one has as series of their own.
		for _, part := range []string{"_sum", "_count"} {
			if err := b.fold(s, ls, name+part); err != nil {
				return err
			}
		}
		return nil
	}
	return b.fold(s, ls, name)
}

func (b *panelBuilder) fold(s storage.Series, ls labels.Labels, name string) error {
	m, ok := meaningOf(name, ls)
	if !ok {
		return nil
	}
	if e := m.entity; e.job != "" {
		if b.instances[e.job] == nil {
			b.instances[e.job] = map[string]bool{}
		}
		if len(b.instances[e.job]) < 2 {
			b.instances[e.job][e.name] = true
		}
	}
	row, err := b.grid.row(s.Iterator(nil), m.counter, m.histogram)
	if err != nil {
		return err
	}
	if m.invert {
		for i, x := range row {
			row[i] = 1 - x
		}
	}
	for _, u := range m.uses {
		key := columnKey{m.entity, u.name}
		c := b.columns[key]
		if c == nil {
			if len(b.columns) == mostColumns || (len(b.columns)+1)*len(row) > mostCells {
				return fmt.Errorf("there is more than can be looked at at once (%d columns); choose a shorter time", len(b.columns))
			}
			c = &column{signal: u.signal, quotient: u.part != whole}
			b.columns[key] = c
		}
		if u.part == divisor {
			c.below = plus(c.below, row)
		} else {
			c.sum = plus(c.sum, row)
		}
	}
	return nil
}

// plus adds a row to a sum. What is missing on both sides stays missing.
func plus(sum, row []float64) []float64 {
	if sum == nil {
		return slices.Clone(row)
	}
	for i, x := range row {
		switch {
		case math.IsNaN(x):
		case math.IsNaN(sum[i]):
			sum[i] = x
		default:
			sum[i] += x
		}
	}
	return sum
}

// panel turns the columns into series, in the order of their names.
func (b *panelBuilder) panel(dir string) (correlate.Panel, error) {
	p := correlate.Panel{Times: b.grid.times, Onset: b.o.Onset, Symptom: -1}
	for k, c := range b.columns {
		window := c.sum
		if c.quotient {
			window = divide(c.sum, c.below)
		}
		if window != nil {
			p.Series = append(p.Series, correlate.Series{Entity: k.entity.title(len(b.instances[k.entity.job]) < 2), Signal: c.signal, Name: k.name, Window: window})
		}
	}
	slices.SortFunc(p.Series, func(x, y correlate.Series) int {
		return cmp.Or(cmp.Compare(x.Entity, y.Entity), cmp.Compare(x.Name, y.Name))
	})
	var of []string
	for i, s := range p.Series {
		if b.o.Symptom == s.Entity+" "+s.Name {
			p.Symptom = i
		}
		if strings.HasPrefix(b.o.Symptom, s.Entity+" ") && len(of) < 20 {
			of = append(of, s.Name)
		}
	}
	if len(p.Series) == 0 {
		return p, fmt.Errorf("%s: there are no samples between %s and %s", dir, b.o.From.Format(time.RFC3339), b.o.To.Format(time.RFC3339))
	}
	if b.o.Symptom != "" && p.Symptom < 0 {
		if len(of) > 0 {
			return p, fmt.Errorf("--symptom %q: that entity has %s", b.o.Symptom, strings.Join(of, ", "))
		}
		return p, fmt.Errorf("--symptom %q: there is no such entity and metric; it is written as the answer writes them, such as %q", b.o.Symptom, p.Series[0].Entity+" "+p.Series[0].Name)
	}
	p.Calls = slices.SortedFunc(maps.Keys(b.calls), func(x, y correlate.Call) int {
		return cmp.Or(cmp.Compare(x.Caller, y.Caller), cmp.Compare(x.Callee, y.Callee))
	})
	return p, nil
}

// divide is a/b by place; without b, and where nothing was counted, it is
// missing.
func divide(a, b []float64) []float64 {
	if b == nil {
		return nil
	}
	out := make([]float64, len(b))
	for i := range b {
		switch {
		case !(b[i] > 0):
			out[i] = math.NaN()
		case a == nil || math.IsNaN(a[i]):
			out[i] = 0 // counted, and nothing of it
		default:
			out[i] = a[i] / b[i]
		}
	}
	return out
}
