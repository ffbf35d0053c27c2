package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/respond/status"
)

// StatusInput names a status page by its short name.
type StatusInput struct {
	ID     string `path:"id" maxLength:"100"`
	Tenant string `query:"tenant" maxLength:"80"`
}

func (in StatusInput) tenant() string { return Where{Tenant: in.Tenant}.tenant() }

// StatusFields are what is set of a status page.
type StatusFields struct {
	Title      string           `json:"title" minLength:"1" maxLength:"100"`
	About      string           `json:"about,omitempty" maxLength:"500"`
	Private    bool             `json:"private,omitempty" doc:"only with a login or the secret link"`
	Components []ComponentInput `json:"components" maxItems:"100"`
	Revision   int64            `json:"revision,omitempty" minimum:"0" doc:"as it was read; 0 for a new page"`
}

// ComponentInput is a component as it is set.
type ComponentInput struct {
	ID      string       `json:"id,omitempty" maxLength:"50" doc:"default: made from the name"`
	Name    string       `json:"name" minLength:"1" maxLength:"100"`
	Group   string       `json:"group,omitempty" maxLength:"100"`
	About   string       `json:"about,omitempty" maxLength:"300"`
	Touches []string     `json:"touches,omitempty" maxItems:"20" doc:"label=value pairs with commas between; an alert that has all of one line is about it"`
	Set     status.State `json:"set,omitempty" maxLength:"20" doc:"operational, maintenance, degraded, partial or major; empty: by incidents and maintenance"`
}

// page is the page that the fields make.
func (f StatusFields) page(tenant, slug string) status.Page {
	p := status.Page{Slug: slug, Tenant: tenant, Title: f.Title, About: f.About, Private: f.Private, Revision: f.Revision}
	for _, c := range f.Components {
		p.Components = append(p.Components, status.Component{ID: c.ID, Name: c.Name, Group: c.Group, About: c.About, Touches: c.Touches, Set: c.Set})
	}
	return p
}

// MaintenanceFields are what is set of a maintenance.
type MaintenanceFields struct {
	Title      string    `json:"title" minLength:"3" maxLength:"200"`
	Text       string    `json:"text,omitempty" maxLength:"2000"`
	Components []string  `json:"components" maxItems:"100" doc:"ids of components of the page"`
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
}

func (s *server) registerStatus(h huma.API) {
	s.registerStatusPages(h)
	s.registerMaintenance(h)
	s.registerUpdates(h)
}

