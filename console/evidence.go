package console

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/evidence"
)

// Evidence are the figures that were kept of incidents; *evidence.Service has
// them.
type Evidence interface {
	Of(ctx context.Context, actor access.Actor, tenant, incident string) (evidence.Record, error)
	Impact(ctx context.Context, actor access.Actor, tenant, incident string, now time.Time) (impact.Impact, error)
	Ask(ctx context.Context, q evidence.Question, from, to time.Time) (evidence.Chart, error)
}

// figuresPart is what an incident's page shows of its figures and of what
// changed about it.
type figuresPart struct {
	Incident string
	Kept     evidence.Record
	Changes  []changeLine
	Span     timeSpan
	Live     bool // the incident is not over: the charts go on to now
	Waits    bool // they are not taken yet
	Note     string
}

// figures reads what was kept of an incident, and what changed about it.
func (c *Console) incidentFigures(r *http.Request, story respond.Story) (p figuresPart, err error) {
	now := c.opt.Now()
	p = figuresPart{Incident: story.Incident.ID, Live: story.Incident.State != respond.Resolved}
	if c.Evidence != nil {
		p.Kept, err = c.Evidence.Of(r.Context(), c.actor(r), c.opt.Tenant, story.Incident.ID)
		if errors.Is(err, respond.ErrNotFound) {
			p.Waits, err = p.Live && len(story.Alerts) > 0, nil
		}
		if err != nil {
			return p, err
		}
		p.Span = spanOf(p.Kept, p.Live, now)
	}
	if c.Reviews == nil {
		return p, nil
	}
	changes, err := c.Reviews.Changes(r.Context(), c.actor(r), story, now)
	if err != nil {
		p.Note = c.partError(r, "The changes", err)
		return p, nil
	}
	p.Changes = changeLines(latest(changes), now)
	return p, nil
}

// latest are the newest changes, as many as a page marks.
func latest(all []estate.Change) []estate.Change {
	return all[max(0, len(all)-markedChanges):]
}

func spanOf(k evidence.Record, live bool, now time.Time) timeSpan {
	s := timeSpan{k.From, k.To}
	if live && now.After(s.To) {
		s.To = now
	}
	return s
}

// incidentChart draws one of the figures: GET /incidents/{id}/charts/{n}.json or
// .svg. While the incident goes on it is drawn up to now, where the figures can
// be had; else as it was kept.
func (c *Console) incidentChart(w http.ResponseWriter, r *http.Request) error {
	story, err := c.Incidents.Get(r.Context(), c.actor(r), c.opt.Tenant, r.PathValue("id"))
	if err != nil {
		return err
	}
	kept, err := c.Evidence.Of(r.Context(), c.actor(r), c.opt.Tenant, story.Incident.ID)
	if err != nil {
		return err
	}
	name, form, _ := strings.Cut(r.PathValue("file"), ".")
	n, err := strconv.Atoi(name)
	if err != nil || n < 0 || n >= len(kept.Charts) || form != "svg" && form != "json" {
		return errNoPage
	}
	ch, now := kept.Charts[n], c.opt.Now()
	if story.Incident.State != respond.Resolved {
		q := evidence.Question{Title: ch.Title, Query: ch.Query, Unit: ch.Unit, Limit: ch.Limit, Usual: ch.Usual}
		// What was kept is shown where they cannot be had now: it says as much.
		if live, err := c.Evidence.Ask(r.Context(), q, kept.From, now); err == nil && len(live.Lines) > 0 {
			ch = live
		}
	}
	p := pictureOf(ch)
	if form == "svg" {
		writeSVG(w, p, now)
		return nil
	}
	return c.writeJSON(w, r, p)
}

// pictureOf is a kept chart as it is drawn.
func pictureOf(ch evidence.Chart) picture {
	p := picture{Title: ch.Title, Unit: ch.Unit, Limit: ch.Limit, Usual: ch.Usual}
	highest := 0.0
	for _, l := range ch.Lines {
		out := line{Name: l.Name, Values: make([]float64, len(l.Values))}
		for n, v := range l.Values {
			out.Values[n] = math.NaN()
			if v != nil {
				out.Values[n] = *v
				highest = max(highest, *v)
			}
		}
		p.Series = append(p.Series, out)
	}
	if ch.Unit == "ratio" && highest <= 1 {
		p.Most = 1
	}
	if len(ch.Lines) > 0 {
		p.Times = make([]time.Time, len(ch.Lines[0].Values))
		for n := range p.Times {
			p.Times[n] = ch.From.Add(time.Duration(n) * time.Duration(ch.Step) * time.Second)
		}
	}
	return p
}

// incidentMarks are what the charts of an incident mark: itself, and what
// changed about it.
func (c *Console) incidentMarks(w http.ResponseWriter, r *http.Request) error {
	story, err := c.Incidents.Get(r.Context(), c.actor(r), c.opt.Tenant, r.PathValue("id"))
	if err != nil {
		return err
	}
	p, err := c.incidentFigures(r, story)
	if err != nil {
		return err
	}
	end := c.opt.Now()
	if !p.Live {
		end = story.Incident.ResolvedAt
	}
	return c.writeJSON(w, r, append(changeMarks(p.Changes), mark{From: story.Incident.OpenedAt.Unix(), To: end.Unix(), Text: story.Incident.Title, Kind: "finding"}))
}
