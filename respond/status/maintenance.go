package status

import (
	"slices"
	"time"
)

// Maintenance is work that was announced.
type Maintenance struct {
	ID         string    `json:"id"`
	Tenant     string    `json:"tenant"`
	Page       string    `json:"page"`
	Title      string    `json:"title"`
	Text       string    `json:"text,omitempty"`
	Components []string  `json:"components"` // ids
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
}

// Stage is where a maintenance stands.
type Stage string

const (
	Announced Stage = "announced"
	Underway  Stage = "in-progress"
	Done      Stage = "done"
)

// StageAt is where it stands at a time.
func (m Maintenance) StageAt(now time.Time) Stage {
	switch {
	case now.Before(m.From):
		return Announced
	case now.Before(m.To):
		return Underway
	}
	return Done
}

const (
	maxMaintenance = 30 * 24 * time.Hour
	maxAhead       = 366 * 24 * time.Hour
)

func (m Maintenance) checked(p Page, now time.Time) (Maintenance, error) {
	var err error
	if m.Title, err = text("the title", m.Title, 3, 200, true); err != nil {
		return m, err
	}
	if m.Text, err = text("the description", m.Text, 0, 2000, false); err != nil {
		return m, err
	}
	m.From, m.To = m.From.UTC().Truncate(time.Second), m.To.UTC().Truncate(time.Second)
	switch {
	case !m.From.Before(m.To):
		return m, invalid("its end must be after its beginning")
	case m.To.Sub(m.From) > maxMaintenance:
		return m, invalid("it may last 30 days at most")
	case !m.To.After(now):
		return m, invalid("its end is over already")
	case m.From.Sub(now) > maxAhead:
		return m, invalid("it can be announced a year ahead at most")
	case len(m.Components) == 0 || len(m.Components) > maxComponents:
		return m, invalid("name the components that it is about")
	}
	for _, id := range m.Components {
		if _, ok := p.component(id); !ok {
			return m, invalid("the page has no component %q", clip(id, 60))
		}
	}
	m.Components = slices.Compact(slices.Sorted(slices.Values(m.Components)))
	return m, nil
}
