package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lock keeps a second process off the data folder. The kernel holds it, so that
// it ends with the process however that ends; what the file says is for people
// and for the next start:
//
//	process 4711
//	closed             it was closed in good order
//	holds state.db     there is a database, so that a missing one is a loss
type lock struct {
	file *os.File
	// unclean tells that the process before this one did not end in good order.
	unclean bool
	// holds tells that there must be a state.db beside it.
	holds bool
}

// takeLock locks the file at path, or fails with ErrInUse and the process that
// has it.
func takeLock(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	said, err := os.ReadFile(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the lock: %w", err), f.Close())
	}
	first, _, _ := strings.Cut(string(said), "\n")
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("%w: %s is used by another evenkeel (%s); stop it, or choose another data folder",
				ErrInUse, filepath.Dir(path), first)
		} else {
			err = fmt.Errorf("lock %s: %w", path, err)
		}
		return nil, errors.Join(err, f.Close())
	}
	l := &lock{file: f,
		unclean: first != "" && !strings.Contains(string(said), "\nclosed\n"),
		holds:   strings.Contains(string(said), "\nholds state.db\n")}
	if err := l.note(false); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

// note writes what the lock says.
func (l *lock) note(closed bool) error {
	text := fmt.Sprintf("process %d\n", os.Getpid())
	if closed {
		text += "closed\n"
	}
	if l.holds {
		text += "holds state.db\n"
	}
	// Written over in place: a lock that was replaced would be another file,
	// and a moment of emptiness would forget that there is a database.
	if _, err := l.file.WriteAt([]byte(text), 0); err != nil {
		return fmt.Errorf("write the lock: %w", err)
	}
	if err := l.file.Truncate(int64(len(text))); err != nil {
		return fmt.Errorf("write the lock: %w", err)
	}
	return nil
}

func (l *lock) release() error {
	err := l.note(true)
	return errors.Join(err, l.file.Close())
}
