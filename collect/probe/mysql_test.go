package probe

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// fakeMySQL is the server's side of a login and one query, written from the
// protocol's description apart from the client's code. The user's password is
// "hunter2".
type fakeMySQL struct {
	plugin   string // of the greeting
	switchTo string // plugin to switch to; empty: none
	full     bool   // caching_sha2_password does not remember the password
	tls      *tls.Config
	answer   [][]byte // packets after the query; nil: one row
}

var scrambleOfFake = []byte("abcdefghijklmnopqrst")

func (f fakeMySQL) serve(c net.Conn) {
	send := func(seq byte, body []byte) {
		c.Write(append([]byte{byte(len(body)), byte(len(body) >> 8), byte(len(body) >> 16), seq}, body...))
	}
	read := func() (byte, []byte) {
		var head [4]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return 0, nil
		}
		body := make([]byte, int(head[0])|int(head[1])<<8)
		io.ReadFull(c, body)
		return head[3], body
	}
	capabilities := uint32(capProtocol41 | capSecureConn | capPluginAuth | capConnectWithDB)
	if f.tls != nil {
		capabilities |= capSSL
	}
	b := append([]byte{10}, "8.4.0-fake\x00"...)
	b = append(b, 1, 0, 0, 0)
	b = append(append(b, scrambleOfFake[:8]...), 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(capabilities))
	b = append(b, 45, 2, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(capabilities>>16))
	b = append(append(b, 21), make([]byte, 10)...)
	b = append(append(b, scrambleOfFake[8:]...), 0)
	send(0, append(append(b, f.plugin...), 0))
	seq, login := read()
	if f.tls != nil && len(login) == 32 {
		secure := tls.Server(c, f.tls)
		if secure.Handshake() != nil {
			return
		}
		c = secure
		seq, login = read()
	}
	if len(login) < 33 {
		return
	}
	user, rest, _ := bytes.Cut(login[32:], []byte{0})
	proof := rest[1 : 1+int(rest[0])]
	plugin := f.plugin
	if f.switchTo != "" {
		plugin = f.switchTo
		send(seq+1, append(append(append([]byte{0xfe}, plugin...), 0), append(scrambleOfFake, 0)...))
		seq, proof = read()
	}
	ok := bytes.Equal(proof, proofFor(plugin, "hunter2")) && string(user) == "eve"
	switch {
	case ok && plugin == cachingSHA2 && f.full:
		send(seq+1, []byte{1, 4})
		var plain []byte
		seq, plain = read()
		ok = string(plain) == "hunter2\x00"
	case ok && plugin == cachingSHA2:
		seq++
		send(seq, []byte{1, 3})
	}
	if !ok {
		send(seq+1, []byte("\xff\x15\x04#28000Access denied for user 'eve'"))
		return
	}
	send(seq+1, []byte{0, 0, 0, 2, 0, 0, 0})
	if _, query := read(); string(query) != "\x03select 1" {
		return
	}
	answer := f.answer
	if answer == nil {
		answer = [][]byte{{1}, []byte("\x03def\x00\x00\x00\x011\x00\x0c?\x00\x01\x00\x00\x00\x08\x81\x00\x00\x00\x00"), {0xfe, 0, 0, 2, 0}, []byte("\x011"), {0xfe, 0, 0, 2, 0}}
	}
	for i, p := range answer {
		send(byte(i+1), p)
	}
	read() // COM_QUIT or the end
}

// proofFor follows the protocol's formulas: for the older plugin
// SHA1(p) XOR SHA1(scramble + SHA1(SHA1(p))), for the newer
// SHA256(p) XOR SHA256(SHA256(SHA256(p)) + scramble).
func proofFor(plugin, password string) []byte {
	if plugin == nativePassword {
		h1 := sha1.Sum([]byte(password))
		h2 := sha1.Sum(h1[:])
		h3 := sha1.Sum([]byte(string(scrambleOfFake) + string(h2[:])))
		return xor(h1[:], h3[:])
	}
	h1 := sha256.Sum256([]byte(password))
	h2 := sha256.Sum256(h1[:])
	h3 := sha256.Sum256([]byte(string(h2[:]) + string(scrambleOfFake)))
	return xor(h1[:], h3[:])
}

