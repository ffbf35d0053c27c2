package app

import (
	"context"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
)

// met are the kinds of entity that are known by an address, and by what listens
// at one.
var met = []estate.Kind{estate.Host, estate.Listener, estate.Peer, estate.Endpoint, estate.Certificate, "process", "database", "cache"}

// mostMet bounds how many of them are looked at.
const mostMet = 20_000

// meet joins what several sources tell of under different names: the database
// that an exporter reads, the address that its clients call, and the processes
// that listen there.
func (a *App) meet(ctx context.Context, now time.Time) error {
	o := estate.Observation{Tenant: a.tenant, Environment: a.cfg.Environment, Source: "addresses", At: now, Complete: true}
	var all []estate.Entity
	for cursor := ""; len(all) < mostMet; {
		page, err := a.estate.Entities(ctx, access.Evenkeel(a.tenant), estate.Filter{
			Tenant: a.tenant, Environments: []string{a.cfg.Environment}, Kinds: met, Limit: 500, Cursor: cursor})
		if err != nil {
			return err
		}
		all = append(all, page.Entities...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	o.Relations = estate.Meet(all)
	return a.estate.Observe(ctx, o)
}
