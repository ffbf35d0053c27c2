package prometheus

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/tsdb/index"
)

func (a *api) metadata(r *http.Request) (any, error) {
	type entry struct {
		Type string `json:"type"`
		Help string `json:"help"`
		Unit string `json:"unit"`
	}
	max, err := limit(r)
	if err != nil {
		return nil, err
	}
	out := map[string][]entry{}
	for _, d := range a.describe {
		for name, m := range d.Metadata() {
			if want := r.FormValue("metric"); want != "" && want != name {
				continue
			}
			if e := (entry{string(m.Type), m.Help, m.Unit}); !slices.Contains(out[name], e) {
				out[name] = append(out[name], e)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(out)) {
		if len(out) <= max {
			break
		}
		delete(out, name)
	}
	return out, nil
}

func (a *api) targetList(r *http.Request) (any, error) {
	type target struct {
		Discovered map[string]string `json:"discoveredLabels"`
		Labels     map[string]string `json:"labels"`
		Pool       string            `json:"scrapePool"`
		URL        string            `json:"scrapeUrl"`
		GlobalURL  string            `json:"globalUrl"`
		LastError  string            `json:"lastError"`
		LastScrape time.Time         `json:"lastScrape"`
		Seconds    float64           `json:"lastScrapeDuration"`
		Health     string            `json:"health"`
		Interval   string            `json:"scrapeInterval"`
		Timeout    string            `json:"scrapeTimeout"`
	}
	active, dropped := []target{}, map[string]int{}
	state, pool := cmp.Or(r.FormValue("state"), "any"), r.FormValue("scrapePool")
	if !slices.Contains([]string{"any", "active", "dropped"}, state) {
		return nil, bad("invalid parameter \"state\": give active, dropped or any")
	}
	if a.targets != nil {
		for _, t := range a.targets.Targets() {
			if state != "dropped" && (pool == "" || pool == t.Job) {
				active = append(active, target{t.Discovered, t.Labels, t.Job, t.URL, t.URL, t.LastError,
					t.LastScrape, t.Took.Seconds(), t.Health, t.Interval.String(), t.Timeout.String()})
			}
		}
		if state != "active" {
			dropped = a.targets.Dropped()
		}
	}
	return map[string]any{"activeTargets": active, "droppedTargets": []any{}, "droppedTargetCounts": dropped}, nil
}

func (a *api) buildInfo(*http.Request) (any, error) {
	return map[string]string{
		"application": "Evenkeel",
		"version":     compatible + "+evenkeel-" + cmp.Or(a.build.Version, "dev"),
		"revision":    a.build.Revision,
		"branch":      a.build.Branch,
		"buildUser":   "", "buildDate": "",
		"goVersion": a.build.GoVersion,
	}, nil
}

// config shows the scraping in force; its secrets show as <secret>.
func (a *api) config(*http.Request) (any, error) {
	text := ""
	if a.targets != nil {
		text = a.targets.ConfigText()
	}
	return map[string]string{"yaml": text}, nil
}

func (a *api) cardinality(r *http.Request) (any, error) {
	max := 10
	if s := r.FormValue("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 10_000 {
			return nil, bad("invalid parameter \"limit\": give 1 to 10000")
		}
		max = n
	}
	type count struct {
		Name  string `json:"name"`
		Value uint64 `json:"value"`
	}
	counts := func(in []index.Stat) []count {
		out := make([]count, 0, len(in))
		for _, s := range in {
			out = append(out, count{s.Name, s.Count})
		}
		return out
	}
	s, err := a.db.Cardinality(max)
	if err != nil {
		return nil, err
	}
	p := s.IndexPostingStats
	return map[string]any{
		"headStats": map[string]any{
			"numSeries": s.NumSeries, "numLabelPairs": p.NumLabelPairs, "minTime": s.MinTime, "maxTime": s.MaxTime,
		},
		"seriesCountByMetricName":     counts(p.CardinalityMetricsStats),
		"labelValueCountByLabelName":  counts(p.CardinalityLabelStats),
		"memoryInBytesByLabelName":    counts(p.LabelValueStats),
		"seriesCountByLabelValuePair": counts(p.LabelValuePairsStats),
	}, nil
}