func TestMySQLLogsInAndAsks(t *testing.T) {
	root := issue(t, nil, isCA("Test Root"))
	leaf := issue(t, root, nil)
	encrypted := &tls.Config{Certificates: []tls.Certificate{{PrivateKey: leaf.key, Certificate: [][]byte{leaf.der}}}}
	many := [][]byte{{1}, []byte("\x03def"), {0xfe, 0, 0, 2, 0}}
	for range 250 {
		many = append(many, []byte("\x011"))
	}
	for _, c := range []struct {
		name     string
		server   fakeMySQL
		password string
		query    string // of the DSN
		trust    TLSSpec
		outcome  Outcome
		reason   Reason
		says     string
	}{
		{"native", fakeMySQL{plugin: nativePassword}, "hunter2", "", TLSSpec{}, Up, "", ""},
		{"remembered", fakeMySQL{plugin: cachingSHA2}, "hunter2", "", TLSSpec{}, Up, "", ""},
		{"switched", fakeMySQL{plugin: cachingSHA2, switchTo: nativePassword}, "hunter2", "", TLSSpec{}, Up, "", ""},
		{"switched the other way", fakeMySQL{plugin: nativePassword, switchTo: cachingSHA2}, "hunter2", "", TLSSpec{}, Up, "", ""},
		{"full login by TLS", fakeMySQL{plugin: cachingSHA2, full: true, tls: encrypted}, "hunter2", "", TLSSpec{}, Up, "", ""},
		{"full login without TLS", fakeMySQL{plugin: cachingSHA2, full: true}, "hunter2", "", TLSSpec{}, Down, ReasonAuth, "sends by TLS only"},
		{"required TLS", fakeMySQL{plugin: cachingSHA2, full: true, tls: encrypted}, "hunter2", "?tls=required", TLSSpec{CAFile: root.file(t)}, Up, "", ""},
		{"required TLS that is not trusted", fakeMySQL{plugin: cachingSHA2, full: true, tls: encrypted}, "hunter2", "?tls=required", TLSSpec{}, Down, ReasonTLS, "not trusted"},
		{"required TLS that is not there", fakeMySQL{plugin: cachingSHA2}, "hunter2", "?tls=required", TLSSpec{}, Down, ReasonTLS, "offers no TLS"},
		{"TLS off", fakeMySQL{plugin: nativePassword, tls: encrypted}, "hunter2", "?tls=off", TLSSpec{}, Up, "", ""},
		{"wrong setting", fakeMySQL{plugin: nativePassword}, "hunter2", "?tls=maybe", TLSSpec{}, Unknown, ReasonSecret, "preferred, required and off"},
		{"wrong password", fakeMySQL{plugin: nativePassword}, "wrong", "", TLSSpec{}, Down, ReasonAuth, "Access denied for user 'eve' (1045)"},
		{"unknown plugin", fakeMySQL{plugin: nativePassword, switchTo: "dialog"}, "hunter2", "", TLSSpec{}, Down, ReasonAuth, "wants a login by dialog"},
		{"error for an answer", fakeMySQL{plugin: nativePassword, answer: [][]byte{[]byte("\xff\x10\x04#08004Too many connections")}}, "hunter2", "", TLSSpec{}, Down, ReasonAnswer, "Too many connections (1040)"},
		{"wants a file", fakeMySQL{plugin: nativePassword, answer: [][]byte{[]byte("\xfb/etc/passwd")}}, "hunter2", "", TLSSpec{}, Down, ReasonProtocol, "never sends"},
		{"too many columns", fakeMySQL{plugin: nativePassword, answer: [][]byte{{0xfe, 255, 255, 255, 255, 255, 255, 255, 255}}}, "hunter2", "", TLSSpec{}, Down, ReasonProtocol, "too many columns"},
		{"stops in the middle", fakeMySQL{plugin: nativePassword, answer: many}, "hunter2", "", TLSSpec{}, Down, ReasonTimeout, "did not finish"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dsn := "mysql://eve:" + c.password + "@" + serve(t, c.server.serve) + "/shop" + c.query
			r := once(t, Spec{Type: MySQL, Database: DatabaseSpec{DSNFile: file(t, dsn)}, TLS: c.trust, Timeout: 500 * time.Millisecond})
			want(t, r, c.outcome, c.reason, c.says)
			if c.outcome == Up && phaseOf(r, PhaseLogin) < 0 {
				t.Errorf("no login in %v", r.Phases)
			}
		})
	}
}

