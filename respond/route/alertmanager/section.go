package alertmanager

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// group is a mapping of the file, with its lines.
type group struct {
	line  int
	order []string
	keys  map[string]entry
}

type entry struct {
	line int // of the key
	node *yaml.Node
}

// groupOf reads a mapping; merged keys give way to its own. What is no mapping
// has no keys.
func groupOf(n *yaml.Node) group {
	g := group{keys: map[string]entry{}}
	if n = real(n); n == nil {
		return g
	}
	g.line = n.Line
	g.add(n, false, 0)
	return g
}

func (g *group) add(n *yaml.Node, merged bool, depth int) {
	if n = real(n); n == nil || depth > 10 {
		return
	}
	if n.Kind == yaml.SequenceNode && merged {
		for _, item := range n.Content {
			g.add(item, true, depth+1)
		}
		return
	}
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Tag == "!!merge" {
			g.add(value, true, depth+1)
			continue
		}
		if _, there := g.keys[key.Value]; there && merged {
			continue
		} else if !there {
			g.order = append(g.order, key.Value)
		}
		g.keys[key.Value] = entry{key.Line, real(value)}
	}
}

// real follows aliases.
func real(n *yaml.Node) *yaml.Node {
	for hops := 0; n != nil && n.Kind == yaml.AliasNode && hops < 10; hops++ {
		n = n.Alias
	}
	return n
}

func (g group) has(key string) bool {
	e, ok := g.keys[key]
	return ok && e.node != nil && e.node.Tag != "!!null"
}

// text is a scalar; empty where there is none.
func (g group) text(key string) string {
	if !g.has(key) || g.keys[key].node.Kind != yaml.ScalarNode {
		return ""
	}
	return g.keys[key].node.Value
}

// list are the items of a sequence.
func (g group) list(key string) []*yaml.Node {
	if !g.has(key) || g.keys[key].node.Kind != yaml.SequenceNode {
		return nil
	}
	return g.keys[key].node.Content
}

// decode reads a value into a Go value; its errors name the line.
func (g group) decode(key string, into any) error {
	if !g.has(key) {
		return nil
	}
	if err := g.keys[key].node.Decode(into); err != nil {
		return located(err, g.keys[key].line)
	}
	return nil
}

// located makes an error of the YAML decoder one line that begins with the
// line's number, without Go types.
func located(err error, line int) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimSpace(strings.TrimPrefix(text, "unmarshal errors:"))
	text, _, _ = strings.Cut(text, "\n")
	text, _, _ = strings.Cut(text, " into ")
	if !strings.HasPrefix(text, "line ") {
		text = fmt.Sprintf("line %d: %s", line, text)
	}
	return fmt.Errorf("%s", text)
}
