package main

import (
	"math"
	"strings"
	"time"
)

// store keeps what services write.
type store interface{ write(e *estate, s *sheet) }

// postgres is a PostgreSQL with its exporter. The archive's primary is idle from
// Friday's evening to Monday's morning, and its replica's lag in time grows
// meanwhile by itself.
type postgres struct {
	name    string
	page    *exporter
	address string
	replica bool
	noise   wander
	idle    time.Time // since when nothing was written
}

func newPostgres(e *estate, name, address string, replica bool) *postgres {
	return &postgres{name: name, page: newExporter("postgres", name+":9187"), address: address, replica: replica}
}

func (p *postgres) archive() bool { return strings.HasPrefix(p.name, "pg-archive") }

func (p *postgres) write(e *estate, s *sheet) {
	if !p.archive() && !p.replica {
		for _, g := range gaps {
			if e.during(s.at, g) {
				s.silent(p.page)
				return
			}
		}
	}
	s.up(p.page)
	rate := 0.0
	for _, x := range e.services {
		if x.database == p.name {
			rate += x.rate * x.queries
		}
	}
	writes := 4e4 + 2e3*rate + 4e6*e.batch(s.at)
	if p.archive() {
		weekend := s.at.Weekday() == time.Saturday || s.at.Weekday() == time.Sunday
		rate, writes = 3, 2e4
		if weekend {
			rate, writes = 0, 0
		}
	}
	rate *= math.Exp(p.noise.next(s.r, .04, .9))
	if writes > 0 {
		p.idle = s.at
	}
	step := s.step.Seconds()
	s.gauge(p.page, 1, "pg_up")
	s.gauge(p.page, 1, "pg_static", "server", p.address, "short_version", "15.5.0")
	s.gauge(p.page, yes(p.replica), "pg_replication_is_replica")
	if p.replica {
		s.gauge(p.page, s.at.Sub(p.idle).Seconds()+.02, "pg_replication_lag_seconds")
		s.gauge(p.page, 1, "pg_stat_wal_receiver_upstream_node")
	} else {
		s.count(p.page, writes*step, "pg_stat_replication_pg_current_wal_lsn_bytes", "application_name", "replica")
		behind := 0.0
		if writes > 0 {
			behind = (2e4 + .3*writes) * s.r.Float64()
		}
		s.gauge(p.page, behind, "pg_stat_replication_pg_wal_lsn_diff", "application_name", "replica")
	}
	db := []string{"datname", "shop"}
	s.count(p.page, float64(poisson(s.r, (rate+.3)*step)), "pg_stat_database_xact_commit", db...)
	s.count(p.page, float64(poisson(s.r, (rate*.001+.001)*step)), "pg_stat_database_xact_rollback", db...)
	s.count(p.page, float64(poisson(s.r, (rate*40+20)*step)), "pg_stat_database_blks_hit", db...)
	s.count(p.page, float64(poisson(s.r, (rate*.4+.2+3000*e.batch(s.at)*yes(!p.archive()))*step)), "pg_stat_database_blks_read", db...)
	s.count(p.page, 0, "pg_stat_database_deadlocks", db...)
	s.gauge(p.page, 3+math.Round(rate/30), "pg_stat_activity_count", "datname", "shop", "state", "active")
	s.gauge(p.page, 25, "pg_stat_activity_count", "datname", "shop", "state", "idle")
	s.gauge(p.page, 100, "pg_settings_max_connections")
	oldest := .05
	if b := e.batch(s.at); b > 0 && !p.archive() { // reports read for long
		oldest = math.Mod(s.at.Sub(e.began).Seconds(), 900)
	}
	s.gauge(p.page, oldest, "pg_stat_activity_max_tx_duration", "datname", "shop", "state", "active")
	s.count(p.page, 100*step*(1+20*e.batch(s.at)), "pg_stat_bgwriter_checkpoint_write_time_total")
	s.gauge(p.page, 3e7, "process_resident_memory_bytes")
	s.count(p.page, .01*step, "process_cpu_seconds_total")
	s.gauge(p.page, 12, "go_goroutines")
}

// cache is a Redis with its exporter; it is started anew once, empty.
type cache struct {
	page  *exporter
	noise wander
	full  float64 // share of the keys that it has
}

func newCache(name string) *cache {
	return &cache{page: newExporter("redis", name+":9121"), full: 1}
}

func (c *cache) write(e *estate, s *sheet) {
	if e.during(s.at, restarts) {
		c.page.anew()
		c.full = .2
		s.silent(c.page)
		return
	}
	s.up(c.page)
	step := s.step.Seconds()
	rate := (4 + 3*e.named("cart").rate) * math.Exp(c.noise.next(s.r, .04, .9))
	c.full = min(1, c.full+step/3600)
	s.gauge(c.page, 1, "redis_up")
	s.gauge(c.page, 1, "redis_instance_info", "role", "master", "redis_version", "7.0.15")
	s.count(c.page, float64(poisson(s.r, rate*step)), "redis_commands_processed_total")
	hit := .6 + .35*c.full
	s.count(c.page, float64(poisson(s.r, rate*hit*step)), "redis_keyspace_hits_total")
	s.count(c.page, float64(poisson(s.r, rate*(1-hit)*step)), "redis_keyspace_misses_total")
	s.count(c.page, 0, "redis_evicted_keys_total")
	s.count(c.page, 0, "redis_rejected_connections_total")
	s.gauge(c.page, 24, "redis_connected_clients")
	s.gauge(c.page, 0, "redis_blocked_clients")
	s.gauge(c.page, 2e8*c.full, "redis_memory_used_bytes")
	s.gauge(c.page, 1e9, "redis_memory_max_bytes")
	s.gauge(c.page, 10000, "redis_config_maxclients")
	for _, cmd := range []string{"get", "set", "expire"} {
		n := float64(poisson(s.r, rate/3*step))
		s.count(c.page, n, "redis_commands_total", "cmd", cmd)
		s.count(c.page, n*3e-5*math.Exp(.1*s.r.NormFloat64()), "redis_commands_duration_seconds_total", "cmd", cmd)
	}
}

func yes(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
