package route

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/internal/matcher"
	"github.com/evenkeel/evenkeel/respond"
)

// Silence keeps alerts from paging for a while. Whoever makes one says until
// when, and why.
type Silence struct {
	ID          string    `json:"id"`
	Tenant      string    `json:"tenant"`
	Environment string    `json:"environment,omitempty"` // empty: all
	Matchers    Matchers  `json:"matchers"`
	From        time.Time `json:"from"`
	To          time.Time `json:"to"`
	Owner       string    `json:"owner"`  // whom to ask, for people
	Reason      string    `json:"reason"` // why
	// CreatedBy is the id of the actor who made it. The one who changes another's
	// silence is in the audit log.
	CreatedBy string    `json:"createdBy,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
	// EndedBy is the name of who ended it before its time; empty where it ran
	// out.
	EndedBy string `json:"endedBy,omitempty"`
}

// SilenceState says where a silence stands.
type SilenceState string

const (
	Pending SilenceState = "pending"
	Active  SilenceState = "active"
	Expired SilenceState = "expired"
)

const (
	// longestSilence is how long a silence may be: one for ever is a route
	// that nobody finds again.
	longestSilence = 366 * 24 * time.Hour
	maxSilenceText = 4 << 10 // of a reason, in bytes
)

// State is where the silence stands at a time.
func (s Silence) State(now time.Time) SilenceState {
	switch {
	case !now.Before(s.To):
		return Expired
	case now.Before(s.From):
		return Pending
	}
	return Active
}

// Validate checks a silence, as respond.ErrInvalid.
func (s Silence) Validate() error {
	if err := checkScope(s.Matchers, s.Owner, s.Reason, s.From, s.To); err != nil {
		return fmt.Errorf("%w: the silence %w", respond.ErrInvalid, err)
	}
	return nil
}

// checkScope is what silences and maintenance windows have in common. Its
// errors go on from the noun.
func checkScope(m Matchers, owner, reason string, from, to time.Time) error {
	if err := checkMatchers(m); err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(owner) == "" || len(owner) > 200:
		return errors.New("needs an owner of 1 to 200 bytes, so that others know whom to ask")
	case strings.TrimSpace(reason) == "" || len(reason) > maxSilenceText:
		return fmt.Errorf("needs a reason of 1 to %d bytes", maxSilenceText)
	case to.IsZero():
		return errors.New("needs an end")
	case !to.After(from):
		return errors.New("ends before it begins")
	case to.Sub(from) > longestSilence:
		return fmt.Errorf("is longer than %d days; for what is meant to last, change the routes", int(longestSilence.Hours()/24))
	}
	return nil
}

func checkMatchers(m Matchers) error {
	switch {
	case len(m) == 0 || len(m) > maxMatchers:
		return fmt.Errorf("needs 1 to %d matchers", maxMatchers)
	case !slices.ContainsFunc(m, func(m Matcher) bool { return !m.Holds("") }):
		return errors.New("would take alerts whatever their labels are: at least one matcher must not match an empty value")
	}
	return nil
}

// covers tells whether an alert is one that the silence takes while it holds.
func (s Silence) covers(a respond.Alert) bool {
	return s.Tenant == a.Tenant && (s.Environment == "" || s.Environment == a.Environment) && s.Matchers.Hold(a.Labels)
}

// Revise decides what becomes of a silence that somebody sends: a new one (old
// is nil), or another version of one that there is. What has begun is history:
// where its matchers or its beginning change, the old one expires and the new
// one gets the id that newID gives. It returns what is to be stored, the one
// that holds from now on first.
func Revise(old *Silence, s Silence, now time.Time, newID func() string) ([]Silence, error) {
	if s.From.Before(now) && (old == nil || !sameSecond(old.From, s.From)) {
		s.From = now
	}
	s.UpdatedAt = now
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if !s.To.After(now) {
		return nil, fmt.Errorf("%w: the silence ends in the past", respond.ErrInvalid)
	}
	if old == nil {
		s.ID = newID()
		return []Silence{s}, nil
	}
	if old.Tenant != s.Tenant {
		return nil, fmt.Errorf("%w: silence %s", respond.ErrNotFound, s.ID)
	}
	state := old.State(now)
	keeps := state == Pending || state == Active && sameSecond(old.From, s.From)
	if keeps && old.Environment == s.Environment && slices.EqualFunc(old.Matchers.Sorted(), s.Matchers.Sorted(), matcher.Same) {
		s.ID = old.ID
		if state == Active {
			s.From = old.From
		}
		return []Silence{s}, nil
	}
	s.ID = newID()
	// It holds from now on; its beginning lies in the one that it replaces.
	if s.From.Before(now) {
		s.From = now
	}
	out := []Silence{s}
	if ended, changed := Expire(*old, now); changed {
		out = append(out, ended)
	}
	return out, nil
}

// sameSecond compares as well as programs keep times.
func sameSecond(a, b time.Time) bool { return a.Unix() == b.Unix() }

// Expire ends a silence now. One that has ended stays as it is.
func Expire(s Silence, now time.Time) (Silence, bool) {
	switch s.State(now) {
	case Expired:
		return s, false
	case Pending:
		s.From = now
	}
	s.To, s.UpdatedAt = now, now
	return s, true
}

// Window is planned maintenance: a silence that is known in advance and may
// recur within its time.
type Window struct {
	ID          string    `yaml:"id" json:"id"`
	Environment string    `yaml:"environment,omitempty" json:"environment,omitempty"` // empty: all
	Matchers    Matchers  `yaml:"matchers" json:"matchers"`
	From        time.Time `yaml:"from" json:"from"`
	To          time.Time `yaml:"to" json:"to"`
	// TimeIntervals name when within its time it holds; empty: always.
	TimeIntervals []string `yaml:"time_intervals,omitempty,flow" json:"timeIntervals,omitempty"`
	Owner         string   `yaml:"owner" json:"owner"`
	Reason        string   `yaml:"reason" json:"reason"`
}

func (w Window) check(intervals map[string]TimeIntervals) error {
	if w.ID == "" || len(w.ID) > 100 {
		return fmt.Errorf("window %q: an id of 1 to 100 bytes is needed", w.ID)
	}
	if err := checkScope(w.Matchers, w.Owner, w.Reason, w.From, w.To); err != nil {
		return fmt.Errorf("window %s %w", w.ID, err)
	}
	for _, name := range w.TimeIntervals {
		if _, ok := intervals[name]; !ok {
			return fmt.Errorf("window %s: there is no time interval %q; add it to time_intervals", w.ID, name)
		}
	}
	return nil
}

// holds tells whether the window takes an alert now, and until when.
func (w Window) holds(t *Tree, environment string, labels map[string]string, now time.Time) (until time.Time, is bool) {
	if now.Before(w.From) || !now.Before(w.To) || w.Environment != "" && w.Environment != environment || !w.Matchers.Hold(labels) {
		return time.Time{}, false
	}
	if len(w.TimeIntervals) == 0 {
		return w.To, true
	}
	within := func(at time.Time) bool {
		return slices.ContainsFunc(w.TimeIntervals, func(name string) bool { return t.intervals[name].contains(at) })
	}
	if !within(now) {
		return time.Time{}, false
	}
	var all []Interval
	for _, name := range w.TimeIntervals {
		all = append(all, t.intervals[name].Intervals...)
	}
	until = untilFalse(all, now, within)
	if until.IsZero() || until.After(w.To) {
		until = w.To
	}
	return until, true
}

// SortSilences puts those that hold first, then those to come, then the
// expired ones, each by its end as Alertmanager does.
func SortSilences(list []Silence, now time.Time) {
	rank := map[SilenceState]int{Active: 0, Pending: 1, Expired: 2}
	slices.SortFunc(list, func(a, b Silence) int {
		sa, sb := a.State(now), b.State(now)
		by := a.To.Compare(b.To)
		switch sa {
		case Pending:
			by = a.From.Compare(b.From)
		case Expired:
			by = -by
		}
		return cmp.Or(rank[sa]-rank[sb], by, strings.Compare(a.ID, b.ID))
	})
}
