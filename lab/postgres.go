package lab

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Postgres is Debian's PostgreSQL: its newest programs, and the user that they
// run as where this process is root, since they refuse to be run by it.
type Postgres struct {
	bin string
	as  *syscall.Credential // nil: the user of this process
}

// FindPostgres finds it, or fails with ErrCannot.
func FindPostgres() (Postgres, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		return Postgres{}, fmt.Errorf("%w: PostgreSQL is not installed (Debian: postgresql)", ErrCannot)
	}
	version := func(bin string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin))) // 0 is the oldest
		return n
	}
	pg := Postgres{bin: slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })}
	if os.Geteuid() != 0 {
		return pg, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return Postgres{}, fmt.Errorf("%w: PostgreSQL does not run as root, and there is no user postgres", ErrCannot)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	pg.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return pg, errors.Join(err1, err2)
}

// Command is one of its programs. It is run as its user itself and not through
// another program, so that it ends with this process.
func (p Postgres) Command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, program), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as}
	return cmd
}

// Give makes a folder its user's.
func (p Postgres) Give(dir string) error {
	if p.as == nil {
		return nil
	}
	return os.Chown(dir, int(p.as.Uid), int(p.as.Gid))
}

// StartPostgres makes a PostgreSQL server of its own in the stage's folder, with
// Debian's programs, and returns the DSN of its first database. It is
// ErrCannot where the programs are not installed.
func (s *Stage) StartPostgres(ctx context.Context, name string, settings ...string) (dsn string, err error) {
	pg, err := FindPostgres()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(s.Dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	// It must be able to reach its folder.
	if err := errors.Join(os.Chmod(s.Dir, 0o711), pg.Give(dir)); err != nil {
		return "", err
	}
	data := filepath.Join(dir, "data")
	initdb := pg.Command("initdb", "-D", data, "-U", "evenkeel", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
	initdb.Dir = dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w: %s", err, out)
	}
	address, err := FreePort()
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	args := []string{"-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + dir}
	for _, text := range settings {
		args = append(args, "-c", text)
	}
	server := pg.Command("postgres", args...)
	server.Dir = dir
	p, err := s.Start(name, server)
	if err != nil {
		return "", err
	}
	dsn = fmt.Sprintf("postgres://evenkeel@%s/postgres?sslmode=disable", address)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return "", err
	}
	defer db.Close()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := db.PingContext(ctx)
		switch {
		case err == nil:
			return dsn, nil
		case p.Ended(), time.Now().After(deadline), ctx.Err() != nil:
			return "", fmt.Errorf("PostgreSQL did not start: %w: %s", err, tail(filepath.Join(s.Dir, name+".log")))
		}
	}
}
