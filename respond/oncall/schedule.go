package oncall

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel/evenkeel/respond"
)

// Bounds of a schedule.
const (
	maxLayers, maxTurns, maxTogether, maxWindows, maxHolidays = 20, 100, 10, 20, 1000
	maxID, maxName                                            = 100, 200
	// maxOverrides is how many overrides of a schedule are taken into account.
	maxOverrides = 1000
	// MaxRange is the longest time that is computed at once.
	MaxRange = 400 * 24 * time.Hour
	// firstYear and lastYear bound all times.
	firstYear, lastYear = 2000, 2099
)

// Schedule is who takes turns, in the time of one place.
type Schedule struct {
	ID     string `json:"id" yaml:"id"`
	Tenant string `json:"tenant,omitempty" yaml:"-"`
	Name   string `json:"name" yaml:"name"`
	// Zone is the IANA name of the time zone of all its times.
	Zone   string  `json:"timeZone" yaml:"time_zone"`
	Layers []Layer `json:"layers" yaml:"layers"`
	// Holidays are days of the zone, for layers that ask for them.
	Holidays []Holiday `json:"holidays,omitempty" yaml:"holidays"`
	// PartTime says that nobody is on call at times, and that this is meant:
	// working hours, for example.
	PartTime bool `json:"partTime,omitempty" yaml:"part_time"`
	// Configured says that the configuration file has it; it is changed there.
	Configured bool  `json:"configured,omitempty" yaml:"-"`
	Revision   int64 `json:"revision,omitempty" yaml:"-"`
}

// Layer is people who take turns. Where two layers have somebody, the later one
// counts.
type Layer struct {
	Name string `json:"name" yaml:"name"`
	// Turns are gone through in order, again and again.
	Turns []Turn `json:"turns" yaml:"turns"`
	// Handoff is when the next turn begins: "never", "daily", "weekly", "every
	// 12 hours" (days, weeks), or a recurrence rule of RFC 5545 such as
	// "FREQ=WEEKLY;BYDAY=MO,FR". The time of day is that of Start.
	Handoff string `json:"handoff" yaml:"handoff"`
	// Start is when the first turn begins, as 2026-03-02T09:00 in the zone.
	Start string `json:"start" yaml:"start"`
	// End, where set, is when the layer ends.
	End string `json:"end,omitempty" yaml:"end"`
	// Everyone says that all people of a turn are on call. Otherwise the first
	// is, and the others stand behind them.
	Everyone bool `json:"everyone,omitempty" yaml:"everyone"`
	// Hours are when the layer counts; empty: always.
	Hours []Hours `json:"hours,omitempty" yaml:"hours"`
	// Holidays is "never" where the layer does not count on holidays, "only"
	// where it counts on no other day, or empty.
	Holidays string `json:"holidays,omitempty" yaml:"holidays"`
}

// Turn is whose turn it is: the first person, with others behind or beside
// them.
type Turn []string

// UnmarshalYAML reads one person, or a list.
func (t *Turn) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*t = Turn{n.Value}
		return nil
	}
	var list []string
	if err := n.Decode(&list); err != nil {
		return fmt.Errorf("line %d: a turn is a person or a list of persons", n.Line)
	}
	*t = list
	return nil
}

// Hours are a part of certain days. Where To is not after From it is on the day
// after, so that a night belongs to the day on which it begins.
type Hours struct {
	Days []string `json:"days,omitempty" yaml:"days"` // mon to sun; empty: every day
	From string   `json:"from,omitempty" yaml:"from"` // empty: 00:00
	To   string   `json:"to,omitempty" yaml:"to"`     // empty: 24:00
}

// Holiday is one day.
type Holiday struct {
	Date string `json:"date" yaml:"date"` // 2026-12-25
	Name string `json:"name,omitempty" yaml:"name"`
}

// UnmarshalYAML reads a date, or a date with a name.
func (h *Holiday) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		h.Date = n.Value
		return nil
	}
	type plain Holiday
	return n.Decode((*plain)(h))
}

