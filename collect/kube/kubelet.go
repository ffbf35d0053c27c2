package kube

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/labels"
	"golang.org/x/time/rate"
)

const (
	// proxied is how many pages a second are asked for through the API server,
	// and proxiedAtOnce how many at the same time. Where there are more nodes
	// than that allows, each has its turn less often.
	proxied       = 20
	proxiedAtOnce = 8
	// pageWithin is how long one page may take.
	pageWithin = 10 * time.Second
	// rareRounds is how many rounds lie between two readings of the pages that
	// change little, and rareAtLeast how much time at the most: what has not been
	// heard of for five minutes counts as gone.
	rareRounds  = 4
	rareAtLeast = 4 * time.Minute
	// deniedFor is how long nothing is asked for after it was denied, and
	// lacksFor how long a page that a kubelet does not have.
	deniedFor, lacksFor = 10 * time.Minute, 10 * time.Minute
	// maxNodeSeries bounds the series of one page.
	maxNodeSeries = 20_000
)

// kubeletPage is one of the kubelet's pages.
type kubeletPage struct {
	path string
	keep map[string]bool
	rare bool
}

var kubeletPages = []kubeletPage{
	{"/metrics/cadvisor", keepCadvisor, false},
	{"/metrics/resource", keepResource, true},
	{"/metrics/probes", keepProbes, true},
	{"/metrics", keepKubelet, true},
}

// SeriesWriter writes what a source yields, as a scrape of it would. Stop ends
// its series.
type SeriesWriter interface {
	Record(ctx context.Context, now time.Time) error
	Stop(ctx context.Context, now time.Time) error
}

// OpenSeries opens a writer of a source's series, all of which get the labels
// of target.
type OpenSeries func(target labels.Labels, from prometheus.Gatherer, limit int) SeriesWriter

// Kubelets reads the figures of containers and nodes from the kubelets, through
// the API server, each node in its own turn within the interval. Where that is
// denied it reads metrics.k8s.io instead, which has use of CPU and memory
// alone. Make it with NewKubelets and call Run once.
type Kubelets struct {
	w        *Watcher
	open     OpenSeries
	interval time.Duration
	limit    *rate.Limiter
	usage    *usage

	mu     sync.Mutex
	rare   int // rounds between two readings of a page that changes little
	nodes  map[string]*kubeletOf
	passes bool      // the API server has let a request through to a kubelet
	denied error     // why nothing is asked for
	until  time.Time // when it is asked for again
	failed map[string]error
}

// kubeletOf is one node's.
type kubeletOf struct {
	next  time.Time
	round int
	busy  bool
	lacks map[string]time.Time    // pages that it does not have, until when
	write map[string]SeriesWriter // by page
	from  map[string]*page
}

// page is the last answer; it is what a writer gathers.
type page struct {
	families []*dto.MetricFamily
	err      error
}

func (p *page) Gather() ([]*dto.MetricFamily, error) { return p.families, p.err }

// NewKubelets prepares to read the figures of a cluster's kubelets each
// interval.
func (w *Watcher) NewKubelets(interval time.Duration, open OpenSeries) *Kubelets {
	k := &Kubelets{w: w, open: open, interval: interval, limit: rate.NewLimiter(proxied, proxiedAtOnce), nodes: map[string]*kubeletOf{}, failed: map[string]error{}}
	k.usage = newUsage(w, open)
	return k
}

// ReadsKubelets says whether the configuration wants the kubelets' figures.
func (w *Watcher) ReadsKubelets() bool { return w.cfg.Kubelets == nil || *w.cfg.Kubelets }

// Run reads until ctx ends.
func (k *Kubelets) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer k.end()
	defer running.Wait()
	running.Go(func() { k.usage.run(ctx, k.interval, k.isDenied) })
	places := make(chan struct{}, proxiedAtOnce)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			for _, name := range k.due(ctx, now) {
				select {
				case places <- struct{}{}:
				case <-ctx.Done():
					return nil
				}
				running.Go(func() {
					defer func() { <-places }()
					k.read(ctx, name, time.Now())
				})
			}
		}
	}
}

