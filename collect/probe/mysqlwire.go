package probe

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The part of MySQL's client/server protocol that logging in and one query
// take, after the public protocol documentation of MySQL and MariaDB: the
// handshake of version 10, mysql_native_password, caching_sha2_password,
// COM_QUERY with text rows and COM_QUIT.
//
// What a server sends is not trusted: every length is checked, a packet may
// hold maxPacket bytes, an answer maxColumns columns and maxRows rows.

const (
	maxPacket  = 1 << 20
	maxColumns = 256

	capLongPassword   = 1 << 0
	capConnectWithDB  = 1 << 3
	capProtocol41     = 1 << 9
	capSSL            = 1 << 11
	capSecureConn     = 1 << 15
	capPluginAuth     = 1 << 19
	nativePassword    = "mysql_native_password"
	cachingSHA2       = "caching_sha2_password"
	utf8mb4GeneralCI  = 45
	packetOK          = 0x00
	packetMoreAuth    = 0x01
	packetLocalInfile = 0xfb
	packetEOF         = 0xfe
	packetError       = 0xff
)

// errPacket is wrapped when a packet is not what the protocol allows there.
var errPacket = errors.New("not MySQL's protocol")

// mysqlError is what the server says in an error packet.
type mysqlError struct {
	code    uint16
	message string
}

func (e *mysqlError) Error() string { return fmt.Sprintf("%s (%d)", e.message, e.code) }

// greeting is the server's first packet.
type greeting struct {
	version      string
	capabilities uint32
	plugin       string
	scramble     []byte // 20 bytes
}

// packets reads and writes packets; sequence numbers them within a command.
type packets struct {
	conn     io.ReadWriter
	sequence byte
}

func (p *packets) read() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(p.conn, head[:]); err != nil {
		return nil, err
	}
	size := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
	if size == 0 || size > maxPacket {
		return nil, fmt.Errorf("%w: a packet of %d bytes", errPacket, size)
	}
	if head[3] != p.sequence {
		return nil, fmt.Errorf("%w: packets are out of order", errPacket)
	}
	p.sequence++
	// Grown as bytes arrive: the length is the server's claim only.
	var body bytes.Buffer
	if _, err := io.CopyN(&body, p.conn, int64(size)); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return body.Bytes(), nil
}

func (p *packets) write(body []byte) error {
	head := []byte{byte(len(body)), byte(len(body) >> 8), byte(len(body) >> 16), p.sequence}
	p.sequence++
	_, err := p.conn.Write(append(head, body...))
	return err
}

// parseGreeting reads the server's first packet.
func parseGreeting(b []byte) (greeting, error) {
	var g greeting
	if len(b) > 0 && b[0] == packetError {
		return g, parseError(b)
	}
	if len(b) < 1 || b[0] != 10 {
		return g, fmt.Errorf("%w: no handshake of version 10", errPacket)
	}
	version, rest, ok := bytes.Cut(b[1:], []byte{0})
	if !ok || len(rest) < 31 {
		return g, fmt.Errorf("%w: a short handshake", errPacket)
	}
	g.version = string(version)
	g.capabilities = uint32(binary.LittleEndian.Uint16(rest[13:])) | uint32(binary.LittleEndian.Uint16(rest[18:]))<<16
	g.scramble = append(g.scramble, rest[4:12]...)
	const needed = capProtocol41 | capSecureConn
	if g.capabilities&needed != needed {
		return g, fmt.Errorf("%w: a server older than 4.1", errPacket)
	}
	more := max(13, int(rest[20])-8)
	rest = rest[31:]
	if len(rest) < more {
		return g, fmt.Errorf("%w: a short handshake", errPacket)
	}
	g.scramble = append(g.scramble, rest[:12]...)
	g.plugin = nativePassword
	if g.capabilities&capPluginAuth != 0 {
		plugin, _, _ := bytes.Cut(rest[more:], []byte{0})
		g.plugin = string(plugin)
	}
	return g, nil
}

// parseError reads an error packet; it always returns an error.
func parseError(b []byte) error {
	if len(b) < 3 || b[0] != packetError {
		return fmt.Errorf("%w: a short error", errPacket)
	}
	e := &mysqlError{code: binary.LittleEndian.Uint16(b[1:])}
	text := b[3:]
	if len(text) >= 6 && text[0] == '#' {
		text = text[6:] // the SQL state says less than the message
	}
	e.message = excerpt(string(text), 160)
	return e
}

// parseSwitch reads the request to log in by another plugin.
func parseSwitch(b []byte) (plugin string, scramble []byte, err error) {
	name, rest, ok := bytes.Cut(b[min(1, len(b)):], []byte{0})
	rest = bytes.TrimSuffix(rest, []byte{0})
	if !ok || len(rest) != 20 {
		return "", nil, fmt.Errorf("%w: a login by %s that is not known here", errPacket, excerpt(string(name), 40))
	}
	return string(name), rest, nil
}

// lengthEncoded reads a length-encoded integer: how many columns follow.
func lengthEncoded(b []byte) (uint64, bool) {
	size := 0
	switch {
	case len(b) == 0:
		return 0, false
	case b[0] < 0xfb:
		return uint64(b[0]), true
	case b[0] == 0xfc:
		size = 2
	case b[0] == 0xfd:
		size = 3
	case b[0] == 0xfe:
		size = 8
	default:
		return 0, false
	}
	if len(b) < 1+size {
		return 0, false
	}
	var n uint64
	for i := range size {
		n |= uint64(b[1+i]) << (8 * i)
	}
	return n, true
}

func isEOF(b []byte) bool { return len(b) > 0 && len(b) < 9 && b[0] == packetEOF }

// answerTo proves the password to a plugin without sending it.
func answerTo(plugin string, scramble []byte, password string) ([]byte, error) {
	if password == "" {
		return nil, nil
	}
	switch plugin {
	case nativePassword:
		once := sha1.Sum([]byte(password))
		twice := sha1.Sum(once[:])
		mixed := sha1.Sum(append(bytes.Clone(scramble), twice[:]...))
		return xor(once[:], mixed[:]), nil
	case cachingSHA2:
		once := sha256.Sum256([]byte(password))
		twice := sha256.Sum256(once[:])
		mixed := sha256.Sum256(append(twice[:], scramble...))
		return xor(once[:], mixed[:]), nil
	}
	return nil, down(ReasonAuth, "the server wants a login by %s; this probe can %s and %s: give its user one of them", excerpt(plugin, 40), cachingSHA2, nativePassword)
}

func xor(a, b []byte) []byte {
	out := make([]byte, len(a))
	for i := range a {
		out[i] = a[i] ^ b[i]
	}
	return out
}
