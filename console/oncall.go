package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/oncall"
	"github.com/evenkeel/evenkeel/respond/reach"
)

// OnCall is what the page asks of who is on call; *oncall.Service is one.
type OnCall interface {
	Now(ctx context.Context, actor access.Actor, tenant string, at time.Time) ([]oncall.Standing, error)
	Shifts(ctx context.Context, actor access.Actor, tenant, id string, from, to time.Time) ([]oncall.Shift, error)
	Overrides(ctx context.Context, actor access.Actor, tenant, schedule string, endAfter time.Time) ([]oncall.Override, error)
	Problems(ctx context.Context, actor access.Actor, tenant string, from, to time.Time) ([]oncall.Problem, error)
	Fairness(ctx context.Context, actor access.Actor, tenant string, from, to time.Time) ([]oncall.Load, error)
	Override(ctx context.Context, actor access.Actor, o oncall.Override, now time.Time) (oncall.Override, error)
	DeleteOverride(ctx context.Context, actor access.Actor, tenant, schedule, id string, now time.Time) error
	RenewFeed(ctx context.Context, actor access.Actor, tenant, schedule string, now time.Time) (string, error)
}

const (
	// onCallDays is how many days the calendar shows, and how far ahead
	// problems are looked for.
	onCallDays = 14
	// fairDays is how far back the load is added up.
	fairDays = 90
	// manyProblems is how many are shown before the rest is folded.
	manyProblems = 5
)

// onCallPage is who is on call now and in the next two weeks, what is wrong
// first.
type onCallPage struct {
	Schedules []onCallSchedule
	Problems  []oncall.Problem
	Notices   []reach.Notice // of whom nobody knows whether pages reach them
	Loads     []oncall.Load
	Names     map[string]string
	People    []choice
	Respond   bool // the actor may take over
	Self      string
	Problem   string
	At        string       // id of the schedule that the problem, or the new address, is about
	Wrote     overrideForm // what was typed there
	Feed      string       // an address that is shown this once
	Asked     time.Time
}

// overrideForm is a form as it was typed.
type overrideForm struct{ Person, From, To, Reason string }

type onCallSchedule struct {
	oncall.Standing
	Days      []onCallDay
	Rows      []onCallRow
	Overrides []oncall.Override
	Zone      *time.Location
}

// onCallDay is a column of the calendar.
type onCallDay struct {
	Name, Number string
	Weekend      bool
	Left, Right  int // of onCallWidth
}

// onCallRow is a person's line in the calendar, or nobody's.
type onCallRow struct {
	Name   string
	Nobody bool
	Bars   []onCallBar
}

type onCallBar struct {
	Left, Width int // of onCallWidth
	Override    bool
	Title       string
}

// onCallWidth is the width of the calendar in its own units.
const onCallWidth = 1400

func (c *Console) onCall(w http.ResponseWriter, r *http.Request) error {
	return c.showOnCall(w, r, http.StatusOK, onCallPage{})
}

func (c *Console) showOnCall(w http.ResponseWriter, r *http.Request, status int, p onCallPage) error {
	ctx, actor, now := r.Context(), c.actor(r), c.opt.Now()
	p.Asked, p.Self = now, actor.ID
	if actor.Kind != access.Person {
		p.Self = ""
	}
	standings, err := c.OnCall.Now(ctx, actor, c.opt.Tenant, now)
	if err != nil {
		return err
	}
	if p.Names, err = c.names(r); err != nil {
		return err
	}
	for _, st := range standings {
		s, err := c.onCallSchedule(r, st, p.Names, now)
		if err != nil {
			return err
		}
		p.Schedules = append(p.Schedules, s)
	}
	if c.Reach != nil {
		if p.Notices, err = c.Reach.Notices(ctx, actor, c.opt.Tenant); err != nil {
			return err
		}
	}
	if p.Problems, err = c.OnCall.Problems(ctx, actor, c.opt.Tenant, now, now.AddDate(0, 0, onCallDays)); err != nil {
		return err
	}
	if p.Loads, err = c.OnCall.Fairness(ctx, actor, c.opt.Tenant, now.AddDate(0, 0, -fairDays), now); err != nil {
		return err
	}
	for id, name := range p.Names {
		p.People = append(p.People, choice{id, name})
	}
	slices.SortFunc(p.People, func(a, b choice) int { return strings.Compare(a.Title, b.Title) })
	_, all := access.Environments(actor, access.Respond, c.opt.Tenant)
	some, _ := access.Environments(actor, access.Respond, c.opt.Tenant)
	p.Respond = all || len(some) > 0
	return c.render(w, r, status, "On call", "/incidents", onCallView(p))
}

