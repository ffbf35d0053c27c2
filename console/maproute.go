package console

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Lines leave a box at its side, go along the alleys between the columns and
// the rows of the grid, and enter the other box at its side; so none crosses
// what is to be read. Those in one alley go side by side.

// mapRoad is a line that is drawn.
type mapRoad struct {
	Tie                mapTie
	Points             [][2]float64
	Wide               float64
	Text               string // its rate, where there is room
	TX, TY             float64
	FromThing, ToThing int // -1 where it leads from group to group
	GroupFrom, GroupTo int
}

// mapEnd is where a line begins or ends.
type mapEnd struct {
	box, row, col int // box is a place in the picture
	x, w          float64
	middle        float64 // height at which it would like to attach
	top, low      float64 // within these
	key           int     // the thing or box that it attaches to
}

// run is the part of a line in one alley.
type run struct {
	line   int
	lo, hi float64
	lane   int
}

// route finds the way of each tie. Within one namespace they lead from thing to
// thing, else from group to group.
func (g *mapGraph) route(p *mapPicture, cols int) []mapRoad {
	boxOf := make([]int, len(g.Groups))
	chipOf := map[int][2]int{}
	for i, b := range p.Boxes {
		boxOf[b.Group] = i
		for j, c := range b.Chips {
			chipOf[c.Thing] = [2]int{i, j}
		}
	}
	ties := g.between()
	if p.Form.Inner {
		ties = slices.Clone(g.Ties)
		slices.SortFunc(ties, func(a, b mapTie) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	}
	end := func(n int) mapEnd {
		if p.Form.Inner {
			at := chipOf[n]
			b := p.Boxes[at[0]]
			c := b.Chips[at[1]]
			return mapEnd{box: at[0], row: b.Row, col: b.Col, x: c.X, w: c.W, middle: c.Y + c.H/2, top: c.Y + 4, low: c.Y + c.H - 4, key: n}
		}
		b := p.Boxes[boxOf[n]]
		return mapEnd{box: boxOf[n], row: b.Row, col: b.Col, x: b.X, w: b.W, middle: b.Y + min(b.H/2, 80), top: b.Y + 12, low: b.Y + b.H - 12, key: n}
	}
	rowTop := map[int]float64{} // of each row of the grid
	last := 0
	for _, b := range p.Boxes {
		rowTop[b.Row], last = b.Y, max(last, b.Row)
	}
	rowTop[last+1] = p.Height
	type way struct {
		from, to     mapEnd
		right, enter bool // leaves to the right; enters from the left
		first, then  int  // alleys between columns: of leaving, of entering
		level        int  // alley above this row, where it changes columns
	}
	ways := make([]way, len(ties))
	for i, t := range ties {
		w := way{from: end(t.From), to: end(t.To)}
		a, b := w.from, w.to
		w.right, w.enter = a.col <= b.col, a.col < b.col
		if a.col == b.col && a.col == cols-1 && cols > 1 {
			w.right, w.enter = false, true // both at the left side
		} else if a.col == b.col {
			w.enter = false // both at the right side
		}
		w.first, w.then = a.col, b.col
		if w.right {
			w.first++
		}
		if !w.enter {
			w.then++
		}
		w.level = b.row
		if a.row == b.row || b.row < a.row {
			w.level = b.row + 1
		}
		if w.level > last && last > 0 {
			w.level = b.row // not below all, where it would be far from everything
		}
		ways[i] = w
	}
	// Where lines attach: spread over the side, those that come from above
	// uppermost.
	type side struct {
		key   int
		right bool
	}
	type port struct {
		line  int
		start bool
		far   mapEnd
	}
	ports := map[side][]port{}
	for i, w := range ways {
		a, b := side{w.from.key, w.right}, side{w.to.key, !w.enter}
		ports[a] = append(ports[a], port{i, true, w.to})
		ports[b] = append(ports[b], port{i, false, w.from})
	}
	startY, endY := make([]float64, len(ways)), make([]float64, len(ways))
	for _, list := range ports {
		slices.SortStableFunc(list, func(a, b port) int {
			return cmp.Or(cmp.Compare(a.far.row, b.far.row), cmp.Compare(a.far.middle, b.far.middle), cmp.Compare(a.far.col, b.far.col), cmp.Compare(a.line, b.line))
		})
		for n, x := range list {
			here := ways[x.line].from
			if !x.start {
				here = ways[x.line].to
			}
			step := 0.0
			if len(list) > 1 {
				step = min(9, (here.low-here.top)/float64(len(list)-1))
			}
			first := here.middle - step*float64(len(list)-1)/2
			first = max(here.top, min(first, here.low-step*float64(len(list)-1)))
			if y := first + step*float64(n); x.start {
				startY[x.line] = y
			} else {
				endY[x.line] = y
			}
		}
	}
	// Lanes: who goes in which alley, and how far.
	upright, level := map[int][]run{}, map[int][]run{}
	alleyX := func(n int) float64 { // middle of the alley left of a column
		b := p.Boxes[0]
		return b.X + float64(n)*(b.W+p.Form.Alley) - p.Form.Alley/2
	}
	alleyY := func(n int) float64 { return rowTop[n] - p.Form.Alley/2 }
	for i, w := range ways {
		if w.first == w.then {
			upright[w.first] = append(upright[w.first], run{line: i, lo: min(startY[i], endY[i]), hi: max(startY[i], endY[i])})
			continue
		}
		y := alleyY(w.level)
		upright[w.first] = append(upright[w.first], run{line: i, lo: min(startY[i], y), hi: max(startY[i], y)})
		upright[w.then] = append(upright[w.then], run{line: i, lo: min(endY[i], y), hi: max(endY[i], y)})
		level[w.level] = append(level[w.level], run{line: i, lo: min(alleyX(w.first), alleyX(w.then)), hi: max(alleyX(w.first), alleyX(w.then))})
	}
	inX, inY := lanes(upright, p.Form.Alley), lanes(level, p.Form.Alley)
	out := make([]mapRoad, 0, len(ties))
	for i, w := range ways {
		x1, x2 := w.from.x, w.to.x
		if w.right {
			x1 += w.from.w
		}
		if !w.enter {
			x2 += w.to.w
		}
		l := mapRoad{Tie: ties[i], Wide: lineWidth(ties[i]), FromThing: -1, ToThing: -1, GroupFrom: p.Boxes[w.from.box].Group, GroupTo: p.Boxes[w.to.box].Group}
		if p.Form.Inner {
			l.FromThing, l.ToThing = ties[i].From, ties[i].To
		}
		first := alleyX(w.first) + inX[[2]int{w.first, i}]
		if w.first == w.then {
			l.Points = [][2]float64{{x1, startY[i]}, {first, startY[i]}, {first, endY[i]}, {x2, endY[i]}}
		} else {
			then, y := alleyX(w.then)+inX[[2]int{w.then, i}], alleyY(w.level)+inY[[2]int{w.level, i}]
			l.Points = [][2]float64{{x1, startY[i]}, {first, startY[i]}, {first, y}, {then, y}, {then, endY[i]}, {x2, endY[i]}}
		}
		out = append(out, l)
	}
	label(out, p)
	return out
}

// lanes gives each line of an alley a place beside the others: lines that do
// not meet may share one. The result is by alley and line, from the middle.
func lanes(alleys map[int][]run, wide float64) map[[2]int]float64 {
	out := map[[2]int]float64{}
	for alley, list := range alleys {
		slices.SortFunc(list, func(a, b run) int {
			return cmp.Or(cmp.Compare(a.lo, b.lo), cmp.Compare(a.hi, b.hi), cmp.Compare(a.line, b.line))
		})
		var ends []float64
		for i := range list {
			lane := slices.IndexFunc(ends, func(end float64) bool { return end+8 < list[i].lo })
			if lane < 0 {
				lane, ends = len(ends), append(ends, 0)
			}
			ends[lane], list[i].lane = list[i].hi, lane
		}
		step := 0.0
		if len(ends) > 1 {
			step = min(7, (wide-18)/float64(len(ends)-1))
		}
		for _, r := range list {
			out[[2]int{alley, r.line}] = (float64(r.lane) - float64(len(ends)-1)/2) * step
		}
	}
	return out
}

// lineWidth grows with the traffic, slowly: ten times as much is a step.
func lineWidth(t mapTie) float64 {
	if !t.Known {
		return 1.25
	}
	return math.Round(min(5, 1.5+math.Log10(1+t.Rate))*100) / 100
}

// Most labels of a picture, and the room that one takes.
const (
	mapLabels = 24
	labelHigh = 13.0
)

// label writes the rates of the busiest lines where they cover nothing.
func label(lines []mapRoad, p *mapPicture) {
	order := make([]int, len(lines))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(lines[b].Tie.Rate, lines[a].Tie.Rate) })
	type room struct{ x1, y1, x2, y2 float64 }
	var taken []room
	free := func(r room) bool {
		if r.x1 < 0 || r.x2 > p.Width || r.y1 < 0 || r.y2 > p.Height {
			return false
		}
		hits := func(o room) bool { return r.x1 < o.x2 && o.x1 < r.x2 && r.y1 < o.y2 && o.y1 < r.y2 }
		for _, b := range p.Boxes {
			if hits(room{b.X, b.Y, b.X + b.W, b.Y + b.H}) {
				return false
			}
		}
		return !slices.ContainsFunc(taken, hits)
	}
	for _, i := range order {
		l := &lines[i]
		text := rateText(l.Tie)
		if text == "" || len(taken) >= mapLabels {
			continue
		}
		wide := float64(len(text))*5.6 + 4
		for _, n := range longest(l.Points) {
			a, b := l.Points[n], l.Points[n+1]
			for _, share := range []float64{.5, .3, .7, .15, .85} {
				x, y := a[0]+(b[0]-a[0])*share, a[1]+(b[1]-a[1])*share
				r := room{x - wide/2, y - labelHigh/2, x + wide/2, y + labelHigh/2}
				if l.Text == "" && free(r) {
					l.Text, l.TX, l.TY = text, x, y+3.5
					taken = append(taken, r)
				}
			}
		}
	}
}

