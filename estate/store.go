package estate

import (
	"context"
	"errors"
	"time"
)

// Filter narrows a list of entities. Empty fields match everything.
type Filter struct {
	Tenant       string // required
	Environments []string
	Kinds        []Kind
	Text         string    // part of the name, id or an attribute's value; case is ignored
	At           time.Time // as of this time; zero for now
	Limit        int       // 1 to 500; 0 means 50
	Cursor       string
}

// Page is a part of a list of entities, by kind, name and id.
type Page struct {
	Entities []Entity `json:"entities"`
	Next     string   `json:"next,omitempty"`
	Total    int      `json:"total"`
}

// ChangeFilter narrows a list of changes, newest first.
type ChangeFilter struct {
	Tenant       string // required
	Environments []string
	Entity       string
	Kind         string
	From, To     time.Time
	Limit        int
	Cursor       string
}

// ChangePage is a part of a list of changes.
type ChangePage struct {
	Changes []Change `json:"changes"`
	Next    string   `json:"next,omitempty"`
}

// Delta is what an observation changes: versions that end and begin at At.
type Delta struct {
	Tenant, Environment, Source string
	At                          time.Time
	Appear, Vanish              []Entity // Attributes or Name changed: one of each
	Join, Part                  []Relation
	Changes                     []Change
}

// EnvironmentSummary is one watched estate.
type EnvironmentSummary struct {
	Name     string       `json:"name"`
	Entities map[Kind]int `json:"entities"` // that exist now
}

// Store keeps the estate over time. All methods are safe for concurrent use.
type Store interface {
	// SourceView returns what the source last saw: what Diff compares with.
	SourceView(ctx context.Context, tenant, environment, source string) ([]Entity, []Relation, error)
	// ApplyEstate stores a delta in one transaction. A change whose Key is
	// already stored is passed over.
	ApplyEstate(ctx context.Context, d Delta) error
	// Entity returns one as of at (zero: now, or its last version if it is
	// gone), merged over its sources, or ErrNotFound.
	Entity(ctx context.Context, tenant, environment, id string, at time.Time) (Entity, error)
	// EnvironmentsOf names, sorted, the environments that have or had an
	// entity with the id.
	EnvironmentsOf(ctx context.Context, tenant, id string) ([]string, error)
	Entities(ctx context.Context, f Filter) (Page, error)
	// Part returns all entities of a part, by kind, name and id.
	Part(ctx context.Context, p Part) ([]Entity, error)
	// Relations returns those that start or end at the entity as of at.
	Relations(ctx context.Context, tenant, environment, id string, at time.Time) ([]Relation, error)
	// Graph returns the relations of an environment as of at, those of some
	// kinds or all: by their ends, each as often as sources tell of it.
	Graph(ctx context.Context, tenant, environment string, at time.Time, kinds ...RelationKind) ([]Relation, error)
	Changes(ctx context.Context, f ChangeFilter) (ChangePage, error)
	Environments(ctx context.Context, tenant string) ([]EnvironmentSummary, error)
	// PruneEstate deletes versions and changes that ended before the time.
	PruneEstate(ctx context.Context, before time.Time) (deleted int, err error)
}

var (
	// ErrNotFound is wrapped when there is no such entity at that time.
	ErrNotFound = errors.New("no such entity")
	// ErrInvalid is wrapped when what was asked for cannot be right.
	ErrInvalid = errors.New("not valid")
)
