package console

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/internal/figure"
)

// callsShown bounds the calls on the page.
const callsShown = 300

// callsPage is who calls whom, with who says so: what sources do not agree on
// comes first.
type callsPage struct {
	List     []callRow
	Show     string // "", "contradicted", "unsure"
	All      int
	Disputed int
	Unsure   int // that are not certain
	More     int // that are not shown
	Asked    time.Time
}

// callRow is one call.
type callRow struct {
	From, To callEnd
	Env      string // where there are several
	Mark     string
	Sure     estate.Sureness
	Of       string // what is to be said of its state
	Sources  []string
	Disputes []string
}

// callEnd is one end of a call.
type callEnd struct{ ID, Name, Kind, URL string }

// entityCalls are the calls of one entity, by the ends at the other side.
type entityCalls struct{ Makes, Takes []callRow }

func (c *Console) calls(w http.ResponseWriter, r *http.Request) error {
	environments, err := c.Estate.Environments(r.Context(), c.actor(r), c.opt.Tenant)
	if err != nil {
		return err
	}
	p := callsPage{Show: r.URL.Query().Get("show"), Asked: c.opt.Now()}
	for _, e := range environments {
		list, err := c.Calls(r.Context(), e.Name)
		if err != nil {
			return err
		}
		for _, x := range list {
			row := rowOf(x, e.Name, p.Asked)
			if len(environments) > 1 {
				row.Env = e.Name
			}
			p.All++
			if len(row.Disputes) > 0 {
				p.Disputed++
			}
			if row.Sure != estate.Certain {
				p.Unsure++
			}
			if p.Show == "contradicted" && len(row.Disputes) == 0 || p.Show == "unsure" && row.Sure == estate.Certain {
				continue
			}
			p.List = append(p.List, row)
		}
	}
	slices.SortStableFunc(p.List, func(a, b callRow) int { return cmp.Compare(len(b.Disputes), len(a.Disputes)) })
	if n := len(p.List) - callsShown; n > 0 {
		p.List, p.More = p.List[:callsShown], n
	}
	return c.render(w, r, http.StatusOK, "Who calls whom", "/estate", callsView(p))
}

// callsOf are the calls of an entity as of now; told is false where nobody
// knows more than its relations.
func (c *Console) callsOf(r *http.Request, e estate.Entity) (out entityCalls, told bool, err error) {
	if c.Calls == nil {
		return out, false, nil
	}
	list, err := c.Calls(r.Context(), e.Environment)
	if err != nil {
		return out, false, err
	}
	now := c.opt.Now()
	for _, x := range list {
		switch e.ID {
		case x.From:
			out.Makes = append(out.Makes, rowOf(x, e.Environment, now))
		case x.To:
			out.Takes = append(out.Takes, rowOf(x, e.Environment, now))
		}
	}
	return out, true, nil
}

func rowOf(c estate.Call, environment string, now time.Time) callRow {
	end := func(id string) callEnd {
		kind, _, _ := strings.Cut(id, ":")
		return callEnd{ID: id, Name: subjectOf(id).name, Kind: kindWord(estate.Kind(kind), 1), URL: entityURL(environment, id)}
	}
	row := callRow{From: end(c.From), To: end(c.To), Sure: c.Sure, Of: callStateText(c, now), Mark: "steady"}
	for _, s := range c.Sources {
		row.Sources = append(row.Sources, sourceText(s, now))
	}
	for _, d := range c.Contradictions {
		row.Disputes = append(row.Disputes, d.Text)
	}
	switch {
	case len(row.Disputes) > 0:
		row.Mark = "info"
	case c.State != estate.Current && c.State != estate.Told || c.Sure == estate.Doubtful:
		row.Mark = "unknown"
	}
	return row
}

// callStateText says what is to be known of a call that is not seen now.
func callStateText(c estate.Call, now time.Time) string {
	switch c.State {
	case estate.Stale:
		return "Stale: no call was seen for " + spanWords(now.Sub(c.Last)) + "."
	case estate.Silent:
		return "Who saw it tells nothing now, so whether it is still made is not known for certain."
	case estate.Unknown:
		return "It was seen before Evenkeel started, and not since."
	}
	return ""
}

// sourceText is what one source says of a call, and when it saw it last.
func sourceText(s estate.CallSource, now time.Time) string {
	text := s.Name
	switch s.State {
	case estate.Current:
		text += ", " + ago(s.Last, now)
		if s.Counts != "" {
			text += ", " + figure.In(s.Rate, "1/s")
			if s.Counts != "requests" {
				text += " " + s.Counts
			}
		}
	case estate.Stale:
		text += ", last " + ago(s.Last, now)
	case estate.Silent:
		text += ", not heard since " + clock(s.Heard, now)
	case estate.Unknown:
		if !s.Since.IsZero() {
			text += ", not since " + clock(s.Since, now)
		}
	case estate.Unseen:
		switch {
		case s.Never:
			text += ", never seen"
		case now.Sub(s.Since) > estate.LapsesAfter-time.Minute:
			text += ", not seen for a week"
		case !s.Since.IsZero():
			text += ", not seen since " + clock(s.Since, now)
		}
	}
	return text
}
