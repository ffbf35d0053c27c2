package prometheus

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/storage"
)

// list gives a listing its turn and its time.
func (a *api) list(h handler) handler {
	return func(r *http.Request) (any, error) {
		ctx, cancel := context.WithTimeout(r.Context(), listTimeout)
		defer cancel()
		select {
		case a.listTurns <- struct{}{}:
			defer func() { <-a.listTurns }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return h(r.WithContext(ctx))
	}
}

// matchers reads match[]: any of the selectors.
func (a *api) matchers(r *http.Request) ([][]*labels.Matcher, error) {
	var out [][]*labels.Matcher
	for _, s := range r.Form["match[]"] {
		m, err := a.parser.ParseMetricSelector(s)
		if err != nil {
			return nil, bad("invalid parameter \"match[]\": %w", err)
		}
		if !slices.ContainsFunc(m, func(m *labels.Matcher) bool { return !m.Matches("") }) {
			return nil, bad("invalid parameter \"match[]\": match[] must contain at least one non-empty matcher")
		}
		out = append(out, m)
	}
	return out, nil
}

// limit reads limit: how many items at most, zero for our own bound.
func limit(r *http.Request) (int, error) {
	s := r.FormValue("limit")
	if s == "" {
		return maxList, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, bad("invalid parameter \"limit\": %q is not a number from 0", s)
	}
	if n == 0 || n > maxList {
		n = maxList
	}
	return n, nil
}

// querier opens the storage over the request's window.
func (a *api) querier(r *http.Request) (q storage.Querier, from, to int64, max int, err error) {
	start, end, err := window(r)
	if err != nil {
		return nil, 0, 0, 0, err
	}
	if max, err = limit(r); err != nil {
		return nil, 0, 0, 0, err
	}
	from, to = timestamp.FromTime(start), timestamp.FromTime(end)
	q, err = a.db.Storage().Querier(from, to)
	return q, from, to, max, err
}

func (a *api) series(r *http.Request) (any, error) {
	sets, err := a.matchers(r)
	if err != nil {
		return nil, err
	}
	if len(sets) == 0 {
		return nil, bad("no match[] parameter provided")
	}
	q, from, to, max, err := a.querier(r)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	hints := &storage.SelectHints{Start: from, End: to, Func: "series", Limit: max}
	var found []storage.SeriesSet
	for _, m := range sets {
		found = append(found, q.Select(r.Context(), len(sets) > 1, hints, m...))
	}
	all := storage.NewMergeSeriesSet(found, 0, storage.ChainedSeriesMerge)
	out := []labels.Labels{}
	for len(out) < max && all.Next() {
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		out = append(out, all.At().Labels())
	}
	return out, all.Err()
}

func (a *api) labelNames(r *http.Request) (any, error) {
	return a.union(r, func(ctx context.Context, q storage.Querier, hints *storage.LabelHints, m []*labels.Matcher) ([]string, error) {
		names, _, err := q.LabelNames(ctx, hints, m...)
		return names, err
	})
}

func (a *api) labelValues(r *http.Request) (any, error) {
	name := r.PathValue("name")
	if strings.HasPrefix(name, "U__") {
		name = model.UnescapeName(name, model.ValueEncodingEscaping)
	}
	if !model.UTF8Validation.IsValidLabelName(name) {
		return nil, bad("invalid label name: %q", name)
	}
	return a.union(r, func(ctx context.Context, q storage.Querier, hints *storage.LabelHints, m []*labels.Matcher) ([]string, error) {
		values, _, err := q.LabelValues(ctx, name, hints, m...)
		return values, err
	})
}

// union lists names or values for each selector, or for all series, once each
// and sorted.
func (a *api) union(r *http.Request, list func(context.Context, storage.Querier, *storage.LabelHints, []*labels.Matcher) ([]string, error)) (any, error) {
	sets, err := a.matchers(r)
	if err != nil {
		return nil, err
	}
	q, _, _, max, err := a.querier(r)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	if len(sets) == 0 {
		sets = [][]*labels.Matcher{nil}
	}
	seen := map[string]struct{}{}
	for _, m := range sets {
		items, err := list(r.Context(), q, &storage.LabelHints{Limit: max}, m)
		if err != nil {
			return nil, err
		}
		for _, s := range items {
			seen[strings.Clone(s)] = struct{}{} // they lie in a block's memory map
		}
	}
	out := slices.AppendSeq([]string{}, maps.Keys(seen))
	slices.Sort(out)
	return out[:min(max, len(out))], nil
}
