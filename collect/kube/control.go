package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/labels"
)

// controlEvery is how often the API server's own figures are read at most: its
// page is large.
const controlEvery = 30 * time.Second

// What is kept of the API server's page, and the labels that are left of it:
// the rest is added up. A large cluster's page has 100,000 series, these are
// some 300.
var (
	keepControl = names(`apiserver_request_total apiserver_request_duration_seconds_bucket apiserver_request_duration_seconds_count apiserver_request_duration_seconds_sum
		apiserver_current_inflight_requests apiserver_flowcontrol_rejected_requests_total apiserver_request_terminations_total apiserver_admission_webhook_fail_open_count
		apiserver_client_certificate_expiration_seconds_bucket apiserver_client_certificate_expiration_seconds_count
		etcd_request_duration_seconds_sum etcd_request_duration_seconds_count apiserver_storage_size_bytes process_start_time_seconds`)
	keepControlLabels = names(`verb code request_kind reason operation le name`)
	// keepBounds are the bounds of histograms that questions are asked of: what
	// took longer than a second, or half a minute for lists, and what ends within
	// a day or a week.
	keepBounds = []string{"1", "30", "86400", "604800"}
	// neverEnd are requests that are meant to go on.
	neverEnd = []string{"WATCH", "WATCHLIST", "CONNECT"}
)

// Control reads the API server's own figures through the connection that the
// cluster is watched by. Make it with NewControl and call Run once.
type Control struct {
	w     *Watcher
	write SeriesWriter
	from  *page

	mu  sync.Mutex
	err error // why they are not known
}

// NewControl prepares to read the API server's figures.
func (w *Watcher) NewControl(open OpenSeries) *Control {
	c := &Control{w: w, from: &page{}, err: errNotAsked}
	c.write = open(labels.FromStrings("job", "apiserver", "cluster", w.cfg.Name), c.from, maxNodeSeries)
	return c
}

// ReadsControl says whether the configuration wants the API server's figures.
func (w *Watcher) ReadsControl() bool { return w.cfg.APIServer == nil || *w.cfg.APIServer }

// Run reads each interval, and no more often than each half minute, until ctx
// ends. Where it is denied, it asks again after some minutes.
func (c *Control) Run(ctx context.Context, interval time.Duration) error {
	defer c.end(context.WithoutCancel(ctx))
	wait := jitter(time.Second)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = max(interval, controlEvery)
		if _, seen := c.w.nodeNames(); !seen {
			continue
		}
		families, err := c.ask(ctx)
		if ctx.Err() != nil {
			return nil
		}
		switch refused(err) {
		case http.StatusForbidden, http.StatusUnauthorized, http.StatusNotFound:
			wait = deniedFor
			c.end(ctx)
		case http.StatusTooManyRequests: // it has enough to do
		default:
			*c.from = page{families, err}
			if failed := c.write.Record(ctx, time.Now()); err == nil {
				err = failed
			}
			*c.from = page{}
		}
		c.mu.Lock()
		c.err = err
		c.mu.Unlock()
	}
}

func (c *Control) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := c.write.Stop(ctx, time.Now()); err != nil {
		c.w.o.Log.Warn("the series of an API server could not be ended", "cluster", c.w.cfg.Name, "error", err)
	}
}

func (c *Control) ask(ctx context.Context) ([]*dto.MetricFamily, error) {
	ctx, cancel := context.WithTimeout(ctx, pageWithin)
	defer cancel()
	body, err := c.w.client.fetch(ctx, c.w.client.limit, "/metrics", nil, "text/plain;version=0.0.4")
	if err != nil {
		return nil, fmt.Errorf("read /metrics of the API server of %s: %w", c.w.cfg.Name, err)
	}
	defer body.Close()
	families, err := readLines(body, wantedControl)
	if err != nil {
		return nil, fmt.Errorf("read /metrics of the API server of %s: %w", c.w.cfg.Name, err)
	}
	return summed(families), nil
}

// wantedControl says whether a line is kept.
func wantedControl(line []byte) bool {
	name := nameOf(line)
	if !keepControl[name] || line[0] == '#' {
		return false // without its type, a histogram's parts stand by themselves
	}
	for _, verb := range neverEnd {
		if bytes.Contains(line, []byte(`verb="`+verb+`"`)) {
			return false
		}
	}
	if !strings.HasSuffix(name, "_bucket") {
		return true
	}
	return slices.ContainsFunc(keepBounds, func(le string) bool { return bytes.Contains(line, []byte(`le="`+le+`"`)) })
}

// summed adds up what differs only in labels that are not kept. Several API
// servers may answer at one address by turns; each has series of its own, told
// apart by when it was started, so that no counter seems to jump.
func summed(families []*dto.MetricFamily) []*dto.MetricFamily {
	started := ""
	for _, f := range families {
		if f.GetName() == "process_start_time_seconds" && len(f.Metric) > 0 {
			started = strconv.FormatFloat(f.Metric[0].GetUntyped().GetValue(), 'f', 0, 64)
		}
	}
	label := "started"
	var out []*dto.MetricFamily
	for _, f := range families {
		at := map[string]*dto.Metric{}
		all := f.Metric
		f.Metric = nil
		for _, m := range all {
			kept := []*dto.LabelPair{{Name: &label, Value: &started}}
			var key strings.Builder
			for _, l := range m.Label {
				if keepControlLabels[l.GetName()] {
					kept = append(kept, l)
					key.WriteString(l.GetName() + "\xff" + l.GetValue() + "\xff")
				}
			}
			sum := at[key.String()]
			if sum == nil {
				zero := 0.0
				sum = &dto.Metric{Label: kept, Untyped: &dto.Untyped{Value: &zero}}
				at[key.String()] = sum
				f.Metric = append(f.Metric, sum)
			}
			*sum.Untyped.Value += m.GetUntyped().GetValue()
		}
		out = append(out, f)
	}
	return out
}

// Health is nil where the figures are read; else it says what is unknown, why,
// and what would help.
func (c *Control) Health() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch code := refused(c.err); {
	case errors.Is(c.err, errNotAsked):
		return nil
	case code == http.StatusForbidden || code == http.StatusUnauthorized:
		return fmt.Errorf("the cluster %s does not let us read its API server's own figures, so that how fast it answers, what it refuses and how etcd does are unknown. The rule {nonResourceURLs: [/metrics], verbs: [get]} of deploy/kubernetes/read.yaml allows it; or set api_server: false", c.w.cfg.Name)
	}
	return c.err
}
