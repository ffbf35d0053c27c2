package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// mysqlCheck logs in and asks a query. The DSN is a URL; its parameter tls is
// "preferred" (the default: encrypted where the server can, with any
// certificate), "required" (encrypted, with a certificate that the probe's tls
// section finds good) or "off".
type mysqlCheck struct {
	*dsn
}

func newMySQLCheck(s Spec) mysqlCheck { return mysqlCheck{newDSN(s, showURL(MySQL))} }

func (c mysqlCheck) run(ctx context.Context, t *timeline, r *Round) error {
	text, err := c.read()
	if err != nil {
		return err
	}
	u, err := url.Parse(text)
	if err != nil {
		return unknown(ReasonSecret, "the DSN cannot be used; write one such as %s", dsnExample[MySQL])
	}
	s := mysqlSession{user: u.User.Username(), database: strings.TrimPrefix(u.Path, "/"), encryption: u.Query().Get("tls")}
	s.password, _ = u.User.Password()
	switch s.encryption {
	case "":
		s.encryption = "preferred"
	case "preferred", "required", "off":
	default:
		return unknown(ReasonSecret, "the DSN's parameter tls is not one of preferred, required and off")
	}
	if s.user == "" {
		return unknown(ReasonSecret, "the DSN names no user; write one such as %s", dsnExample[MySQL])
	}
	trust := c.spec.TLS
	if s.encryption == "preferred" && trust.Trust == TrustSystem {
		trust.Trust = TrustAny
	}
	if s.hands, err = newHandshake(trust); err != nil {
		return err
	}
	defer func() { r.Certificate = s.hands.certificate() }()
	s.hands.expect(u.Hostname())
	conn, err := dial(ctx, t, r, "tcp", withPort(u.Host, "3306"))
	if err != nil {
		return err
	}
	defer conn.Close()
	t.enter(PhaseLogin)
	s.conn, s.packets = conn, &packets{conn: conn}
	if err := s.login(ctx); err != nil {
		return explainMySQL(err)
	}
	t.enter(PhaseWait)
	return explainMySQL(s.query(c.spec.Database.Query, t))
}

// mysqlSession is one login.
type mysqlSession struct {
	user, password, database string
	encryption               string
	hands                    *handshake

	conn      net.Conn
	packets   *packets
	encrypted bool
}

func (s *mysqlSession) login(ctx context.Context) error {
	first, err := s.packets.read()
	if err != nil {
		return err
	}
	g, err := parseGreeting(first)
	if err != nil {
		return err
	}
	capabilities := uint32(capLongPassword | capProtocol41 | capSecureConn | capPluginAuth)
	if s.database != "" {
		capabilities |= capConnectWithDB
	}
	head := func() []byte {
		b := binary.LittleEndian.AppendUint32(nil, capabilities)
		b = binary.LittleEndian.AppendUint32(b, maxPacket)
		b = append(b, utf8mb4GeneralCI)
		return append(b, make([]byte, 23)...)
	}
	canEncrypt := g.capabilities&capSSL != 0
	if s.encryption == "required" && !canEncrypt {
		return down(ReasonTLS, "the server offers no TLS and the DSN requires it")
	}
	if s.encryption != "off" && canEncrypt {
		capabilities |= capSSL
		if err := s.packets.write(head()); err != nil {
			return err
		}
		conn, err := s.hands.client(ctx, s.conn)
		if err != nil {
			outcome, reason, message := explain(err, PhaseTLS, 0)
			if reason == ReasonTimeout {
				return err
			}
			return &failure{outcome, reason, message}
		}
		s.conn, s.packets.conn, s.encrypted = conn, conn, true
	}
	plugin := g.plugin
	if plugin != nativePassword && plugin != cachingSHA2 {
		plugin = nativePassword // the server's default need not be this user's: it will switch
	}
	proof, err := answerTo(plugin, g.scramble, s.password)
	if err != nil {
		return err
	}
	b := append(head(), s.user...)
	b = append(b, 0, byte(len(proof)))
	b = append(b, proof...)
	if s.database != "" {
		b = append(append(b, s.database...), 0)
	}
	b = append(append(b, plugin...), 0)
	if err := s.packets.write(b); err != nil {
		return err
	}
	return s.prove(plugin)
}

// prove follows the server through the login. The steps are bounded: a switch
// of the plugin and the full login of caching_sha2_password.
func (s *mysqlSession) prove(plugin string) error {
	for range 4 {
		b, err := s.packets.read()
		if err != nil {
			return err
		}
		switch {
		case b[0] == packetOK:
			return nil
		case b[0] == packetError:
			return parseError(b)
		case b[0] == packetEOF:
			var scramble []byte
			if plugin, scramble, err = parseSwitch(b); err != nil {
				return err
			}
			proof, err := answerTo(plugin, scramble, s.password)
			if err != nil {
				return err
			}
			if err := s.packets.write(proof); err != nil {
				return err
			}
		case b[0] == packetMoreAuth && plugin == cachingSHA2 && len(b) == 2 && b[1] == 3:
			// The server remembers the password: its OK comes next.
		case b[0] == packetMoreAuth && plugin == cachingSHA2 && len(b) == 2 && b[1] == 4:
			if !s.encrypted {
				return down(ReasonAuth, "the server wants the password itself, which this probe sends by TLS only: turn TLS on at the server, or log in once by another client so that the server remembers it")
			}
			if err := s.packets.write(append([]byte(s.password), 0)); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%w: a login step that is not known", errPacket)
		}
	}
	return fmt.Errorf("%w: a login without an end", errPacket)
}

// query asks and reads the answer, row by row, without keeping it.
func (s *mysqlSession) query(text string, t *timeline) error {
	s.packets.sequence = 0
	if err := s.packets.write(append([]byte{3}, text...)); err != nil {
		return err
	}
	b, err := s.packets.read()
	if err != nil {
		return err
	}
	t.enter(PhaseReceive)
	switch b[0] {
	case packetOK:
		return s.quit()
	case packetError:
		return errors.Join(parseError(b), s.quit())
	case packetLocalInfile:
		return down(ReasonProtocol, "the server asks for a file of this machine, which this probe never sends")
	}
	columns, ok := lengthEncoded(b)
	if !ok || columns > maxColumns {
		return fmt.Errorf("%w: an answer of too many columns", errPacket)
	}
	for range columns {
		if _, err := s.packets.read(); err != nil {
			return err
		}
	}
	if b, err = s.packets.read(); err != nil {
		return err
	}
	if !isEOF(b) {
		return fmt.Errorf("%w: columns without an end", errPacket)
	}
	for range maxRows {
		if b, err = s.packets.read(); err != nil {
			return err
		}
		switch {
		case isEOF(b):
			return s.quit()
		case b[0] == packetError:
			return parseError(b)
		}
	}
	return nil // enough was read; closing the connection ends the rest
}

// quit says goodbye, so that the server does not count an aborted client. The
// answer is here already: a goodbye that fails takes nothing from it.
func (s *mysqlSession) quit() error {
	s.packets.sequence = 0
	_ = s.packets.write([]byte{1})
	return nil
}

func explainMySQL(err error) error {
	var said *mysqlError
	switch {
	case errors.As(err, &said):
		reason := ReasonAnswer
		switch said.code {
		case 1044, 1045, 1698, 1251, 3118: // access denied, no such plugin, account locked
			reason = ReasonAuth
		}
		return down(reason, "MySQL refuses: %s", said)
	case errors.Is(err, errPacket):
		return down(ReasonProtocol, "the answer is %s", err)
	}
	return err
}
