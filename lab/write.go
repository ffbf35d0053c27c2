package lab

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/prompb"
)

// EncodeWrite returns the body of a remote-write request (version 1).
func EncodeWrite(series []prompb.TimeSeries) ([]byte, error) {
	raw, err := (&prompb.WriteRequest{Timeseries: series}).Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode remote write: %w", err)
	}
	return snappy.Encode(nil, raw), nil
}

// Write sends an encoded remote-write request. No error means that Evenkeel
// has acknowledged all of its samples.
func (e *Evenkeel) Write(ctx context.Context, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL+"/prometheus/api/v1/write", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("Content-Encoding", "snappy")
	r.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	_, err = e.Send(r)
	return err
}
