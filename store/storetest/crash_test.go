package storetest_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/store"
	"github.com/evenkeel/evenkeel/store/storetest"
)

// crashDir is set in the child process that is to be killed.
const crashDir, crashDSN = "EVENKEEL_TEST_CRASH_DIR", "EVENKEEL_TEST_CRASH_DSN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := writeUntilKilled(dir, os.Getenv(crashDSN), os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// writeUntilKilled makes findings, accepts them and lets the estate change, and
// says of each write when it is acknowledged.
func writeUntilKilled(dir, dsn string, out io.Writer) error {
	ctx := context.Background()
	s, err := store.Open(ctx, store.Config{Dir: dir, DSN: dsn}, quiet)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, format+"\n", args...)
	}
	say("ready")
	findings, things := finding.NewService(s, quiet), estate.NewService(s, quiet)
	actor := access.Evenkeel("default")
	failed := make(chan error)
	run := strconv.FormatInt(time.Now().UnixNano(), 36)
	for worker := range 3 {
		go func() {
			for i := 0; ; i++ {
				entity := fmt.Sprintf("unit:%s-%d-%d", run, worker, i)
				now := time.Now()
				err := findings.Record(ctx, []finding.Observation{{At: now, Sign: finding.Firing,
					Key:    finding.Key{Tenant: "default", Environment: "home", Practice: "detect", Check: "c", Entity: entity},
					Report: finding.Report{Severity: finding.Warning, Title: "x"}}})
				if err != nil {
					failed <- err
					return
				}
				say("opened %s", entity)
				page, err := findings.List(ctx, actor, finding.Filter{Tenant: "default", Entity: entity})
				if err != nil || len(page.Findings) != 1 {
					failed <- fmt.Errorf("%d findings of %s: %w", len(page.Findings), entity, err)
					return
				}
				f, err := findings.Accept(ctx, actor, "default", page.Findings[0].ID, now.Add(time.Hour), "planned", now)
				if err != nil {
					failed <- err
					return
				}
				say("accepted %s", f.ID)
			}
		}()
	}
	go func() {
		for i := 0; ; i++ {
			id := fmt.Sprintf("unit:%s-%d", run, i)
			err := things.Observe(ctx, estate.Observation{Tenant: "default", Environment: "home", Source: "host", At: time.Now(),
				Complete: true, Entities: []estate.Entity{{ID: id, Kind: estate.Unit, Name: id}}})
			if err != nil {
				failed <- err
				return
			}
			say("seen %s", id)
		}
	}()
	return <-failed
}

func TestNothingAcknowledgedIsLostWhenTheProcessIsKilled(t *testing.T) {
	rounds := 25
	if text := os.Getenv("EVENKEEL_TEST_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal("EVENKEEL_TEST_KILLS is not a number")
		}
		rounds = n
	}
	t.Run("SQLite", func(t *testing.T) { t.Parallel(); crash(t, "", rounds) })
	t.Run("PostgreSQL", func(t *testing.T) { t.Parallel(); crash(t, storetest.Postgres(t), max(1, rounds/5)) })
}

func crash(t *testing.T, dsn string, rounds int) {
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	var opened, accepted, seen int
	var slowest time.Duration
	for round := range rounds {
		// Every fifth one is killed while it starts.
		said := killed(t, dir, dsn, random, round%5 == 4)
		start := time.Now()
		var complaints strings.Builder
		loud := slog.New(slog.NewTextHandler(&complaints, &slog.HandlerOptions{Level: slog.LevelWarn}))
		s, err := store.Open(t.Context(), store.Config{Dir: dir, DSN: dsn}, loud)
		if complaints.Len() > 0 {
			t.Errorf("round %d: a kill is no damage, but: %s", round, complaints.String())
		}
		if err != nil {
			t.Fatalf("round %d: start after the kill: %v", round, err)
		}
		slowest = max(slowest, time.Since(start))
		for _, line := range said {
			what, id, _ := strings.Cut(line, " ")
			switch what {
			case "opened":
				opened++
				page, err := s.Findings(t.Context(), finding.Filter{Tenant: "default", Entity: id})
				if err != nil || len(page.Findings) != 1 {
					t.Errorf("round %d: the finding of %s was acknowledged and is lost: %v", round, id, err)
				}
			case "accepted":
				accepted++
				f, err := s.Finding(t.Context(), "default", id)
				if err != nil || f.State != finding.Accepted {
					t.Errorf("round %d: an acceptance was acknowledged and is lost: %s, %v", round, f.State, err)
				}
				log, err := s.Audit(t.Context(), access.AuditFilter{Tenant: "default", Object: id})
				if err != nil || len(log.Entries) != 1 {
					t.Errorf("round %d: its audit entry is lost: %d, %v", round, len(log.Entries), err)
				}
			case "seen":
				seen++
				if _, err := s.Entity(t.Context(), "default", "home", id, time.Time{}); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			}
		}
		if err := s.Check(t.Context()); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if opened == 0 || accepted == 0 || seen == 0 {
		t.Errorf("the test shows nothing: %d opened, %d accepted, %d seen", opened, accepted, seen)
	}
	if slowest > 3*time.Second {
		t.Errorf("the slowest start took %v", slowest)
	}
	t.Logf("%d kills; acknowledged and there: %d findings, %d acceptances, %d entities; slowest start %v", rounds, opened, accepted, seen, slowest)
}

// killed runs a child, kills it at some moment and returns what it said.
func killed(t *testing.T, dir, dsn string, random *rand.Rand, early bool) (said []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir, crashDSN+"="+dsn)
	var problem strings.Builder
	cmd.Stderr = &problem
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func(within time.Duration) {
		time.AfterFunc(time.Duration(random.Int64N(int64(within))), func() {
			// An error means that it has ended by itself, which Wait tells.
			_ = cmd.Process.Kill()
		})
	}
	if early {
		kill(100 * time.Millisecond)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == "ready" && !early {
			kill(300 * time.Millisecond)
		}
		said = append(said, lines.Text())
	}
	if err := cmd.Wait(); err == nil || problem.Len() > 0 {
		t.Fatalf("the child ended by itself: %v: %s", err, problem.String())
	}
	return said
}
