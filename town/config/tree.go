package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The tags that decide whether a value needs quotes.
const (
	tagString = "!!str"
	tagInt    = "!!int"
	tagBool   = "!!bool"
	tagNull   = "!!null"
)

// value is the value of a key of a mapping; nil when there is none.
func value(m *yaml.Node, key string) *yaml.Node {
	if m.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

// editor changes nodes in place, so that comments stay where they are.
type editor struct{ changed bool }

// section returns the mapping or sequence under a key, made if need be.
func (e *editor) section(root *yaml.Node, key string, kind yaml.Kind) *yaml.Node {
	n := value(root, key)
	if n == nil {
		n = &yaml.Node{}
		root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: tagString, Value: key}, n)
		e.changed = true
	}
	if n.Kind != kind { // absent until now, or written as "settings:" alone
		n.Kind, n.Tag, n.Value, n.Style = kind, "", "", 0
	}
	if len(n.Content) == 0 {
		n.Style = 0 // what is added to {} or [] stands on lines of its own
	}
	return n
}

// set gives a key of a mapping a scalar value.
func (e *editor) set(m *yaml.Node, key, text, tag string) {
	n := value(m, key)
	if n == nil {
		n = &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text}
		m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: tagString, Value: key}, n)
		e.changed = true
		return
	}
	if n.Value != text || n.Tag == tagNull {
		n.Kind, n.Tag, n.Value, n.Style = yaml.ScalarNode, tag, text, 0
		e.changed = true
	}
}

// setOrRemove treats an empty text as absence.
func (e *editor) setOrRemove(root *yaml.Node, section, key, text string) {
	m := value(root, section)
	if text != "" {
		e.set(m, key, text, tagString)
		return
	}
	for i := 0; i < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			e.cut(root, section, i, 2)
			return
		}
	}
}

// cut removes n nodes at i from the section named. The parser attaches a comment
// that is followed by an empty line to the entry before it, although it may be
// about something else. Such a comment moves to a neighbour, or above the
// section's name when the entry was the last. The caller cuts entries from the
// end, so that no comment moves to an entry that is cut next.
func (e *editor) cut(root *yaml.Node, section string, i, n int) {
	loose := e.cutFrom(value(root, section), i, n)
	if len(loose) == 0 {
		return
	}
	for i := 0; i < len(root.Content); i += 2 {
		if name := root.Content[i]; name.Value == section {
			name.HeadComment = paragraphs(append([]string{name.HeadComment}, loose...)...)
		}
	}
}

// cutFrom is cut for a node without a name. It returns the comments for which no
// neighbour is left.
func (e *editor) cutFrom(m *yaml.Node, i, n int) (loose []string) {
	e.changed = true
	loose = footComments(m.Content[i : i+n])
	m.Content = append(m.Content[:i:i], m.Content[i+n:]...)
	switch {
	case len(loose) == 0:
	case i > 0:
		last := m.Content[i-n]
		last.FootComment = paragraphs(append([]string{last.FootComment}, loose...)...)
	case len(m.Content) > 0:
		next := m.Content[0]
		next.HeadComment = paragraphs(append(loose, next.HeadComment)...)
	default:
		return loose
	}
	return nil
}

func footComments(nodes []*yaml.Node) (found []string) {
	for _, n := range nodes {
		found = append(found, footComments(n.Content)...)
		if n.FootComment != "" {
			found = append(found, n.FootComment)
		}
	}
	return found
}

func paragraphs(comments ...string) string {
	comments = slices.DeleteFunc(comments, func(c string) bool { return c == "" })
	return strings.Join(comments, "\n\n")
}
