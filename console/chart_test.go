package console

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/evenkeel/evenkeel/estate"
)

func TestEveryExpressionOfTheCatalogueIsPromQL(t *testing.T) {
	c := builtinCharts()
	s := subject{host: `web"-1\`, name: `a"b\c`, job: `j"`, cube: cubed{cluster: `c"1\`, space: `s"`, own: `o"\`, sort: "deployment"}}
	parse := func(where, expr string) {
		full := s.fill(expr, time.Minute)
		if _, err := parser.NewParser(parser.Options{}).ParseExpr(full); err != nil || strings.Contains(full, "$") {
			t.Errorf("%s: %v\n%s", where, err, full)
		}
	}
	for kind, charts := range c.Kinds {
		for _, ch := range charts {
			for _, d := range ch.Series {
				parse(string(kind)+" "+ch.ID, d.Expr)
			}
		}
	}
	for _, v := range c.Vitals {
		parse(v.Title, v.Expr)
		if v.Weigh != "" {
			parse(v.Title, v.Weigh)
		}
		if v.Words[len(v.Words)-1].Below != nil {
			t.Errorf("%s: the last words need no bound", v.Title)
		}
	}
	for _, col := range topColumns {
		parse(col.ID, col.Expr)
	}
	for _, k := range []estate.Kind{estate.Host, estate.Disk, estate.Filesystem, estate.Interface, estate.Unit, estate.Container, estate.Group, estate.Listener, estate.Endpoint, estate.Certificate, estate.Target, kindCluster, kindNamespace, kindNode, kindWorkload} {
		if len(c.Kinds[k]) == 0 {
			t.Errorf("nothing is drawn of a %s", k)
		}
	}
	for _, bad := range []string{"kinds: {host: [{id: a}]}", "kinds: {host: [{id: a, title: A, odd: 1, series: [{expr: x}]}]}", "kinds: [", "kinds: {host: [{id: a, title: A, series: [{expr: x}]}, {id: a, title: B, series: [{expr: x}]}]}"} {
		if _, err := parseCharts([]byte(bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

type chartJSON struct {
	Times  []int64
	Series []struct {
		Name   string
		Values []*float64
	}
	Limit, Usual *float64
	Unit         string
}

func chartOf(t *testing.T, d *demo, path string) chartJSON {
	t.Helper()
	w := httptest.NewRecorder()
	d.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	var c chartJSON
	if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%s gives %d, %v: %.300s", path, w.Code, err, w.Body)
	}
	return c
}

func TestChartsShowWhatWasMeasured(t *testing.T) {
	d := livedDemo(t)
	for _, ch := range d.charts.Kinds[estate.Host] {
		c := chartOf(t, d, "/entities/host:web-1/charts/"+ch.ID+".json?last=6h")
		if len(c.Series) == 0 {
			t.Errorf("chart %s of the host is empty", ch.ID)
		}
		for _, s := range c.Series {
			if len(s.Values) != len(c.Times) {
				t.Errorf("chart %s: %d values at %d times", ch.ID, len(s.Values), len(c.Times))
			}
		}
	}
	c := chartOf(t, d, findingURL(d.byCheck(t, "disk-latency").ID)+"/charts/0.json")
	last := c.Series[0].Values[len(c.Series[0].Values)-2]
	if last == nil || *last < .03 || *last > .05 || *c.Limit != .02 || *c.Usual != .0011 || c.Unit != "seconds" {
		t.Errorf("the evidence shows %v against %v, usually %v", last, c.Limit, c.Usual)
	}
	if first := c.Series[0].Values[1]; first == nil || *first > .005 {
		t.Errorf("the evidence begins with %v: the time before it is not shown", first)
	}
	c = chartOf(t, d, findingURL(d.byCheck(t, "disk-latency").ID)+"/charts/2.json")
	if len(c.Series) != 2 || c.Series[0].Name != "checkout" && c.Series[0].Name != "shop" {
		t.Errorf("the series are called %v, not by what tells them apart", c.Series)
	}
	if c := chartOf(t, d, "/entities/disk:web-1:nvme0n1/charts/errors.json"); len(c.Series) != 0 {
		t.Error("there are errors where none were measured")
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, httptest.NewRequest("GET", "/entities/host:web-1/marks?last=1h", nil))
	var marks []mark
	if err := json.Unmarshal(w.Body.Bytes(), &marks); err != nil || len(marks) != 2 || marks[0].Text != "backup.service was started" {
		t.Errorf("the marks are %v, %v: want those of the same host", marks, err)
	}
}

func TestWindows(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 7, 0, time.UTC)
	for _, c := range []struct {
		span   time.Duration
		points int
		step   time.Duration
	}{
		{15 * time.Minute, 240, 15 * time.Second}, {time.Hour, 240, 15 * time.Second}, {6 * time.Hour, 240, 2 * time.Minute},
		{24 * time.Hour, 300, 5 * time.Minute}, {7 * 24 * time.Hour, 300, time.Hour}, {400 * 24 * time.Hour, 100000, 24 * time.Hour}, {time.Hour, -5, 2 * time.Minute},
	} {
		w := windowFor(now.Add(-c.span), now, c.points)
		if w.Step != c.step || !w.From.Equal(w.From.Truncate(w.Step)) || int(w.To.Sub(w.From)/w.Step) > maxPoints {
			t.Errorf("%s in %d points gives %+v", c.span, c.points, w)
		}
		if rateWindow(w.Step) < w.Step {
			t.Errorf("rates leave gaps at %s", w.Step)
		}
	}
}

// TestFirstLoadIsLight sums up what a browser fetches for its first page with
// charts.
func TestFirstLoadIsLight(t *testing.T) {
	d := livedDemo(t)
	total := 0
	fetch := func(path string) string {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Accept-Encoding", "gzip, deflate")
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		if w.Code != http.StatusOK || w.Header().Get("Content-Encoding") != "gzip" {
			t.Fatalf("%s gives %d, %q", path, w.Code, w.Header().Get("Content-Encoding"))
		}
		total += w.Body.Len()
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	if page := fetch("/entities/host:web-1"); !strings.Contains(page, "Processor, by use") {
		t.Error("the page is not the host's")
	}
	for _, a := range assets {
		if a.kind != "image/svg+xml" {
			fetch(a.url)
		}
	}
	t.Logf("%d bytes", total)
	if total > 100_000 {
		t.Errorf("the first load takes %d bytes; keep it below 100,000", total)
	}
	r := httptest.NewRequest("GET", assetURL("console.css"), nil)
	r.Header.Set("If-None-Match", assets["console.css"].tag)
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	if w.Code != http.StatusNotModified || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("a kept asset is sent again: %d, %q", w.Code, w.Header().Get("Cache-Control"))
	}
}

func BenchmarkPages(b *testing.B) {
	d := livedDemo(b)
	for name, path := range map[string]string{"now": "/", "findings": "/findings", "finding": findingURL(d.byCheck(b, "disk-latency").ID), "host": "/entities/host:web-1", "estate": "/estate", "chart": "/entities/host:web-1/charts/cpu.json"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				w := httptest.NewRecorder()
				r := httptest.NewRequest("GET", path, nil)
				r.Header.Set("Accept-Encoding", "gzip")
				d.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
