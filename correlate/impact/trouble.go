package impact

import (
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/estate"
)

// Trouble is what an impact is asked of: who feels it, and when.
type Trouble struct {
	Environment string // empty for the one that objectives are of
	From, To    time.Time
	Live        bool      // it goes on
	Felt        []Subject // who feels it, the worst first
	Objectives  []string  // ids of those that burn because of it
	Customers   []string  // that its alerts name
}

// Subject is something that feels a trouble.
type Subject struct{ Entity, Name string }

// Service is the subject that people call a service by its name.
func Service(name string) Subject { return Subject{estate.ID(estate.KindService, name), name} }

// Join adds another trouble of the same environment to one.
func (t *Trouble) Join(o Trouble) {
	if o.From.Before(t.From) {
		t.From = o.From
	}
	if o.To.After(t.To) {
		t.To = o.To
	}
	t.Live = t.Live || o.Live
	for _, s := range o.Felt {
		t.Feels(s)
	}
	t.Objectives = append(t.Objectives, o.Objectives...)
	t.Customers = append(t.Customers, o.Customers...)
}

// Feels adds who feels it, once.
func (t *Trouble) Feels(s Subject) {
	if !slices.ContainsFunc(t.Felt, func(x Subject) bool { return x.Entity == s.Entity }) {
		t.Felt = append(t.Felt, s)
	}
}

// about tells whether an objective is about a subject: by its id, or by the name
// of a service. In a cluster the name is not enough: another one may have a
// service of that name, so that the objective must count in the cluster alone.
func (t *Trouble) about(o slo.Objective, s Subject, cluster bool) bool {
	if o.About() == s.Entity {
		return true
	}
	kind, rest, _ := strings.Cut(s.Entity, ":")
	return kind == string(estate.KindService) && rest[strings.LastIndexByte(rest, ':')+1:] == o.Service && (!cluster || o.In(t.Environment))
}

// concerns tells whether an objective is about the trouble.
func (t *Trouble) concerns(o slo.Objective, cluster bool) bool {
	return slices.Contains(t.Objectives, o.ID) || slices.ContainsFunc(t.Felt, func(s Subject) bool { return t.about(o, s, cluster) })
}
