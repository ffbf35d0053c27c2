package notify

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// email hands letters to the operator's mail server.
type email struct {
	config  EmailConfig
	secrets Secrets
}

const (
	emailName = "the mail server"
	// emailTime bounds a whole conversation; servers that think about a letter
	// for long are common.
	emailTime = 25 * time.Second
	// emailAnswers bounds what is read of a server's answers, in bytes.
	emailAnswers = 64 << 10
)

// stage is how far a conversation came.
type stage int

const (
	stageConnect stage = iota
	stageTLS
	stageLogin
	stageSender
	stageRecipient
	stageLetter // the letter is on its way
)

// Send makes one try.
func (e *email) Send(ctx context.Context, m respond.Message) respond.Outcome {
	to, err := mail.ParseAddress(m.Contact.Address)
	if err != nil || strings.ContainsAny(to.Address, "\r\n \t<>") || !ascii(to.Address) {
		return respond.Outcome{State: respond.Failed, Reason: "The contact's address is no e-mail address that can be written to; correct it."}
	}
	from, err := mail.ParseAddress(e.config.From)
	if err != nil {
		return respond.Outcome{State: respond.Failed, Reason: "The sender's address of e-mails is wrong; correct notify.email.from."}
	}
	password := ""
	if e.config.User != "" {
		if password, err = e.secrets.Secret(ctx, e.config.Password); err != nil {
			return noSecret(err, emailName)
		}
	}
	letter, err := letterOf(m, *from, mail.Address{Address: to.Address})
	if err != nil {
		return respond.Outcome{State: respond.Failed, Reason: "The letter could not be built."}
	}
	ctx, cancel := context.WithTimeout(ctx, emailTime)
	defer cancel()
	at, err := e.deliver(ctx, password, from.Address, to.Address, letter)
	if err != nil {
		return emailOutcome(ctx, err, at)
	}
	id := letterID(m.ID, from.Address)
	o := respond.Outcome{State: respond.Sent, ProviderID: id, Thread: m.Content.Thread}
	if o.Thread == "" {
		o.Thread = id
	}
	return o
}

// errPlain is a server that offers no encryption where it is asked for.
var errPlain = errors.New("no TLS")

// errNoLogin is a server that offers no way to log in that we speak.
var errNoLogin = errors.New("no login")

// deliver holds the conversation and tells how far it came.
func (e *email) deliver(ctx context.Context, password, from, to string, letter []byte) (at stage, err error) {
	addr := net.JoinHostPort(e.config.Host, strconv.Itoa(e.config.Port))
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return stageConnect, err
	}
	defer conn.Close()
	// The end of the context ends the conversation, wherever it is.
	over := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer over()
	security, err := e.tls()
	if err != nil {
		return stageTLS, err
	}
	bounded := &boundedConn{Conn: conn, left: emailAnswers}
	var wire net.Conn = bounded
	if e.config.Security == SecurityTLS {
		secured := tls.Client(bounded, security)
		if err := secured.HandshakeContext(ctx); err != nil {
			return stageTLS, err
		}
		wire = secured
	}
	client, err := smtp.NewClient(wire, e.config.Host)
	if err != nil {
		return stageConnect, err
	}
	if err := client.Hello(e.config.Hello); err != nil {
		return stageConnect, err
	}
	if e.config.Security == SecurityStartTLS {
		if ok, _ := client.Extension("STARTTLS"); !ok {
			return stageTLS, errPlain
		}
		if err := client.StartTLS(security); err != nil {
			return stageTLS, err
		}
	}
	if e.config.User != "" {
		offered := ""
		if ok, list := client.Extension("AUTH"); ok {
			offered = list
		}
		how := loginBy(offered, e.config.User, password)
		if how == nil {
			return stageLogin, errNoLogin
		}
		if err := client.Auth(how); err != nil {
			return stageLogin, err
		}
	}
	if err := client.Mail(from); err != nil {
		return stageSender, err
	}
	if err := client.Rcpt(to); err != nil {
		return stageRecipient, err
	}
	w, err := client.Data()
	if err != nil {
		return stageSender, err
	}
	buffered := bufio.NewWriter(w)
	if _, err := buffered.Write(letter); err != nil {
		return stageLetter, err
	}
	if err := buffered.Flush(); err != nil {
		return stageLetter, err
	}
	if err := w.Close(); err != nil {
		return stageLetter, err
	}
	_ = client.Quit() // the letter is taken; a server that does not say goodbye changes nothing
	return stageLetter, nil
}

