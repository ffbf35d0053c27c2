package console

import (
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

// changeLine is a change as a list shows it.
type changeLine struct {
	estate.Change
	Name string // of the entity
	URL  string
	When string
}

func changeLines(all []estate.Change, now time.Time) []changeLine {
	out := make([]changeLine, len(all))
	for i, ch := range all {
		out[i] = changeLine{Change: ch, Name: subjectOf(ch.Entity).name, URL: entityURL(ch.Environment, ch.Entity), When: clock(ch.At, now)}
	}
	return out
}

const (
	scannedChanges = 200 // of an environment that are looked through for one host
	markedChanges  = 30  // that are marked in a chart
)

// changesOn reads the changes that may matter to an entity: its own, and those
// of everything on the same host.
func (c *Console) changesOn(r *http.Request, env, id string, s timeSpan) ([]changeLine, error) {
	host := subjectOf(id).host
	f := estate.ChangeFilter{Tenant: c.opt.Tenant, Environments: []string{env}, From: s.From, To: s.To, Limit: scannedChanges}
	if host == "" {
		f.Entity = id
	}
	page, err := c.Estate.Changes(r.Context(), c.actor(r), f)
	if err != nil {
		return nil, err
	}
	var of []estate.Change
	for _, ch := range page.Changes {
		if len(of) < markedChanges && (ch.Entity == id || host != "" && subjectOf(ch.Entity).host == host) {
			of = append(of, ch)
		}
	}
	return changeLines(of, c.opt.Now()), nil
}

// mark is a moment or a stretch of time in a chart.
type mark struct {
	From int64  `json:"from"` // Unix seconds
	To   int64  `json:"to,omitempty"`
	Text string `json:"text"`
	Kind string `json:"kind"` // "change", "finding"
}

func changeMarks(lines []changeLine) []mark {
	marks := make([]mark, len(lines))
	for i, l := range lines {
		marks[i] = mark{From: l.At.Unix(), Text: l.Summary, Kind: "change"}
	}
	return marks
}

func (c *Console) entityMarks(w http.ResponseWriter, r *http.Request) error {
	rng, err := readRange(r, time.Time{}, c.opt.Now())
	if err != nil {
		return err
	}
	e, _, err := c.findEntity(r, time.Time{})
	if err != nil {
		return err
	}
	lines, err := c.changesOn(r, e.Environment, e.ID, timeSpan{rng.From, rng.To})
	if err != nil {
		return err
	}
	return c.writeJSON(w, r, changeMarks(lines))
}

func (c *Console) findingMarks(w http.ResponseWriter, r *http.Request) error {
	f, _, err := c.Findings.Get(r.Context(), c.actor(r), c.opt.Tenant, r.PathValue("id"))
	if err != nil {
		return err
	}
	now := c.opt.Now()
	s, err := askedSpan(r, findingSpan(f, now), now)
	if err != nil {
		return err
	}
	lines, err := c.changesOn(r, f.Environment, f.Entity, s)
	if err != nil {
		return err
	}
	end := now
	if !f.ResolvedAt.IsZero() {
		end = f.ResolvedAt
	}
	return c.writeJSON(w, r, append(changeMarks(lines), mark{From: f.FirstSeen.Unix(), To: end.Unix(), Text: f.Title, Kind: "finding"}))
}

// changesPage is the list of changes.
type changesPage struct {
	Entity, Kind, From, To string
	Lines                  []changeLine
	Next                   string
	Asked                  time.Time
}

func (c *Console) changes(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	p := changesPage{Entity: q.Get("entity"), Kind: q.Get("kind"), From: q.Get("from"), To: q.Get("to"), Asked: c.opt.Now()}
	f := estate.ChangeFilter{Tenant: c.opt.Tenant, Entity: p.Entity, Kind: p.Kind, Limit: 50, Cursor: q.Get("after")}
	var err error
	if f.From, err = askedTime(p.From); err != nil {
		return err
	}
	if f.To, err = askedTime(p.To); err != nil {
		return err
	}
	page, err := c.Estate.Changes(r.Context(), c.actor(r), f)
	if err != nil {
		return err
	}
	p.Lines = changeLines(page.Changes, p.Asked)
	if page.Next != "" {
		q.Set("after", page.Next)
		p.Next = "/changes?" + q.Encode()
	}
	return c.render(w, r, http.StatusOK, "Changes", "/changes", changesView(p))
}
