package collect

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/storage"
)

// sampleOptions are a sample's rarer parts.
type sampleOptions struct {
	h        *histogram.Histogram
	fh       *histogram.FloatHistogram
	exemplar *dto.Exemplar
}

// bound is the label that tells a histogram's buckets or a summary's
// quantiles apart.
type bound struct {
	label string // "le", "quantile" or empty
	value float64
}

// family writes all series of f.
func (w *round) family(f *dto.MetricFamily) {
	name := f.GetName()
	w.meta[name] = metadata.Metadata{Type: metricType(f.GetType()), Help: f.GetHelp(), Unit: f.GetUnit()}
	for _, m := range f.GetMetric() {
		switch {
		case m.Counter != nil:
			w.sample(name, "", m, bound{}, m.Counter.GetValue(), sampleOptions{exemplar: m.Counter.Exemplar})
		case m.Gauge != nil:
			w.sample(name, "", m, bound{}, m.Gauge.GetValue(), sampleOptions{})
		case m.Untyped != nil:
			w.sample(name, "", m, bound{}, m.Untyped.GetValue(), sampleOptions{})
		case m.Summary != nil:
			for _, q := range m.Summary.GetQuantile() {
				w.sample(name, "", m, bound{model.QuantileLabel, q.GetQuantile()}, q.GetValue(), sampleOptions{})
			}
			w.sample(name, "_sum", m, bound{}, m.Summary.GetSampleSum(), sampleOptions{})
			w.sample(name, "_count", m, bound{}, float64(m.Summary.GetSampleCount()), sampleOptions{})
		case m.Histogram != nil:
			w.histogram(name, m, f.GetType() == dto.MetricType_GAUGE_HISTOGRAM)
		}
	}
}

func (w *round) histogram(name string, m *dto.Metric, gauge bool) {
	h := m.Histogram
	native := len(h.PositiveSpan) > 0 || len(h.NegativeSpan) > 0 || h.GetZeroThreshold() > 0 || h.GetZeroCount() > 0
	if native {
		w.sample(name, "", m, bound{}, 0, nativeHistogram(h, gauge))
		if len(h.GetBucket()) == 0 {
			return
		}
	}
	count := float64(h.GetSampleCount())
	if c := h.GetSampleCountFloat(); c > 0 {
		count = c
	}
	infinite := false
	for _, b := range h.GetBucket() {
		n := float64(b.GetCumulativeCount())
		if c := b.GetCumulativeCountFloat(); c > 0 {
			n = c
		}
		infinite = infinite || math.IsInf(b.GetUpperBound(), 1)
		w.sample(name, "_bucket", m, bound{model.BucketLabel, b.GetUpperBound()}, n, sampleOptions{exemplar: b.Exemplar})
	}
	if !infinite {
		w.sample(name, "_bucket", m, bound{model.BucketLabel, math.Inf(1)}, count, sampleOptions{})
	}
	w.sample(name, "_sum", m, bound{}, h.GetSampleSum(), sampleOptions{})
	w.sample(name, "_count", m, bound{}, count, sampleOptions{})
}

// sample writes one sample of the series name+suffix with m's labels and b.
// The key holds the same parts as the labels, unformatted: a known series
// costs one look into a map and no allocation.
func (w *round) sample(name, suffix string, m *dto.Metric, b bound, v float64, o sampleOptions) {
	key := append(append(w.key[:0], name...), suffix...)
	for _, l := range m.Label {
		key = append(append(key, 0xff), l.GetName()...)
		key = append(append(key, 0xff), l.GetValue()...)
	}
	if b.label != "" {
		key = append(append(key, 0xff), b.label...)
		key = binary.BigEndian.AppendUint64(key, math.Float64bits(b.value))
	}
	w.key = key

	k := w.known[string(key)]
	if k == nil {
		if len(w.known) >= w.limit {
			w.over++
			return
		}
		k = &known{labels: w.labels(name+suffix, m, b)}
		w.known[string(key)] = k
		w.added++
	}
	k.round = w.round
	w.samples++
	w.appendAs(k, v, o)
}

