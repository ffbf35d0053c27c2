// Package storetest exercises a store the same way on SQLite and PostgreSQL,
// and gives tests of other packages a database to work on.
//
// Failure behaviour: where PostgreSQL is not to be found the test is skipped,
// saying what is missing; everything else fails the test.
package storetest

import (
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Postgres returns the DSN of a new, empty database that is dropped when the
// test ends. The server is the one of EVENKEEL_TEST_POSTGRES (the DSN of a
// database whose user may create databases), or a private one that is made from
// the programs on this machine and lasts as long as the test's process. Without
// either the test is skipped.
func Postgres(t testing.TB) string {
	t.Helper()
	server := os.Getenv("EVENKEEL_TEST_POSTGRES")
	if server == "" {
		private.Do(startPrivate)
		switch {
		case privateMissing != "":
			t.Skip(privateMissing)
		case privateErr != nil:
			t.Fatalf("start a private PostgreSQL: %v", privateErr)
		}
		server = privateDSN
	}
	admin, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal("EVENKEEL_TEST_POSTGRES is not a DSN")
	}
	name := fmt.Sprintf("evenkeel_test_%d_%d", os.Getpid(), time.Now().UnixNano())
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatalf("create a database: %v", err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
		admin.Close()
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal("EVENKEEL_TEST_POSTGRES must be a URL")
	}
	u.Path = "/" + name
	return u.String()
}

var (
	private        sync.Once
	privateDSN     string
	privateMissing string
	privateErr     error
)

// find returns where a program of PostgreSQL is.
func find(program string) string {
	if p, err := exec.LookPath(program); err == nil {
		return p
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + program)
	if err != nil || len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// startPrivate makes a cluster in a new folder and runs it. PostgreSQL refuses
// to run as root; then it runs as the user postgres. The server is a child that
// the kernel ends with this process, so that a killed test leaves none behind.
func startPrivate() {
	initdb, server := find("initdb"), find("postgres")
	if initdb == "" || server == "" {
		privateMissing = "PostgreSQL was not found: set EVENKEEL_TEST_POSTGRES to a DSN, or install its programs initdb and postgres"
		return
	}
	var as *syscall.Credential
	if os.Geteuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			privateMissing = "PostgreSQL does not run as root, and there is no user postgres"
			return
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 != nil || err2 != nil {
			privateErr = fmt.Errorf("user postgres has ids %s and %s", u.Uid, u.Gid)
			return
		}
		as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	privateDSN, privateErr = runPrivate(initdb, server, as)
}

func runPrivate(initdb, server string, as *syscall.Credential) (string, error) {
	removeOld()
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", folder, os.Getpid()))
	if err != nil {
		return "", err
	}
	if as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			return "", err
		}
	}
	data := filepath.Join(dir, "data")
	run := func(program string, args ...string) *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGQUIT}
		return cmd
	}
	out, err := run(initdb, "-D", data, "-U", "evenkeel", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("initdb: %w: %s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return "", err
	}
	logs, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return "", err
	}
	cmd := run(server, "-D", data, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories="+dir, "-c", "max_connections=60", "-c", "shared_buffers=64MB",
		"-c", "fsync=off") // nobody pulls the plug on a test's server
	cmd.Stdout, cmd.Stderr = logs, logs
	if err := startLocked(cmd); err != nil {
		return "", err
	}
	dsn := fmt.Sprintf("postgres://evenkeel@127.0.0.1:%d/postgres?sslmode=disable", port)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return "", err
	}
	defer db.Close()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if err = db.Ping(); err == nil {
			return dsn, nil
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(logs.Name())
			return "", fmt.Errorf("it does not answer: %w: %s", err, said)
		}
	}
}

// folder is how the folders of private servers begin; the process follows.
const folder = "evenkeel-postgres-"

// removeOld removes the folders of processes that have ended.
func removeOld() {
	old, err := filepath.Glob(filepath.Join(os.TempDir(), folder+"*"))
	if err != nil {
		return
	}
	for _, dir := range old {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), folder), "-")
		n, err := strconv.Atoi(pid)
		if err != nil || syscall.Kill(n, 0) == nil {
			continue
		}
		os.RemoveAll(dir)
	}
}
