package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// The picture of a map: groups stand in a grid, so that the lines between them
// have alleys of their own and cross nothing that is to be read. It is drawn
// in several forms, one for each sort of window; a style sheet picks one.

// mapForm is how wide a picture is and what it has room for.
type mapForm struct {
	Class  string // of the window: "phone", "desk", "wide"
	Width  float64
	Box    float64 // least width of a group
	Chip   float64 // least width of a thing
	Row    float64 // height of a thing that is well
	Letter float64 // width of a letter of why something is not well
	Alley  float64 // between groups, where lines go
	Margin float64 // left and right of all
	Lines  bool    // draw them; else groups say in words where they lead
	Sick   bool    // groups in the order of what hurts first
	Fold   int     // above so many things, what is well is only counted
	Inner  bool    // one namespace: lines lead from thing to thing
}

var mapForms = []mapForm{
	{Class: "phone", Width: 358, Box: 300, Chip: 158, Row: 36, Letter: 6.5, Alley: 10, Sick: true, Fold: 40},
	{Class: "desk", Width: 1240, Box: 264, Chip: 118, Row: 25, Letter: 5.9, Alley: 46, Margin: 14, Lines: true, Fold: 320},
	{Class: "wide", Width: 2560, Box: 380, Chip: 118, Row: 26, Letter: 5.9, Alley: 54, Margin: 16, Lines: true, Fold: 700},
}

// inner is the form for one namespace.
func (f mapForm) inner() mapForm {
	f.Inner, f.Fold = true, 1<<30
	f.Row = 40
	if f.Lines {
		f.Box, f.Chip = 224, 200
	} else {
		f.Chip, f.Row = f.Width, 44
	}
	return f
}

const (
	mapPad     = 10.0 // inside a group
	mapBetween = 6.0  // between things
	mapHead    = 46.0 // name of a group, and what is in it
	mapLabel   = 20.0 // name of an application
	mapSick    = 44.0 // height of a thing that stands out: it says why
	mapLine2   = 14.0 // one more line of why
	mapWords   = 18.0 // a line of where a group leads
	mapShown   = 12   // that stand out of one group where what is well is only counted
)

// mapPicture is what is drawn.
type mapPicture struct {
	Form          mapForm
	Width, Height float64
	Boxes         []mapFrame
	Lines         []mapRoad
	Folded        bool
}

// mapFrame is a group.
type mapFrame struct {
	X, Y, W, H float64
	Row, Col   int
	Group      int
	Mark       string // of the worst in it
	Name, Sub  string
	Chips      []mapChip
	Labels     []mapText
	More       mapText  // what is not drawn
	Leads      []string // where it leads, in words
}

// mapChip is a thing.
type mapChip struct {
	X, Y, W, H float64
	Thing      int
	Name       string
	Why        []string // only where it stands out, or in the inner form
}

type mapText struct {
	X, Y float64
	Text string
}

// draw lays a graph out. The same graph has the same picture, and what changes
// in one group moves nothing within another.
func (g *mapGraph) draw(f mapForm) *mapPicture {
	p := &mapPicture{Form: f, Width: f.Width, Folded: len(g.Things) > f.Fold}
	order := make([]int, len(g.Groups))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := g.Groups[a], g.Groups[b]
		if f.Sick || p.Folded {
			return cmp.Or(cmp.Compare(g.rank(a), g.rank(b)), cmp.Compare(x.Tier, y.Tier))
		}
		return cmp.Compare(x.Tier, y.Tier)
	})
	room := f.Width - 2*f.Margin
	cols := max(1, int((room+f.Alley)/(f.Box+f.Alley)))
	cols = min(cols, max(1, len(order)))
	w := (room - float64(cols-1)*f.Alley) / float64(cols)
	if f.Lines {
		w = min(w, 1.5*f.Box)
	}
	left := (f.Width - float64(cols)*w - float64(cols-1)*f.Alley) / 2
	between := g.between()
	y := f.Alley / 2
	for start := 0; start < len(order); start += cols {
		row, tall := order[start:min(start+cols, len(order))], 0.0
		for col, n := range row {
			b := g.box(n, f, p.Folded, w, between)
			b.Row, b.Col = start/cols, col
			b.move(left+float64(col)*(w+f.Alley), y)
			tall = max(tall, b.H)
			p.Boxes = append(p.Boxes, b)
		}
		if !f.Inner { // what stands beside each other is equally tall
			for i := range row {
				p.Boxes[start+i].H = tall
			}
		}
		y += tall + f.Alley
	}
	p.Height = y
	if f.Lines && len(order) > 0 {
		p.Lines = g.route(p, cols)
	}
	return p
}

