package cases

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/metric"
)

const (
	// lead is how long before a figure was seen to leave what is usual harm is
	// counted, leadOfBurn how long before an objective burned: that is seen late.
	lead, leadOfBurn = time.Minute, 5 * time.Minute
	// keptAtOnce is of how many cases a round keeps what users felt.
	keptAtOnce = 10
	// giveUpAfter is for how long figures that cannot be had are tried again.
	giveUpAfter = 30 * time.Minute
)

// Trouble is what the impact of a case is asked of: all of it that users feel,
// since the first of that began.
func (c *Case) Trouble(now time.Time) impact.Trouble {
	t := impact.Trouble{Environment: c.Environment, From: c.Since, To: now, Live: c.EndedAt.IsZero()}
	if !t.Live {
		t.To = c.EndedAt
	}
	any := false
	for _, m := range c.Members {
		if !m.Felt && m.Role != Symptom {
			continue
		}
		since := m.Since.Add(-lead)
		if id, is := slo.BurntBy(m.Check); is {
			t.Objectives, since = append(t.Objectives, id), m.Since.Add(-leadOfBurn)
		}
		if !any || since.Before(t.From) {
			t.From = since
		}
		any = true
		t.Feels(impact.Subject{Entity: m.Entity, Name: m.Name})
	}
	return t
}

// Impact says what users felt of a case that Get has returned: as it was kept
// when it was over, else as it is counted now. What cannot be counted is said
// within it. It is nil where nobody counts.
func (s *Service) Impact(ctx context.Context, c Case, now time.Time) *impact.Impact {
	if c.Impact != nil || s.opt.Impact == nil {
		return c.Impact
	}
	ctx, cancel := context.WithTimeout(ctx, impact.ShownWithin)
	defer cancel()
	m, err := s.opt.Impact(ctx, c.Trouble(now))
	if err != nil {
		s.log.Warn("what users felt could not be counted in full", "case", c.ID, "error", err)
	}
	return &m
}

// Keep keeps what users felt of cases that are over, for their figures do not
// stay as long. An error says that some could not be had yet.
func (s *Service) Keep(ctx context.Context, tenant string, now time.Time) error {
	if s.opt.Impact == nil {
		return nil
	}
	var due []Case
	s.mu.Lock()
	for _, id := range slices.Sorted(maps.Keys(s.current[tenant])) {
		if c := s.current[tenant][id]; c.State == Over && c.Impact == nil && len(due) < keptAtOnce {
			due = append(due, c)
		}
	}
	s.mu.Unlock()
	var failed []error
	for _, c := range due {
		if err := s.keep(ctx, c, now); err != nil {
			failed = append(failed, fmt.Errorf("what users felt of the case %s: %w", c.ID, err))
		}
	}
	return errors.Join(failed...)
}

func (s *Service) keep(ctx context.Context, c Case, now time.Time) error {
	// Nobody waits for a round meanwhile: what is asked of the figures takes long.
	asking, cancel := context.WithTimeout(ctx, impact.KeptWithin)
	defer cancel()
	m, err := s.opt.Impact(asking, c.Trouble(now))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && !errors.Is(err, metric.ErrTooLarge) && now.Sub(c.EndedAt) < giveUpAfter {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if is, ok := s.current[c.Tenant][c.ID]; !ok || is.Revision != c.Revision {
		return nil // it has changed meanwhile, and is due again
	}
	c.Impact = &m
	c.Revision++
	if err := s.store.ApplyCases(ctx, []Applied{{Case: c}}); err != nil {
		delete(s.current, c.Tenant) // it may be stored all the same
		return err
	}
	s.current[c.Tenant][c.ID] = c
	return nil
}
