package console

import (
	"cmp"
	"net"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/estate"
)

// The map of a case is drawn from above: what is felt in the first row, what that
// needs below it. Its width is that of a phone; a desk shows it larger.
const (
	mapWidth  = 360.0
	mapRow    = 84.0 // from one row to the next
	mapBox    = 52.0 // height of a box
	mapGap    = 10.0
	mapPerRow = 3
	mapRows   = 7
)

// caseMap is the subgraph of a case, laid out.
type caseMap struct {
	Height float64
	Boxes  []mapBoxed
	Lines  []mapLine
	Left   int // things that had no room
}

type mapBoxed struct {
	X, Y, W      float64
	Kind, Name   string
	Note         string // "likely cause", "suffers"
	Class        string
	Entity, Full string
}

type mapLine struct {
	X1, Y1, X2, Y2 float64
	Text           string // who says so, of a call how sure it is
	Doubtful       bool
}

// mapOf lays out a case's edges in rows: each entity one below the lowest of
// those that need it.
func mapOf(x cases.Case) caseMap {
	needs := map[string][]string{}
	needed := map[string]bool{}
	var ids []string
	see := func(id string) {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	called := map[string]string{}
	for _, e := range x.Edges {
		see(e.From)
		see(e.To)
		called[e.From], called[e.To] = cmp.Or(called[e.From], e.FromName), cmp.Or(called[e.To], e.ToName)
		needs[e.From] = append(needs[e.From], e.To)
		needed[e.To] = true
	}
	note, weight := map[string]string{}, map[string]int{}
	for _, m := range x.Members {
		if !m.EndedAt.IsZero() && m.Role != cases.Cause {
			continue
		}
		if note[m.Entity] == "" || m.Role == cases.Cause {
			note[m.Entity] = map[cases.Role]string{cases.Symptom: "suffers", cases.Cause: "likely cause", cases.Effect: "suffers", cases.Beside: "not well"}[m.Role]
		}
		weight[m.Entity] = max(weight[m.Entity], 1)
	}
	if best := x.Best(); best != nil {
		note[best.Entity], weight[best.Entity] = "likely cause", 2
	}
	// Rows: the longest way from what nothing here needs. Ways in a circle end at
	// the number of rows.
	row := map[string]int{}
	for range mapRows {
		for _, id := range ids {
			for _, to := range needs[id] {
				if row[to] < row[id]+1 && row[id]+1 < mapRows {
					row[to] = row[id] + 1
				}
			}
		}
	}
	byRow := make([][]string, mapRows)
	for _, id := range ids {
		byRow[row[id]] = append(byRow[row[id]], id)
	}
	var m caseMap
	at := map[string]mapBoxed{}
	y := mapGap
	for _, list := range byRow {
		if len(list) == 0 {
			continue
		}
		slices.SortStableFunc(list, func(a, b string) int { return cmp.Or(cmp.Compare(weight[b], weight[a]), cmp.Compare(a, b)) })
		m.Left += max(0, len(list)-mapPerRow)
		list = list[:min(len(list), mapPerRow)]
		w := (mapWidth - mapGap*float64(len(list)+1)) / float64(len(list))
		w = min(w, 220)
		left := (mapWidth - float64(len(list))*w - float64(len(list)-1)*mapGap) / 2
		for n, id := range list {
			b := mapBoxed{X: left + float64(n)*(w+mapGap), Y: y, W: w, Entity: id, Full: id, Note: note[id]}
			b.Kind, b.Name = boxText(id, called[id], w)
			switch b.Note {
			case "likely cause":
				b.Class = "box is-cause"
			case "":
				b.Class = "box"
			default:
				b.Class = "box is-hurt"
			}
			at[id] = b
			m.Boxes = append(m.Boxes, b)
		}
		y += mapRow
	}
	m.Height = y - mapRow + mapBox + mapGap
	for _, e := range x.Edges {
		a, ok1 := at[e.From]
		b, ok2 := at[e.To]
		if !ok1 || !ok2 {
			continue
		}
		l := mapLine{X1: a.X + a.W/2, Y1: a.Y + mapBox, X2: b.X + b.W/2, Y2: b.Y, Text: needText(e), Doubtful: e.Sure == estate.Doubtful}
		if b.Y <= a.Y { // a circle, or a neighbour
			l.Y1, l.Y2 = a.Y+mapBox/2, b.Y+mapBox/2
		}
		m.Lines = append(m.Lines, l)
	}
	return m
}

// needText is what a line of the map says to who points at it.
func needText(e cases.Edge) string {
	text := relationWord(estate.RelationKind(e.Kind), true)
	if e.Source != "" {
		text += ", by " + e.Source
	}
	if e.Sure != "" {
		text += ": " + string(e.Sure)
	}
	return upperFirst(text)
}

// boxText is what stands in a box: what sort of thing it is and where, and its
// name, cut to the width. Of an address the machine is enough.
func boxText(id, called string, w float64) (kind, name string) {
	kind, rest, _ := strings.Cut(id, ":")
	name = rest
	if host, inner, ok := strings.Cut(rest, ":"); ok && called == "" {
		kind, name = kind+" · "+host, inner
	} else if called != "" {
		name = called
		if of, at, ok := strings.Cut(called, " "); ok { // a process: its job and address
			kind, name = kind+" · "+of, at
		}
	}
	if at, _, err := net.SplitHostPort(name); err == nil && at != "" {
		name = at
	}
	return clipped(kind, int(w/6.2)), clipped(name, int(w/7.6))
}

func clipped(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:max(1, n-1)]) + "…"
	}
	return s
}
