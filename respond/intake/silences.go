package intake

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/route"
)

// Silences keeps silences; *route.Service is one.
type Silences interface {
	// Silences lists those that the actor may see.
	Silences(ctx context.Context, actor access.Actor, tenant string, now time.Time) ([]route.Silence, error)
	// Silence returns one, or respond.ErrNotFound.
	Silence(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) (route.Silence, error)
	// PutSilence makes one, or changes the one that has the id.
	PutSilence(ctx context.Context, actor access.Actor, x route.Silence, now time.Time) (route.Silence, error)
	// ExpireSilence ends one now, or fails with respond.ErrState where it has
	// ended.
	ExpireSilence(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) (route.Silence, error)
}

// amMatcher is a matcher as Alertmanager's API has it.
type amMatcher struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	IsRegex bool   `json:"isRegex"`
	IsEqual *bool  `json:"isEqual"` // true where it is not said
}

// amSilence is a silence as Alertmanager's API takes and shows it.
type amSilence struct {
	ID        string      `json:"id"`
	Matchers  []amMatcher `json:"matchers"`
	StartsAt  amTime      `json:"startsAt"`
	EndsAt    amTime      `json:"endsAt"`
	CreatedBy string      `json:"createdBy"`
	Comment   string      `json:"comment"`
	UpdatedAt *time.Time  `json:"updatedAt,omitempty"`
	Status    *amState    `json:"status,omitempty"`
}

type amState struct {
	State route.SilenceState `json:"state"`
}

// actor is who an integration acts as: one that may respond in its environment.
func (x *source) actor() access.Actor {
	return access.Actor{Kind: access.Program, ID: "integration:" + x.by.ID, Name: cmp.Or(x.by.Name, x.by.ID),
		Grants: []access.Grant{{Tenant: x.by.Tenant, Environment: x.by.Environment, Role: access.Responder}}}
}

func (s *Server) registerSilences(on func(method, path string, next func(http.ResponseWriter, *http.Request, *source), operate bool)) {
	on("GET", "/api/v2/silences", s.amSilences, true)
	on("POST", "/api/v2/silences", s.amPutSilence, true)
	on("GET", "/api/v2/silence/{id}", s.amSilence, true)
	on("DELETE", "/api/v2/silence/{id}", s.amExpire, true)
}

// silence reads what was sent. It holds in the integration's environment only.
func (a amSilence) silence(by Integration) (out route.Silence, err error) {
	out = route.Silence{ID: a.ID, Tenant: by.Tenant, Environment: by.Environment, From: a.StartsAt.Time, To: a.EndsAt.Time, Owner: a.CreatedBy, Reason: a.Comment}
	if len(a.Matchers) > maxLabels {
		return out, fmt.Errorf("it has %d matchers; %d at most are taken", len(a.Matchers), maxLabels)
	}
	for _, m := range a.Matchers {
		op := map[[2]bool]route.Op{{false, true}: route.Equal, {false, false}: route.NotEqual, {true, true}: route.Matches, {true, false}: route.NotMatches}[[2]bool{m.IsRegex, m.IsEqual == nil || *m.IsEqual}]
		one, err := route.NewMatcher(m.Name, op, m.Value)
		if err != nil {
			return out, err
		}
		out.Matchers = append(out.Matchers, one)
	}
	return out, nil
}

// shownSilence lays a silence out as Alertmanager does.
func shownSilence(x route.Silence, now time.Time) amSilence {
	out := amSilence{ID: x.ID, Matchers: []amMatcher{}, StartsAt: amTime{x.From}, EndsAt: amTime{x.To}, CreatedBy: x.Owner, Comment: x.Reason,
		UpdatedAt: &x.UpdatedAt, Status: &amState{x.State(now)}}
	for _, m := range x.Matchers {
		equal := m.Op == route.Equal || m.Op == route.Matches
		out.Matchers = append(out.Matchers, amMatcher{Name: m.Name, Value: m.Value, IsRegex: m.Op == route.Matches || m.Op == route.NotMatches, IsEqual: &equal})
	}
	return out
}

func (s *Server) amSilences(w http.ResponseWriter, r *http.Request, x *source) {
	filter, err := filterOf(r.URL.Query())
	if err != nil {
		amProblem(w, http.StatusBadRequest, err.Error())
		return
	}
	now := s.now()
	list, err := s.opt.Silences.Silences(r.Context(), x.actor(), x.by.Tenant, now)
	if err != nil {
		s.silenceProblem(w, err)
		return
	}
	out := []amSilence{}
	for _, one := range list {
		// A filter asks what a silence is about: the values of its matchers.
		about := map[string]string{}
		for _, m := range one.Matchers {
			about[m.Name] = m.Value
		}
		if filter.Hold(about) {
			out = append(out, shownSilence(one, now))
		}
	}
	writeJSON(w, http.StatusOK, out)
}

func (s *Server) amPutSilence(w http.ResponseWriter, r *http.Request, x *source) {
	body, done, err := s.proven.read(w, r, maxPagerDuty)
	if err != nil {
		s.refuseBody(w, x, err, amProblem)
		return
	}
	defer done()
	var sent amSilence
	if err := json.Unmarshal(body, &sent); err != nil {
		amProblem(w, http.StatusBadRequest, readable(err).Error())
		return
	}
	silence, err := sent.silence(x.by)
	if err != nil {
		amProblem(w, http.StatusBadRequest, err.Error())
		return
	}
	if silence, err = s.opt.Silences.PutSilence(r.Context(), x.actor(), silence, s.now()); err != nil {
		s.silenceProblem(w, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"silenceID": silence.ID})
}

func (s *Server) amSilence(w http.ResponseWriter, r *http.Request, x *source) {
	now := s.now()
	one, err := s.opt.Silences.Silence(r.Context(), x.actor(), x.by.Tenant, r.PathValue("id"), now)
	if err != nil {
		s.silenceProblem(w, err)
		return
	}
	writeJSON(w, http.StatusOK, shownSilence(one, now))
}

func (s *Server) amExpire(w http.ResponseWriter, r *http.Request, x *source) {
	if _, err := s.opt.Silences.ExpireSilence(r.Context(), x.actor(), x.by.Tenant, r.PathValue("id"), s.now()); err != nil {
		s.silenceProblem(w, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// silenceProblem answers what could not be done with a silence.
func (s *Server) silenceProblem(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, respond.ErrNotFound):
		amProblem(w, http.StatusNotFound, err.Error())
	case errors.Is(err, access.ErrForbidden):
		amProblem(w, http.StatusForbidden, err.Error())
	case errors.Is(err, respond.ErrInvalid), errors.Is(err, respond.ErrState):
		amProblem(w, http.StatusBadRequest, err.Error())
	default:
		s.opt.Log.Warn("a silence could not be kept or read", "error", err)
		s.busy(w, "Silences cannot be kept or read just now; come again soon.", amProblem)
	}
}

// filterOf reads the matchers of a question.
func filterOf(q url.Values) (all route.Matchers, err error) {
	if len(q["filter"]) > maxLabels {
		return nil, fmt.Errorf("%d filters at most are taken", maxLabels)
	}
	for _, text := range q["filter"] {
		some, err := route.ParseMatchers(text)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// silencing are the silences that hold now, for those who ask what mutes.
func (s *Server) silencing(r *http.Request, x *source, now time.Time) ([]route.Silence, error) {
	list, err := s.opt.Silences.Silences(r.Context(), x.actor(), x.by.Tenant, now)
	var out []route.Silence
	for _, one := range list {
		if one.State(now) == route.Active {
			out = append(out, one)
		}
	}
	return out, err
}