// box lays out one group at the origin.
func (g *mapGraph) box(n int, f mapForm, folded bool, w float64, between []mapTie) mapFrame {
	s := g.Groups[n]
	b := mapFrame{W: w, Group: n, Mark: g.mark(n), Name: clipped(g.title(n), int((w-2*mapPad-28)/8)), Sub: clipped(countsText(g.counts(s.Things)), int((w-2*mapPad)/6))}
	y, inner := mapHead, w-2*mapPad
	put := func(list []int, each, tall float64) {
		per := max(1, int((inner+mapBetween)/(each+mapBetween)))
		wide := (inner - float64(per-1)*mapBetween) / float64(per)
		for i, t := range list {
			c := mapChip{X: mapPad + float64(i%per)*(wide+mapBetween), Y: y + float64(i/per)*(tall+mapBetween), W: wide, H: tall, Thing: t}
			g.say(&c, f)
			b.Chips = append(b.Chips, c)
		}
		y += float64((len(list)+per-1)/per) * (tall + mapBetween)
	}
	var sick []int
	for _, t := range s.Things {
		if g.Things[t].sick() || folded && g.Things[t].Mark == "unknown" {
			sick = append(sick, t)
		}
	}
	slices.SortStableFunc(sick, func(a, b int) int { return cmp.Compare(markRank(g.Things[a].Mark), markRank(g.Things[b].Mark)) })
	if !f.Inner {
		shown := len(sick)
		if folded {
			shown = min(shown, mapShown)
		}
		for _, t := range sick[:shown] {
			tall := mapSick
			if len(g.why(t, inner, f)) > 1 {
				tall += mapLine2
			}
			put([]int{t}, inner, tall)
		}
		if shown < len(sick) {
			b.More = mapText{mapPad, y + 12, fmt.Sprintf("and %d more that are not well", len(sick)-shown)}
			y += mapLabel
		}
	}
	if !folded {
		for _, app := range s.Apps {
			list := slices.DeleteFunc(slices.Clone(app.Things), func(t int) bool { return !f.Inner && slices.Contains(sick, t) })
			if len(list) == 0 {
				continue
			}
			if app.Name != "" && app.Name != s.Name {
				b.Labels = append(b.Labels, mapText{mapPad + 1, y + 14, clipped(app.Name, int(inner/6.2))})
				y += mapLabel
			} else if len(b.Labels) > 0 {
				y += mapBetween
			}
			each := f.Chip
			if k := g.Things[list[0]].Kind; k == "ingress" || k == "route" {
				each = inner // a host is long
			}
			if f.Inner && f.Sick {
				slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(markRank(g.Things[a].Mark), markRank(g.Things[b].Mark)) })
			}
			put(list, each, f.Row)
		}
	}
	if !f.Lines && !f.Inner {
		for _, text := range g.leadsText(n, int(inner/6.1), between) {
			b.Leads = append(b.Leads, text)
			y += mapWords
		}
	}
	b.H = y + mapPad - mapBetween
	if len(b.Chips) == 0 && len(b.Leads) == 0 {
		b.H = mapHead + 4
	}
	return b
}

// title is a group's name for people.
func (g *mapGraph) title(n int) string {
	if name := g.Groups[n].Name; name != "" {
		return name
	}
	if len(g.Groups) > 3 {
		return "Other workloads"
	}
	return "Workloads"
}