func (w *round) appendAs(k *known, v float64, o sampleOptions) {
	var opts storage.AOptions
	if o.exemplar != nil {
		opts.Exemplars = []exemplar.Exemplar{w.exemplar(o.exemplar)}
	}
	ref, err := w.app.Append(k.ref, k.labels, 0, w.t, v, o.h, o.fh, opts)
	var partial *storage.AppendPartialError // the sample is in; its exemplar is known already or too old
	if err != nil && !errors.As(err, &partial) {
		w.refuse(err)
		return
	}
	k.ref = ref
}

// labels are those of the series with the target's on top.
func (w *round) labels(name string, m *dto.Metric, b bound) labels.Labels {
	lb := labels.NewBuilder(labels.EmptyLabels())
	for _, l := range m.Label {
		n := l.GetName()
		for w.target.Has(n) {
			n = model.ExportedLabelPrefix + n
		}
		lb.Set(n, l.GetValue())
	}
	w.target.Range(func(l labels.Label) { lb.Set(l.Name, l.Value) })
	if b.label != "" {
		lb.Set(b.label, formatBound(b.value))
	}
	lb.Set(model.MetricNameLabel, name)
	return lb.Labels()
}

func (w *round) exemplar(e *dto.Exemplar) exemplar.Exemplar {
	out := exemplar.Exemplar{Value: e.GetValue(), Ts: w.t}
	if e.Timestamp != nil {
		out.HasTs, out.Ts = true, timestamp.FromTime(e.Timestamp.AsTime())
	}
	lb := labels.NewScratchBuilder(len(e.Label))
	for _, l := range e.Label {
		lb.Add(l.GetName(), l.GetValue())
	}
	lb.Sort()
	out.Labels = lb.Labels()
	return out
}

// nativeHistogram turns a client's histogram into the storage's.
func nativeHistogram(h *dto.Histogram, gauge bool) sampleOptions {
	hint := histogram.UnknownCounterReset
	if gauge {
		hint = histogram.GaugeType
	}
	if h.GetSampleCountFloat() > 0 || h.GetZeroCountFloat() > 0 {
		fh := &histogram.FloatHistogram{
			CounterResetHint: hint, Schema: h.GetSchema(), Count: h.GetSampleCountFloat(), Sum: h.GetSampleSum(),
			ZeroThreshold: h.GetZeroThreshold(), ZeroCount: h.GetZeroCountFloat(),
			PositiveSpans: spans(h.GetPositiveSpan()), PositiveBuckets: h.GetPositiveCount(),
			NegativeSpans: spans(h.GetNegativeSpan()), NegativeBuckets: h.GetNegativeCount(),
		}
		return sampleOptions{fh: fh.Compact(0)}
	}
	sh := &histogram.Histogram{
		CounterResetHint: hint, Schema: h.GetSchema(), Count: h.GetSampleCount(), Sum: h.GetSampleSum(),
		ZeroThreshold: h.GetZeroThreshold(), ZeroCount: h.GetZeroCount(),
		PositiveSpans: spans(h.GetPositiveSpan()), PositiveBuckets: h.GetPositiveDelta(),
		NegativeSpans: spans(h.GetNegativeSpan()), NegativeBuckets: h.GetNegativeDelta(),
	}
	return sampleOptions{h: sh.Compact(0)}
}

func spans(in []*dto.BucketSpan) []histogram.Span {
	out := make([]histogram.Span, len(in))
	for i, s := range in {
		out[i] = histogram.Span{Offset: s.GetOffset(), Length: s.GetLength()}
	}
	return out
}

// formatBound writes a bucket's bound as a Prometheus scrape does since 3.0:
// whole numbers with ".0", so that the series are the same.
func formatBound(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "+Inf"
	case math.IsInf(v, -1):
		return "-Inf"
	case math.IsNaN(v):
		return "NaN"
	}
	s := strconv.FormatFloat(v, 'g', -1, 64)
	if !strings.ContainsAny(s, "e.") {
		s += ".0"
	}
	return s
}

func metricType(t dto.MetricType) model.MetricType {
	switch t {
	case dto.MetricType_COUNTER:
		return model.MetricTypeCounter
	case dto.MetricType_GAUGE:
		return model.MetricTypeGauge
	case dto.MetricType_SUMMARY:
		return model.MetricTypeSummary
	case dto.MetricType_HISTOGRAM:
		return model.MetricTypeHistogram
	case dto.MetricType_GAUGE_HISTOGRAM:
		return model.MetricTypeGaugeHistogram
	}
	return model.MetricTypeUnknown
}
