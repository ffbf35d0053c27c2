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
	"strconv"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// StartPostgres makes a PostgreSQL server of its own in the stage's folder, with
// Debian's programs, and returns the DSN of its first database. It is
// ErrCannot where the programs are not installed. The server's user is
// postgres, since it refuses to run as root.
func (s *Stage) StartPostgres(ctx context.Context, name string, settings ...string) (dsn string, err error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("%w: PostgreSQL is not installed (Debian: postgresql)", ErrCannot)
	}
	bin := filepath.Dir(found[len(found)-1])
	dir := filepath.Join(s.Dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	var as *syscall.Credential
	if os.Geteuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return "", fmt.Errorf("%w: PostgreSQL does not run as root, and there is no user postgres", ErrCannot)
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return "", err
		}
		as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		// It must be able to reach its folder.
		if err := errors.Join(os.Chmod(s.Dir, 0o711), os.Chown(dir, int(uid), int(gid))); err != nil {
			return "", err
		}
	}
	data := filepath.Join(dir, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", "evenkeel", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
	initdb.Dir, initdb.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
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
	server := exec.Command(filepath.Join(bin, "postgres"), args...)
	server.Dir, server.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
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
