package lab

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAStageLeavesNothingBehind(t *testing.T) {
	s, err := NewStage("test")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var order []string
	s.Undo("first", func() error { order = append(order, "first"); return nil })
	boom := errors.New("boom")
	s.Undo("second", func() error { order = append(order, "second"); return boom })
	// The child of the shell leads a session of its own, as PostgreSQL's do, and
	// must not survive either.
	p, err := s.Start("shell", exec.Command("bash", "-c", "setsid sleep 600 & echo $!; wait"))
	if err != nil {
		t.Fatal(err)
	}
	child := 0
	for deadline := time.Now().Add(5 * time.Second); child == 0 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(s.Dir + "/shell.log")
		if err != nil {
			t.Fatal(err)
		}
		child, _ = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if child == 0 {
		t.Fatal("the shell's child did not start")
	}
	if err := s.Close(); !errors.Is(err, boom) || !strings.Contains(err.Error(), "second") {
		t.Errorf("what could not be undone is not named: %v", err)
	}
	if !slices.Equal(order, []string{"second", "first"}) {
		t.Errorf("undone in the order %v", order)
	}
	if !p.Ended() {
		t.Error("the process still runs")
	}
	if !gone(child) {
		t.Error("the process's child still runs")
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
	if _, err := os.Stat(s.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("the scratch folder is still there")
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func TestUsageCountsTheWholeTree(t *testing.T) {
	s, err := NewStage("test")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	// The parent only waits; its child burns.
	p, err := s.Start("burn", exec.Command("sh", "-c", "sh -c 'while :; do :; done'; true"))
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		u, err := UsageOf(p.PID)
		if err != nil {
			t.Fatal(err)
		}
		if u.CPU > 0.05 && u.RSS > 0 && u.PSS > 0 && u.PSS <= u.RSS {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a busy tree used %+v", u)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := UsageOf(p.PID); err == nil {
		t.Error("a process that is gone has a usage")
	}
}
