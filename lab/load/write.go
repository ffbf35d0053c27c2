package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/prompb"

	"github.com/evenkeel/evenkeel/lab"
)

// write sends remote write from two connections for a while and counts the
// samples that were acknowledged.
func write(ctx context.Context, stage *lab.Stage, o options) ([]result, error) {
	var results []result
	for _, shape := range []struct {
		series, samples int
		goal            bool
	}{
		{2000, 1, false}, // as a fleet of agents sends it: each series once
		{500, 20, true},  // as a queue that catches up sends it
	} {
		e, err := stage.StartEvenkeel(ctx, lab.Options{Name: fmt.Sprintf("write-%d", shape.samples)})
		if err != nil {
			return nil, err
		}
		rate, err := flood(ctx, e, shape.series, shape.samples, o.writing)
		if err := errors.Join(err, e.Kill()); err != nil {
			return nil, err
		}
		r := result{what: fmt.Sprintf("remote write, %d series of %d samples in a request", shape.series, shape.samples),
			value: fmt.Sprintf("%.0f samples/s", rate)}
		if shape.goal {
			r.goal, r.missed = ">= 500,000 samples/s", rate < 500_000
		}
		results = append(results, r)
	}
	return results, nil
}

const writers = 2

// flood encodes rounds of requests ahead of time and sends them as fast as
// they are taken. Time in the samples runs ahead of the clock by less than
// what the server takes.
func flood(ctx context.Context, e *lab.Evenkeel, series, samples int, length time.Duration) (perSecond float64, err error) {
	var sent atomic.Int64
	var took atomic.Int64 // nanoseconds of sending, over all writers
	var wg sync.WaitGroup
	errs := make(chan error, writers)
	start := time.Now().Add(-30 * time.Minute)
	for w := range writers {
		wg.Go(func() {
			// Two thousand different series per writer, with each request one
			// step of time further for its share of them.
			const total = 2000
			at := start.UnixMilli()
			for spent := time.Duration(0); spent < length && ctx.Err() == nil; {
				var bodies [][]byte
				for range 64 {
					for first := 0; first < total; first += series {
						body, err := lab.EncodeWrite(flow(w, first, series, samples, at))
						if err != nil {
							errs <- err
							return
						}
						bodies = append(bodies, body)
					}
					at += int64(samples) * 10
				}
				began := time.Now()
				for _, body := range bodies {
					if err := e.Write(ctx, body); err != nil {
						errs <- err
						return
					}
				}
				spent += time.Since(began)
				took.Add(int64(time.Since(began)))
				sent.Add(int64(len(bodies) * series * samples))
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return 0, err
	default:
	}
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	return float64(sent.Load()) / (time.Duration(took.Load()).Seconds() / writers), nil
}

// flow is a request's series, each with samples 10 ms apart.
func flow(writer, first, series, samples int, at int64) []prompb.TimeSeries {
	out := make([]prompb.TimeSeries, series)
	for i := range out {
		n := first + i
		out[i].Labels = []prompb.Label{{Name: "__name__", Value: fmt.Sprintf("lab_flow_%d_total", n%10)},
			{Name: "handler", Value: fmt.Sprintf("/api/v1/%d", n%100)}, {Name: "instance", Value: fmt.Sprintf("shop-%d:8080", n/100)},
			{Name: "job", Value: "shop"}, {Name: "writer", Value: fmt.Sprint(writer)}}
		out[i].Samples = make([]prompb.Sample, samples)
		for s := range out[i].Samples {
			out[i].Samples[s] = prompb.Sample{Timestamp: at + int64(s)*10, Value: float64(n + s)}
		}
	}
	return out
}
