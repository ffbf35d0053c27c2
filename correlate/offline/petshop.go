package offline

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/correlate"
)

// Bounds of a file.
const (
	mostColumns = 200_000
	mostCells   = 50_000_000
)

// table is a CSV file of samples: one row for each time.
type table struct {
	columns [][3]string // microservice, metric, statistic
	fields  []int       // where in a row each column stands
	times   []int64
	last    float64     // time, which may have a fraction
	values  [][]float64 // by column
}

func at(name string, line int, problem string) error {
	return fmt.Errorf("%s, line %d: %s", name, line, problem)
}

// wrong turns what encoding/csv says into where and what to do.
func wrong(name string, line int, err error) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return at(name, p.Line, p.Err.Error()+"; every row needs as many fields as the first, and quotes must be closed")
	}
	if err == io.EOF {
		return at(name, line, "the file ends here; its header is not whole")
	}
	return fmt.Errorf("%s, line %d: %w", name, line, err)
}

// next is a record and its line; io.EOF ends the file.
func next(name string, r *csv.Reader) ([]string, int, error) {
	rec, err := r.Read()
	if err == io.EOF {
		return nil, 0, err
	}
	if err != nil {
		return nil, 0, wrong(name, 1, err)
	}
	line, _ := r.FieldPos(0)
	return rec, line, nil
}

// readTable reads PetShop's metrics: three rows of header, then an optional row
// that names the index, then a time and its values. An empty field is a sample
// that is not there. Of the columns only those are read that want names.
func readTable(name string, in io.Reader, want func(column [3]string) bool) (*table, error) {
	r := newReader(in)
	r.ReuseRecord = true
	t := &table{}
	var head [3][]string
	for i, word := range []string{"microservice", "metric", "statistic"} {
		rec, err := r.Read()
		if err != nil {
			return nil, wrong(name, i+1, err)
		}
		if rec[0] != word {
			return nil, at(name, i+1, fmt.Sprintf("begins with %q; the header's rows begin with microservice, metric and statistic", rec[0]))
		}
		if len(rec) > mostColumns {
			return nil, at(name, i+1, fmt.Sprintf("has %d columns; at most %d are read", len(rec), mostColumns))
		}
		head[i] = slices.Clone(rec[1:])
	}
	for i := range head[0] {
		if c := [3]string{head[0][i], head[1][i], head[2][i]}; want(c) {
			t.columns, t.fields = append(t.columns, c), append(t.fields, i+1)
		}
	}
	t.values = make([][]float64, len(t.columns))
	for {
		rec, line, err := next(name, r)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(t.times) == 0 && !slices.ContainsFunc(rec[1:], func(s string) bool { return s != "" }) {
			if _, err := strconv.ParseFloat(rec[0], 64); err != nil {
				continue // the index's name
			}
		}
		if err := t.add(name, line, rec[0], rec); err != nil {
			return nil, err
		}
	}
	if len(t.times) == 0 {
		return nil, at(name, 4, "there are no samples below the header")
	}
	return t, nil
}

func (t *table) add(name string, line int, clock string, rec []string) error {
	sec, err := strconv.ParseFloat(strings.TrimSpace(clock), 64)
	if err != nil || math.Abs(sec) > 1e12 || sec != sec {
		return at(name, line, fmt.Sprintf("the time %q is no Unix time in seconds; write it so, and divide milliseconds by 1000", clip(clock)))
	}
	if len(t.times) > 0 && sec <= t.last {
		return at(name, line, fmt.Sprintf("the time %s does not come after %s; sort the rows by time", strconv.FormatFloat(sec, 'f', -1, 64), strconv.FormatFloat(t.last, 'f', -1, 64)))
	}
	t.last = sec
	if (len(t.times)+1)*len(t.columns) > mostCells {
		return at(name, line, fmt.Sprintf("the file has more than %d values; give a shorter time", mostCells))
	}
	t.times = append(t.times, int64(sec))
	for i, place := range t.fields {
		v, err := value(rec[place])
		if err != nil {
			return at(name, line, fmt.Sprintf("field %d: %q is no number; leave it empty where there is none, and write fractions with a point", place+1, clip(rec[place])))
		}
		t.values[i] = append(t.values[i], v)
	}
	return nil
}

// value of a field. Empty, nan and infinite are samples that are not there.
func value(field string) (float64, error) {
	field = strings.TrimSpace(field)
	if field == "" || strings.EqualFold(field, "nan") || strings.EqualFold(field, "null") {
		return math.NaN(), nil
	}
	v, err := strconv.ParseFloat(field, 64)
	if err != nil {
		return 0, err
	}
	if math.IsInf(v, 0) {
		return math.NaN(), nil
	}
	return v, nil
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}

// readMatrix reads PetShop's call graph: row calls column where the field is not 0.
func readMatrix(name string, in io.Reader) ([]correlate.Call, error) {
	r := newReader(in)
	head, err := r.Read()
	if err != nil {
		return nil, wrong(name, 1, err)
	}
	var calls []correlate.Call
	for {
		rec, line, err := next(name, r)
		if err == io.EOF {
			return calls, nil
		}
		if err != nil {
			return nil, err
		}
		for i, field := range rec[1:] {
			v, err := value(field)
			if err != nil || v != v {
				return nil, at(name, line, fmt.Sprintf("field %d: %q; a call is 1 and no call is 0", i+2, clip(field)))
			}
			if v != 0 {
				calls = append(calls, correlate.Call{Caller: rec[0], Callee: head[i+1]})
			}
		}
	}
}

