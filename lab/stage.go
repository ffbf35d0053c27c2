package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Stage is where an experiment plays: a scratch folder, the processes that
// were started, and what must be undone. It is safe for concurrent use.
type Stage struct {
	Dir string

	mu   sync.Mutex
	undo []undoing
}

type undoing struct {
	what string
	do   func() error
}

// NewStage makes a stage with a scratch folder in the system's temporary
// folder. Close removes it.
func NewStage(name string) (*Stage, error) {
	// Tools such as nft live where a user's PATH often does not look.
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin"); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "evenkeel-"+name+"-")
	if err != nil {
		return nil, err
	}
	s := &Stage{Dir: dir}
	s.Undo("remove "+dir, func() error { return os.RemoveAll(dir) })
	return s, nil
}

// Part returns a stage within this one, with the same folder. Closing the part
// undoes only what was done on it; closing the whole closes it too.
func (s *Stage) Part() *Stage {
	part := &Stage{Dir: s.Dir}
	s.Undo("part", part.Close)
	return part
}

// Undo registers what Close is to do. It runs before everything registered
// earlier.
func (s *Stage) Undo(what string, do func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.undo = append(s.undo, undoing{what, do})
}

// Close undoes everything, last first, and returns what could not be undone.
// It may be called twice.
func (s *Stage) Close() error {
	var errs []error
	for {
		s.mu.Lock()
		if len(s.undo) == 0 {
			s.mu.Unlock()
			return errors.Join(errs...)
		}
		last := s.undo[len(s.undo)-1]
		s.undo = s.undo[:len(s.undo)-1]
		s.mu.Unlock()
		if err := last.do(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", last.what, err))
		}
	}
}

// Process is a program that runs as the leader of a session of its own.
type Process struct {
	Name string
	PID  int

	cmd     *exec.Cmd
	done    chan struct{} // closed when it has ended
	err     error         // how it ended; read after done
	control string
}

// Start runs a command. Its output goes to DIR/NAME.log. When the stage is
// closed, it and all that it has started is killed.
func (s *Stage) Start(name string, cmd *exec.Cmd) (*Process, error) {
	log, err := os.OpenFile(filepath.Join(s.Dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &Process{Name: name, PID: cmd.Process.Pid, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	s.Undo("stop "+name, p.Kill)
	return p, nil
}

// Actor starts the lab's actor under a name of its own (at most 15
// characters, which is what the kernel keeps). BuildActor comes first.
func (s *Stage) Actor(name, part string, args ...string) (*Process, error) {
	return s.Play("actor", name, part, args...)
}

// Play starts a program of the stage's folder that takes a part and a control
// socket, as the actor does, under a name of its own.
func (s *Stage) Play(built, name, part string, args ...string) (*Process, error) {
	program := filepath.Join(s.Dir, name)
	if err := os.Link(filepath.Join(s.Dir, built), program); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	control := filepath.Join(s.Dir, name+".sock")
	if err := os.Remove(control); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err // of an actor of that name that played before
	}
	p, err := s.Start(name, exec.Command(program, append([]string{part, "-ctl", control}, args...)...))
	if err != nil {
		return nil, err
	}
	p.control = control
	return p, p.await(control)
}

func (p *Process) await(file string) error {
	for range 200 {
		if _, err := os.Stat(file); err == nil {
			return nil
		}
		if p.Ended() {
			return fmt.Errorf("%s ended at once: %w; its log is beside %s", p.Name, p.err, file)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("%s did not begin within 2 s", p.Name)
}

// Turn sets a knob of an actor.
func (p *Process) Turn(knob, value string) error {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", p.control)
		}}}
	r, err := client.Get("http://actor/?" + url.Values{knob: {value}}.Encode())
	if err != nil {
		return fmt.Errorf("turn %s of %s: %w", knob, p.Name, err)
	}
	return r.Body.Close()
}

// Ended tells whether the process is gone.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Kill kills the process and everything that it has started, at once, and
// waits until all of it is gone: what lives on, if only until its disk has taken
// a write, holds folders and control groups that are removed next. It may be
// called twice.
func (p *Process) Kill() error {
	family, err := familyOf(p.PID)
	if err != nil {
		return err
	}
	for _, pid := range family {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("kill process %d of %s: %w", pid, p.Name, err)
		}
	}
	for deadline := time.Now().Add(killedWithin); slices.ContainsFunc(family, func(pid int) bool { return !gone(pid) }); {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s, or what it has started, did not end within %s", p.Name, killedWithin)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return p.wait(killedWithin)
}

// killedWithin is how long the kernel may need to end what waits for a slow
// disk.
const killedWithin = 30 * time.Second

// Stop asks the process to end, as a person would, and waits for it.
func (p *Process) Stop(grace time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return p.wait(grace)
}

func (p *Process) wait(grace time.Duration) error {
	select {
	case <-p.done:
		return nil
	case <-time.After(grace):
		return fmt.Errorf("%s did not end within %s", p.Name, grace)
	}
}

// Do runs a command to its end and returns its output. An error holds what
// the command said.
func Do(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return text, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, text)
	}
	return text, nil
}

// NeedTools returns an error that wraps ErrCannot and names what is missing:
// programs, or root.
func NeedTools(programs ...string) error {
	var missing []string
	if os.Geteuid() != 0 {
		missing = append(missing, "root")
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: it lacks %s", ErrCannot, strings.Join(missing, ", "))
	}
	return nil
}

// FreePort returns a TCP address on loopback that nothing listens on.
func FreePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
