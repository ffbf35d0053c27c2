package probe

import (
	"net/netip"
	"time"
)

// Outcome of a round.
type Outcome string

const (
	Up      Outcome = "up"      // the answer was the one that is wanted
	Down    Outcome = "down"    // it was not, or there was none
	Unknown Outcome = "unknown" // nobody could be asked, for a reason on our side
)

// Reason says in one word why a round was not Up. It is a label's value.
type Reason string

// Why a round was Down.
const (
	ReasonTimeout     Reason = "timeout"     // no answer in time
	ReasonRefused     Reason = "refused"     // nothing listens there
	ReasonReset       Reason = "reset"       // the other side cut the connection
	ReasonUnreachable Reason = "unreachable" // no way to the host
	ReasonResolve     Reason = "resolve"     // the target's own name was not found
	ReasonTLS         Reason = "tls"         // no encryption, or a certificate that is not good
	ReasonStatus      Reason = "status"      // an HTTP status that is not wanted
	ReasonBody        Reason = "body"        // a body that is not wanted
	ReasonAuth        Reason = "auth"        // the login was refused
	ReasonServfail    Reason = "servfail"    // the resolver failed to find out
	ReasonNXDomain    Reason = "nxdomain"    // the resolver says that there is no such name
	ReasonAnswer      Reason = "answer"      // another answer than the one that is wanted
	ReasonProtocol    Reason = "protocol"    // not the protocol that was expected
	ReasonOther       Reason = "other"
)

// Why a round was Unknown.
const (
	ReasonPermission Reason = "permission" // the system does not let us ask
	ReasonSecret     Reason = "secret"     // a file or variable that the probe needs cannot be read
	ReasonLocal      Reason = "local"      // this machine lacks what asking takes, such as file descriptors
	ReasonOverdue    Reason = "overdue"    // no round has ended for too long
)

// Phase is a part of a round.
type Phase string

// The phases, in their order. A probe has those that its protocol has.
const (
	PhaseResolve Phase = "resolve" // looking up the target's name
	PhaseConnect Phase = "connect" // TCP
	PhaseTLS     Phase = "tls"     // handshake
	PhaseLogin   Phase = "login"   // to a database, with its encryption
	PhaseSend    Phase = "send"    // the request
	PhaseWait    Phase = "wait"    // for the first byte of the answer
	PhaseReceive Phase = "receive" // the rest of it
)

// PhaseTime is how long one phase took; with redirects, all of its kind.
type PhaseTime struct {
	Phase Phase
	Took  time.Duration
}

// Round is one time that a probe asked.
type Round struct {
	At          time.Time // when it began
	Took        time.Duration
	Outcome     Outcome
	Reason      Reason // empty when Up
	Message     string // why it was not Up and what to do, for people; empty when Up
	Phases      []PhaseTime
	Status      int            // of HTTP; 0 where there was none
	Remote      netip.AddrPort // who answered; invalid where nobody did
	Certificate *Certificate   // that was shown; nil where none was
}
