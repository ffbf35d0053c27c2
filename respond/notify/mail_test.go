package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/evenkeel/evenkeel/respond"
)

// post is a real mail server that fails at the verb that it is told to.
type post struct {
	server *smtp.Server
	port   int
	mu     sync.Mutex
	fails  map[string]error
	taken  [][]byte
	from   string
	to     string
	user   string
	ways   []string
}

func (p *post) fail(verb string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fails[verb]
}

func (p *post) NewSession(*smtp.Conn) (smtp.Session, error) {
	if err := p.fail("EHLO"); err != nil {
		return nil, err
	}
	return &postSession{p}, nil
}

type postSession struct{ p *post }

func (s *postSession) Reset()                   {}
func (s *postSession) Logout() error            { return nil }
func (s *postSession) AuthMechanisms() []string { return s.p.ways }

func (s *postSession) Auth(way string) (sasl.Server, error) {
	check := func(user, password string) error {
		if err := s.p.fail("AUTH"); err != nil {
			return err
		}
		if user != "evenkeel" || password != mailPassword {
			return smtp.ErrAuthFailed
		}
		s.p.mu.Lock()
		defer s.p.mu.Unlock()
		s.p.user = user
		return nil
	}
	if way == sasl.Login {
		return &loginServer{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, user, password string) error { return check(user, password) }), nil
}

// loginServer asks for a name and a password.
type loginServer struct {
	check func(user, password string) error
	got   []string
}

func (l *loginServer) Next(answer []byte) (challenge []byte, done bool, err error) {
	if answer != nil {
		l.got = append(l.got, string(answer))
	}
	switch len(l.got) {
	case 0:
		return []byte("Username:"), false, nil
	case 1:
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.got[0], l.got[1])
}

func (s *postSession) Mail(from string, _ *smtp.MailOptions) error {
	s.p.mu.Lock()
	s.p.from = from
	s.p.mu.Unlock()
	return s.p.fail("MAIL")
}

func (s *postSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.p.mu.Lock()
	s.p.to = to
	s.p.mu.Unlock()
	return s.p.fail("RCPT")
}

var errCut = errors.New("cut the line")

func (s *postSession) Data(r io.Reader) error {
	if err := s.p.fail("BEFORE"); err != nil {
		return err
	}
	letter, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.p.fail("DATA"); err != nil {
		if errors.Is(err, errCut) {
			time.Sleep(700 * time.Millisecond) // longer than the test waits
		}
		return err
	}
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.taken = append(s.p.taken, letter)
	return nil
}