// Noticed is where, in what and when somebody noticed the symptom.
type Noticed struct {
	Node, Metric, Statistic string
	At                      int64
}

// ParseNoticed reads NODE,METRIC,STATISTIC,UNIXTIME. A node may hold commas.
func ParseNoticed(text string) (Noticed, error) {
	f := strings.Split(text, ",")
	const form = "; it reads NODE,METRIC,STATISTIC,UNIXTIME, such as shop,latency,Average,1681855803"
	if len(f) < 4 {
		return Noticed{}, fmt.Errorf("the symptom %q has %d parts of 4%s", clip(text), len(f), form)
	}
	n := len(f)
	sec, err := strconv.ParseFloat(strings.TrimSpace(f[n-1]), 64)
	if err != nil || sec != sec || math.Abs(sec) > 1e12 {
		return Noticed{}, fmt.Errorf("the symptom's time %q is no Unix time%s", clip(f[n-1]), form)
	}
	return Noticed{Node: strings.Join(f[:n-3], ","), Metric: f[n-3], Statistic: f[n-2], At: int64(sec)}, nil
}

// PetShop reads a case from the files of one scenario.
func PetShop(graph, normal, metrics string, s Noticed) (correlate.Case, error) {
	var calls []correlate.Call
	if err := inFile(graph, func(in io.Reader) (err error) { calls, err = readMatrix(graph, in); return err }); err != nil {
		return correlate.Case{}, err
	}
	want := func(c [3]string) bool {
		return c[1] == s.Metric && c[2] == s.Statistic || c[1] == "requests"
	}
	var past, window *table
	if err := inFile(normal, func(in io.Reader) (err error) { past, err = readTable(normal, in, want); return err }); err != nil {
		return correlate.Case{}, err
	}
	if err := inFile(metrics, func(in io.Reader) (err error) { window, err = readTable(metrics, in, want); return err }); err != nil {
		return correlate.Case{}, err
	}
	return petShopCase(calls, past, window, s, metrics)
}

func inFile(name string, read func(io.Reader) error) error {
	if name == "" {
		return errors.New("a file is missing; see the verb's --help")
	}
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("%w; give the path of a file that can be read", err)
	}
	defer f.Close()
	return read(f)
}

func petShopCase(calls []correlate.Call, past, window *table, s Noticed, file string) (correlate.Case, error) {
	var signal correlate.Signal
	switch s.Metric {
	case "latency":
		signal = correlate.Latency
	case "availability":
		signal = correlate.Errors
	default:
		return correlate.Case{}, fmt.Errorf("the symptom's metric is %q; it is latency or availability", clip(s.Metric))
	}
	statistic := s.Statistic
	step := spacing(window.times)
	if step == 0 {
		step = spacing(past.times)
	}
	if first, last := window.times[0], window.times[len(window.times)-1]; s.At < first || s.At >= last+max(1, step) {
		return correlate.Case{}, fmt.Errorf("the symptom's time %d is outside of %s, which goes from %d to %d; give it in Unix seconds", s.At, file, first, last)
	}
	c := correlate.Case{Symptom: correlate.Symptom{Entity: s.Node, Signal: signal, At: s.At}, Times: window.times, Step: max(1, step), Calls: calls}
	old := map[[3]string]int{}
	for i, k := range past.columns {
		old[k] = i
	}
	blank := make([]float64, len(past.times))
	for i := range blank {
		blank[i] = math.NaN()
	}
	found := false
	for i, k := range window.columns {
		var as correlate.Signal
		switch {
		case k[1] == s.Metric && k[2] == statistic:
			as = signal
		case k[1] == "requests":
			as = correlate.Traffic
		default:
			continue
		}
		found = found || k[0] == s.Node && as == signal
		normal := blank
		if j, ok := old[k]; ok {
			normal = past.values[j]
		}
		now := window.values[i]
		if k[1] == "availability" {
			normal, now = failed(normal), failed(now)
		}
		c.Series = append(c.Series, correlate.Series{Entity: k[0], Signal: as, Name: k[1] + " (" + k[2] + ")", Normal: normal, Window: now})
	}
	if !found {
		return correlate.Case{}, fmt.Errorf("%s has no column %s, %s, %s; look at its first three lines", file, s.Node, s.Metric, s.Statistic)
	}
	return c, nil
}

// failed turns availability in percent into the share of requests that failed.
func failed(v []float64) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = 1 - x/100
	}
	return out
}

// spacing is the usual distance of samples.
func spacing(times []int64) int64 {
	var gaps []int64
	for i := 1; i < len(times); i++ {
		gaps = append(gaps, times[i]-times[i-1])
	}
	if len(gaps) == 0 {
		return 0
	}
	slices.Sort(gaps)
	return gaps[len(gaps)/2]
}
