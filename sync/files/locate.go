package files

import (
	"sort"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// places has the line of each element of a formula by its path: "version",
// "steps[2]", "steps[2].needs", "vars.branch".
type places map[string]int

// line returns the line of path, or of the nearest element around it. It returns 0
// when the file has neither.
func (p places) line(path string) int {
	for path != "" {
		if line, ok := p[path]; ok {
			return line
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
	return 0
}

// locate finds the lines of a text that was decoded without error.
func locate(text string) places {
	data := []byte(text)
	at, ends := places{}, lineEnds(text)
	var p unstable.Parser
	p.Reset(data)
	table, steps := "", 0
	for p.NextExpression() {
		n := p.Expression()
		key, offset := keyPath(&p, n)
		line := 1 + sort.SearchInts(ends, offset)
		switch n.Kind {
		case unstable.ArrayTable:
			if table = key; key == "steps" {
				table = stepPath(steps)
				steps++
			}
			at.add(table, line)
		case unstable.Table:
			table = key
			at.add(table, line)
		case unstable.KeyValue:
			path := key
			if table != "" {
				path = table + "." + key
			}
			at.add(path, line)
			if path == "steps" && n.Value().Kind == unstable.Array {
				at.inline(&p, n.Value(), ends)
			}
		}
	}
	return at
}

// add records the line of path, unless it has one.
func (p places) add(path string, line int) {
	if _, ok := p[path]; !ok {
		p[path] = line
	}
}

// inline records the elements of steps = [{...}, {...}].
func (p places) inline(parser *unstable.Parser, array *unstable.Node, ends []int) {
	it := array.Children()
	for i := 0; it.Next(); i++ {
		if it.Node().Kind != unstable.InlineTable {
			continue
		}
		for kv := it.Node().Children(); kv.Next(); {
			key, offset := keyPath(parser, kv.Node())
			line := 1 + sort.SearchInts(ends, offset)
			p.add(stepPath(i), line)
			p.add(stepPath(i)+"."+key, line)
		}
	}
}

// keyPath joins the parts of an expression's key and returns where the key begins.
func keyPath(p *unstable.Parser, n *unstable.Node) (string, int) {
	switch n.Kind {
	case unstable.KeyValue, unstable.Table, unstable.ArrayTable:
	default:
		return "", 0
	}
	var parts []string
	offset := 0
	for it := n.Key(); it.Next(); {
		if len(parts) == 0 {
			offset = int(it.Node().Raw.Offset)
		}
		parts = append(parts, string(it.Node().Data))
	}
	return strings.Join(parts, "."), offset
}

// lineEnds are the offsets of the line feeds.
func lineEnds(text string) []int {
	var ends []int
	for i := range len(text) {
		if text[i] == '\n' {
			ends = append(ends, i)
		}
	}
	return ends
}
