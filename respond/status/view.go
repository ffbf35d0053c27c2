package status

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// View is all that readers of a page may know. It is made of text that people
// wrote for them, of states and of times.
type View struct {
	Slug        string      `json:"-"`
	Title       string      `json:"title"`
	About       string      `json:"about,omitempty"`
	Private     bool        `json:"-"`
	Mail        bool        `json:"-"` // letters can be asked for
	URL         string      `json:"url,omitempty"`
	State       State       `json:"state"`
	WrittenAt   time.Time   `json:"writtenAt"`
	Components  []ShownPart `json:"components"`
	Current     []ShownCase `json:"incidents"`
	Past        []ShownCase `json:"pastIncidents"`
	Maintenance []ShownWork `json:"maintenance"`
	Watched     time.Time   `json:"-"`
}

// ShownPart is a component as readers see it.
type ShownPart struct {
	Name  string `json:"name"`
	Group string `json:"group,omitempty"`
	About string `json:"about,omitempty"`
	State State  `json:"state"`
	Days  []Day  `json:"days"`
}

// ShownCase is an incident as readers see it: its public updates.
type ShownCase struct {
	ID         string        `json:"id"` // of its first public update
	Title      string        `json:"title"`
	Impact     State         `json:"impact"`
	Components []string      `json:"components"`
	Since      time.Time     `json:"since"`
	Until      time.Time     `json:"until,omitzero"`
	NextAt     time.Time     `json:"nextUpdate,omitzero"`
	Updates    []ShownUpdate `json:"updates"` // the newest first
}

// ShownUpdate is one public update.
type ShownUpdate struct {
	ID    string    `json:"id"`
	At    time.Time `json:"at"`
	Phase Phase     `json:"phase"`
	Text  string    `json:"text"`
}

// ShownWork is maintenance that is announced or in progress, or was done.
type ShownWork struct {
	ID         string    `json:"id"`
	Title      string    `json:"title"`
	Text       string    `json:"text,omitempty"`
	Components []string  `json:"components"`
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
	Stage      Stage     `json:"stage"`
}

// Case is an incident with what a page needs of it.
type Case struct {
	Incident respond.Incident
	Open     bool      // it, or the one that it is part of, is not resolved
	OverAt   time.Time // when it was, where it is not open
	Labels   []map[string]string
	Updates  []Update // the oldest first
}

// Facts are what a page is made from.
type Facts struct {
	Page        Page
	Cases       []Case
	Maintenance []Maintenance
	Intervals   []Interval // of the page's components
	Mail        bool
	URL         string
}

// stands tells whether an incident still is a cause: it is open, and its last
// public update does not call it over.
func (c Case) stands() bool {
	last, told := lastPublic(c.Updates)
	return told && c.Open && last.Phase != Over
}

// touched are the ids of the page's components that an incident is about:
// those that its last public update names, and those of its alerts.
func (c Case) touched(p Page) []string {
	var out []string
	named := map[string]bool{}
	for _, u := range c.Updates {
		for _, id := range u.Components {
			if u.Public {
				named[id] = true
			}
		}
	}
	for _, part := range p.Components {
		if named[p.Slug+"/"+part.ID] || slices.ContainsFunc(c.Labels, part.Touched) {
			out = append(out, part.ID)
		}
	}
	return out
}

// StateOf is a component's state: the worst of its causes.
func (f Facts) StateOf(part Component, now time.Time) State {
	worst := Worst(part.Set)
	for _, c := range f.Cases {
		if c.stands() && slices.Contains(c.touched(f.Page), part.ID) {
			last, _ := lastPublic(c.Updates)
			worst = Worst(worst, last.Impact)
		}
	}
	for _, m := range f.Maintenance {
		if m.StageAt(now) == Underway && slices.Contains(m.Components, part.ID) {
			worst = Worst(worst, Maintained)
		}
	}
	return worst
}