// openPost starts a mail server with real TLS and returns the file of its
// authority.
func openPost(t *testing.T, implicit bool) (*post, string) {
	t.Helper()
	lender := httptest.NewTLSServer(nil) // lends its certificate, for 127.0.0.1 and example.com
	certificate := lender.TLS.Certificates[0]
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: lender.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	lender.Close()
	p := &post{fails: map[string]error{}, ways: []string{sasl.Plain}}
	p.server = smtp.NewServer(p)
	p.server.Domain = "mail.example.com"
	p.server.ErrorLog = silent{}
	p.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.port = listener.Addr().(*net.TCPAddr).Port
	if implicit {
		listener = tls.NewListener(listener, p.server.TLSConfig)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = p.server.Serve(listener) }()
	t.Cleanup(func() { _ = p.server.Close(); <-done })
	return p, ca
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

func emailSender(t *testing.T, c EmailConfig) respond.Sender {
	t.Helper()
	t.Setenv("NOTIFY_TEST_MAIL", mailPassword)
	c.Host, c.From = "127.0.0.1", "Evenkeel <alerts@example.com>"
	cfg := Config{Email: &c}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return Senders(cfg, LocalSecrets{})[respond.Email]
}

func TestALetterArrives(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  EmailConfig
		ways []string
	}{
		{"STARTTLS, PLAIN", EmailConfig{User: "evenkeel", Password: "env:NOTIFY_TEST_MAIL"}, []string{sasl.Plain, sasl.Login}},
		{"STARTTLS, LOGIN", EmailConfig{User: "evenkeel", Password: "env:NOTIFY_TEST_MAIL"}, []string{sasl.Login}},
		{"TLS, PLAIN", EmailConfig{User: "evenkeel", Password: "env:NOTIFY_TEST_MAIL", Security: SecurityTLS}, []string{sasl.Plain}},
		{"STARTTLS, no login", EmailConfig{}, nil},
		{"a relay", EmailConfig{Security: SecurityNone}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, ca := openPost(t, c.cfg.Security == SecurityTLS)
			p.ways = c.ways
			c.cfg.Port, c.cfg.CAFile = p.port, ca
			m := page(respond.Email, "ann@example.com", "")
			m.Content.Text = "Ümläute 🔥\n.\n..dots\n" + strings.Repeat("a long line ", 300)
			o := emailSender(t, c.cfg).Send(context.Background(), m)
			if o != (respond.Outcome{State: respond.Sent, ProviderID: "<01JMESSAGE@example.com>", Thread: "<01JMESSAGE@example.com>"}) {
				t.Fatalf("got %+v", o)
			}
			if len(p.taken) != 1 || p.from != "alerts@example.com" || p.to != "ann@example.com" || c.cfg.User != p.user {
				t.Fatalf("%d letters from %q to %q, login %q", len(p.taken), p.from, p.to, p.user)
			}
			checkLetter(t, m, p.taken[0])
			// The next letter of the incident answers to the first; a second
			// try is the same letter.
			m.ID, m.Content.Thread = "01JSECOND", o.Thread
			sender := emailSender(t, c.cfg)
			for range 2 {
				if o := sender.Send(context.Background(), m); o.State != respond.Sent || o.Thread != m.Content.Thread {
					t.Fatalf("the answer: %+v", o)
				}
			}
			if !bytes.Equal(p.taken[1], p.taken[2]) {
				t.Error("the second try is another letter")
			}
			got, err := mail.ReadMessage(bytes.NewReader(p.taken[1]))
			if err != nil || got.Header.Get("In-Reply-To") != o.Thread || got.Header.Get("Message-ID") == o.Thread {
				t.Errorf("the answer's headers: %v, %v", got, err)
			}
		})
	}
}

func TestAMailServerFailsAtEachVerb(t *testing.T) {
	p, ca := openPost(t, false)
	sender := emailSender(t, EmailConfig{Port: p.port, CAFile: ca, User: "evenkeel", Password: "env:NOTIFY_TEST_MAIL"})
	telltale := "no, " + mailPassword + " https://ops.example.com/ack#" + ackSecret
	for _, verb := range []string{"EHLO", "AUTH", "MAIL", "RCPT", "BEFORE", "DATA"} {
		for code, want := range map[int]respond.MessageState{421: respond.Due, 451: respond.Due, 550: respond.Failed, 554: respond.Failed} {
			t.Run(fmt.Sprint(verb, code), func(t *testing.T) {
				p.mu.Lock()
				p.fails = map[string]error{verb: &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 7, 1}, Message: telltale}}
				p.mu.Unlock()
				o := sender.Send(context.Background(), page(respond.Email, "ann@example.com", ""))
				if o.State != want || o.Uncertain || o.Reason == "" {
					t.Errorf("got %+v, want %s", o, want)
				}
				if found := secretsIn(o.Reason); found != nil {
					t.Errorf("%q shows secrets: %q", o.Reason, found)
				}
			})
		}
	}
	for enhanced, gone := range map[smtp.EnhancedCode]bool{{5, 1, 1}: true, {5, 1, 10}: true, {5, 2, 1}: true, {5, 7, 1}: false, {5, 1, 7}: false, smtp.NoEnhancedCode: false} {
		t.Run(fmt.Sprint("an address that is not there ", enhanced), func(t *testing.T) {
			p.mu.Lock()
			p.fails = map[string]error{"RCPT": &smtp.SMTPError{Code: 550, EnhancedCode: enhanced, Message: telltale}}
			p.mu.Unlock()
			o := sender.Send(context.Background(), page(respond.Email, "ann@example.com", ""))
			if o.State != respond.Failed || o.Disable != gone || secretsIn(o.Reason) != nil {
				t.Errorf("got %+v; the contact is gone: %t", o, gone)
			}
		})
	}
	t.Run("no word after the letter", func(t *testing.T) {
		p.mu.Lock()
		p.fails = map[string]error{"DATA": errCut}
		p.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		defer cancel()
		if o := sender.Send(ctx, page(respond.Email, "ann@example.com", "")); o.State != respond.Due || !o.Uncertain {
			t.Errorf("got %+v", o)
		}
	})
	if len(p.taken) != 0 {
		t.Errorf("%d letters were taken", len(p.taken))
	}
}

