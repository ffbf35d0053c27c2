// Package probe asks, from the outside, whether what people use answers, how
// fast, and with which certificate: HTTP, TCP, DNS, TLS, ICMP, PostgreSQL,
// MySQL and Redis.
//
// A Prober runs each configured probe on its own schedule. The latest round of
// each is what Gatherer yields as series, the last few are what Results shows,
// and Observe reports the endpoints and certificates to the estate. A
// Discoverer proposes probes for what it finds on the machine itself.
//
// Invariants: a round is Up, Down or Unknown, never two of them. Down means
// that the other side was asked and did not give the answer that the probe
// wants; Unknown means that it could not be asked for a reason on our side (no
// permission, an unreadable password file, no round for too long), and yields
// no evenkeel_probe_up at all. The phases of a round never sum to more than
// its duration. Credentials are sent only after the certificate has been
// judged good, never to another host that a redirect names, and never appear
// in a label, message, entity or log: URLs are shown without user, password,
// query and fragment.
//
// Failure behaviour: a failing probe is a result and not an error of the
// Prober. Run ends only with its context. Bodies, packets, redirects, rounds
// at one time, and kept results are all bounded.
package probe
