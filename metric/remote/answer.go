package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/metric"
)

// answer is what the query API sends.
type answer struct {
	Status    string     `json:"status"`
	ErrorType string     `json:"errorType"`
	Error     string     `json:"error"`
	IsPartial bool       `json:"isPartial"` // VictoriaMetrics' cluster
	Data      answerData `json:"data"`
}

type answerData struct {
	ResultType string          `json:"resultType"`
	Result     json.RawMessage `json:"result"`
}

type answerSeries struct {
	Metric map[string]string `json:"metric"`
	Value  *answerPoint      `json:"value"` // nil for a native histogram
	Values []answerPoint     `json:"values"`
}

// answerPoint is [unix seconds, "value"].
type answerPoint metric.Point

// UnmarshalJSON implements json.Unmarshaler.
func (p *answerPoint) UnmarshalJSON(b []byte) error {
	var (
		at   float64
		text string
		pair = []any{&at, &text}
	)
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("a point has %d parts, not 2", len(pair))
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("a point's value: %w", err)
	}
	p.T, p.V = time.UnixMilli(int64(math.Round(at*1000))).UTC(), v
	return nil
}

func (d answerData) samples() ([]metric.Sample, error) {
	switch d.ResultType {
	case "vector":
		var in []answerSeries
		if err := json.Unmarshal(d.Result, &in); err != nil {
			return nil, fmt.Errorf("%w: an answer that cannot be read: %w", metric.ErrUnavailable, err)
		}
		out := make([]metric.Sample, 0, len(in))
		for _, s := range in {
			if s.Value != nil {
				out = append(out, metric.Sample{Labels: labels.FromMap(s.Metric), Point: metric.Point(*s.Value)})
			}
		}
		return out, nil
	case "scalar":
		var p answerPoint
		if err := json.Unmarshal(d.Result, &p); err != nil {
			return nil, fmt.Errorf("%w: an answer that cannot be read: %w", metric.ErrUnavailable, err)
		}
		return []metric.Sample{{Labels: labels.EmptyLabels(), Point: metric.Point(p)}}, nil
	}
	return nil, fmt.Errorf("it yields a %s, not one value for each series; use Range for values over time", d.ResultType)
}

func (d answerData) series() ([]metric.Series, error) {
	if d.ResultType != "matrix" {
		return nil, errors.New("it does not yield values over time")
	}
	var in []answerSeries
	if err := json.Unmarshal(d.Result, &in); err != nil {
		return nil, fmt.Errorf("%w: an answer that cannot be read: %w", metric.ErrUnavailable, err)
	}
	out := make([]metric.Series, 0, len(in))
	for _, s := range in {
		if len(s.Values) == 0 {
			continue // native histograms only
		}
		points := make([]metric.Point, len(s.Values))
		for i, p := range s.Values {
			points[i] = metric.Point(p)
		}
		out = append(out, metric.Series{Labels: labels.FromMap(s.Metric), Points: points})
	}
	return out, nil
}
