package finding

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/evenkeel/evenkeel/internal/matcher"
)

// Exemption says that what some checks find about some entities is accepted
// until a date, why, and whom to ask.
type Exemption struct {
	ID string `yaml:"id"`
	// Checks and Entities are ids, in which * stands for any text and ? for one
	// character. No Entities are all that the matchers choose.
	Checks   []string `yaml:"checks"`
	Entities []string `yaml:"entities"`
	// Matchers choose by what Labels gives, as routes and silences do. All must
	// hold.
	Matchers matcher.Matchers `yaml:"matchers"`
	Until    time.Time        `yaml:"until"`
	Owner    string           `yaml:"owner"`  // person or team, for people
	Reason   string           `yaml:"reason"` // why
}

// Exemptions are all that there are.
type Exemptions []Exemption

const (
	maxExemptionName = 100 // bytes, of an id
	maxOwner         = 200 // bytes
	maxPatterns      = 100 // of checks, and of entities
	maxPattern       = 300 // bytes
)

// Validate checks them all. What has ended is no error, so that a configuration
// that could be loaded yesterday can be loaded today.
func (list Exemptions) Validate(now time.Time) error {
	var errs []error
	seen := map[string]bool{}
	for n, x := range list {
		place := fmt.Sprintf("[%d]", n)
		if x.ID != "" {
			place += fmt.Sprintf(" (%s)", clip(x.ID))
		}
		for _, err := range x.check(now) {
			errs = append(errs, fmt.Errorf("%s.%w", place, err))
		}
		if seen[x.ID] && x.ID != "" {
			errs = append(errs, fmt.Errorf("%s.id: another exemption is called so already; each needs a name of its own", place))
		}
		seen[x.ID] = true
	}
	return errors.Join(errs...)
}

// check says what is wrong with one. Its errors begin with the key.
func (x Exemption) check(now time.Time) (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !plain(x.ID) || strings.TrimSpace(x.ID) == "" || len(x.ID) > maxExemptionName {
		add("id: a name of 1 to %d bytes is needed, such as old-disks", maxExemptionName)
	}
	patterns := func(key string, list []string) {
		if len(list) > maxPatterns {
			add("%s: %d at most are taken", key, maxPatterns)
		}
		for _, p := range list {
			if !plain(p) || strings.TrimSpace(p) != p || p == "" || len(p) > maxPattern {
				add("%s: %q is not an id of 1 to %d bytes; * in it stands for any text, ? for one character", key, clip(p), maxPattern)
			}
		}
	}
	patterns("checks", x.Checks)
	patterns("entities", x.Entities)
	switch {
	case len(x.Checks) == 0:
		add("checks: name at least one check, such as disk-* or filesystem-filling; docs/checks.md lists them")
	case len(x.Entities) == 0 && len(x.Matchers) == 0:
		add("entities: say of which entities, by their ids (disk:web-1:*) or by matchers (host=\"web-1\"); [\"*\"] is all of them")
	case len(x.Matchers) > matcher.Most:
		add("matchers: %d at most are taken", matcher.Most)
	case x.everything():
		add("checks: it would accept whatever is found about anything; name the checks, or the entities that they may find something about. To keep an environment from paging, give it a route")
	}
	switch {
	case x.Until.IsZero():
		add("until: say when it ends, such as %s; look at it again then", now.AddDate(0, 3, 0).UTC().Format(time.DateOnly))
	case x.Until.Sub(now) > maxAcceptance:
		add("until: %s is more than a year ahead; look at it again before then", x.Until.UTC().Format(time.DateOnly))
	}
	if !plain(x.Owner) || strings.TrimSpace(x.Owner) == "" || len(x.Owner) > maxOwner {
		add("owner: a person or team of 1 to %d bytes is needed, so that others know whom to ask", maxOwner)
	}
	if _, err := text("the reason", x.Reason, minReason); err != nil {
		add("reason: write why, in %d to %d characters", minReason, maxReason)
	}
	return errs
}

// plain tells whether a text can be kept as it is.
func plain(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// clip bounds what an error repeats.
func clip(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "") + "..."
	}
	return s
}

// Ended tells whether its time is up.
func (x Exemption) Ended(now time.Time) bool { return !x.Until.After(now) }

// InScope tells whether it is about what a check found about an entity,
// whatever the time.
func (x Exemption) InScope(k Key, r Report) bool {
	return x.names(k.Check, k.Entity) && (len(x.Matchers) == 0 || x.Matchers.Hold(Labels(k, r)))
}

// names tells whether the ids are among those that it is about.
func (x Exemption) names(check, entity string) bool {
	return x.Speaks(check) && (len(x.Entities) == 0 || slices.ContainsFunc(x.Entities, func(p string) bool { return like(p, entity) }))
}

// Speaks tells whether a check is one of those that it is about.
func (x Exemption) Speaks(check string) bool {
	return slices.ContainsFunc(x.Checks, func(p string) bool { return like(p, check) })
}

// For is the exemption that covers a finding at a time: of several the one that
// lasts longest. It returns nil where there is none.
func (list Exemptions) For(k Key, r Report, at time.Time) *Exemption {
	var best *Exemption
	for n := range list {
		x := &list[n]
		if !x.Ended(at) && (best == nil || x.Until.After(best.Until)) && x.InScope(k, r) {
			best = x
		}
	}
	return best
}

// everything tells whether it names neither a check nor an entity: whether it
// holds for findings of which every name is one that nobody has written down.
// Where they are, how bad they are and who found them narrows it, but names
// neither.
func (x Exemption) everything() bool {
	narrow := slices.DeleteFunc(slices.Clone(x.Matchers), func(m matcher.Matcher) bool {
		return m.Name == "environment" || m.Name == "severity" || m.Name == "practice"
	})
	for _, name := range []string{"\uE000", "\uE001\uE002\uE003-\uE004"} {
		k := Key{Check: name, Entity: name + "\uE005:" + name}
		labels := Labels(k, Report{EntityKind: name, EntityName: name, Host: name})
		labels["service"] = name // which only what is a service has
		if !x.names(k.Check, k.Entity) || !narrow.Hold(labels) {
			return false
		}
	}
	return true
}

// like tells whether an id is what a pattern describes: * stands for any text,
// also none, and ? for one character.
func like(pattern, id string) bool {
	star, from := -1, 0 // the last * and where what it stands for ends
	p, s := 0, 0
	for s < len(id) {
		_, size := utf8.DecodeRuneInString(id[s:])
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, s
			p++
		case p < len(pattern) && pattern[p] == '?':
			p, s = p+1, s+size
		case p < len(pattern) && pattern[p] == id[s]:
			p, s = p+1, s+1
		case star >= 0:
			_, size := utf8.DecodeRuneInString(id[from:])
			from += size
			p, s = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
