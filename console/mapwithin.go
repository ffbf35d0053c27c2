package console

import (
	"cmp"
	"slices"

	"github.com/evenkeel/evenkeel/estate"
)

// within narrows a map to one namespace: its applications as groups, and what
// is tied to it from elsewhere as one thing for each other namespace. ok is
// false where there is nothing of it to draw.
func (g *mapGraph) within(space string, most int, mapURL func(space string) string) (out *mapGraph, left int, ok bool) {
	home := slices.IndexFunc(g.Groups, func(s mapGroup) bool { return s.Name == space && s.URL != "" })
	if home < 0 {
		return nil, 0, false
	}
	out = &mapGraph{Groups: []mapGroup{{Name: "Comes from", Tier: 0}}}
	things := slices.Clone(g.Groups[home].Things)
	slices.SortStableFunc(things, func(a, b int) int { return cmp.Compare(markRank(g.Things[a].Mark), markRank(g.Things[b].Mark)) })
	left = max(0, len(things)-most)
	kept := map[int]bool{}
	for _, t := range things[:len(things)-left] {
		kept[t] = true
	}
	at := map[int]int{}
	put := func(old, group int) {
		t := g.Things[old]
		t.Group = group
		at[old] = len(out.Things)
		out.Things = append(out.Things, t)
	}
	for _, app := range g.Groups[home].Apps {
		group := -1
		for _, t := range app.Things {
			lead := g.Things[t].Kind != kindWorkload
			switch {
			case !kept[t]:
				continue
			case lead:
				put(t, 0)
				continue
			case group < 0:
				group = len(out.Groups)
				out.Groups = append(out.Groups, mapGroup{Name: app.Name, Tier: 1})
			}
			put(t, group)
		}
	}
	goes := len(out.Groups)
	out.Groups = append(out.Groups, mapGroup{Name: "Goes to", Tier: 3})
	// Other namespaces are one thing on each side.
	other := func(old, group int) int {
		t := g.Things[old]
		s := g.Groups[t.Group]
		if s.URL == "" || t.Kind != kindWorkload { // outside the cluster, or an ingress elsewhere: itself
			key := -1 - old - group*len(g.Things)
			if i, had := at[key]; had {
				return i
			}
			t.Group, at[key] = group, len(out.Things)
			out.Things = append(out.Things, t)
			return at[key]
		}
		key := len(g.Things) + t.Group + group*len(g.Groups)
		i, had := at[key]
		if !had {
			i, at[key] = len(out.Things), len(out.Things)
			worst := "steady"
			for _, n := range s.Things {
				worst = worse(worst, g.Things[n].Mark)
			}
			out.Things = append(out.Things, mapThing{ID: estate.ID(kindNamespace, subjectOf(t.ID).cube.cluster, s.Name), Name: s.Name, Kind: kindNamespace, Sort: "Namespace", URL: mapURL(s.Name), Mark: worst,
				Why: "Another namespace: " + countsText(g.counts(s.Things)) + ".", Group: group})
		}
		return i
	}
	for _, t := range g.Ties {
		from, to := g.Things[t.From].Group == home, g.Things[t.To].Group == home
		if !from && !to || from && !kept[t.From] || to && !kept[t.To] {
			continue
		}
		n := t
		if from {
			n.From = at[t.From]
		} else {
			n.From = other(t.From, 0)
		}
		if to {
			n.To = at[t.To]
		} else {
			n.To = other(t.To, goes)
		}
		out.tie(n)
	}
	for i := range out.Things {
		s := &out.Groups[out.Things[i].Group]
		s.Things = append(s.Things, i)
	}
	out.settle()
	for i := range out.Groups { // within an application nothing is grouped further
		out.Groups[i].Apps = []mapApp{{"", out.Groups[i].Things}}
	}
	return out, left, true
}
