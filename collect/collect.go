// Package collect brings the outside world in: figures to metric, things and
// changes to estate.
//
// Each child package watches one part of the world: host/ this machine, probe/
// what answers from the outside, scrape/ exporters, ingest/ what others send.
// A Source yields figures; Record writes them with the same care that a
// Prometheus scrape takes: one timestamp for all, an "up" series, staleness
// markers for what has vanished.
//
// Failure behaviour: a source that fails in part yields what it has and an
// error that names the part. What could not be read is absent, never zero.
package collect