// Override puts a person on call for a while, before all layers.
type Override struct {
	ID       string    `json:"id"`
	Tenant   string    `json:"tenant,omitempty"`
	Schedule string    `json:"schedule"`
	Person   string    `json:"person"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	// Replaces, where set, is the only person whose duty is taken over; who
	// else is on call stays so.
	Replaces string    `json:"replaces,omitempty"`
	Reason   string    `json:"reason"`
	ByID     string    `json:"byId,omitempty"` // who made it
	By       string    `json:"by"`             // their name then
	At       time.Time `json:"at"`             // when it was made; the later of two wins
	Swap     string    `json:"swap,omitempty"` // the same in both overrides of a swap
}

// longestOverride bounds an override.
const longestOverride = 366 * 24 * time.Hour

// Validate checks an override by itself, as respond.ErrInvalid.
func (o Override) Validate() error {
	switch {
	case o.Person == "" || len(o.Person) > maxID:
		return invalid("name the person who takes over")
	case !o.From.Before(o.To):
		return invalid("it must end after it begins")
	case o.To.Sub(o.From) > longestOverride:
		return invalid("it may last a year at most; change the schedule instead")
	case o.From.Year() < firstYear || o.To.Year() > lastYear:
		return invalid("its times must be between the years %d and %d", firstYear, lastYear)
	case o.Person == o.Replaces:
		return invalid("nobody takes over from themselves")
	}
	return nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", respond.ErrInvalid, fmt.Sprintf(format, args...))
}

// People are all who are named in the schedule, each once.
func (s Schedule) People() []string {
	var out []string
	for _, l := range s.Layers {
		for _, t := range l.Turns {
			out = append(out, t...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Validate checks a schedule and returns every error that it finds, as
// respond.ErrInvalid.
func (s Schedule) Validate() error {
	_, err := compile(s)
	return err
}

// Config is the schedules of a configuration file. A schedule that it names is
// stored at the start, over one of the same id. A person is named as they log
// in.
type Config []Schedule

// Validate checks all of it and returns every error that it finds.
func (c Config) Validate() error {
	var errs []error
	seen := map[string]bool{}
	for _, s := range c {
		if seen[s.ID] {
			errs = append(errs, fmt.Errorf("schedules: two have the id %q; keep one", s.ID))
		}
		seen[s.ID] = true
		if err := s.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("schedules: %w", err))
		}
	}
	return errors.Join(errs...)
}

// compile reads the texts of a schedule.
func compile(s Schedule) (*Rota, error) {
	var errs []error
	add := func(place string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%w: schedule %q: %s%w", respond.ErrInvalid, s.ID, place, err))
		}
	}
	r := &Rota{Schedule: s, holidays: map[time.Time]string{}}
	if s.ID == "" || len(s.ID) > maxID || strings.ContainsAny(s.ID, "/\x00\n") {
		add("id: ", fmt.Errorf("1 to %d bytes without '/' are needed", maxID))
	}
	if len(s.Name) > maxName {
		add("name: ", fmt.Errorf("%d bytes at most", maxName))
	}
	var err error
	r.zone, err = zoneOf(s.Zone)
	add("time_zone: ", err)
	if len(s.Layers) == 0 || len(s.Layers) > maxLayers {
		add("layers: ", fmt.Errorf("1 to %d are needed", maxLayers))
	}
	if len(s.Holidays) > maxHolidays {
		add("holidays: ", fmt.Errorf("%d at most", maxHolidays))
	}
	for n, h := range s.Holidays {
		day, err := time.Parse(time.DateOnly, h.Date)
		if err != nil || day.Year() < firstYear || day.Year() > lastYear {
			add(fmt.Sprintf("holiday %d: ", n+1), fmt.Errorf("%q is not a date such as 2026-12-25", h.Date))
			continue
		}
		if len(h.Name) > maxName {
			add(fmt.Sprintf("holiday %d: ", n+1), fmt.Errorf("its name may have %d bytes at most", maxName))
		}
		r.holidays[day] = h.Name
	}
	if len(errs) > 0 && (len(s.Layers) > maxLayers || len(s.Holidays) > maxHolidays) {
		return nil, errors.Join(errs...)
	}
	for n, l := range s.Layers {
		c, list := compileLayer(l)
		for _, err := range list {
			add(fmt.Sprintf("layer %d (%s): ", n+1, l.Name), err)
		}
		r.layers = append(r.layers, c)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return r, nil
}

// layer is a Layer whose texts are read.
type layer struct {
	Layer
	start, end time.Time // on the wall; end is zero for none
	handoff    handoff
	hours      []hours
}

type hours struct {
	days     [7]bool
	from, to time.Duration // since midnight; to is after from
}

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func compileLayer(l Layer) (layer, []error) {
	var errs []error
	add := func(place string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", place, err))
		}
	}
	c := layer{Layer: l}
	if l.Name == "" || len(l.Name) > maxName {
		add("name", fmt.Errorf("1 to %d bytes are needed", maxName))
	}
	if len(l.Turns) == 0 || len(l.Turns) > maxTurns {
		add("turns", fmt.Errorf("1 to %d are needed", maxTurns))
	}
	for n, t := range l.Turns[:min(len(l.Turns), maxTurns)] {
		if len(t) == 0 || len(t) > maxTogether {
			add(fmt.Sprintf("turn %d", n+1), fmt.Errorf("1 to %d people are needed", maxTogether))
		}
		for i, p := range t {
			if p == "" || len(p) > maxID || slices.Contains(t[:i], p) {
				add(fmt.Sprintf("turn %d", n+1), fmt.Errorf("%q is empty, too long or there twice", p))
			}
		}
	}
	var err error
	c.start, err = parseWall(l.Start)
	add("start", err)
	if l.End != "" {
		c.end, err = parseWall(l.End)
		add("end", err)
		if err == nil && !c.start.Before(c.end) {
			add("end", errors.New("it must be after the start"))
		}
	}
	c.handoff, err = parseHandoff(l.Handoff, c.start)
	add("handoff", err)
	if len(l.Hours) > maxWindows {
		add("hours", fmt.Errorf("%d entries at most", maxWindows))
		return c, errs
	}
	for n, h := range l.Hours {
		w, err := compileHours(h)
		add(fmt.Sprintf("hours, entry %d", n+1), err)
		c.hours = append(c.hours, w)
	}
	if l.Holidays != "" && l.Holidays != "never" && l.Holidays != "only" {
		add("holidays", fmt.Errorf("%q is not never or only; leave it out where holidays are days like all others", l.Holidays))
	}
	return c, errs
}

func compileHours(h Hours) (w hours, err error) {
	w.to = 24 * time.Hour
	if h.From != "" {
		if w.from, err = parseClock(h.From); err != nil {
			return w, err
		}
	}
	if h.To != "" {
		if w.to, err = parseClock(h.To); err != nil {
			return w, err
		}
	}
	if w.from == 24*time.Hour {
		return w, errors.New("from: write 00:00 of the day after")
	}
	if w.to <= w.from {
		w.to += 24 * time.Hour
	}
	for _, d := range h.Days {
		n := slices.Index(dayNames, strings.ToLower(d))
		if n < 0 {
			return w, fmt.Errorf("%q is not one of mon, tue, wed, thu, fri, sat, sun", d)
		}
		w.days[n] = true
	}
	if len(h.Days) == 0 {
		w.days = [7]bool{true, true, true, true, true, true, true}
	}
	return w, nil
}
