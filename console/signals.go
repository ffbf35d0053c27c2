package console

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/internal/figure"
)

// sightsShown bounds the entities on the page.
const sightsShown = 200

// signalsPage is what can be seen of each entity: what lacks most comes first.
type signalsPage struct {
	List  []detect.Sight
	Kinds []string
	Kind  string // asked for
	Lack  int    // entities that lack something
	More  int    // that are not shown
}

func (c *Console) signals(w http.ResponseWriter, r *http.Request) error {
	if err := access.Can(c.actor(r), access.Read, access.Scope{Tenant: c.opt.Tenant}); err != nil {
		return err
	}
	all, err := c.Sights(r.Context())
	if err != nil {
		return err
	}
	p := signalsPage{Kind: r.URL.Query().Get("kind")}
	for _, s := range all {
		if !slices.Contains(p.Kinds, s.Kind) {
			p.Kinds = append(p.Kinds, s.Kind)
		}
		if p.Kind != "" && s.Kind != p.Kind {
			continue
		}
		if len(s.Missing) > 0 {
			p.Lack++
		}
		p.List = append(p.List, s)
	}
	slices.Sort(p.Kinds)
	slices.SortStableFunc(p.List, func(a, b detect.Sight) int { return cmp.Compare(len(b.Missing), len(a.Missing)) })
	if n := len(p.List) - sightsShown; n > 0 {
		p.List, p.More = p.List[:sightsShown], n
	}
	return c.render(w, r, http.StatusOK, "What can be seen", "/estate", signalsView(p))
}

// sightOf is what is seen of one entity, or nil where nothing is wanted of its
// kind.
func (c *Console) sightOf(r *http.Request, e estate.Entity) (*detect.Sight, error) {
	if c.Sights == nil {
		return nil, nil
	}
	all, err := c.Sights(r.Context())
	if err != nil {
		return nil, err
	}
	return sightIn(all, e), nil
}

// signalWord is a signal's name as people read it.
func signalWord(name string) string { return strings.ReplaceAll(name, "_", " ") }

// seenFigure is a signal's figure with its unit.
func seenFigure(s detect.Seen) string { return figure.In(s.Value, s.Unit) }

// lacks is what is missing of an entity, in one sentence.
func lacks(s detect.Sight) string {
	names := make([]string, len(s.Missing))
	for i, m := range s.Missing {
		names[i] = signalWord(m.Signal)
	}
	if n := len(names); n > 1 {
		names = []string{strings.Join(names[:n-1], ", ") + " or " + names[n-1]}
	}
	return "No " + names[0] + " of " + s.Name + " is seen."
}

// advised are the ways to get all that an entity lacks, each once.
func advised(s detect.Sight) []detect.Advice {
	var out []detect.Advice
	for _, m := range s.Missing {
		for _, a := range m.Add {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out
}
