package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/respond/oncall"
)

// ScheduleInput names a schedule.
type ScheduleInput struct {
	ID     string `path:"id" maxLength:"100"`
	Tenant string `query:"tenant" maxLength:"80"`
}

func (in ScheduleInput) tenant() string { return Where{Tenant: in.Tenant}.tenant() }

// At is a time that can be asked for.
type At struct {
	At time.Time `query:"at" doc:"default: now"`
}

func (a At) time() time.Time { return orNow(a.At) }

// orNow is a time, or now where there is none.
func orNow(t time.Time) time.Time {
	if t.IsZero() {
		return time.Now()
	}
	return t
}

// Duration is a time from when to when.
type Duration struct {
	From time.Time `query:"from" doc:"default: now"`
	To   time.Time `query:"to" doc:"at most 400 days after from"`
}

const (
	anyDay   = 24 * time.Hour
	twoWeeks = 14 * anyDay
)

// ScheduleFields are what is set of a schedule.
type ScheduleFields struct {
	Name     string           `json:"name,omitempty" maxLength:"200"`
	Zone     string           `json:"timeZone" maxLength:"100" doc:"such as Europe/Berlin"`
	Layers   []oncall.Layer   `json:"layers" maxItems:"20" doc:"later ones stand before earlier ones"`
	Holidays []oncall.Holiday `json:"holidays,omitempty" maxItems:"1000"`
	PartTime bool             `json:"partTime,omitempty" doc:"nobody is on call at times, and that is meant"`
	Revision int64            `json:"revision,omitempty" doc:"the one that was read; 0 for a new schedule"`
}

