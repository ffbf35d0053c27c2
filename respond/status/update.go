package status

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// Phase is how far people are with an incident.
type Phase string

const (
	Investigating Phase = "investigating"
	Identified    Phase = "identified"
	Monitoring    Phase = "monitoring"
	Over          Phase = "resolved"
)

// Phases in the order in which they come.
var Phases = []Phase{Investigating, Identified, Monitoring, Over}

// Words are what readers are told of a phase.
func (p Phase) Words() string {
	return map[Phase]string{Investigating: "We are looking into it", Identified: "We know the cause", Monitoring: "We watch whether it holds", Over: "It is over"}[p]
}

// Update is what people tell of an incident.
type Update struct {
	ID       string    `json:"id"` // rises with time
	Tenant   string    `json:"tenant"`
	Incident string    `json:"incident"`
	At       time.Time `json:"at"`
	By       string    `json:"by"`
	Phase    Phase     `json:"phase"`
	Text     string    `json:"text"`
	// NextAt is when the next one was promised; zero: nothing was.
	NextAt time.Time `json:"nextAt,omitzero"`
	// Public says that everybody may read Title and Text.
	Public bool   `json:"public,omitempty"`
	Title  string `json:"title,omitempty"` // what readers call the incident; its own title is never shown
	// Impact is how the components do that it names or touches.
	Impact State `json:"impact,omitempty"`
	// Components that it names, as PAGE/COMPONENT.
	Components []string `json:"components,omitempty"`
}

// Draft is what a person writes.
type Draft struct {
	Phase      Phase
	Text       string
	Next       time.Duration // until the next update; 0: none is promised
	Public     bool
	Title      string
	Impact     State // empty: by the incident's severity
	Components []string
}

// maxNext is the longest that people can be let wait for an update.
const maxNext = 7 * 24 * time.Hour

// Templates are what an update may begin with; {title}, {component} and {since}
// are filled in.
var Templates = map[Phase]string{
	Investigating: "Since {since}, {component} does not work as it should. We are looking into it.",
	Identified:    "We know why {component} does not work as it should, and are mending it.",
	Monitoring:    "{component} should work again. We watch whether it holds.",
	Over:          "{component} works again. It began at {since}. We are sorry for the trouble.",
}

// Fill fills a template's fields in.
func Fill(template, title, component string, since time.Time) string {
	if component == "" {
		component = "a part of our service"
	}
	out := strings.NewReplacer("{title}", title, "{component}", component, "{since}", since.UTC().Format("15:04 UTC")).Replace(template)
	if out == "" {
		return out
	}
	return strings.ToUpper(out[:1]) + out[1:]
}

// write makes an update of a draft, or says why it cannot be one. Before are
// the incident's earlier ones, the oldest first.
func write(d Draft, i respond.Incident, before []Update, id, by string, now time.Time) (Update, error) {
	u := Update{ID: id, Tenant: i.Tenant, Incident: i.ID, At: now, By: by, Phase: d.Phase, Public: d.Public}
	var err error
	switch {
	case !slices.Contains(Phases, d.Phase):
		return u, invalid("say how far it is: one of investigating, identified, monitoring, resolved")
	case d.Next < 0 || d.Next > maxNext:
		return u, invalid("the next update can be promised for within 7 days")
	case d.Phase == Over && d.Next > 0:
		return u, invalid("what is over needs no next update")
	}
	if u.Text, err = text("the text", d.Text, 3, 4000, false); err != nil {
		return u, err
	}
	if d.Next > 0 {
		u.NextAt = now.Add(d.Next)
	}
	if !d.Public {
		return u, nil
	}
	last, told := lastPublic(before)
	if d.Title == "" && told {
		d.Title = last.Title
	}
	if u.Title, err = text("the title for the public", d.Title, 3, 200, true); err != nil {
		return u, err
	}
	u.Impact, u.Components = d.Impact, slices.Clone(d.Components)
	if u.Impact == "" && told {
		u.Impact = last.Impact
	}
	if u.Impact == "" {
		u.Impact = impactOf(i.Severity)
	}
	if len(u.Components) == 0 && told {
		u.Components = last.Components
	}
	if !u.Impact.Valid() || u.Impact == Unknown {
		return u, invalid("the impact %q is none; give one of operational, maintenance, degraded, partial, major", clip(string(u.Impact), 40))
	}
	return u, nil
}

func impactOf(s finding.Severity) State {
	switch s {
	case finding.Critical:
		return Major
	case finding.Warning:
		return Degraded
	}
	return Operational
}

func lastPublic(list []Update) (u Update, ok bool) {
	for _, o := range list {
		if o.Public {
			u, ok = o, true
		}
	}
	return u, ok
}

// Promise is that people will hear more of an incident at a time.
type Promise struct {
	Tenant   string    `json:"tenant"`
	Incident string    `json:"incident"`
	Update   string    `json:"update"` // in which it was given
	At       time.Time `json:"at"`
	WakeAt   time.Time `json:"wakeAt"` // when to look again
	Reminded int       `json:"reminded"`
}

const (
	remindAgain = 30 * time.Minute
	remindMost  = 3
)

// Due says what has become of a promise: kept (nobody waits any more), or late
// with the words for those who must write. Next is the promise from now on.
func (p Promise) Due(over bool, number int64, now time.Time) (next Promise, kept bool, late string) {
	if over {
		return p, true, ""
	}
	if now.Before(p.WakeAt) {
		if p.WakeAt.Sub(now) > maxNext { // the clock was far ahead
			p.WakeAt = now.Add(remindAgain)
		}
		return p, false, ""
	}
	if p.Reminded >= remindMost {
		return p, true, ""
	}
	p.Reminded++
	p.WakeAt = now.Add(remindAgain)
	return p, false, fmt.Sprintf("An update of incident %d was promised for %s and is overdue. People wait to hear how it stands.", number, p.At.UTC().Format("15:04 UTC"))
}