// onCallSchedule lays the next two weeks of a schedule out, in its own time.
func (c *Console) onCallSchedule(r *http.Request, st oncall.Standing, names map[string]string, now time.Time) (s onCallSchedule, err error) {
	s.Standing = st
	if s.Zone, err = time.LoadLocation(st.Zone); err != nil {
		return s, err
	}
	y, m, d := now.In(s.Zone).Date()
	from, to := time.Date(y, m, d, 0, 0, 0, 0, s.Zone), time.Date(y, m, d+onCallDays, 0, 0, 0, 0, s.Zone)
	shifts, err := c.OnCall.Shifts(r.Context(), c.actor(r), c.opt.Tenant, st.Schedule, from, to)
	if err != nil {
		return s, err
	}
	if s.Overrides, err = c.OnCall.Overrides(r.Context(), c.actor(r), c.opt.Tenant, st.Schedule, now); err != nil {
		return s, err
	}
	place := func(t time.Time) int { return int(t.Sub(from) * onCallWidth / to.Sub(from)) }
	for n := range onCallDays {
		day := time.Date(y, m, d+n, 0, 0, 0, 0, s.Zone)
		weekend := day.Weekday() == time.Saturday || day.Weekday() == time.Sunday
		s.Days = append(s.Days, onCallDay{day.Format("Mon")[:2], day.Format("2"), weekend, place(day), place(day.AddDate(0, 0, 1))})
	}
	rows := map[string]*onCallRow{}
	var order []string
	add := func(key, name string, from, to time.Time, why string, override bool) {
		if rows[key] == nil {
			rows[key] = &onCallRow{Name: name, Nobody: key == ""}
			order = append(order, key)
		}
		title := fmt.Sprintf("%s, %s to %s: %s", name, from.In(s.Zone).Format("Mon 2 Jan 15:04"), to.In(s.Zone).Format("Mon 2 Jan 15:04"), why)
		rows[key].Bars = append(rows[key].Bars, onCallBar{place(from), max(4, place(to)-place(from)-2), override, title})
	}
	covered := from
	for _, x := range shifts {
		if covered.Before(x.Start) && !st.PartTime {
			add("", "Nobody", covered, x.Start, "nobody is on call", false)
		}
		covered = x.End
		for _, p := range x.People {
			add(p, personName(names, p), x.Start, x.End, x.Why, x.Override != "")
		}
	}
	if covered.Before(to) && !st.PartTime {
		add("", "Nobody", covered, to, "nobody is on call", false)
	}
	slices.SortStableFunc(order, func(a, b string) int { return strings.Compare(rows[a].Name, rows[b].Name) })
	for _, key := range order {
		if key == "" {
			s.Rows = slices.Insert(s.Rows, 0, *rows[key])
		} else {
			s.Rows = append(s.Rows, *rows[key])
		}
	}
	return s, nil
}

// personName is how people call a person; one who has left has none.
func personName(names map[string]string, id string) string {
	if n := names[id]; n != "" {
		return n
	}
	return "somebody who has left"
}

func (c *Console) takeOver(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	f := overrideForm{Person: r.PostFormValue("person"), From: r.PostFormValue("from"), To: r.PostFormValue("to"), Reason: strings.TrimSpace(r.PostFormValue("reason"))}
	o := oncall.Override{Tenant: c.opt.Tenant, Schedule: id, Person: f.Person, Reason: f.Reason}
	standings, err := c.OnCall.Now(r.Context(), c.actor(r), c.opt.Tenant, c.opt.Now())
	if err != nil {
		return err
	}
	n := slices.IndexFunc(standings, func(s oncall.Standing) bool { return s.Schedule == id })
	if n < 0 {
		return errNoPage
	}
	if o.From, err = oncall.ParseTime(f.From, standings[n].Zone); err == nil {
		o.To, err = oncall.ParseTime(f.To, standings[n].Zone)
	}
	if err == nil {
		_, err = c.OnCall.Override(r.Context(), c.actor(r), o, c.opt.Now())
	}
	if why, ok := refusal(err); ok {
		return c.showOnCall(w, r, http.StatusUnprocessableEntity, onCallPage{Problem: why, At: id, Wrote: f})
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/oncall#schedule-"+id, http.StatusSeeOther)
	return nil
}

func (c *Console) takeBack(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	err := c.OnCall.DeleteOverride(r.Context(), c.actor(r), c.opt.Tenant, id, r.PathValue("override"), c.opt.Now())
	if err != nil && !errors.Is(err, respond.ErrNotFound) { // it is gone already, which is what was asked for
		return err
	}
	http.Redirect(w, r, "/oncall#schedule-"+id, http.StatusSeeOther)
	return nil
}

func (c *Console) calendarAddress(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	address, err := c.OnCall.RenewFeed(r.Context(), c.actor(r), c.opt.Tenant, id, c.opt.Now())
	if errors.Is(err, respond.ErrNotFound) {
		return errNoPage
	}
	if why, ok := refusal(err); ok {
		return c.showOnCall(w, r, http.StatusUnprocessableEntity, onCallPage{Problem: why, At: id})
	}
	if err != nil {
		return err
	}
	return c.showOnCall(w, r, http.StatusOK, onCallPage{Feed: address, At: id})
}

// names of several people.
func (p onCallPage) people(ids []string) string {
	var out []string
	for _, id := range ids {
		out = append(out, personName(p.Names, id))
	}
	return joined(out)
}

// problemMark is the sigil of a problem: nobody there within two days is now.
func problemMark(x oncall.Problem, now time.Time) string {
	switch {
	case x.Kind == oncall.Twice:
		return "risk"
	case x.From.Sub(now) < 48*time.Hour:
		return "now"
	}
	return "soon"
}

// oneHour rounds hours for a table.
func oneHour(h float64) string { return fmt.Sprintf("%.0f h", h) }
