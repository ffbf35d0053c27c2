package prometheus

import (
	"net/http"
	"strconv"

	"github.com/prometheus/prometheus/promql/parser"
)

// parseQuery answers with the query's syntax tree in the API's own form.
func (a *api) parseQuery(r *http.Request) (any, error) {
	expr, err := a.parser.ParseExpr(r.FormValue("query"))
	if err != nil {
		return nil, bad("invalid parameter \"query\": %w", err)
	}
	return tree(expr), nil
}

type node = map[string]any

func tree(expr parser.Expr) any {
	switch e := expr.(type) {
	case *parser.NumberLiteral:
		return node{"type": "numberLiteral", "val": strconv.FormatFloat(e.Val, 'f', -1, 64)}
	case *parser.StringLiteral:
		return node{"type": "stringLiteral", "val": e.Val}
	case *parser.ParenExpr:
		return node{"type": "parenExpr", "expr": tree(e.Expr)}
	case *parser.UnaryExpr:
		return node{"type": "unaryExpr", "op": e.Op.String(), "expr": tree(e.Expr)}
	case *parser.StepInvariantExpr:
		return tree(e.Expr)
	case *parser.AggregateExpr:
		return node{"type": "aggregation", "op": e.Op.String(), "expr": tree(e.Expr), "param": tree(e.Param), "grouping": list(e.Grouping), "without": e.Without}
	case *parser.BinaryExpr:
		n := node{"type": "binaryExpr", "op": e.Op.String(), "lhs": tree(e.LHS), "rhs": tree(e.RHS), "bool": e.ReturnBool, "matching": nil}
		if m := e.VectorMatching; m != nil {
			n["matching"] = node{"card": m.Card.String(), "labels": list(m.MatchingLabels), "on": m.On, "include": list(m.Include)}
		}
		return n
	case *parser.Call:
		args := []any{}
		for _, a := range e.Args {
			args = append(args, tree(a))
		}
		return node{"type": "call", "args": args, "func": node{"name": e.Func.Name, "argTypes": e.Func.ArgTypes, "variadic": e.Func.Variadic, "returnType": e.Func.ReturnType}}
	case *parser.VectorSelector:
		return selector("vectorSelector", e)
	case *parser.MatrixSelector:
		n := node{"range": e.Range.Milliseconds()}
		if v, ok := e.VectorSelector.(*parser.VectorSelector); ok {
			n = selector("matrixSelector", v)
			n["range"] = e.Range.Milliseconds()
		}
		return n
	case *parser.SubqueryExpr:
		return node{"type": "subquery", "expr": tree(e.Expr), "range": e.Range.Milliseconds(), "offset": e.OriginalOffset.Milliseconds(),
			"step": e.Step.Milliseconds(), "timestamp": e.Timestamp, "startOrEnd": startOrEnd(e.StartOrEnd)}
	}
	return nil // no parameter
}

func selector(kind string, v *parser.VectorSelector) node {
	matchers := []node{}
	for _, m := range v.LabelMatchers {
		matchers = append(matchers, node{"name": m.Name, "value": m.Value, "type": m.Type.String()})
	}
	return node{"type": kind, "name": v.Name, "matchers": matchers, "offset": v.OriginalOffset.Milliseconds(),
		"timestamp": v.Timestamp, "startOrEnd": startOrEnd(v.StartOrEnd)}
}

// startOrEnd is the "@ start()" or "@ end()" of a selector, if it has one.
func startOrEnd(t parser.ItemType) any {
	switch t {
	case parser.START:
		return "start"
	case parser.END:
		return "end"
	}
	return nil
}

func list(in []string) []string {
	if in == nil {
		return []string{}
	}
	return in
}