// The expected values are published with the protocol's other clients.
func TestCachingSHA2Vectors(t *testing.T) {
	scramble := []byte{10, 47, 74, 111, 75, 73, 34, 48, 88, 76, 114, 74, 37, 13, 3, 80, 82, 2, 23, 21}
	for password, wanted := range map[string]string{
		"secret":  "f490e76f66d9d86665ce54d98c78d0acfe2fb0b08b423da807144873d30b312c",
		"secret2": "abc3934a012cf342e876071c8ee202de51785b430258a7a0138bc79c4d800bc6",
	} {
		got, err := answerTo(cachingSHA2, scramble, password)
		if err != nil || hex.EncodeToString(got) != wanted {
			t.Errorf("%s gives %x, %v", password, got, err)
		}
	}
}

// EVENKEEL_TEST_MYSQL is the DSN of a real MySQL or MariaDB with a password.
func TestRealMySQL(t *testing.T) {
	dsn := os.Getenv("EVENKEEL_TEST_MYSQL")
	if dsn == "" {
		t.Skip("no MySQL or MariaDB: set EVENKEEL_TEST_MYSQL to a DSN such as mysql://USER:PASSWORD@127.0.0.1:3306/DATABASE")
	}
	for _, encryption := range []string{"", "?tls=off"} {
		for _, query := range []string{"select 1", "show variables", "set @a = 1"} {
			r := once(t, Spec{Type: MySQL, Database: DatabaseSpec{DSNFile: file(t, dsn+encryption), Query: query}})
			want(t, r, Up, "")
			if (r.Certificate != nil) != (encryption == "") {
				t.Errorf("%q: certificate %v", encryption, r.Certificate)
			}
		}
	}
	want(t, once(t, Spec{Type: MySQL, Database: DatabaseSpec{DSNFile: file(t, dsn), Query: "select nothing"}}), Down, ReasonAnswer, "Unknown column")
}

// script is a server that says what it says, whatever it is told.
type script struct{ io.Reader }

func (script) Write(b []byte) (int, error) { return len(b), nil }

func FuzzMySQLPacket(f *testing.F) {
	var seed bytes.Buffer
	client, server := net.Pipe()
	go func() { fakeMySQL{plugin: nativePassword}.serve(server); server.Close() }()
	s := mysqlSession{user: "eve", password: "hunter2", encryption: "off", conn: client, packets: &packets{conn: struct {
		io.Reader
		io.Writer
	}{io.TeeReader(client, &seed), client}}}
	if err := s.login(f.Context()); err != nil {
		f.Fatal(err)
	}
	if err := s.query("select 1", newTimeline()); err != nil {
		f.Fatal(err)
	}
	client.Close()
	f.Add(seed.Bytes())
	f.Add([]byte{3, 0, 0, 0, 0xff, 0x10, 0x04})
	f.Add([]byte{0xff, 0xff, 0x0f, 0, 10})
	f.Fuzz(func(t *testing.T, said []byte) {
		s := mysqlSession{user: "eve", password: "hunter2", database: "shop", encryption: "off", packets: &packets{conn: script{bytes.NewReader(said)}}}
		err := s.login(t.Context())
		if err == nil {
			err = s.query("select 1", newTimeline())
		}
		if err != nil {
			if outcome, reason, message := explain(explainMySQL(err), PhaseLogin, time.Second); outcome == Up || reason == "" || message == "" {
				t.Errorf("%v is explained as %s %q %q", err, outcome, reason, message)
			}
		}
		for _, parse := range []func([]byte){
			func(b []byte) { parseGreeting(b) }, func(b []byte) { parseSwitch(b) }, func(b []byte) { parseError(b) }, func(b []byte) { lengthEncoded(b) },
		} {
			parse(said)
		}
	})
}