// OverrideFields are what is set of an override.
type OverrideFields struct {
	Person   string    `json:"person" minLength:"1" maxLength:"100" doc:"id of the person who takes over"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Replaces string    `json:"replaces,omitempty" maxLength:"100" doc:"id of the only person whose duty is taken over"`
	Reason   string    `json:"reason" maxLength:"2000"`
}

func (f OverrideFields) override(in ScheduleInput) oncall.Override {
	return oncall.Override{Tenant: in.tenant(), Schedule: in.ID, Person: f.Person, From: f.From, To: f.To, Replaces: f.Replaces, Reason: f.Reason}
}

// FeedAddress is shown once.
type FeedAddress struct {
	URL string `json:"url" doc:"whoever has it can read the calendar; the one that was made before leads nowhere"`
}

func (s *server) registerOnCall(h huma.API) {
	s.registerSchedules(h)
	s.registerOverrides(h)
	s.registerDuties(h)
}

func (s *server) registerSchedules(h huma.API) {
	type schedules struct {
		Schedules []oncall.Schedule `json:"schedules"`
	}
	type ofTenant struct {
		Tenant string `query:"tenant" maxLength:"80"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/schedules", "list-schedules", "On call", "Who takes turns"),
		func(ctx context.Context, in *ofTenant) (*body[schedules], error) {
			list, err := s.OnCall.Schedules(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant())
			if list == nil {
				list = []oncall.Schedule{}
			}
			return answer(schedules{list}), s.problem("list-schedules", err)
		})
	huma.Register(h, op(http.MethodGet, "/api/v1/schedules/{id}", "get-schedule", "On call", "One schedule"),
		func(ctx context.Context, in *ScheduleInput) (*body[oncall.Schedule], error) {
			v, err := s.OnCall.Schedule(ctx, s.actor(ctx), in.tenant(), in.ID)
			return answer(v), s.problem("get-schedule", err)
		})
	type put struct {
		ScheduleInput
		Body ScheduleFields
	}
	putOp := op(http.MethodPut, "/api/v1/schedules/{id}", "put-schedule", "On call", "Make or change a schedule; people are named by their ids or as they log in")
	putOp.MaxBodyBytes = 1 << 20
	huma.Register(h, putOp, func(ctx context.Context, in *put) (*body[oncall.Schedule], error) {
		b := in.Body
		v, err := s.OnCall.Put(ctx, s.actor(ctx), oncall.Schedule{ID: in.ID, Tenant: in.tenant(), Name: b.Name, Zone: b.Zone, Layers: b.Layers,
			Holidays: b.Holidays, PartTime: b.PartTime, Revision: b.Revision}, time.Now())
		return answer(v), s.problem("put-schedule", err)
	})
	huma.Register(h, op(http.MethodDelete, "/api/v1/schedules/{id}", "delete-schedule", "On call", "Delete a schedule that no policy names"),
		func(ctx context.Context, in *ScheduleInput) (*struct{}, error) {
			return nil, s.problem("delete-schedule", s.OnCall.Delete(ctx, s.actor(ctx), in.tenant(), in.ID, time.Now()))
		})
	type calendar struct {
		ScheduleInput
		Body struct {
			Calendar string `json:"calendar" maxLength:"1048576" doc:"the text of an .ics file, whose events of whole days are the holidays from now on"`
		}
	}
	type imported struct {
		Schedule oncall.Schedule `json:"schedule"`
		Skipped  int             `json:"skipped" doc:"events that are not of whole days"`
	}
	importOp := op(http.MethodPost, "/api/v1/schedules/{id}/holidays", "import-holidays", "On call", "Take a schedule's holidays from a calendar")
	importOp.MaxBodyBytes = 3 << 20
	huma.Register(h, importOp, func(ctx context.Context, in *calendar) (*body[imported], error) {
		v, skipped, err := s.OnCall.ImportHolidays(ctx, s.actor(ctx), in.tenant(), in.ID, in.Body.Calendar, time.Now())
		return answer(imported{v, skipped}), s.problem("import-holidays", err)
	})
	huma.Register(h, op(http.MethodPost, "/api/v1/schedules/{id}/feed", "renew-schedule-feed", "On call", "Make the address of a schedule's calendar; the old one leads nowhere from then on"),
		func(ctx context.Context, in *ScheduleInput) (*body[FeedAddress], error) {
			url, err := s.OnCall.RenewFeed(ctx, s.actor(ctx), in.tenant(), in.ID, time.Now())
			return answer(FeedAddress{url}), s.problem("renew-schedule-feed", err)
		})
	huma.Register(h, op(http.MethodPost, "/api/v1/oncall/feed", "renew-own-feed", "On call", "Make the address of your own calendar of duties; the old one leads nowhere from then on"),
		func(ctx context.Context, in *ofTenant) (*body[FeedAddress], error) {
			url, err := s.OnCall.RenewFeed(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), "", time.Now())
			return answer(FeedAddress{url}), s.problem("renew-own-feed", err)
		})
}