// say writes what stands on a thing, cut to its width.
func (g *mapGraph) say(c *mapChip, f mapForm) {
	t := g.Things[c.Thing]
	c.Name = clipped(t.shown(), int((c.W-32)/6.7))
	switch {
	case t.sick() || f.Inner && t.Kind != kindWorkload:
		c.Why = g.why(c.Thing, c.W, f)
	case f.Inner && t.Ready != "":
		c.Why = []string{t.Ready + " ready"}
	case f.Inner:
		c.Why = []string{t.Sort}
	case c.H >= mapSick:
		c.Why = g.why(c.Thing, c.W, f)
	}
	if f.Inner && len(c.Why) > 1 {
		c.Why = []string{clipped(c.Why[0]+" "+c.Why[1], int((c.W-38)/f.Letter))}
	}
}

// why says in at most two lines what makes a thing stand out; its name, which
// stands above, and for how long it has been so are left to its card.
func (g *mapGraph) why(n int, w float64, f mapForm) []string {
	t := g.Things[n]
	text, _, _ := strings.Cut(cmp.Or(t.Why, t.Sort), ", and it has been so for")
	for _, name := range []string{g.Groups[t.Group].Name + "/" + t.Name, t.Name} {
		text = strings.TrimPrefix(text, name+" ")
	}
	text = upperFirst(strings.TrimSuffix(text, "."))
	room := int((w - 38) / f.Letter)
	if len(text) <= room {
		return []string{text}
	}
	cut := strings.LastIndexByte(text[:room], ' ')
	if cut < room/2 {
		return []string{clipped(text, room)}
	}
	return []string{text[:cut], clipped(text[cut+1:], room)}
}

// move shifts a group and all that is in it.
func (b *mapFrame) move(x, y float64) {
	b.X, b.Y = b.X+x, b.Y+y
	for i := range b.Chips {
		b.Chips[i].X += x
		b.Chips[i].Y += y
	}
	for i := range b.Labels {
		b.Labels[i].X += x
		b.Labels[i].Y += y
	}
	b.More.X, b.More.Y = b.More.X+x, b.More.Y+y
}

// between are the ties from group to group, added up, in the order of the
// groups; From and To are places in Groups.
func (g *mapGraph) between() []mapTie {
	at := map[[2]int]int{}
	var out []mapTie
	for _, t := range g.Ties {
		a, b := g.Things[t.From].Group, g.Things[t.To].Group
		if a == b {
			continue
		}
		i, had := at[[2]int{a, b}]
		if !had {
			i, at[[2]int{a, b}] = len(out), len(out)
			out = append(out, mapTie{From: a, To: b, Leads: true})
		}
		out[i].Rate, out[i].Known, out[i].Leads = out[i].Rate+t.Rate, out[i].Known || t.Known, out[i].Leads && t.Leads
	}
	slices.SortFunc(out, func(a, b mapTie) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return out
}

// leadsText says where a group's calls go, the most first, in at most two lines
// of so many letters.
func (g *mapGraph) leadsText(n, wide int, between []mapTie) (out []string) {
	var of []mapTie
	for _, t := range between {
		if t.From == n {
			of = append(of, t)
		}
	}
	slices.SortStableFunc(of, func(a, b mapTie) int { return cmp.Compare(b.Rate, a.Rate) })
	line := ""
	for i, t := range of {
		text := g.title(t.To)
		if rate := rateText(t); rate != "" {
			text += " " + rate
		}
		switch {
		case line == "":
			line = "→ " + text
		case len(line)+len(text)+3 <= wide:
			line += " · " + text
		case len(out) == 1:
			return append(out, clipped(fmt.Sprintf("%s · %d more", line, len(of)-i), wide))
		default:
			out, line = append(out, clipped(line, wide)), "→ "+text
		}
	}
	if line != "" {
		out = append(out, clipped(line, wide))
	}
	return out
}
