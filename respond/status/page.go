package status

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/evenkeel/evenkeel/respond"
)

// Bounds of a tenant's pages.
const (
	maxPages      = 50
	maxComponents = 100
	maxTouches    = 20
)

// Page is one status page.
type Page struct {
	Slug    string `json:"slug"` // its name in the address: /status/SLUG/
	Tenant  string `json:"tenant"`
	Title   string `json:"title"`
	About   string `json:"about,omitempty"` // one or two sentences for readers
	Private bool   `json:"private,omitempty"`
	// Key is the secret of a private page's link; it changes when it is
	// renewed. Only operators see it.
	Key        string      `json:"key,omitempty"`
	Components []Component `json:"components"`
	CreatedAt  time.Time   `json:"createdAt"`
	ChangedAt  time.Time   `json:"changedAt"`
	Revision   int64       `json:"revision"` // for saving what was read
}

// Component is what readers know of: a product or a part of it.
type Component struct {
	ID    string `json:"id"` // stable; made from the name where it is empty
	Name  string `json:"name"`
	Group string `json:"group,omitempty"`
	About string `json:"about,omitempty"`
	// Touches says for what it stands. Each line is a set of label=value pairs
	// with commas between, all of which an alert must have; a value may end
	// with '*'. One line that fits is enough. It is never shown to readers.
	Touches []string `json:"touches,omitempty"`
	// Set is the state that a person gave it; empty: its other causes alone.
	Set       State     `json:"set,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
}

var slugForm = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?$`)

// checked returns the page as it is kept, over the one before, or why it cannot
// be so.
func (p Page) checked(before Page, now time.Time) (Page, error) {
	var err error
	if !slugForm.MatchString(p.Slug) {
		return p, invalid("the short name %q must be of small letters, digits and '-', 50 at most", clip(p.Slug, 80))
	}
	if p.Title, err = text("the title", p.Title, 1, 100, true); err != nil {
		return p, err
	}
	if p.About, err = text("the description", p.About, 0, 500, false); err != nil {
		return p, err
	}
	if len(p.Components) > maxComponents {
		return p, invalid("a page may have %d components at most", maxComponents)
	}
	p.CreatedAt, p.ChangedAt = now, now
	if !before.CreatedAt.IsZero() {
		p.CreatedAt = before.CreatedAt
	}
	p.Components = slices.Clone(p.Components)
	seen := map[string]bool{}
	for n := range p.Components {
		c := &p.Components[n]
		if err := c.check(); err != nil {
			return p, err
		}
		c.ID = cmp.Or(c.ID, slugOf(c.Name))
		if !slugForm.MatchString(c.ID) {
			return p, invalid("the id %q of the component %q must be of small letters, digits and '-', 50 at most", clip(c.ID, 80), c.Name)
		}
		if seen[c.ID] {
			return p, invalid("two components have the id %q; name them apart", c.ID)
		}
		seen[c.ID] = true
		c.CreatedAt = now
		for _, o := range before.Components {
			if o.ID == c.ID {
				c.CreatedAt = o.CreatedAt
			}
		}
	}
	return p, nil
}

func (c *Component) check() (err error) {
	if c.Name, err = text("the name of a component", c.Name, 1, 100, true); err != nil {
		return err
	}
	if c.Group, err = text("the group of a component", c.Group, 0, 100, true); err != nil {
		return err
	}
	if c.About, err = text("the description of a component", c.About, 0, 300, true); err != nil {
		return err
	}
	if c.Set != "" && (!c.Set.Valid() || c.Set == Unknown) {
		return invalid("the state %q is none; give one of operational, maintenance, degraded, partial, major", clip(string(c.Set), 40))
	}
	if len(c.Touches) > maxTouches {
		return invalid("%s may stand for %d lines at most", c.Name, maxTouches)
	}
	lines := []string{}
	for _, line := range c.Touches {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if _, err := pairs(line); err != nil {
			return invalid("%s: %s", c.Name, err)
		}
		lines = append(lines, line)
	}
	c.Touches = lines
	return nil
}

type pair struct{ label, value string }

// pairs reads one line of what a component stands for.
func pairs(line string) ([]pair, error) {
	if len(line) > 500 || !utf8.ValidString(line) {
		return nil, fmt.Errorf("a line of what it stands for has 500 bytes at most")
	}
	var out []pair
	for part := range strings.SplitSeq(line, ",") {
		label, value, ok := strings.Cut(part, "=")
		label, value = strings.TrimSpace(label), strings.Trim(strings.TrimSpace(value), `"`)
		if !ok || label == "" || value == "" {
			return nil, fmt.Errorf("%q is not label=value, such as service=checkout", strings.TrimSpace(part))
		}
		out = append(out, pair{label, value})
	}
	return out, nil
}

// Touched tells whether an alert's labels are of what a component stands for.
func (c Component) Touched(labels map[string]string) bool {
	return slices.ContainsFunc(c.Touches, func(line string) bool {
		list, err := pairs(line)
		return err == nil && !slices.ContainsFunc(list, func(p pair) bool {
			prefix, open := strings.CutSuffix(p.value, "*")
			if open {
				return !strings.HasPrefix(labels[p.label], prefix) || labels[p.label] == ""
			}
			return labels[p.label] != p.value
		})
	})
}

// component returns one by its id.
func (p Page) component(id string) (Component, bool) {
	n := slices.IndexFunc(p.Components, func(c Component) bool { return c.ID == id })
	if n < 0 {
		return Component{}, false
	}
	return p.Components[n], true
}

// Path is where readers find the page, from the server's root. A private
// page's path has its key where link is asked for.
func (p Page) Path(link bool) string {
	if p.Private && link {
		return "/status/" + p.Slug + "/k/" + url.PathEscape(p.Key) + "/"
	}
	return "/status/" + p.Slug + "/"
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

func slugOf(name string) string {
	s := strings.Trim(notSlug.ReplaceAllString(strings.ToLower(name), "-"), "-")
	if len(s) > 50 {
		s = strings.Trim(s[:50], "-")
	}
	return cmp.Or(s, "component")
}

// text checks what a person wrote; sizes are in bytes.
func text(what, s string, least, most int, line bool) (string, error) {
	s = strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
	switch {
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }):
		return s, invalid("%s holds letters that are none", what)
	case line && strings.ContainsAny(s, "\n\t"):
		return s, invalid("%s must be one line", what)
	case len(s) < least:
		return s, invalid("%s is missing or too short", what)
	case len(s) > most:
		return s, invalid("%s may have %d bytes at most", what, most)
	}
	return s, nil
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// invalid is an error whose text is for the person who asked.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", respond.ErrInvalid, fmt.Sprintf(format, args...))
}
