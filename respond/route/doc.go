// Package route decides where an alert goes, and whether it may page now.
//
// A Tree of routes takes an alert by its labels, as Alertmanager's does: the
// deepest routes that match take it, the first one unless continue is set, and
// the root takes what nothing else did. Each gives a respond.Target: the
// escalation policy, the group (alerts of one group make one incident), and how
// long to wait for the others of it. Silences, maintenance windows, inhibiting
// alerts and time intervals suppress: the alert stands, and the Target says why
// it pages nobody and until when.
//
//	labels ──Tree──▶ routes ──▶ targets ──▶ Router.Route ──▶ respond
//	                              ▲
//	      Silences, Firing (inhibition), time intervals
//
// Invariants: everything is a pure function of values and the given time; a
// compiled tree is never changed; every alert has at least one target; an alert
// never inhibits itself; each suppression has a reason that does not change
// while it lasts. The syntax and meaning of matchers, routes, inhibition and
// time intervals are those that Alertmanager documents
// (https://prometheus.io/docs/alerting/latest/configuration/), and a test holds
// them against its own amtool.
//
// Failure behaviour: a configuration with an error is refused whole, and the
// error names the route or rule and, where it was read from a file, the line.
// What cannot be told does not suppress: it is better to page once too often.
package route
