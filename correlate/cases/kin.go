package cases

import (
	"cmp"
	"fmt"
	"slices"
)

// alike is the share of the strongest one's weight from which on another of its
// kind counts as suffering the same.
const alike = .5

// kin makes one hypothesis of those that say the same of things of one kind, to
// explain the same: a network that loses packets shows at every address behind
// it. Alone, each would look like a third of a cause. The strongest stands for
// all, and names the others.
func kin(list []*suspect) []*suspect {
	list = slices.SortedStableFunc(slices.Values(list), func(a, b *suspect) int {
		return cmp.Or(cmp.Compare(b.raw, a.raw), cmp.Compare(a.Entity, b.Entity))
	})
	var kept []*suspect
	like := map[*suspect][]*suspect{} // by who stands for them
	for _, s := range list {
		if at := slices.IndexFunc(kept, s.like); at >= 0 {
			like[kept[at]] = append(like[kept[at]], s)
			continue
		}
		kept = append(kept, s)
	}
	for lead, others := range like {
		for _, s := range others {
			lead.raw += s.raw
			if len(lead.For) < 8 {
				lead.For = append(lead.For, s.Text)
			}
		}
		if len(others) == 1 {
			lead.Text += "; the same shows at 1 other"
		} else {
			lead.Text += fmt.Sprintf("; the same shows at %d others", len(others))
		}
	}
	return kept
}

// like says that a suspect says the same as a stronger one, and explains some of
// the same.
func (s *suspect) like(o *suspect) bool {
	return s.signal != "" && s.signal == o.signal && s.node < 0 && o.node < 0 && s.raw >= alike*o.raw &&
		slices.ContainsFunc(s.pays, func(name string) bool { return slices.Contains(o.pays, name) })
}
