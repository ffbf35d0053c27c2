package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Happened is an event as the cluster itself tells of it. Kubernetes keeps
// events for an hour; Evenkeel keeps none but those that explain what stands.
type Happened struct {
	At         time.Time // last
	Kind, Name string    // of what it happened to
	Reason     string
	Message    string
	Warning    bool
	Count      int
}

// Bounds of what is asked and told.
const (
	eventsAsked = 500
	eventsTold  = 20
	eventsBytes = 8 << 20
)

// Happened asks the API server what happened of late to some objects of a
// namespace, the latest first.
func (w *Watcher) Happened(ctx context.Context, namespace string, of func(kind, name string) bool) ([]Happened, error) {
	body, err := w.client.get(ctx, "/api/v1/namespaces/"+url.PathEscape(namespace)+"/events", url.Values{"limit": {strconv.Itoa(eventsAsked)}})
	if refused(err) == http.StatusForbidden {
		return nil, ErrDenied
	}
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var list struct {
		Items []struct {
			event
			Count  int `json:"count"`
			Series struct {
				Count int    `json:"count"`
				Last  string `json:"lastObservedTime"`
			} `json:"series"`
		} `json:"items"`
	}
	if err := json.NewDecoder(io.LimitReader(body, eventsBytes)).Decode(&list); err != nil {
		return nil, fmt.Errorf("read the events of %s: %w", namespace, err)
	}
	var out []Happened
	for _, e := range list.Items {
		if !of(e.Involved.Kind, e.Involved.Name) {
			continue
		}
		at, err := time.Parse(time.RFC3339, firstOf(e.Series.Last, e.Last, e.At, e.Created))
		if err != nil {
			continue
		}
		out = append(out, Happened{At: at, Kind: e.Involved.Kind, Name: e.Involved.Name, Reason: e.Reason, Message: e.Message, Warning: e.Type != "Normal", Count: max(1, e.Count, e.Series.Count)})
	}
	slices.SortStableFunc(out, func(a, b Happened) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Reason, b.Reason))
	})
	return out[:min(eventsTold, len(out))], nil
}

// ErrDenied is that Evenkeel may not read what was asked for.
var ErrDenied = errors.New("not permitted by the cluster")
