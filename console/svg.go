package console

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/internal/figure"
)

// sparkline is the path of a small series in a 120 by 32 box, from the lowest
// to the highest value or from zero; "" where there is nothing to draw. Gaps
// stay gaps.
func sparkline(values []float64) (path, area string) {
	const w, h = 120.0, 32.0
	top := 0.0
	some := false
	for _, v := range values {
		if !math.IsNaN(v) {
			top, some = max(top, v), true
		}
	}
	if !some || len(values) < 2 {
		return "", ""
	}
	if top == 0 {
		top = 1
	}
	return tracePath(values, 0, 1, w, h-2, 0, top, false), tracePath(values, 0, 1, w, h-2, 0, top, true)
}

// tracePath draws values over the width, bottom to top between lo and hi.
func tracePath(values []float64, left, up, w, h, lo, hi float64, area bool) string {
	var b strings.Builder
	x := func(i int) float64 { return left + w*float64(i)/float64(max(len(values)-1, 1)) }
	base := up + h
	open, start := false, 0
	end := func(i int) {
		if open && area {
			fmt.Fprintf(&b, "L%.1f %.1fL%.1f %.1fZ", x(i-1), base, x(start), base)
		} else if open && i-start == 1 {
			b.WriteString("h1") // a point between two gaps is still seen
		}
		open = false
	}
	for i, v := range values {
		if math.IsNaN(v) {
			end(i)
			continue
		}
		y := base - h*(math.Min(math.Max(v, lo), hi)-lo)/(hi-lo)
		if open {
			fmt.Fprintf(&b, "L%.1f %.1f", x(i), y)
		} else {
			fmt.Fprintf(&b, "M%.1f %.1f", x(i), y)
			open, start = true, i
		}
	}
	end(len(values))
	return b.String()
}

// seriesColours are the chart's colours in their order, as in charts.js: told
// apart by those who see few colours, and readable on light and dark.
var seriesColours = []string{"#2b7bba", "#d9822b", "#2a9d78", "#b0569f", "#8a7a1f", "#5b6ee1", "#c2504a", "#6b8794"}

const faintColour = "#9aa7ad"

// writeSVG draws a picture for those who read without JavaScript.
func writeSVG(w http.ResponseWriter, p picture, now time.Time) {
	const width, height, left, top, right, bottom = 640.0, 220.0, 64.0, 12.0, 8.0, 42.0
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="system-ui, sans-serif" font-size="12"><title>%s</title>`, width, height, html.EscapeString(p.Title))
	if p.Empty() {
		fmt.Fprintf(&b, `<text x="%g" y="%g" fill="#7a8a92" text-anchor="middle">No data in this range of time</text></svg>`, width/2, height/2)
		sendSVG(w, b.Bytes())
		return
	}
	drawnLines := stacked(p)
	lo, hi := bounds(p, drawnLines)
	pw, ph := width-left-right, height-top-bottom
	for i := range 5 {
		v := lo + (hi-lo)*float64(i)/4
		y := top + ph - ph*float64(i)/4
		fmt.Fprintf(&b, `<path d="M%g %.1fh%g" stroke="#8a979d" stroke-opacity=".3"/><text x="%g" y="%.1f" fill="#7a8a92" text-anchor="end">%s</text>`, left, y, pw, left-6, y+4, html.EscapeString(figure.In(math.Abs(v), p.Unit)))
	}
	for i := range 4 {
		at := p.Times[i*(len(p.Times)-1)/3]
		anchor := []string{"start", "middle", "middle", "end"}[i]
		fmt.Fprintf(&b, `<text x="%.1f" y="%g" fill="#7a8a92" text-anchor="%s">%s</text>`, left+pw*float64(i)/3, height-bottom+16, anchor, clock(at, now))
	}
	for i := len(drawnLines) - 1; i >= 0; i-- {
		colour := lineColour(p, i)
		if p.Stack {
			fmt.Fprintf(&b, `<path d="%s" fill="%s" fill-opacity=".35"/>`, tracePath(drawnLines[i], left, top, pw, ph, lo, hi, true), colour)
		}
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.5"/>`, tracePath(drawnLines[i], left, top, pw, ph, lo, hi, false), colour)
	}
	for _, ref := range []struct {
		v    *float64
		name string
		dash string
	}{{p.Limit, "limit", "none"}, {p.Usual, "usual", "4 4"}} {
		if ref.v != nil && *ref.v >= lo && *ref.v <= hi {
			y := top + ph - ph*(*ref.v-lo)/(hi-lo)
			fmt.Fprintf(&b, `<path d="M%g %.1fh%g" stroke="#c2504a" stroke-dasharray="%s"/><text x="%g" y="%.1f" fill="#c2504a">%s</text>`, left, y, pw, ref.dash, left+4, y-4, ref.name)
		}
	}
	x := left
	for i, l := range p.Series {
		name := l.Name
		if len([]rune(name)) > 22 {
			name = string([]rune(name)[:21]) + "…"
		}
		step := 24 + 6.6*float64(len([]rune(name)))
		if x+step > width {
			break
		}
		fmt.Fprintf(&b, `<rect x="%.1f" y="%g" width="10" height="3" fill="%s"/><text x="%.1f" y="%g" fill="#7a8a92">%s</text>`, x, height-12, lineColour(p, i), x+14, height-7, html.EscapeString(name))
		x += step
	}
	b.WriteString(`</svg>`)
	sendSVG(w, b.Bytes())
}

func lineColour(p picture, i int) string {
	if p.Series[i].Faint {
		return faintColour
	}
	return seriesColours[i%len(seriesColours)]
}

// stacked returns the values as they are drawn: summed up where the picture
// stacks, turned down where a line is drawn downwards.
func stacked(p picture) [][]float64 {
	out := make([][]float64, len(p.Series))
	sum := make([]float64, len(p.Times))
	for i, l := range p.Series {
		out[i] = make([]float64, len(l.Values))
		for j, v := range l.Values {
			switch {
			case p.Stack && !math.IsNaN(v):
				sum[j] += v
				v = sum[j]
			case l.Half:
				v = -v
			}
			out[i][j] = v
		}
	}
	return out
}

func bounds(p picture, lines [][]float64) (lo, hi float64) {
	for _, values := range lines {
		for _, v := range values {
			if !math.IsNaN(v) {
				lo, hi = min(lo, v), max(hi, v)
			}
		}
	}
	if p.Limit != nil && *p.Limit < 3*hi {
		hi = max(hi, *p.Limit)
	}
	hi *= 1.06
	if p.Most > 0 {
		hi = min(hi, p.Most)
	}
	if hi <= lo {
		hi = lo + 1
	}
	return lo * 1.06, hi
}

func sendSVG(w http.ResponseWriter, raw []byte) {
	h := w.Header()
	h.Set("Content-Type", "image/svg+xml")
	h.Set("Cache-Control", "private, no-store")
	_, _ = w.Write(raw) // a browser that has left needs no answer
}
