package prometheus

import (
	"bufio"
	"encoding/json"
	"io"
	"math"
	"strconv"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// writeResult writes a query's result point by point: a large one is larger
// as text than in memory. Errors are the caller's going away.
func writeResult(w io.Writer, res *promql.Result) {
	out := resultWriter{Writer: bufio.NewWriterSize(w, 32<<10)}
	defer out.Flush()
	out.text(`{"status":"success","data":{"resultType":"`)
	out.text(string(res.Value.Type()))
	out.text(`","result":`)
	switch v := res.Value.(type) {
	case promql.Scalar:
		out.point(v.T, v.V)
	case promql.String:
		out.text("[")
		out.time(v.T)
		out.text(",")
		out.json(v.V)
		out.text("]")
	case promql.Vector:
		out.text("[")
		for i, s := range v {
			out.comma(i)
			out.labels(s.Metric)
			if s.H != nil {
				out.text(`,"histogram":`)
				out.histogramPoint(s.T, s.H)
			} else {
				out.text(`,"value":`)
				out.point(s.T, s.F)
			}
			out.text("}")
		}
		out.text("]")
	case promql.Matrix:
		out.text("[")
		for i, s := range v {
			out.comma(i)
			out.labels(s.Metric)
			if len(s.Floats) > 0 {
				out.text(`,"values":[`)
				for j, p := range s.Floats {
					out.comma(j)
					out.point(p.T, p.F)
				}
				out.text("]")
			}
			if len(s.Histograms) > 0 {
				out.text(`,"histograms":[`)
				for j, p := range s.Histograms {
					out.comma(j)
					out.histogramPoint(p.T, p.H)
				}
				out.text("]")
			}
			out.text("}")
		}
		out.text("]")
	}
	out.text("}")
	warnings, infos := res.Warnings.AsStrings("", 10, 10)
	if len(warnings) > 0 {
		out.text(`,"warnings":`)
		out.json(warnings)
	}
	if len(infos) > 0 {
		out.text(`,"infos":`)
		out.json(infos)
	}
	out.text("}\n")
}

type resultWriter struct {
	*bufio.Writer
	buf [64]byte
}

func (w *resultWriter) text(s string) { _, _ = w.WriteString(s) }

func (w *resultWriter) comma(i int) {
	if i > 0 {
		w.text(",")
	}
}

// json writes what needs escaping. Strings and lists of them always encode.
func (w *resultWriter) json(v any) {
	b, _ := json.Marshal(v)
	_, _ = w.Write(b)
}

// labels begins a series: {"metric":{...}
func (w *resultWriter) labels(ls labels.Labels) {
	w.text(`{"metric":{`)
	i := 0
	ls.Range(func(l labels.Label) {
		w.comma(i)
		i++
		w.json(l.Name)
		w.text(":")
		w.json(l.Value)
	})
	w.text("}")
}

// time writes milliseconds as seconds.
func (w *resultWriter) time(ms int64) {
	_, _ = w.Write(strconv.AppendFloat(w.buf[:0], float64(ms)/1000, 'f', -1, 64))
}

// value writes a number in quotes: JSON has no infinities.
func (w *resultWriter) value(v float64) {
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	w.text(`"`)
	_, _ = w.Write(strconv.AppendFloat(w.buf[:0], v, format, -1, 64))
	w.text(`"`)
}

func (w *resultWriter) point(ms int64, v float64) {
	w.text("[")
	w.time(ms)
	w.text(",")
	w.value(v)
	w.text("]")
}

// histogramPoint writes a native histogram: count, sum and the buckets that
// are not empty, each as [which bounds are inclusive, lower, upper, count].
func (w *resultWriter) histogramPoint(ms int64, h *histogram.FloatHistogram) {
	w.text("[")
	w.time(ms)
	w.text(`,{"count":`)
	w.value(h.Count)
	w.text(`,"sum":`)
	w.value(h.Sum)
	buckets := 0
	for it := h.AllBucketIterator(); it.Next(); {
		b := it.At()
		if b.Count == 0 {
			continue
		}
		if buckets == 0 {
			w.text(`,"buckets":[`)
		}
		w.comma(buckets)
		buckets++
		w.text("[")
		w.text(strconv.Itoa(inclusive(b.LowerInclusive, b.UpperInclusive)))
		for _, v := range []float64{b.Lower, b.Upper, b.Count} {
			w.text(",")
			w.value(v)
		}
		w.text("]")
	}
	if buckets > 0 {
		w.text("]")
	}
	w.text("}]")
}

// inclusive is the API's code for which bounds belong to a bucket.
func inclusive(lower, upper bool) int {
	switch {
	case lower && upper:
		return 3
	case lower:
		return 1
	case upper:
		return 0
	}
	return 2
}