func (s *server) registerStatusPages(h huma.API) {
	type pages struct {
		Pages []status.Listed `json:"pages"`
	}
	type list struct {
		Tenant string `query:"tenant" maxLength:"80"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/status-pages", "list-status-pages", "Status pages", "List status pages with the states of their components"),
		func(ctx context.Context, in *list) (*body[pages], error) {
			all, err := s.Status.Pages(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), time.Now())
			if err != nil {
				return nil, s.problem("list-status-pages", err)
			}
			return answer(pages{all}), nil
		})
	huma.Register(h, op(http.MethodGet, "/api/v1/status-pages/{id}", "get-status-page", "Status pages", "One status page by its short name"),
		func(ctx context.Context, in *StatusInput) (*body[status.Listed], error) {
			p, err := s.Status.Page(ctx, s.actor(ctx), in.tenant(), in.ID, time.Now())
			return answer(p), s.problem("get-status-page", err)
		})
	type save struct {
		StatusInput
		Body StatusFields
	}
	huma.Register(h, op(http.MethodPut, "/api/v1/status-pages/{id}", "put-status-page", "Status pages", "Make a status page, or change it on the revision that was read"),
		func(ctx context.Context, in *save) (*body[status.Listed], error) {
			p, err := s.Status.Save(ctx, s.actor(ctx), in.Body.page(in.tenant(), in.ID), time.Now())
			return answer(p), s.problem("put-status-page", err)
		})
	huma.Register(h, op(http.MethodPost, "/api/v1/status-pages/{id}/renew", "renew-status-page", "Status pages", "Renew the secret link of a private page; the old one leads nowhere from then on"),
		func(ctx context.Context, in *StatusInput) (*body[status.Listed], error) {
			p, err := s.Status.Renew(ctx, s.actor(ctx), in.tenant(), in.ID, time.Now())
			return answer(p), s.problem("renew-status-page", err)
		})
	remove := op(http.MethodDelete, "/api/v1/status-pages/{id}", "delete-status-page", "Status pages", "Delete a status page with its maintenance, days and subscriptions")
	remove.DefaultStatus = http.StatusNoContent
	huma.Register(h, remove, func(ctx context.Context, in *StatusInput) (*struct{}, error) {
		return nil, s.problem("delete-status-page", s.Status.Delete(ctx, s.actor(ctx), in.tenant(), in.ID, time.Now()))
	})
}

func (s *server) registerMaintenance(h huma.API) {
	type add struct {
		StatusInput
		Body MaintenanceFields
	}
	put := func(ctx context.Context, in StatusInput, id string, f MaintenanceFields) (*body[status.Maintenance], error) {
		m, err := s.Status.Announce(ctx, s.actor(ctx), status.Maintenance{ID: id, Tenant: in.tenant(), Page: in.ID, Title: f.Title, Text: f.Text, Components: f.Components, From: f.From, To: f.To}, time.Now())
		return answer(m), s.problem("announce-maintenance", err)
	}
	create := op(http.MethodPost, "/api/v1/status-pages/{id}/maintenance", "announce-maintenance", "Status pages", "Announce maintenance")
	create.DefaultStatus = http.StatusCreated
	huma.Register(h, create, func(ctx context.Context, in *add) (*body[status.Maintenance], error) {
		return put(ctx, in.StatusInput, "", in.Body)
	})
	type changed struct {
		StatusInput
		Maintenance string `path:"maintenance" minLength:"1" maxLength:"100"`
		Body        MaintenanceFields
	}
	huma.Register(h, op(http.MethodPut, "/api/v1/status-pages/{id}/maintenance/{maintenance}", "change-maintenance", "Status pages", "Change a maintenance"),
		func(ctx context.Context, in *changed) (*body[status.Maintenance], error) {
			return put(ctx, in.StatusInput, in.Maintenance, in.Body)
		})
	type removed struct {
		StatusInput
		Maintenance string `path:"maintenance" minLength:"1" maxLength:"100"`
	}
	remove := op(http.MethodDelete, "/api/v1/status-pages/{id}/maintenance/{maintenance}", "withdraw-maintenance", "Status pages", "Withdraw a maintenance")
	remove.DefaultStatus = http.StatusNoContent
	huma.Register(h, remove, func(ctx context.Context, in *removed) (*struct{}, error) {
		return nil, s.problem("withdraw-maintenance", s.Status.Withdraw(ctx, s.actor(ctx), in.tenant(), in.ID, in.Maintenance, time.Now()))
	})
}

func (s *server) registerUpdates(h huma.API) {
	type updates struct {
		Updates []status.Update `json:"updates"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/incidents/{id}/updates", "list-updates", "Incidents", "List the updates that people wrote, the oldest first"),
		func(ctx context.Context, in *StatusInput) (*body[updates], error) {
			list, err := s.Status.Updates(ctx, s.actor(ctx), in.tenant(), in.ID)
			if err != nil {
				return nil, s.problem("list-updates", err)
			}
			return answer(updates{list}), nil
		})
	type write struct {
		StatusInput
		Body struct {
			Phase      status.Phase `json:"phase" maxLength:"20" doc:"investigating, identified, monitoring or resolved"`
			Text       string       `json:"text" minLength:"3" maxLength:"4000"`
			Next       int          `json:"nextMinutes,omitempty" minimum:"0" maximum:"10080" doc:"when the next update is promised; who looks after the incident is reminded of it"`
			Public     bool         `json:"public,omitempty" doc:"everybody may read it on the status pages of its components"`
			Title      string       `json:"title,omitempty" maxLength:"200" doc:"what readers call the incident; its own title is never shown to them"`
			Impact     status.State `json:"impact,omitempty" maxLength:"20" doc:"operational, maintenance, degraded, partial or major; default: by severity"`
			Components []string     `json:"components,omitempty" maxItems:"100" doc:"PAGE/COMPONENT, beside those that its alerts touch"`
		}
	}
	create := op(http.MethodPost, "/api/v1/incidents/{id}/updates", "write-update", "Incidents", "Write an update for those who wait")
	create.DefaultStatus = http.StatusCreated
	huma.Register(h, create, func(ctx context.Context, in *write) (*body[status.Update], error) {
		b := in.Body
		u, err := s.Status.Write(ctx, s.actor(ctx), in.tenant(), in.ID, status.Draft{Phase: b.Phase, Text: b.Text, Next: time.Duration(b.Next) * time.Minute,
			Public: b.Public, Title: b.Title, Impact: b.Impact, Components: b.Components}, time.Now())
		return answer(u), s.problem("write-update", err)
	})
}