func TestAMailServerThatCannotBeTrusted(t *testing.T) {
	p, ca := openPost(t, false)
	t.Run("an unknown certificate", func(t *testing.T) {
		o := emailSender(t, EmailConfig{Port: p.port, User: "evenkeel", Password: "env:NOTIFY_TEST_MAIL"}).Send(context.Background(), page(respond.Email, "ann@example.com", ""))
		if o.State != respond.Due || !strings.Contains(o.Reason, "certificate") {
			t.Errorf("got %+v", o)
		}
	})
	t.Run("no login that we speak", func(t *testing.T) {
		p.ways = []string{"X-OTHER"}
		o := emailSender(t, EmailConfig{Port: p.port, CAFile: ca, User: "evenkeel", Password: "env:NOTIFY_TEST_MAIL"}).Send(context.Background(), page(respond.Email, "ann@example.com", ""))
		if o.State != respond.Failed || !strings.Contains(o.Reason, "PLAIN") {
			t.Errorf("got %+v", o)
		}
	})
	t.Run("no encryption, though the configuration was never checked", func(t *testing.T) {
		t.Setenv("NOTIFY_TEST_MAIL", mailPassword)
		p.ways, p.server.AllowInsecureAuth = []string{"PLAIN"}, true
		cfg := EmailConfig{Host: "127.0.0.1", Port: p.port, From: "alerts@example.com", Security: SecurityNone, User: "evenkeel", Password: "env:NOTIFY_TEST_MAIL"}
		o := Senders(Config{Email: &cfg}, LocalSecrets{})[respond.Email].Send(context.Background(), page(respond.Email, "ann@example.com", ""))
		if o.State != respond.Failed || p.user != "" || len(p.taken) != 0 {
			t.Errorf("got %+v, login %q", o, p.user)
		}
	})
	// What is not a mail server at all, or one without encryption.
	for name, says := range map[string]string{"hangs": "", "floods": strings.Repeat("220-x\r\n", 1<<17), "garbage": "HTTP/1.1 400 Bad Request\r\n\r\n", "closes": "-",
		"no STARTTLS": "220 hello\r\n250 hello\r\n"} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					if says != "-" {
						_, _ = io.WriteString(conn, says)
						_, _ = io.Copy(io.Discard, conn)
					}
					_ = conn.Close()
				}
			}()
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			o := emailSender(t, EmailConfig{Port: listener.Addr().(*net.TCPAddr).Port}).Send(ctx, page(respond.Email, "ann@example.com", ""))
			want := respond.Due
			if name == "no STARTTLS" {
				want = respond.Failed
			}
			if o.State != want || o.Uncertain || ctx.Err() != nil && name != "hangs" {
				t.Errorf("got %+v", o)
			}
		})
	}
	for _, address := range []string{"", "ann", "ann@example.com, eve@example.com", "ann@example.com\r\nRCPT TO:<eve@example.com>", `"a b"@example.com`, "änn@example.com"} {
		if o := emailSender(t, EmailConfig{Port: 1}).Send(context.Background(), page(respond.Email, address, "")); o.State != respond.Failed {
			t.Errorf("%q: got %+v", address, o)
		}
	}
}

// A letter of a status page can be ended by one click of the mail program
// (RFC 8058); no other letter has that, and no link adds a header.
func TestALetterThatCanBeEndedByOneClick(t *testing.T) {
	from := mail.Address{Address: "alerts@example.org"}
	for link, want := range map[string]string{"https://ops.example.org/status/shop/unsubscribe/a.b": "<https://ops.example.org/status/shop/unsubscribe/a.b>", "": "", "https://x\r\nBcc: y": ""} {
		m := respond.Message{ID: "status-1", Kind: respond.StatusMessage, Content: respond.Content{Title: "Shop: trouble", Text: "We look.", Unsubscribe: link}}
		raw, err := letterOf(m, from, from)
		if err != nil {
			t.Fatal(err)
		}
		l, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		post := l.Header.Get("List-Unsubscribe-Post")
		if l.Header.Get("List-Unsubscribe") != want || (post == "List-Unsubscribe=One-Click") != (want != "") || l.Header.Get("Bcc") != "" {
			t.Errorf("%q: %v", link, l.Header)
		}
	}
}