// longest are the parts of a way, the longest first.
func longest(points [][2]float64) []int {
	order := make([]int, len(points)-1)
	for i := range order {
		order[i] = i
	}
	long := func(i int) float64 {
		return math.Abs(points[i][0]-points[i+1][0]) + math.Abs(points[i][1]-points[i+1][1])
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(long(b), long(a)) })
	return order
}

// path writes a line with round corners; it ends a little before the box, for
// the arrow's tip.
func (l mapRoad) path() string {
	var b strings.Builder
	fmt.Fprintf(&b, "M%.1f %.1f", l.Points[0][0], l.Points[0][1])
	for i := 1; i < len(l.Points)-1; i++ {
		was, at, next := l.Points[i-1], l.Points[i], l.Points[i+1]
		in, out := toward(at, was, 6), toward(at, next, 6)
		fmt.Fprintf(&b, "L%.1f %.1fQ%.1f %.1f %.1f %.1f", in[0], in[1], at[0], at[1], out[0], out[1])
	}
	n := len(l.Points) - 1
	tip := toward(l.Points[n], l.Points[n-1], 5)
	fmt.Fprintf(&b, "L%.1f %.1f", tip[0], tip[1])
	return b.String()
}

// arrow is the tip of a line.
func (l mapRoad) arrow() string {
	n := len(l.Points) - 1
	x, y := l.Points[n][0], l.Points[n][1]
	back, half := 7.0, 3.2+l.Wide/3
	if l.Points[n-1][0] > x {
		back = -back
	}
	return fmt.Sprintf("M%.1f %.1fl%.1f %.1fv%.1fz", x, y, -back, -half, 2*half)
}

// toward is the point on the way from one to another, at most so far and at
// most half of it.
func toward(from, to [2]float64, far float64) [2]float64 {
	long := math.Hypot(to[0]-from[0], to[1]-from[1])
	if long == 0 {
		return from
	}
	share := min(far, long/2) / long
	return [2]float64{from[0] + (to[0]-from[0])*share, from[1] + (to[1]-from[1])*share}
}
