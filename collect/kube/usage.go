package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	quantity "k8s.io/apimachinery/pkg/api/resource"
)

// usagePath is the part of the API that metrics-server and its like serve.
const usagePath = "/apis/metrics.k8s.io/v1beta1/"

var (
	usedCPU        = counter("container_cpu_usage_seconds_total", "CPU time of a container, added up from its use as metrics.k8s.io tells it.")
	usedMemory     = gauge("container_memory_working_set_bytes", "Memory of a container that cannot be taken back, as metrics.k8s.io tells it.")
	usedNodeCPU    = counter("node_cpu_usage_seconds_total", "CPU time of a node, added up from its use as metrics.k8s.io tells it.")
	usedNodeMemory = gauge("node_memory_working_set_bytes", "Memory of a node that cannot be taken back, as metrics.k8s.io tells it.")
)

// usage reads metrics.k8s.io, two requests for a whole cluster. It tells how
// many cores are used, not how much CPU time; the time is added up here, so
// that the same queries serve whether the kubelets can be read or not.
type usage struct {
	w     *Watcher
	write SeriesWriter
	from  *page
	sums  map[string]spent
	round int

	mu  sync.Mutex
	err error // why it cannot be read; errNotAsked before it was
}

// spent is CPU time up to a moment.
type spent struct {
	seconds float64
	at      time.Time
	round   int // the last that had it
}

func newUsage(w *Watcher, open OpenSeries) *usage {
	u := &usage{w: w, from: &page{}, sums: map[string]spent{}, err: errNotAsked}
	u.write = open(labels.FromStrings("job", "kubelet", "metrics_path", "/apis/metrics.k8s.io", "cluster", w.cfg.Name), u.from, w.cfg.maxSeries())
	return u
}

// run reads each interval while it is wanted, until ctx ends. Where the API is
// not there or denied, it is asked for again after some minutes.
func (u *usage) run(ctx context.Context, every time.Duration, wanted func() bool) {
	writing := false
	var next time.Time
	end := func(now time.Time) {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := u.write.Stop(within, now); err != nil {
			u.w.o.Log.Warn("the series of metrics.k8s.io could not be ended", "cluster", u.w.cfg.Name, "error", err)
		}
		writing = false
		u.failing(errNotAsked)
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			if writing {
				end(time.Now())
			}
			return
		case now := <-tick.C:
			switch {
			case !wanted():
				if writing {
					end(now)
				}
				next = time.Time{}
			case !now.Before(next):
				next = now.Add(every)
				b, err := u.look(ctx)
				if ctx.Err() != nil {
					continue
				}
				u.failing(err)
				if err != nil {
					if writing {
						end(now)
						u.failing(err)
					}
					if refused(err) != 0 {
						next = now.Add(deniedFor)
					}
					continue
				}
				writing = true
				*u.from = page{families: b.sorted()}
				if err := u.write.Record(ctx, now); err != nil {
					u.failing(err)
				}
				*u.from = page{}
			}
		}
	}
}

func (u *usage) failing(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err = err
}

func (u *usage) works() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err == nil
}

// used is what metrics.k8s.io says of one thing.
type used struct {
	CPU    string `json:"cpu"`
	Memory string `json:"memory"`
}

// look asks for all pods and all nodes.
func (u *usage) look(ctx context.Context) (*batch, error) {
	var pods struct {
		Items []struct {
			Meta       `json:"metadata"`
			Time       time.Time `json:"timestamp"`
			Containers []struct {
				Name  string `json:"name"`
				Usage used   `json:"usage"`
			} `json:"containers"`
		} `json:"items"`
	}
	var nodes struct {
		Items []struct {
			Meta  `json:"metadata"`
			Time  time.Time `json:"timestamp"`
			Usage used      `json:"usage"`
		} `json:"items"`
	}
	if err := u.ask(ctx, "pods", &pods); err != nil {
		return nil, err
	}
	if err := u.ask(ctx, "nodes", &nodes); err != nil {
		return nil, err
	}
	u.round++
	b := newBatch(u.w.cfg.maxSeries())
	on := u.w.podNodes()
	for _, p := range pods.Items {
		for _, c := range p.Containers {
			l := labelSet(nil).with("namespace", p.Namespace, "pod", p.Name, "container", c.Name, "node", on[p.key()])
			b.set(usedCPU, u.spend(p.key()+"/"+c.Name, c.Usage.CPU, p.Time), l)
			b.bytes(usedMemory, c.Usage.Memory, l)
		}
	}
	for _, n := range nodes.Items {
		l := labelSet(nil).with("node", n.Name)
		b.set(usedNodeCPU, u.spend(n.Name, n.Usage.CPU, n.Time), l)
		b.bytes(usedNodeMemory, n.Usage.Memory, l)
	}
	for key, s := range u.sums {
		if s.round != u.round {
			delete(u.sums, key)
		}
	}
	return b, nil
}

// maxStep is the longest time that one reading is taken to speak for.
const maxStep = 5 * time.Minute

// spend adds what was used since the reading before.
func (u *usage) spend(key, cores string, at time.Time) float64 {
	s, known := u.sums[key]
	if q, err := quantity.ParseQuantity(cores); err == nil && known && at.After(s.at) {
		s.seconds += q.AsApproximateFloat64() * min(at.Sub(s.at), maxStep).Seconds()
	}
	if at.After(s.at) {
		s.at = at
	}
	s.round = u.round
	u.sums[key] = s
	return s.seconds
}

func (u *usage) ask(ctx context.Context, what string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, listWithin)
	defer cancel()
	body, err := u.w.client.get(ctx, usagePath+what, nil)
	if err != nil {
		return fmt.Errorf("read the use of %s from metrics.k8s.io: %w", what, err)
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(into); err != nil {
		return fmt.Errorf("read the use of %s from metrics.k8s.io: %w", what, err)
	}
	return nil
}

// podNodes are the nodes of all pods by namespace and name.
func (w *Watcher) podNodes() map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]string{}
	for _, shelf := range w.state.objects[pods] {
		for _, o := range shelf {
			if p, ok := o.(*pod); ok {
				out[p.key()] = p.Spec.Node
			}
		}
	}
	return out
}
