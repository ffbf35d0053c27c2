package console

import (
	"net/http"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/internal/figure"
	"github.com/evenkeel/evenkeel/respond/intake"
)

// Sources is what the page of sources asks; *intake.Server is one.
type Sources interface {
	Sources(actor access.Actor, tenant string, now time.Time) ([]intake.Source, error)
}

// sourcesPage is who sends alerts, what cannot be told of first.
type sourcesPage struct {
	List  []intake.Source
	Asked time.Time
}

func (c *Console) sources(w http.ResponseWriter, r *http.Request) error {
	p := sourcesPage{Asked: c.opt.Now()}
	var err error
	if p.List, err = c.Sources.Sources(c.actor(r), c.opt.Tenant, p.Asked); err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "Sources", "/incidents", sourcesView(p))
}

func sourcesSentence(list []intake.Source) string {
	unknown := 0
	for _, s := range list {
		if !s.Known {
			unknown++
		}
	}
	if unknown == 0 {
		return "All of them are known to be there."
	}
	return upperFirst(countOf(unknown, "source is", "sources are")) + " not known to be there. What they would tell may not come in."
}

func sourceWord(s intake.Source) string {
	switch {
	case s.Known:
		return "there"
	case s.HeardAt.IsZero():
		return "never heard"
	case s.Every > 0:
		return "silent"
	}
	return "cannot be told"
}

// sourceCount says how much came in.
func sourceCount(s intake.Source) string {
	n := figure.Number(float64(s.Alerts))
	if s.Kind == intake.HeartbeatKind {
		return n + " " + plural(int(s.Alerts), "beat", "beats")
	}
	return n + " " + plural(int(s.Alerts), "alert", "alerts")
}

// dialectNames are what people call the dialects.
var dialectNames = map[intake.Dialect]string{intake.Alertmanager: "as to an Alertmanager", intake.PagerDuty: "as to PagerDuty", intake.Opsgenie: "as to Opsgenie",
	intake.Grafana: "webhook of Grafana", intake.JSON: "JSON by a mapping"}

func sourceKind(s intake.Source) string {
	parts := []string{dialectNames[s.Dialect]}
	if s.Kind == intake.HeartbeatKind {
		parts = []string{"heartbeat"}
	}
	if s.Every > 0 {
		parts = append(parts, "every "+figure.Span(s.Every))
	}
	return strings.Join(parts, ", ")
}
