package intake

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// away is how long Evenkeel itself must have been away for a sign of life to
// count as perhaps missed: a new start takes less.
const away = time.Minute

// Watch is one round over all that is expected to speak: what has fallen silent
// becomes an alert, what speaks again ends it. It keeps too what was counted
// since the last round.
func (s *Server) Watch(ctx context.Context, now time.Time) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	var news []respond.Alert
	told := map[*source]bool{}
	for _, x := range s.watched() {
		silent := x.silent(now)
		if was, known := s.told[x]; known && was == silent {
			continue
		}
		news = append(news, x.silence(silent, now))
		told[x] = silent
	}
	if len(news) > 0 {
		if err := s.opt.Receiver.Receive(ctx, news); err != nil {
			return fmt.Errorf("tell of what fell silent: %w", err)
		}
		maps.Copy(s.told, told)
	}
	return s.keep(ctx, now)
}

// begin ends, once after a start, what stands of heartbeats that the
// configuration has no more.
func (s *Server) begin(ctx context.Context) error {
	if s.begun {
		return nil
	}
	names := map[string]bool{}
	for _, x := range s.watched() {
		names[x.silenceKey()] = true
	}
	ended, err := s.opt.Alerts.Orphans(ctx, s.tenant, beatSource, func(fingerprint string) bool { return names[fingerprint] })
	if err != nil {
		return fmt.Errorf("read the alerts of heartbeats: %w", err)
	}
	if len(ended) > 0 {
		if err := s.opt.Receiver.Receive(ctx, ended); err != nil {
			return fmt.Errorf("end the alerts of heartbeats that are gone: %w", err)
		}
	}
	s.begun = true
	return nil
}

// watched are the sources that are expected to speak.
func (s *Server) watched() (out []*source) {
	for _, list := range [][]*source{s.integrations, s.heartbeats} {
		for _, x := range list {
			if x.every > 0 {
				out = append(out, x)
			}
		}
	}
	return out
}

// due is when a source must have spoken at the latest; zero where it cannot be
// said, because it has never spoken. A sign of life that may have come while
// Evenkeel was away is waited for once more.
func (x *source) due() time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.heard.At.IsZero() {
		return time.Time{}
	}
	due := x.heard.At.Add(x.every + x.grace)
	if !x.awayFrom.IsZero() && x.awayTo.Sub(x.awayFrom) > away && x.heard.At.Before(x.awayTo) && x.awayFrom.Before(due) {
		due = x.awayTo.Add(x.every + x.grace)
	}
	return due
}

func (x *source) silent(now time.Time) bool {
	due := x.due()
	return !due.IsZero() && now.After(due)
}

// silenceKey is the fingerprint of the alert of its silence.
func (x *source) silenceKey() string {
	if x.beat != nil {
		return "heartbeat/" + x.beat.ID
	}
	return "integration/" + x.by.ID
}

// silence is the alert of a source that fell silent, or its end.
func (x *source) silence(silent bool, now time.Time) respond.Alert {
	x.mu.Lock()
	last := x.heard.At
	x.mu.Unlock()
	a := respond.Alert{AlertKey: respond.AlertKey{Tenant: x.tenant(), Source: beatSource, Fingerprint: x.silenceKey()},
		Environment: x.environment(), Status: respond.Ended, StartsAt: now, ReceivedAt: now}
	if !silent {
		a.EndsAt = now
		return a
	}
	name, labels, word := cmp.Or(x.by.Name, x.by.ID), x.by.Labels, x.by.Severity
	a.Labels = map[string]string{"alertname": "SourceSilent", "integration": x.by.ID}
	if x.beat != nil {
		name, labels, word = cmp.Or(x.beat.Name, x.beat.ID), x.beat.Labels, x.beat.Severity
		a.Labels = map[string]string{"alertname": "HeartbeatSilent", "heartbeat": x.beat.ID}
	}
	maps.Copy(a.Labels, labels)
	a.Severity, _ = severityOf(word) // the configuration was checked
	a.Labels["severity"] = a.Severity.String()
	a.Status = respond.Firing
	a.Title = cut(name+" has fallen silent", maxTitle)
	a.Text = fmt.Sprintf("It was last heard at %s. A sign of life is expected every %s, and %s late is still in time. Whatever it watches or does is unknown now: look whether it still runs, and whether it can reach Evenkeel.",
		last.UTC().Format(time.RFC3339), x.every, x.grace)
	return a
}

// beat takes a sign of life. It is answered when it is kept.
func (s *Server) beat(w http.ResponseWriter, r *http.Request) {
	x := s.heartbeat(r.PathValue("id"))
	if x == nil {
		s.plain(w, http.StatusNotFound, "There is no such heartbeat. Add it to respond.heartbeats.")
		return
	}
	if name := x.beat.Secret; name != "" {
		if err := s.authorized(r, x, name); err != nil {
			s.refuseProof(w, err, s.plain)
			return
		}
	}
	now := s.now()
	x.mu.Lock()
	kept := !x.keptAt.IsZero() && now.Sub(x.keptAt) >= 0 && now.Sub(x.keptAt) < time.Second
	x.mu.Unlock()
	// What beats like a drum is not written each time.
	if !kept {
		if err := s.opt.Store.PutHeard(r.Context(), []Heard{x.hear(now, 1)}); err != nil {
			s.opt.Log.Error("a heartbeat could not be kept", "heartbeat", x.beat.ID, "error", err)
			s.busy(w, "The heartbeat could not be kept; come again soon.", s.plain)
			return
		}
		x.mu.Lock()
		x.keptAt, x.changed = now, false
		x.mu.Unlock()
	}
	s.plain(w, http.StatusOK, "Heard.")
}