// ViewOf makes the view of a page.
func ViewOf(f Facts, now time.Time) View {
	p := f.Page
	v := View{Slug: p.Slug, Title: p.Title, About: p.About, Private: p.Private, Mail: f.Mail, URL: f.URL, State: Operational, WrittenAt: now.UTC().Truncate(time.Second),
		Components: []ShownPart{}, Current: []ShownCase{}, Past: []ShownCase{}, Maintenance: []ShownWork{}}
	of := map[string][]Interval{}
	for _, i := range f.Intervals {
		of[i.Component] = append(of[i.Component], i)
	}
	for _, part := range p.Components {
		s := ShownPart{Name: part.Name, Group: part.Group, About: part.About, State: f.StateOf(part, now)}
		s.Days = Days(of[part.ID], part.CreatedAt, now, int(History/(24*time.Hour)))
		v.State = Worst(v.State, s.State)
		v.Components = append(v.Components, s)
	}
	groupOrder := map[string]int{}
	for _, s := range v.Components {
		if _, ok := groupOrder[s.Group]; !ok {
			groupOrder[s.Group] = len(groupOrder)
		}
	}
	slices.SortStableFunc(v.Components, func(a, b ShownPart) int { return cmp.Compare(groupOrder[a.Group], groupOrder[b.Group]) })
	for _, c := range f.Cases {
		shown, ok := shownCase(p, c, now)
		switch {
		case !ok:
		case c.stands():
			v.Current = append(v.Current, shown)
			v.State = Worst(v.State, shown.Impact)
		default:
			v.Past = append(v.Past, shown)
		}
	}
	for _, list := range [][]ShownCase{v.Current, v.Past} {
		slices.SortFunc(list, func(a, b ShownCase) int { return b.Since.Compare(a.Since) })
	}
	for _, m := range f.Maintenance {
		if now.Sub(m.To) > History {
			continue
		}
		v.Maintenance = append(v.Maintenance, ShownWork{ID: m.ID, Title: m.Title, Text: m.Text, Components: names(p, m.Components), From: m.From, To: m.To, Stage: m.StageAt(now)})
	}
	slices.SortFunc(v.Maintenance, func(a, b ShownWork) int { return a.From.Compare(b.From) })
	return v
}

// shownCase is an incident on a page; ok is false where it does not belong
// there.
func shownCase(p Page, c Case, now time.Time) (s ShownCase, ok bool) {
	last, told := lastPublic(c.Updates)
	parts := c.touched(p)
	if !told || len(parts) == 0 {
		return s, false
	}
	s = ShownCase{Title: last.Title, Components: names(p, parts)}
	for _, u := range c.Updates {
		if !u.Public {
			continue
		}
		if s.ID == "" {
			s.ID, s.Since = u.ID, u.At
			if !c.Incident.OpenedAt.IsZero() && c.Incident.OpenedAt.Before(u.At) {
				s.Since = c.Incident.OpenedAt
			}
		}
		s.Impact = Worst(s.Impact, u.Impact)
		s.Updates = append(s.Updates, ShownUpdate{ID: u.ID, At: u.At, Phase: u.Phase, Text: u.Text})
	}
	slices.Reverse(s.Updates)
	switch {
	case c.stands():
		s.Impact = last.Impact
		if last.NextAt.After(now) {
			s.NextAt = last.NextAt
		}
	case last.Phase == Over:
		s.Until = last.At
	default:
		s.Until = latest(c.OverAt, last.At)
	}
	return s, s.Until.IsZero() || now.Sub(s.Until) <= History
}

func names(p Page, ids []string) []string {
	out := []string{}
	for _, id := range ids {
		if c, ok := p.component(id); ok {
			out = append(out, c.Name)
		}
	}
	return out
}

// Sentence says how all stands.
func (v View) Sentence() string {
	worst := 0
	for _, c := range v.Components {
		if c.State != Operational {
			worst++
		}
	}
	switch {
	case len(v.Components) == 0:
		return "Nothing is shown here yet."
	case v.State == Operational && len(v.Current) == 0:
		return "No trouble is known."
	case v.State == Maintained:
		return "Planned maintenance is under way."
	case v.State == Major:
		return "Something is out of order."
	case v.State == Partial:
		return "Something fails for some."
	case v.State == Degraded:
		return "Something is slower or limited."
	}
	return "Something is being looked into."
}

// Joined are names as readers read them.
func Joined(list []string) string { return strings.Join(list, ", ") }
