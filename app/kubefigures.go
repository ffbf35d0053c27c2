package app

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/access/httpauth"
	"github.com/evenkeel/evenkeel/collect"
	"github.com/evenkeel/evenkeel/collect/kube"
	"github.com/evenkeel/evenkeel/internal/lifecycle"
)

// clusterFigures starts what writes the figures of the clusters. What Evenkeel
// itself tells of a cluster has no label instance: it is no machine's, and
// would be taken for one that falls silent.
func (a *App) clusterFigures(g *lifecycle.Group) {
	every := time.Duration(a.cfg.Interval)
	for n, w := range a.clusters {
		state := collect.NewRecorder(labels.FromStrings("job", "kube-state-metrics", "cluster", w.Name()), w.StateSeries(), a.local.db.Storage(), w.MaxSeries())
		// Clusters take their turns, so that their rounds do not fall together.
		delay := 4*time.Second + time.Duration(n)*every/time.Duration(len(a.clusters))
		a.recordWhile(g, "state of "+w.Name(), delay, every, state, func(ctx context.Context, now time.Time) bool {
			return w.WritesState(func() bool { return a.othersTell(ctx, w.Name(), now) })
		})
		open := func(target labels.Labels, from prometheus.Gatherer, limit int) kube.SeriesWriter {
			return collect.NewRecorder(target, from, a.local.db.Storage(), limit)
		}
		if w.ReadsControl() {
			control := w.NewControl(open)
			g.Go("API server of "+w.Name(), func(ctx context.Context) error { return control.Run(ctx, every) })
			loop(g, a.board, "API server of "+w.Name(), delay, every, func(context.Context, time.Time) error { return control.Health() })
		}
		if !w.ReadsKubelets() {
			continue
		}
		kubelets := w.NewKubelets(every, open)
		g.Go("kubelets of "+w.Name(), kubelets.Run)
		loop(g, a.board, "kubelets of "+w.Name(), delay, every, func(context.Context, time.Time) error { return kubelets.Health() })
	}
}

// recordWhile is record with a condition: where it does not hold, the series
// end.
func (a *App) recordWhile(g *lifecycle.Group, part string, delay, every time.Duration, r *collect.Recorder, holds func(context.Context, time.Time) bool) {
	end := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return r.Stop(ctx, time.Now())
	}
	g.Defer("end of "+part, end)
	writing := false
	loop(g, a.board, part, delay, every, func(ctx context.Context, now time.Time) error {
		switch {
		case holds(ctx, now):
			writing = true
			return r.Record(ctx, now)
		case writing:
			writing = false
			return r.Stop(ctx, now)
		}
		return nil
	})
}

// othersTell says whether somebody else's kube-state-metrics of a cluster
// arrives here, by scraping or by remote write: its series have an instance. If
// that cannot be found out, it is left to them.
func (a *App) othersTell(ctx context.Context, cluster string, now time.Time) bool {
	found, err := a.querier.Instant(ctx, fmt.Sprintf("count(kube_pod_info{instance!=\"\",cluster=~%q})", "|"+regexp.QuoteMeta(cluster)), now)
	return err != nil || len(found) > 0
}

// openClusterSeries serves the state of each cluster in Prometheus' text
// format, for a Prometheus that keeps the figures.
func (a *App) openClusterSeries(mux *http.ServeMux, guard *httpauth.Guard) {
	served := map[string]http.Handler{}
	for _, w := range a.clusters {
		served[w.Name()] = promhttp.HandlerFor(w.StateSeries(), promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 2})
	}
	mux.Handle("GET /metrics/kubernetes/{cluster}", guard.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("cluster")
		who, _ := httpauth.Actor(r.Context())
		if err := access.Can(who, access.Read, access.Scope{Tenant: a.tenant, Environment: name}); err != nil {
			httpauth.Problem(w, r, http.StatusForbidden, "Not allowed", err.Error())
			return
		}
		series, ok := served[name]
		if !ok {
			httpauth.Problem(w, r, http.StatusNotFound, "Not found", "No cluster of this name is watched; \"kubernetes\" in the configuration has their names.")
			return
		}
		series.ServeHTTP(w, r)
	})))
}
