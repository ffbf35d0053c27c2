// Package alertmanager reads an existing alertmanager.yml and carries it over
// into Evenkeel's configuration.
//
// The route tree, the inhibit rules and the time intervals mean the same
// afterwards. A receiver becomes an escalation policy of one step, whose
// recipients are contacts of the channels that Evenkeel has. No secret is
// carried over: a secret is named, and what must be set is listed. What could
// not be carried over is listed with its line; nothing is left out in silence.
//
// Failure behaviour: the file is read whole or not at all. Unknown keys, keys
// that are there twice, and what Alertmanager itself refuses are errors that
// name the line. A receiver that notifies nobody becomes a route that says so;
// one of which nothing could be carried over leads to the policy "default",
// so that its alerts reach somebody.
package alertmanager