// end ends all series.
func (k *Kubelets) end() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	k.mu.Lock()
	defer k.mu.Unlock()
	for name := range k.nodes {
		k.forget(ctx, name, time.Now())
	}
}

func (k *Kubelets) isDenied() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.denied != nil
}

// forget ends the series of a node. It needs the lock.
func (k *Kubelets) forget(ctx context.Context, name string, now time.Time) {
	for path, w := range k.nodes[name].write {
		if err := w.Stop(ctx, now); err != nil {
			k.w.o.Log.Warn("the series of a kubelet could not be ended", "cluster", k.w.cfg.Name, "node", name, "page", path, "error", err)
		}
	}
	delete(k.nodes, name)
	delete(k.failed, name)
}

// due names the nodes whose turn it is, and takes in and out those that came
// and went. While the cluster cannot be seen, nobody has a turn.
func (k *Kubelets) due(ctx context.Context, now time.Time) (names []string) {
	there, seen := k.w.nodeNames()
	if !seen {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if now.Before(k.until) {
		return nil
	}
	all := there
	if !k.passes { // one node is enough to tell whether it is granted
		there = there[:min(1, len(there))]
	}
	every := k.turns(len(there))
	for _, name := range there {
		n := k.nodes[name]
		if n == nil {
			n = &kubeletOf{next: now.Add(turnOf(name, every)), lacks: map[string]time.Time{}, write: map[string]SeriesWriter{}, from: map[string]*page{}}
			k.nodes[name] = n
		}
		if !n.busy && !now.Before(n.next) {
			n.busy, n.next = true, now.Add(every)
			names = append(names, name)
		}
	}
	for name, n := range k.nodes {
		if _, is := slices.BinarySearch(all, name); !is && !n.busy {
			k.forget(ctx, name, now)
		}
	}
	return names
}

// turns is how often each of so many nodes has its turn. It needs the lock.
func (k *Kubelets) turns(nodes int) time.Duration {
	often := 0.0
	for _, p := range kubeletPages {
		if !p.rare {
			often++
		}
	}
	rare := float64(len(kubeletPages)) - often
	every := func(rounds int) time.Duration {
		return max(k.interval, time.Duration(float64(nodes)*(often+rare/float64(rounds))/proxied*float64(time.Second)))
	}
	for k.rare = rareRounds; k.rare > 1 && every(k.rare)*time.Duration(k.rare) > rareAtLeast; {
		k.rare--
	}
	return every(k.rare)
}

// turnOf is when within the interval a node has its turn, by its name alone.
func turnOf(name string, every time.Duration) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(name))
	return time.Duration(float64(h.Sum32()) / (1 << 32) * float64(every))
}

// nodeNames are the nodes, sorted, while the cluster can be seen.
func (w *Watcher) nodeNames() (names []string, seen bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down != nil || !w.complete {
		return nil, false
	}
	return slices.Sorted(maps.Keys(w.state.objects[nodes][""])), true
}

