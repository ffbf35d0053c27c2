package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
	"time"
)

// failure is an error that already knows its reason and its words.
type failure struct {
	outcome Outcome
	reason  Reason
	message string
}

func (f *failure) Error() string { return f.message }

func down(reason Reason, format string, args ...any) error {
	return &failure{Down, reason, fmt.Sprintf(format, args...)}
}

func unknown(reason Reason, format string, args ...any) error {
	return &failure{Unknown, reason, fmt.Sprintf(format, args...)}
}

var duringPhase = map[Phase]string{
	PhaseResolve: "while its name was looked up",
	PhaseConnect: "to the connection",
	PhaseTLS:     "to the TLS handshake",
	PhaseLogin:   "to the login",
	PhaseSend:    "while the request was sent",
	PhaseWait:    "to the request",
	PhaseReceive: "to the end: the answer began and did not finish",
}

// explain turns an error of any layer into a reason and a sentence. It never
// repeats text that could hold a secret: of url.Error only the cause is used,
// and what is not known is cut short and cleaned.
func explain(err error, phase Phase, timeout time.Duration) (Outcome, Reason, string) {
	var known *failure
	if errors.As(err, &known) {
		return known.outcome, known.reason, known.message
	}
	var certificate *certificateError
	if errors.As(err, &certificate) {
		return Down, ReasonTLS, certificate.Error()
	}
	var inURL *url.Error
	if errors.As(err, &inURL) {
		err = inURL.Err
	}
	var (
		lookup  *net.DNSError
		op      *net.OpError
		invalid *tls.CertificateVerificationError
		notTLS  tls.RecordHeaderError
		timeOut interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &lookup) && lookup.IsNotFound:
		return Down, ReasonResolve, fmt.Sprintf("the name %s does not exist or has no address; check the spelling and the DNS zone", excerpt(lookup.Name, 100))
	case errors.As(err, &lookup):
		why := "the resolver failed"
		if lookup.IsTimeout {
			why = "the resolver did not answer in time"
		}
		return Down, ReasonResolve, fmt.Sprintf("the name %s could not be looked up: %s", excerpt(lookup.Name, 100), why)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeOut) && timeOut.Timeout():
		if phase == PhaseResolve {
			return Down, ReasonResolve, fmt.Sprintf("the resolver did not answer within %s", timeout)
		}
		during := duringPhase[phase]
		if during == "" {
			during = "to the connection"
		}
		return Down, ReasonTimeout, fmt.Sprintf("no answer within %s %s", timeout, during)
	case errors.Is(err, syscall.ECONNREFUSED):
		return Down, ReasonRefused, "the connection was refused: nothing listens there, or a firewall rejects it"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNABORTED):
		return Down, ReasonReset, "the other side cut the connection " + duringCut(phase)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.ENETDOWN):
		return Down, ReasonUnreachable, "there is no way to the host; check the route and the network"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.EADDRNOTAVAIL):
		return Unknown, ReasonLocal, "this machine has no socket left to ask with: " + excerpt(rootOf(err), 100)
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return Unknown, ReasonPermission, "the system does not let Evenkeel open this connection: " + excerpt(rootOf(err), 100)
	case errors.As(err, &invalid):
		return Down, ReasonTLS, "the certificate is not good: " + excerpt(invalid.Err.Error(), 160)
	case errors.As(err, &notTLS):
		return Down, ReasonTLS, "the other side does not speak TLS on this port"
	case errors.As(err, &op) && op.Op == "remote error": // how crypto/tls reports an alert
		return Down, ReasonTLS, "the other side refused the TLS handshake: " + excerpt(op.Err.Error(), 100)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Down, ReasonReset, "the other side closed the connection " + duringCut(phase)
	case phase == PhaseTLS:
		return Down, ReasonTLS, "the TLS handshake failed: " + excerpt(err.Error(), 160)
	case phase == PhaseWait, phase == PhaseReceive:
		return Down, ReasonProtocol, "the answer is not what the protocol allows: " + excerpt(withoutQuotes(err.Error()), 120)
	}
	return Down, ReasonOther, excerpt(err.Error(), 200)
}

func duringCut(phase Phase) string {
	switch phase {
	case PhaseTLS:
		return "during the TLS handshake"
	case PhaseLogin:
		return "during the login"
	case PhaseSend, PhaseWait:
		return "without an answer"
	case PhaseReceive:
		return "in the middle of the answer"
	}
	return "at once"
}

// rootOf is the text of the innermost error: the system's own words.
func rootOf(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// withoutQuotes cuts what net/http quotes from the answer.
func withoutQuotes(s string) string {
	for i, r := range s {
		if r == '"' {
			return s[:i] + "…"
		}
	}
	return s
}
