package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/evenkeel/evenkeel/correlate"
	"github.com/evenkeel/evenkeel/correlate/offline"
)

// row is one line of the table.
type row struct {
	Scenario    string  `json:"scenario"`
	Symptom     string  `json:"symptom"`
	Cases       int     `json:"cases"`
	Top1        int     `json:"top1"`
	Top3        int     `json:"top3"`
	Windows     int     `json:"normal_windows"`
	Quiet       int     `json:"normal_windows_quiet"`
	Millisecond float64 `json:"ms_a_case"`
	spent       time.Duration
}

type answer struct {
	Target struct {
		Node, Metric, Agg string
		Timestamp         int64
	}
	RootCause struct{ Node string } `json:"root_cause"`
}

// window of normal operation that is judged: samples, and how far they are apart.
const (
	windowLength = 5
	windowEvery  = 3
)

func measure(data string) ([]*row, error) {
	files, err := filepath.Glob(filepath.Join(data, "*", "*", "issue_*", "target.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s holds no SCENARIO/SPLIT/issue_N/target.json; is it PetShop's folder?", data)
	}
	slices.Sort(files)
	var rows []*row
	get := func(scenario, symptom string) *row {
		for _, r := range rows {
			if r.Scenario == scenario && r.Symptom == symptom {
				return r
			}
		}
		rows = append(rows, &row{Scenario: scenario, Symptom: symptom})
		return rows[len(rows)-1]
	}
	normals := map[string]offline.Noticed{}
	for _, file := range files {
		dir := filepath.Dir(file)
		scenario := filepath.Dir(filepath.Dir(dir))
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var a answer
		if err := json.Unmarshal(text, &a); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		r := get(filepath.Base(scenario), a.Target.Metric)
		s := offline.Noticed{Node: a.Target.Node, Metric: a.Target.Metric, Statistic: a.Target.Agg, At: a.Target.Timestamp}
		normal := filepath.Join(scenario, "noissue", "metrics.csv")
		if _, err := os.Stat(normal); err != nil {
			// The temporal scenarios have none of their own.
			normal = filepath.Join(data, "low_traffic", "noissue", "metrics.csv")
		} else {
			normals[r.Scenario+" "+r.Symptom] = s
		}
		start := time.Now()
		d, err := diagnose(filepath.Join(scenario, "graph.csv"), normal, filepath.Join(dir, "metrics.csv"), s)
		if err != nil {
			return nil, err
		}
		r.spent += time.Since(start)
		r.Cases++
		place := slices.IndexFunc(d.Causes, func(c correlate.Cause) bool { return c.Entity == a.RootCause.Node })
		if place == 0 {
			r.Top1++
		}
		if place >= 0 && place < 3 {
			r.Top3++
		}
	}
	for _, r := range rows {
		r.Millisecond = float64(r.spent.Microseconds()) / 1000 / float64(r.Cases)
		if s, ok := normals[r.Scenario+" "+r.Symptom]; ok {
			if err := r.quiet(filepath.Join(data, r.Scenario), s); err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}

func diagnose(graph, normal, metrics string, s offline.Noticed) (correlate.Diagnosis, error) {
	c, err := offline.PetShop(graph, normal, metrics, s)
	if err != nil {
		return correlate.Diagnosis{}, err
	}
	return correlate.Diagnose(c)
}

// quiet counts the windows of normal operation in which nothing was found.
func (r *row) quiet(scenario string, s offline.Noticed) error {
	normal := filepath.Join(scenario, "noissue", "metrics.csv")
	f, err := os.Open(normal)
	if err != nil {
		return err
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return fmt.Errorf("%s: %w", normal, err)
	}
	first := slices.IndexFunc(lines, func(l []string) bool { _, err := strconv.ParseFloat(l[0], 64); return err == nil })
	if first < 0 {
		return fmt.Errorf("%s has no samples", normal)
	}
	head, body := lines[:first], lines[first:]
	dir, err := os.MkdirTemp("", "rootcause")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	past, window := filepath.Join(dir, "normal.csv"), filepath.Join(dir, "window.csv")
	half := len(body) / 2
	for _, part := range []struct{ judged, past [][]string }{{body[:half], body[half:]}, {body[half:], body[:half]}} {
		if err := write(past, head, part.past); err != nil {
			return err
		}
		for i := 0; i+windowLength <= len(part.judged); i += windowEvery {
			w := part.judged[i : i+windowLength]
			if err := write(window, head, w); err != nil {
				return err
			}
			at, err := strconv.ParseFloat(w[2][0], 64)
			if err != nil {
				return err
			}
			s.At = int64(at) - 60 // as in the cases: shortly before the third sample
			d, err := diagnose(filepath.Join(scenario, "graph.csv"), past, window, s)
			if err != nil {
				return err
			}
			r.Windows++
			if len(d.Causes) == 0 {
				r.Quiet++
			}
		}
	}
	return nil
}

func write(name string, head, body [][]string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(csv.NewWriter(f).WriteAll(slices.Concat(head, body)), f.Close())
}