// read has one node's turn.
func (k *Kubelets) read(ctx context.Context, name string, now time.Time) {
	k.mu.Lock()
	n, rare := k.nodes[name], k.rare
	k.mu.Unlock()
	if n == nil {
		return
	}
	var failed error
	for _, p := range kubeletPages {
		if now.Before(n.lacks[p.path]) || p.rare && n.round%rare != 0 && n.write[p.path] != nil {
			continue
		}
		families, err := k.ask(ctx, name, p)
		if ctx.Err() != nil {
			return
		}
		switch code := refused(err); {
		case code == http.StatusForbidden || code == http.StatusUnauthorized || code == http.StatusTooManyRequests:
			k.hold(ctx, name, err)
			return
		case code == http.StatusNotFound:
			n.lacks[p.path] = now.Add(lacksFor)
			k.drop(ctx, n, p.path, now)
			continue
		}
		if p.path == "/metrics/resource" && n.write["/metrics/cadvisor"] != nil {
			families = slices.DeleteFunc(families, func(f *dto.MetricFamily) bool { return keepCadvisor[f.GetName()] })
		}
		failed = errors.Join(failed, err, k.record(ctx, n, name, p.path, &page{families, err}, now))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	n.round++
	n.busy = false
	k.passes, k.denied, k.until = true, nil, time.Time{}
	if delete(k.failed, name); failed != nil {
		k.failed[name] = failed
	}
}

func (k *Kubelets) ask(ctx context.Context, name string, p kubeletPage) ([]*dto.MetricFamily, error) {
	ctx, cancel := context.WithTimeout(ctx, pageWithin)
	defer cancel()
	body, err := k.w.client.fetch(ctx, k.limit, "/api/v1/nodes/"+name+"/proxy"+p.path, nil, "text/plain;version=0.0.4")
	if err != nil {
		return nil, fmt.Errorf("read %s of the kubelet of %s: %w", p.path, name, err)
	}
	defer body.Close()
	families, err := readPage(body, p.keep)
	if err != nil {
		return nil, fmt.Errorf("read %s of the kubelet of %s: %w", p.path, name, err)
	}
	return families, nil
}

// record writes a page. A node is in one turn at a time, so that its own parts
// need no lock.
func (k *Kubelets) record(ctx context.Context, n *kubeletOf, name, path string, is *page, now time.Time) error {
	w := n.write[path]
	if w == nil {
		n.from[path] = &page{}
		w = k.open(labels.FromStrings("job", "kubelet", "metrics_path", path, "cluster", k.w.cfg.Name, "node", name), n.from[path], maxNodeSeries)
		k.mu.Lock()
		n.write[path] = w
		k.mu.Unlock()
	}
	*n.from[path] = *is
	err := w.Record(ctx, now)
	*n.from[path] = page{} // what was written need not be kept
	if is.err != nil {
		return nil // Record tells of the same
	}
	return err
}

func (k *Kubelets) drop(ctx context.Context, n *kubeletOf, path string, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if w := n.write[path]; w != nil {
		if err := w.Stop(ctx, now); err != nil {
			k.w.o.Log.Warn("the series of a kubelet's page could not be ended", "cluster", k.w.cfg.Name, "page", path, "error", err)
		}
		delete(n.write, path)
	}
}

// hold stops asking for a while: what was denied for one node is denied for all
// of them, and who asks for too much is to ask for less.
func (k *Kubelets) hold(ctx context.Context, name string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	k.nodes[name].busy = false
	var r *refusal
	if errors.As(err, &r) && r.code == http.StatusTooManyRequests {
		k.nodes[name].next = now.Add(max(r.after, jitter(k.interval)))
		return
	}
	if k.denied == nil {
		k.w.o.Log.Info("the kubelets of a cluster may not be read through its API server", "cluster", k.w.cfg.Name, "error", err)
	}
	k.passes, k.denied, k.until = false, err, now.Add(deniedFor)
	for other, n := range k.nodes {
		if !n.busy {
			k.forget(ctx, other, now)
		}
	}
}

// granted is the rule that lets the kubelets be read.
const granted = `{apiGroups: [""], resources: [nodes/proxy], verbs: [get]}`

// Health is nil where the figures of all kubelets are read; else it says what
// is unknown, why, and what would help.
func (k *Kubelets) Health() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.denied != nil {
		instead := "metrics.k8s.io is not there either, so that use of CPU, memory, network and disk of containers is unknown"
		if k.usage.works() {
			instead = "metrics.k8s.io is read instead, which has use of CPU and memory; throttling, network, disk, volumes and kills for memory are unknown"
		}
		return fmt.Errorf("the cluster %s does not let us read its kubelets: %s. The rule %s would allow it (deploy/kubernetes/kubelets.yaml says what else it allows); or set kubelets: false", k.w.cfg.Name, instead, granted)
	}
	for _, name := range slices.Sorted(maps.Keys(k.failed)) {
		return fmt.Errorf("%d of %d kubelets of the cluster %s cannot be read, such as: %w", len(k.failed), len(k.nodes), k.w.cfg.Name, k.failed[name])
	}
	return nil
}
