package probe

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// found is the path of a program, or a skip that says what is missing.
func found(t *testing.T, program string, more ...string) string {
	t.Helper()
	for _, dir := range more {
		if paths, _ := filepath.Glob(filepath.Join(dir, program)); len(paths) > 0 {
			return paths[len(paths)-1]
		}
	}
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not on this machine", program)
	}
	return path
}

// runServer starts a program that ends with the test and waits for its port.
func runServer(t *testing.T, address string, cmd *exec.Cmd) {
	t.Helper()
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGQUIT)
		cmd.Wait()
	})
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			cmd.Process.Kill()
			t.Fatalf("%s does not listen", cmd.Path)
		}
	}
}

// asPostgres lets a command run as the user postgres where we are root, which
// PostgreSQL refuses to run as.
func asPostgres(t *testing.T, dir string, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	if os.Getuid() != 0 {
		return cmd
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Skip("this test runs as root, and there is no user postgres to run PostgreSQL as")
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return cmd
}

func TestRealPostgreSQL(t *testing.T) {
	initdb := found(t, "initdb", "/usr/lib/postgresql/*/bin")
	postgres := found(t, "postgres", "/usr/lib/postgresql/*/bin")
	// Not t.TempDir, whose parents the user postgres cannot enter.
	dir, err := os.MkdirTemp("", "evenkeel-probe-pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("hunter2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if out, err := asPostgres(t, dir, exec.Command(initdb, "-D", data, "-A", "scram-sha-256", "-U", "eve", "--pwfile", password, "-N")).CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	address := vacant(t)
	_, port, _ := net.SplitHostPort(address)
	runServer(t, address, asPostgres(t, dir, exec.Command(postgres, "-D", data, "-h", "127.0.0.1", "-p", port, "-k", dir)))

	ask := func(dsn, query string) Round {
		return once(t, Spec{Type: Postgres, Database: DatabaseSpec{DSNFile: file(t, dsn), Query: query}})
	}
	good := "postgres://eve:hunter2@" + address + "/postgres"
	var r Round
	for range 50 { // it listens before it lets anybody in
		if r = ask(good, ""); r.Outcome == Up {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	want(t, r, Up, "")
	for _, p := range []Phase{PhaseConnect, PhaseLogin, PhaseWait} {
		if phaseOf(r, p) <= 0 {
			t.Errorf("no %s in %v", p, r.Phases)
		}
	}
	want(t, ask("host=127.0.0.1 port="+port+" user=eve password=hunter2 dbname=postgres", ""), Up, "")
	want(t, ask("host="+dir+" port="+port+" user=eve password=hunter2 dbname=postgres", ""), Up, "")
	want(t, ask(good, "select generate_series(1, 100000)"), Up, "")
	want(t, ask(good, "select nothing"), Down, ReasonAnswer, `column "nothing" does not exist (42703)`)
	want(t, ask(strings.Replace(good, "hunter2", "wrong", 1), ""), Down, ReasonAuth, "28P01")
	want(t, ask(good+"nix", ""), Down, ReasonAnswer, "does not exist (3D000)")
	want(t, ask("postgres://eve:hunter2@"+vacant(t)+"/x", ""), Down, ReasonRefused)
	t.Setenv("EVENKEEL_TEST_DSN", good)
	want(t, once(t, Spec{Type: Postgres, Database: DatabaseSpec{DSNEnv: "EVENKEEL_TEST_DSN"}}), Up, "")
	s := Spec{Type: Postgres, Database: DatabaseSpec{DSNFile: file(t, good), Query: "select pg_sleep(5)"}, Timeout: 300 * time.Millisecond}
	slow := once(t, s)
	want(t, slow, Down, ReasonTimeout, "no answer within 300ms to the request")
	if slow.Took > time.Second {
		t.Errorf("a round with a timeout of 300ms took %s", slow.Took)
	}
}

func TestRealRedis(t *testing.T) {
	server := found(t, "redis-server")
	address := vacant(t)
	_, port, _ := net.SplitHostPort(address)
	runServer(t, address, exec.Command(server, "--port", port, "--bind", "127.0.0.1", "--requirepass", "hunter2", "--save", "", "--dir", t.TempDir()))
	ask := func(dsn string) Round {
		return once(t, Spec{Type: Redis, Database: DatabaseSpec{DSNFile: file(t, dsn)}, Timeout: time.Second})
	}
	r := ask(fmt.Sprintf("redis://:hunter2@%s/0", address))
	want(t, r, Up, "")
	for _, p := range []Phase{PhaseConnect, PhaseLogin, PhaseWait} {
		if phaseOf(r, p) <= 0 {
			t.Errorf("no %s in %v", p, r.Phases)
		}
	}
	want(t, ask(fmt.Sprintf("redis://:wrong@%s/0", address)), Down, ReasonAuth, "WRONGPASS")
	want(t, ask(fmt.Sprintf("redis://%s/0", address)), Down, ReasonAuth, "NOAUTH")
	want(t, ask(fmt.Sprintf("redis://:hunter2@%s/99", address)), Down, ReasonAnswer, "out of range")
	want(t, ask(fmt.Sprintf("rediss://:hunter2@%s/0", address)), Down, ReasonTimeout, "to the TLS handshake")
	want(t, ask("redis://"+vacant(t)), Down, ReasonRefused)
	hang := serve(t, func(c net.Conn) { c.Read(make([]byte, 1)); time.Sleep(3 * time.Second) })
	r = ask("redis://" + hang)
	want(t, r, Down, ReasonTimeout, "to the login")
	if r.Took > 2*time.Second {
		t.Errorf("a round with a timeout of 1s took %s", r.Took)
	}
}

func TestICMP(t *testing.T) {
	r := once(t, Spec{Type: ICMP, Target: "127.0.0.1", Timeout: time.Second})
	if r.Outcome == Unknown {
		want(t, r, Unknown, ReasonPermission, "ping_group_range", "cap_net_raw")
		t.Skip("no permission to send ICMP: only that answer was tested")
	}
	want(t, r, Up, "")
	if phaseOf(r, PhaseWait) <= 0 {
		t.Errorf("no wait in %v", r.Phases)
	}
	want(t, once(t, Spec{Type: ICMP, Target: "no-such-name.invalid"}), Down, ReasonResolve)
}
