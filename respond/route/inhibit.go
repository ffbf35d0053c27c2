package route

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// rule is a compiled InhibitRule.
type rule struct {
	name           string
	source, target Matchers
	equal          []string
}

// key names the values that source and target must share. Alerts of another
// environment neither mute nor are muted.
func (r rule) key(a respond.Alert) string {
	var b strings.Builder
	b.WriteString(a.Environment)
	for _, name := range r.equal {
		b.WriteByte(0)
		b.WriteString(a.Labels[name])
	}
	return b.String()
}

// maxSources bounds the sources that a rule remembers. What is beyond it mutes
// nobody.
const maxSources = 100_000

// Firing knows which alerts of a tenant fire that can mute others. It is safe
// for concurrent use; a Router only reads it.
type Firing struct {
	mu    sync.Mutex
	rules []sources
}

type sources struct {
	rule
	// bySides are the sources by their key: those that match the rule's source
	// alone, and those that match its target too. An alert that matches both
	// sides is muted by the former only, so that none mutes itself.
	bySides [2]map[string]*bucket
	size    int
	swept   int // size after the last sweep
}

// bucket holds the sources of one key. One of them speaks for all until it
// ends, so that the reason stays the same meanwhile.
type bucket struct {
	members map[respond.AlertKey]source
	speaker respond.AlertKey
}

type source struct {
	title string
	until time.Time // zero: until it is said to have ended
}

func (s source) over(now time.Time) bool { return !s.until.IsZero() && !s.until.After(now) }

// newFiring returns one that knows of none.
func newFiring(rules []rule) *Firing {
	f := &Firing{}
	for _, r := range rules {
		f.rules = append(f.rules, sources{rule: r, bySides: [2]map[string]*bucket{{}, {}}})
	}
	return f
}

// Put takes in what a source says of alerts: those that fire may mute others
// from now on, those that have ended do not any more.
func (f *Firing) Put(now time.Time, alerts ...respond.Alert) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range alerts {
		s := source{title: a.Title, until: a.EndsAt}
		for n := range f.rules {
			f.rules[n].put(a, s, a.Status != respond.Firing || s.over(now), now)
		}
	}
}

func (r *sources) put(a respond.Alert, s source, ended bool, now time.Time) {
	if !r.source.Hold(a.Labels) {
		return
	}
	side := r.bySides[0]
	if r.target.Hold(a.Labels) {
		side = r.bySides[1]
	}
	key := r.key(a)
	b := side[key]
	if ended {
		if b != nil {
			r.drop(side, key, b, a.AlertKey)
		}
		return
	}
	if b == nil {
		b = &bucket{members: map[respond.AlertKey]source{}}
	}
	if _, known := b.members[a.AlertKey]; !known {
		if r.size >= maxSources {
			r.sweep(now)
		}
		if r.size >= maxSources {
			return
		}
		r.size++
	}
	side[key] = b
	b.members[a.AlertKey] = s
	if r.size > 2*r.swept+1000 {
		r.sweep(now)
	}
}

func (r *sources) drop(side map[string]*bucket, key string, b *bucket, a respond.AlertKey) {
	if _, ok := b.members[a]; !ok {
		return
	}
	delete(b.members, a)
	r.size--
	if len(b.members) == 0 {
		delete(side, key)
	}
}

// sweep forgets sources whose own sources have fallen silent.
func (r *sources) sweep(now time.Time) {
	for _, side := range r.bySides {
		for key, b := range side {
			for a, s := range b.members {
				if s.over(now) {
					r.drop(side, key, b, a)
				}
			}
		}
	}
	r.swept = r.size
}

// speak returns a source of the bucket that still fires.
func (b *bucket) speak(now time.Time) (respond.AlertKey, source, bool) {
	if s, ok := b.members[b.speaker]; ok && !s.over(now) {
		return b.speaker, s, true
	}
	found := false
	for a, s := range b.members {
		if !s.over(now) && (!found || a.Source+"\x00"+a.Fingerprint < b.speaker.Source+"\x00"+b.speaker.Fingerprint) {
			b.speaker, found = a, true
		}
	}
	return b.speaker, b.members[b.speaker], found
}

// inhibits returns what mutes an alert, one for each rule that does.
func (f *Firing) inhibits(a respond.Alert, now time.Time) (out []Suppression) {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.rules {
		if !r.target.Hold(a.Labels) {
			continue
		}
		sides := r.bySides[:]
		if r.source.Hold(a.Labels) {
			sides = sides[:1]
		}
		key := r.key(a)
		for _, side := range sides {
			b := side[key]
			if b == nil {
				continue
			}
			by, s, ok := b.speak(now)
			if !ok {
				continue
			}
			out = append(out, Suppression{Kind: Inhibited, By: by.ID(), Until: s.until,
				Reason: fmt.Sprintf("It is muted while %q fires (inhibit rule %s).", s.title, r.name)})
			break
		}
	}
	return out
}
