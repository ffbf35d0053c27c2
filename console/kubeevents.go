package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

// Event is what a cluster says happened to an object in it. Clusters forget
// events after an hour, so that there are none of the past.
type Event struct {
	At         time.Time
	Kind, Name string // "Pod", "checkout-5b8c4d6f9-5lmnp"
	Reason     string
	Message    string
	Warning    bool
	Count      int
}

// ErrDenied is that the cluster does not let Evenkeel read its events.
var ErrDenied = errors.New("events may not be read")

// eventsWithin is how long a page waits for a cluster's answer.
const eventsWithin = 2 * time.Second

// readEvents asks a cluster for the events of a workload, its pods and what
// scales it.
func (c *Console) readEvents(r *http.Request, v *kubeView, e estate.Entity, pods []estate.Entity) {
	w := v.Workload
	switch {
	case c.Events == nil:
		w.EventsNote = "Events are not read."
		return
	case !v.At.IsZero():
		w.EventsNote = "A cluster forgets its events after an hour; of a past time there are none."
		return
	}
	k := subjectOf(e.ID).cube
	names := map[string]bool{}
	for _, p := range pods {
		names[subjectOf(p.ID).cube.own] = true
	}
	of := func(kind, name string) bool {
		switch kind {
		case "Pod":
			return names[name] || k.has(estate.ID(kindPod, k.cluster, k.space, name))
		case "ReplicaSet":
			hash, ok := strings.CutPrefix(name, k.own+"-")
			return ok && k.sort == "deployment" && !strings.Contains(hash, "-")
		case "HorizontalPodAutoscaler":
			return v.near[estate.ID("autoscaler", k.cluster, k.space, name)]
		}
		return name == k.own && strings.EqualFold(kind, k.sort)
	}
	ctx, cancel := context.WithTimeout(r.Context(), eventsWithin)
	defer cancel()
	list, err := c.Events(ctx, e.Environment, k.space, of)
	switch {
	case errors.Is(err, ErrDenied):
		w.EventsNote = "Evenkeel may not read this cluster's events; deploy/kubernetes has the rule."
	case err != nil:
		w.EventsNote = c.partError(r, "Its events", err)
	case len(list) == 0:
		w.EventsNote = "None in the last hour."
	}
	w.Events = slices.Clone(list)
}
