package store

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/estate"
)

// entityRow is an entity as of now, merged over its sources.
type entityRow struct {
	bun.BaseModel `bun:"table:entities"`

	Tenant      string `bun:"tenant,pk"`
	Environment string `bun:"environment,pk"`
	ID          string `bun:"id,pk"`
	Kind        string `bun:"kind"`
	Name        string `bun:"name"`
	Attributes  string `bun:"attributes"`
	Sources     string `bun:"sources"`
	Since       int64  `bun:"since"`
	Until       int64  `bun:"until_at"`
	Place       []byte `bun:"place"`
	Search      string `bun:"search"`
}

// versionRow is what one source saw of an entity for some time.
type versionRow struct {
	bun.BaseModel `bun:"table:entity_versions"`

	Tenant      string `bun:"tenant,pk"`
	Environment string `bun:"environment,pk"`
	ID          string `bun:"id,pk"`
	Source      string `bun:"source,pk"`
	ValidFrom   int64  `bun:"valid_from,pk"`
	ValidTo     int64  `bun:"valid_to"`
	Kind        string `bun:"kind"`
	Name        string `bun:"name"`
	Attributes  string `bun:"attributes"`
	Since       int64  `bun:"since"`
	Place       []byte `bun:"place"` // as if no other source saw it
}

// relationRow is a relation that one source saw for some time.
type relationRow struct {
	bun.BaseModel `bun:"table:relation_versions"`

	Tenant      string  `bun:"tenant,pk"`
	Environment string  `bun:"environment,pk"`
	From        string  `bun:"from_id,pk"`
	Kind        string  `bun:"kind,pk"`
	To          string  `bun:"to_id,pk"`
	Source      string  `bun:"source,pk"`
	ValidFrom   int64   `bun:"valid_from,pk"`
	ValidTo     int64   `bun:"valid_to"`
	Confidence  float64 `bun:"confidence"`
	Since       int64   `bun:"since"`
}

type changeRow struct {
	bun.BaseModel `bun:"table:changes"`

	ID          string `bun:"id,pk"`
	Tenant      string `bun:"tenant"`
	Environment string `bun:"environment"`
	Source      string `bun:"source"`
	Key         string `bun:"fold_key"`
	At          int64  `bun:"at"`
	Entity      string `bun:"entity"`
	Kind        string `bun:"kind"`
	Summary     string `bun:"summary"`
	Who         string `bun:"who"`
	Was         string `bun:"was"`
	Became      string `bun:"became"`
	Place       []byte `bun:"place"`
}

// merge makes one entity of what several sources see of it. Where they do not
// agree, the source whose name comes first has it; rows are sorted by source.
func merge(rows []versionRow) (estate.Entity, error) {
	var e estate.Entity
	for i, r := range rows {
		var attributes map[string]string
		if r.Attributes != "{}" {
			var err error
			if attributes, err = unpack[map[string]string](r.Attributes); err != nil {
				return e, fmt.Errorf("entity %s: %w", r.ID, err)
			}
		}
		since := moment(r.Since)
		if i == 0 {
			e = estate.Entity{Tenant: r.Tenant, Environment: r.Environment, ID: r.ID, Kind: estate.Kind(r.Kind),
				Name: r.Name, Attributes: attributes, Since: since}
		} else {
			for k, v := range attributes {
				if _, said := e.Attributes[k]; !said {
					if e.Attributes == nil {
						e.Attributes = map[string]string{}
					}
					e.Attributes[k] = v
				}
			}
			if since.Before(e.Since) {
				e.Since = since
			}
		}
		if !slices.Contains(e.Sources, r.Source) {
			e.Sources = append(e.Sources, r.Source)
		}
	}
	return e, nil
}

// placedEntity is an entity and its place in a list.
type placedEntity struct {
	estate.Entity
	place string
}

// group merges the versions of each entity and sorts them by place.
func group(rows []versionRow) ([]placedEntity, error) {
	// By entity, and by source within, as merge wants it.
	slices.SortFunc(rows, func(a, b versionRow) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Environment, b.Environment), strings.Compare(a.Source, b.Source))
	})
	var out []placedEntity
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].ID == rows[0].ID && rows[n].Environment == rows[0].Environment {
			n++
		}
		e, err := merge(rows[:n])
		if err != nil {
			return nil, err
		}
		out = append(out, placedEntity{e, string(entityPlace(e))})
		rows = rows[n:]
	}
	slices.SortFunc(out, func(a, b placedEntity) int { return strings.Compare(a.place, b.place) })
	return out, nil
}

// entityPlace is the order of estate.Page: kind, name, id, and environment.
func entityPlace(e estate.Entity) []byte {
	return []byte(strings.Join([]string{string(e.Kind), searchable(e.Name), e.ID, e.Environment}, "\x00"))
}

// entitySearch is what a search for an entity looks at.
func entitySearch(e estate.Entity) string {
	return searchable(append([]string{e.Name, e.ID}, slices.Sorted(maps.Values(e.Attributes))...)...)
}

func writeEntity(e estate.Entity) (entityRow, error) {
	attributes, err := pack(e.Attributes)
	if err != nil {
		return entityRow{}, err
	}
	sources, err := pack(e.Sources)
	if err != nil {
		return entityRow{}, err
	}
	return entityRow{Tenant: e.Tenant, Environment: e.Environment, ID: e.ID, Kind: string(e.Kind), Name: e.Name,
		Attributes: attributes, Sources: sources, Since: micros(e.Since), Until: micros(e.Until),
		Place: entityPlace(e), Search: entitySearch(e)}, nil
}

func readEntity(r entityRow) (estate.Entity, error) {
	attributes, err := unpack[map[string]string](r.Attributes)
	if err != nil {
		return estate.Entity{}, fmt.Errorf("entity %s: %w", r.ID, err)
	}
	sources, err := unpack[[]string](r.Sources)
	if err != nil {
		return estate.Entity{}, fmt.Errorf("entity %s: %w", r.ID, err)
	}
	return estate.Entity{Tenant: r.Tenant, Environment: r.Environment, ID: r.ID, Kind: estate.Kind(r.Kind), Name: r.Name,
		Attributes: attributes, Sources: sources, Since: moment(r.Since), Until: moment(r.Until)}, nil
}

func readRelation(r relationRow) (estate.Relation, error) {
	return estate.Relation{From: r.From, Kind: estate.RelationKind(r.Kind), To: r.To, Source: r.Source,
		Confidence: r.Confidence, Since: moment(r.Since), Until: moment(r.ValidTo)}, nil
}

func readChange(r changeRow) (estate.Change, error) {
	return estate.Change{ID: r.ID, Tenant: r.Tenant, Environment: r.Environment, At: moment(r.At), Entity: r.Entity,
		Kind: r.Kind, Summary: r.Summary, Who: r.Who, Before: r.Was, After: r.Became, Source: r.Source, Key: r.Key}, nil
}
