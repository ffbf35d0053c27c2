package kube

import (
	"cmp"
	"slices"

	dto "github.com/prometheus/client_model/go"
)

// family is one metric: its name, what it says, and whether it only rises.
type family struct {
	name, help string
	kind       dto.MetricType
}

func gauge(name, help string) *family   { return &family{name, help, dto.MetricType_GAUGE} }
func counter(name, help string) *family { return &family{name, help, dto.MetricType_COUNTER} }

// batch collects the series of one look at a cluster. Past its limit it only
// counts.
type batch struct {
	families map[*family]*dto.MetricFamily
	limit    int
	count    int
	over     int
}

func newBatch(limit int) *batch {
	return &batch{families: map[*family]*dto.MetricFamily{}, limit: limit}
}

// labelSet are labels that many series of one object share.
type labelSet []*dto.LabelPair

// with makes a set of itself and of names and values by turns.
func (l labelSet) with(pairs ...string) labelSet {
	out := make(labelSet, len(l), len(l)+len(pairs)/2)
	copy(out, l)
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, &dto.LabelPair{Name: &pairs[i], Value: &pairs[i+1]})
	}
	return out
}

func (l labelSet) and(more *dto.LabelPair) labelSet {
	out := make(labelSet, len(l)+1)
	copy(out, l)
	out[len(l)] = more
	return out
}

// set adds a series.
func (b *batch) set(f *family, value float64, l labelSet) {
	if b.count >= b.limit {
		b.over++
		return
	}
	b.count++
	all := b.families[f]
	if all == nil {
		all = &dto.MetricFamily{Name: &f.name, Help: &f.help, Type: &f.kind}
		b.families[f] = all
	}
	m := &dto.Metric{Label: l}
	if f.kind == dto.MetricType_COUNTER {
		m.Counter = &dto.Counter{Value: &value}
	} else {
		m.Gauge = &dto.Gauge{Value: &value}
	}
	all.Metric = append(all.Metric, m)
}

// truth adds 1 or 0.
func (b *batch) truth(f *family, is bool, l labelSet) {
	v := 0.0
	if is {
		v = 1
	}
	b.set(f, v, l)
}

// oneOf adds a series for each value that a label may have: 1 for the one that
// it has and 0 for the others.
func (b *batch) oneOf(f *family, values []*dto.LabelPair, is string, l labelSet) {
	for _, v := range values {
		b.truth(f, v.GetValue() == is, l.and(v))
	}
}

// at adds a time of the API as seconds since 1970; nothing where it is not set.
func (b *batch) at(f *family, text string, l labelSet) {
	if seconds, ok := unix(text); ok {
		b.set(f, seconds, l)
	}
}

// sorted are the families by name.
func (b *batch) sorted() []*dto.MetricFamily {
	out := make([]*dto.MetricFamily, 0, len(b.families))
	for _, f := range b.families {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return out
}

// values are all that a label may be, made once and shared by all series.
func values(label string, all ...string) []*dto.LabelPair {
	out := make([]*dto.LabelPair, len(all))
	for i := range all {
		out[i] = &dto.LabelPair{Name: &label, Value: &all[i]}
	}
	return out
}