func (s *server) registerOverrides(h huma.API) {
	type overrides struct {
		Overrides []oncall.Override `json:"overrides"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/schedules/{id}/overrides", "list-overrides", "On call", "Overrides that are not over"),
		func(ctx context.Context, in *ScheduleInput) (*body[overrides], error) {
			list, err := s.OnCall.Overrides(ctx, s.actor(ctx), in.tenant(), in.ID, time.Now())
			return answer(overrides{list}), s.problem("list-overrides", err)
		})
	type override struct {
		ScheduleInput
		Body OverrideFields
	}
	made := op(http.MethodPost, "/api/v1/schedules/{id}/overrides", "create-override", "On call", "Put a person on call for a while")
	made.DefaultStatus = http.StatusCreated
	huma.Register(h, made, func(ctx context.Context, in *override) (*body[oncall.Override], error) {
		o, err := s.OnCall.Override(ctx, s.actor(ctx), in.Body.override(in.ScheduleInput), time.Now())
		return answer(o), s.problem("create-override", err)
	})
	type gone struct {
		ScheduleInput
		Override string `path:"override" maxLength:"100"`
	}
	huma.Register(h, op(http.MethodDelete, "/api/v1/schedules/{id}/overrides/{override}", "delete-override", "On call", "Take an override back; one that counts already ends now"),
		func(ctx context.Context, in *gone) (*struct{}, error) {
			return nil, s.problem("delete-override", s.OnCall.DeleteOverride(ctx, s.actor(ctx), in.tenant(), in.ID, in.Override, time.Now()))
		})
	type swapDuties struct {
		ScheduleInput
		Body struct {
			One   OverrideFields `json:"one"`
			Other OverrideFields `json:"other" doc:"each takes over from the other"`
		}
	}
	swapped := op(http.MethodPost, "/api/v1/schedules/{id}/swaps", "swap-duties", "On call", "Let two people take each other's duties")
	swapped.DefaultStatus = http.StatusCreated
	huma.Register(h, swapped, func(ctx context.Context, in *swapDuties) (*body[overrides], error) {
		list, err := s.OnCall.Swap(ctx, s.actor(ctx), in.Body.One.override(in.ScheduleInput), in.Body.Other.override(in.ScheduleInput), time.Now())
		return answer(overrides{list}), s.problem("swap-duties", err)
	})
}

func (s *server) registerDuties(h huma.API) {
	type dutyAt struct {
		ScheduleInput
		At
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/schedules/{id}/oncall", "schedule-on-call", "On call", "Who is on call in a schedule at a time, and why, layer by layer"),
		func(ctx context.Context, in *dutyAt) (*body[oncall.Standing], error) {
			v, err := s.OnCall.OnCall(ctx, s.actor(ctx), in.tenant(), in.ID, in.At.time())
			return answer(v), s.problem("schedule-on-call", err)
		})
	type between struct {
		ScheduleInput
		Duration
	}
	type shifts struct {
		Shifts []oncall.Shift `json:"shifts"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/schedules/{id}/shifts", "list-shifts", "On call", "Who is on call between two times; default: the next two weeks"),
		func(ctx context.Context, in *between) (*body[shifts], error) {
			from := orNow(in.From)
			to := in.To
			if to.IsZero() {
				to = from.Add(twoWeeks)
			}
			list, err := s.OnCall.Shifts(ctx, s.actor(ctx), in.tenant(), in.ID, from, to)
			return answer(shifts{list}), s.problem("list-shifts", err)
		})
	type dutiesAt struct {
		Tenant string `query:"tenant" maxLength:"80"`
		At
	}
	type standings struct {
		Schedules []oncall.Standing `json:"schedules"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/oncall", "who-is-on-call", "On call", "Who is on call everywhere, why, until when, and who is next"),
		func(ctx context.Context, in *dutiesAt) (*body[standings], error) {
			list, err := s.OnCall.Now(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), in.At.time())
			return answer(standings{list}), s.problem("who-is-on-call", err)
		})
	type measured struct {
		Tenant string `query:"tenant" maxLength:"80"`
		Duration
	}
	type dutyLoads struct {
		People []oncall.Load `json:"people"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/oncall/fairness", "on-call-fairness", "On call", "Hours, nights, weekends and holidays of each person; default: the last 90 days"),
		func(ctx context.Context, in *measured) (*body[dutyLoads], error) {
			to := orNow(in.To)
			from := in.From
			if from.IsZero() {
				from = to.Add(-90 * anyDay)
			}
			list, err := s.OnCall.Fairness(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), from, to)
			return answer(dutyLoads{list}), s.problem("on-call-fairness", err)
		})
	type ahead struct {
		Tenant string `query:"tenant" maxLength:"80"`
		Days   int    `query:"days" minimum:"1" maximum:"366" default:"14" doc:"how far ahead"`
	}
	type dutyProblems struct {
		Problems []oncall.Problem `json:"problems"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/oncall/problems", "on-call-problems", "On call", "Gaps, double bookings, and people whom no page would reach"),
		func(ctx context.Context, in *ahead) (*body[dutyProblems], error) {
			now := time.Now()
			list, err := s.OnCall.Problems(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), now, now.Add(time.Duration(in.Days)*anyDay))
			return answer(dutyProblems{list}), s.problem("on-call-problems", err)
		})
}
