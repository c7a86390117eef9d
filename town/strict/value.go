package strict

import (
	"errors"
	"strconv"

	"go.yaml.in/yaml/v3"

	"gastown/town"
)

// Value decodes a value that another reader has decoded from YAML without a type, such
// as the free part of a configuration: maps, lists, and scalars. Every field must be
// known to the type of into. Faults are returned with their paths: the keys, and indexes
// of lists, that lead to each of them.
func Value(value, into any) ([]PathFault, error) {
	data, err := yaml.Marshal(value)
	if err != nil {
		return nil, err
	}
	doc, err := Document(data)
	if errors.Is(err, ErrEmpty) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	err = YAML(data, into)
	if err == nil {
		return nil, nil
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return nil, err
	}
	var all []PathFault
	for _, f := range e.Faults {
		all = append(all, PathFault{Path: pathOn(doc, f.Line, nil), Reason: f.Reason})
	}
	return all, nil
}

// PathFault is one thing that is wrong with a value.
type PathFault struct {
	// Path leads to it. Empty when it is the whole value.
	Path   []string
	Reason string
}

func (f PathFault) Error() string {
	if len(f.Path) == 0 {
		return f.Reason
	}
	at := ""
	for i, p := range f.Path {
		if i > 0 {
			at += "."
		}
		at += town.Clip(p, 80)
	}
	return at + ": " + f.Reason
}

// pathOn is the path of the first key or item on a line of a text that was written with
// one of them a line.
func pathOn(n *yaml.Node, line int, at []string) []string {
	switch n.Kind {
	case yaml.DocumentNode:
		return pathOn(n.Content[0], line, at)
	case yaml.SequenceNode:
		for i, c := range n.Content {
			below := append(at[:len(at):len(at)], strconv.Itoa(i))
			if found := pathOn(c, line, below); found != nil {
				return found
			}
			if c.Line == line {
				return below
			}
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			below := append(at[:len(at):len(at)], n.Content[i].Value)
			if n.Content[i].Line == line {
				return below
			}
			if found := pathOn(n.Content[i+1], line, below); found != nil {
				return found
			}
		}
	}
	return nil
}