// tls is how the server proves itself.
func (e *email) tls() (*tls.Config, error) {
	c := &tls.Config{ServerName: e.config.Host, MinVersion: tls.VersionTLS12}
	if e.config.CAFile != "" {
		pem, err := os.ReadFile(e.config.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read ca_file: %s holds no certificate", e.config.CAFile)
		}
	}
	return c, nil
}

// emailOutcome is what the end of a conversation means. A server's own words
// are not shown: they may carry addresses, and links of the letter.
func emailOutcome(ctx context.Context, err error, at stage) respond.Outcome {
	var answer *textproto.Error
	var wrongCertificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errPlain):
		return respond.Outcome{State: respond.Failed, Reason: "The mail server offers no encryption (STARTTLS); set notify.email.security to tls, or mend the server."}
	case errors.Is(err, errNoLogin):
		return respond.Outcome{State: respond.Failed, Reason: "The mail server offers no login by PLAIN or LOGIN."}
	case errors.As(err, &wrongCertificate):
		return respond.Outcome{State: respond.Due, Reason: "The mail server's certificate is not trusted; mend it, or name its authority in notify.email.ca_file."}
	case errors.As(err, &answer):
		return emailAnswer(answer.Code, answer.Msg, at)
	}
	o := respond.Outcome{State: respond.Due, Reason: "The connection to the mail server broke."}
	switch {
	case ctx.Err() != nil:
		o.Reason = "The mail server did not answer in time."
	case at == stageConnect:
		o.Reason = "The mail server could not be reached."
	case at == stageTLS:
		o.Reason = "No encrypted connection to the mail server could be made."
	}
	if at == stageLetter {
		o.Uncertain = true
		o.Reason += " It may have taken the letter all the same."
	}
	return o
}

// noMailbox are the enhanced status codes (RFC 3463, RFC 7505) of an address
// that is not there or was closed. A bare 550 may also be a matter of policy.
var noMailbox = []string{"5.1.1", "5.1.6", "5.1.10", "5.2.1"}

// emailAnswer is what a server's refusal means (RFC 5321, 4.2).
func emailAnswer(code int, text string, at stage) respond.Outcome {
	number := strconv.Itoa(code)
	if code < 500 {
		return respond.Outcome{State: respond.Due, Reason: "The mail server asks to come again (" + number + ")."}
	}
	o := respond.Outcome{State: respond.Failed}
	switch at {
	case stageConnect:
		o.Reason = "The mail server does not talk to us (" + number + ")."
	case stageTLS:
		o.Reason = "The mail server refuses encryption (" + number + ")."
	case stageLogin:
		o.Reason = "The mail server refuses our login (" + number + "); check notify.email.user and its password."
	case stageRecipient:
		if status, _, _ := strings.Cut(text, " "); slices.Contains(noMailbox, status) {
			o.Disable, o.Reason = true, "The mail server says that there is no such mailbox ("+number+" "+status+")."
			return o
		}
		o.Reason = "The mail server does not take letters for this address (" + number + "); correct the contact."
	default:
		o.Reason = "The mail server refuses the letter (" + number + "); check that it may send as notify.email.from."
	}
	return o
}

// loginBy returns the way to log in, or nil where none of ours is offered.
func loginBy(offered, user, password string) smtp.Auth {
	ways := strings.Fields(strings.ToUpper(offered))
	switch {
	case slices.Contains(ways, "PLAIN"):
		return &login{kind: "PLAIN", user: user, password: password}
	case slices.Contains(ways, "LOGIN"):
		return &login{kind: "LOGIN", user: user, password: password}
	}
	return nil
}

// login is AUTH PLAIN (RFC 4616) or LOGIN, over TLS only, also to this machine.
type login struct {
	kind, user, password string
	asked                int
}

func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	if !server.TLS {
		return "", nil, errPlain
	}
	if l.kind == "PLAIN" {
		return l.kind, []byte("\x00" + l.user + "\x00" + l.password), nil
	}
	return l.kind, nil, nil
}

func (l *login) Next(_ []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	l.asked++
	switch {
	case l.kind == "LOGIN" && l.asked == 1:
		return []byte(l.user), nil
	case l.kind == "LOGIN" && l.asked == 2:
		return []byte(l.password), nil
	}
	return nil, errNoLogin
}

// boundedConn ends a conversation whose other side says too much.
type boundedConn struct {
	net.Conn
	mu   sync.Mutex
	left int
}

func (b *boundedConn) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left <= 0 {
		return 0, errors.New("the server says too much")
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func ascii(text string) bool {
	for _, r := range text {
		if r >= 0x7f || r < ' ' {
			return false
		}
	}
	return true
}
