package evidence

import (
	"cmp"
	"math"
	"net/url"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/respond"
)

// OfRule is the question of an alert that a Prometheus rule raised: the
// expression in the address of its graph. What is compared with a number is
// drawn without the comparison, with the number as its limit, because a
// comparison has values only while it holds.
func OfRule(a respond.Alert) (q Question, ok bool) {
	for _, link := range a.Links {
		u, err := url.Parse(link.URL)
		if err != nil {
			continue
		}
		text := u.Query().Get("g0.expr")
		if text == "" || len(text) > 4000 {
			continue
		}
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
		if err != nil {
			continue
		}
		q = Question{Title: a.Title, Query: text, Onset: a.StartsAt}
		if left, limit, ok := compared(expr); ok {
			q.Query, q.Limit = left.String(), &limit
		}
		return q, true
	}
	return Question{}, false
}

// compared takes a comparison with a number apart.
func compared(e parser.Expr) (left parser.Expr, limit float64, ok bool) {
	for {
		p, is := e.(*parser.ParenExpr)
		if !is {
			break
		}
		e = p.Expr
	}
	b, is := e.(*parser.BinaryExpr)
	if !is || !b.Op.IsComparisonOperator() || b.ReturnBool {
		return nil, 0, false
	}
	if n, is := number(b.RHS); is {
		return b.LHS, n, true
	}
	if n, is := number(b.LHS); is {
		return b.RHS, n, true
	}
	return nil, 0, false
}

func number(e parser.Expr) (float64, bool) {
	switch x := e.(type) {
	case *parser.NumberLiteral:
		return x.Val, true
	case *parser.ParenExpr:
		return number(x.Expr)
	case *parser.UnaryExpr:
		n, ok := number(x.Expr)
		if x.Op == parser.SUB {
			n = -n
		}
		return n, ok
	}
	return 0, false
}

// largest are the series that are kept: those with the highest mean.
func largest(series []metric.Series) []metric.Series {
	mean := func(s metric.Series) float64 {
		sum, n := 0.0, 0
		for _, p := range s.Points {
			if !math.IsNaN(p.V) && !math.IsInf(p.V, 0) {
				sum, n = sum+math.Abs(p.V), n+1
			}
		}
		return sum / math.Max(1, float64(n))
	}
	kept := slices.DeleteFunc(slices.Clone(series), func(s metric.Series) bool { return len(s.Points) == 0 })
	slices.SortStableFunc(kept, func(a, b metric.Series) int {
		return cmp.Or(cmp.Compare(mean(b), mean(a)), labels.Compare(a.Labels, b.Labels))
	})
	return kept[:min(len(kept), maxLines)]
}

// name is a series among others: the values of the labels that tell it apart.
func name(s metric.Series, all []metric.Series) string {
	var parts []string
	s.Labels.Range(func(l labels.Label) {
		if l.Name == model.MetricNameLabel {
			return
		}
		for _, o := range all {
			if o.Labels.Get(l.Name) != l.Value {
				parts = append(parts, l.Value)
				return
			}
		}
	})
	if len(parts) == 0 {
		return "measured"
	}
	return strings.Join(parts, " ")
}
