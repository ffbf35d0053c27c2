package offline

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/correlate"
)

// Options of a wide file.
type Options struct {
	Graph     string // file with caller,callee; "" for none
	Onset     int64  // Unix seconds; 0 has it found
	Symptom   string // column; "" for none
	Separator string // parts entity and metric; "_" where empty
}

// Wide reads a panel from a CSV file with a column "time" in Unix seconds and
// columns named after an entity and its metric.
func Wide(data string, o Options) (correlate.Panel, error) {
	var p correlate.Panel
	err := inFile(data, func(in io.Reader) (err error) { p, err = readWide(data, in, o); return err })
	if err != nil || o.Graph == "" {
		return p, err
	}
	err = inFile(o.Graph, func(in io.Reader) (err error) { p.Calls, err = readEdges(o.Graph, in); return err })
	return p, err
}

func readWide(name string, in io.Reader, o Options) (correlate.Panel, error) {
	if o.Separator == "" {
		o.Separator = "_"
	}
	r := newReader(in)
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil {
		return correlate.Panel{}, wrong(name, 1, err)
	}
	head = slices.Clone(head)
	for i, h := range head {
		head[i] = strings.TrimSpace(h)
	}
	clock := slices.Index(head, "time")
	if clock < 0 {
		return correlate.Panel{}, at(name, 1, fmt.Sprintf("there is no column \"time\", where fields are parted by %q; name the one with Unix seconds so", r.Comma))
	}
	if len(head) > mostColumns {
		return correlate.Panel{}, at(name, 1, fmt.Sprintf("has %d columns; at most %d are read", len(head), mostColumns))
	}
	p := correlate.Panel{Onset: o.Onset, Symptom: -1}
	fields, err := columns(&p, name, head, clock, o)
	if err != nil {
		return correlate.Panel{}, err
	}
	t := &table{columns: make([][3]string, len(p.Series)), fields: fields, values: make([][]float64, len(p.Series))}
	for {
		rec, line, err := next(name, r)
		if err == io.EOF {
			break
		}
		if err != nil {
			return correlate.Panel{}, err
		}
		if err := t.add(name, line, rec[clock], rec); err != nil {
			return correlate.Panel{}, err
		}
	}
	if len(t.times) == 0 {
		return correlate.Panel{}, at(name, 2, "there are no samples below the header")
	}
	p.Times = t.times
	for i := range p.Series {
		p.Series[i].Window = t.values[i]
	}
	return p, nil
}

// columns reads the header into the panel's series, and returns where each
// stands. A first column without a name is the number of the row, which some
// programs write, and says nothing.
func columns(p *correlate.Panel, name string, head []string, clock int, o Options) (fields []int, err error) {
	seen := map[string]bool{}
	for i, h := range head {
		if i == clock || i == 0 && h == "" {
			continue
		}
		cut := strings.LastIndex(h, o.Separator)
		if cut <= 0 || cut+len(o.Separator) == len(h) {
			return nil, at(name, 1, fmt.Sprintf("column %d, %q, is not ENTITY%sMETRIC; rename it or give --separator", i+1, clip(h), o.Separator))
		}
		if seen[h] {
			return nil, at(name, 1, fmt.Sprintf("column %q is there twice; remove one", clip(h)))
		}
		seen[h] = true
		if h == strings.TrimSpace(o.Symptom) {
			p.Symptom = len(p.Series)
		}
		entity, metric := strings.TrimSpace(h[:cut]), strings.TrimSpace(h[cut+len(o.Separator):])
		p.Series = append(p.Series, correlate.Series{Entity: entity, Signal: kindOf(metric), Name: metric})
		fields = append(fields, i)
	}
	if len(p.Series) == 0 {
		return nil, at(name, 1, "there are no columns beside the time")
	}
	if o.Symptom != "" && p.Symptom < 0 {
		return nil, at(name, 1, fmt.Sprintf("there is no column %q, which --symptom names", clip(o.Symptom)))
	}
	return fields, nil
}

// kindOf reads what a metric means from words that its name has in every
// exporter; what says nothing is the use of a resource.
func kindOf(metric string) correlate.Signal {
	m := strings.ToLower(metric)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(m, w) })
	}
	switch {
	case has("error", "fail", "5xx"):
		return correlate.Errors
	case has("latency", "duration", "response", "delay"):
		return correlate.Latency
	case has("load", "request", "rps", "qps", "traffic", "throughput", "calls"):
		return correlate.Traffic
	}
	return correlate.Resource
}

// readEdges reads lines of caller,callee under that header.
func readEdges(name string, in io.Reader) ([]correlate.Call, error) {
	r := newReader(in)
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, at(name, 1, "the file is empty; its first line is caller,callee")
	}
	if err != nil {
		return nil, wrong(name, 1, err)
	}
	if len(head) != 2 || strings.TrimSpace(head[0]) != "caller" || strings.TrimSpace(head[1]) != "callee" {
		return nil, at(name, 1, "the header must be caller,callee")
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
		c := correlate.Call{Caller: strings.TrimSpace(rec[0]), Callee: strings.TrimSpace(rec[1])}
		if c.Caller == "" || c.Callee == "" {
			return nil, at(name, line, "caller or callee is empty")
		}
		calls = append(calls, c)
	}
}
