// Package notify tells people, and other programs, what respond has decided to
// tell: one respond.Sender for each channel, and the handlers that take their
// answers (a button in Slack, a digit on the phone, a receipt).
//
// Each channel has one pure function that turns a message to what is shown, and
// one Sender that makes one try. Retries, leases and back-off are respond's.
//
//	message ──shape (pure)──▶ request ──one try──▶ Outcome
//
// Invariants: an Outcome is Sent only on the provider's own word; what broke
// off after a part of the request was written is Due and Uncertain; no secret,
// no link that acknowledges and no answer of a stranger's server reaches an
// Outcome. An answer is read up to a bound, and no redirect to another host is
// followed. Addresses that a contact's owner chose are dialled only where the
// operator allows them: never link-local or metadata addresses, and loopback
// only by configuration. A contact uses only those secrets that the operator
// lists for contacts of its tenant.
//
// Failure behaviour: what will pass (429, 5xx, a network that is down) is Due,
// with the provider's wish for when; what will never work is Failed with its
// remedy, so that the page goes on to the next contact at once; what is gone
// (410, a number that asked for silence) also disables the contact. A secret
// that cannot be read is Due: somebody may mend it within minutes.
package notify
