package plugin

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"gastown/town"
	"gastown/town/strict"
)

// errByHand reports a text that is written in a way that is not edited here.
var errByHand = errors.New("the list is written in a way that gt does not change: correct it by hand")

// SetEnabled returns the text of a file in which one plugin is enabled or disabled, and
// otherwise nothing is changed, comments included. digest, unless "", is the digest that
// the plugin's directory gets.
func SetEnabled(text []byte, types Types, name string, enabled bool, digest string) ([]byte, error) {
	f, err := Parse(text, types)
	if err != nil {
		return nil, err
	}
	e, ok := f.Find(name)
	if !ok {
		return nil, Unknown(f, name)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	if digest != "" {
		if node := below(e.node, "config", "digest"); node != nil {
			err = replace(lines, node, digest)
		} else if key := keyOf(below(e.node, "config"), "directory"); key != nil && below(e.node, "config").Style&yaml.FlowStyle == 0 {
			line := key.Line - 1
			lines[line] = append(bytes.TrimRight(lines[line], "\r\n"), fmt.Sprintf("\n%sdigest: %s\n", strings.Repeat(" ", key.Column-1), digest)...)
		} else {
			err = errByHand
		}
	}
	// Lines are joined only now, so the numbers of nodes still count.
	if err == nil {
		err = replace(lines, below(e.node, "enabled"), fmt.Sprint(enabled))
	}
	if err != nil {
		return nil, err
	}
	out := bytes.Join(lines, nil)
	now, err := Parse(out, types)
	if err != nil {
		return nil, errors.Join(errByHand, err)
	}
	if changed, ok := now.Find(name); !ok || changed.Enabled != enabled || len(now.Entries) != len(f.Entries) || digest != "" && changed.Config["digest"] != digest {
		return nil, errByHand
	}
	return out, nil
}

// Unknown is the error for a plugin that is not in a file.
func Unknown(f File, name string) error {
	var names []string
	for _, e := range f.Entries {
		names = append(names, e.Name)
	}
	near := ""
	if n := town.Nearest(name, names, 1); len(n) > 0 {
		near = ": did you mean " + n[0] + "?"
	}
	return town.Fail("find the plugin "+town.Clip(name, 80), "gt plugin list", "%w: there is none of that name%s", town.ErrUsage, near)
}

// Add returns the text of a file with one more plugin at its end. The plugin is disabled.
// A timeout of 0 is left out; one beyond the bounds is brought within them.
func Add(text []byte, types Types, name, kind string, timeout time.Duration, config yaml.Node) ([]byte, error) {
	f, err := Parse(text, types)
	if err != nil {
		return nil, err
	}
	if _, ok := f.Find(name); ok {
		return nil, fmt.Errorf("%w: there is a plugin %s already", town.ErrRefused, name)
	}
	entry := struct {
		Name    string    `yaml:"name"`
		Type    string    `yaml:"type"`
		Enabled bool      `yaml:"enabled"`
		Timeout string    `yaml:"timeout,omitempty"`
		Config  yaml.Node `yaml:"config"`
	}{Name: name, Type: kind, Config: config}
	if timeout > 0 {
		entry.Timeout = min(max(timeout, minTimeout), MaxTimeout).String()
	}
	var block bytes.Buffer
	enc := yaml.NewEncoder(&block)
	enc.SetIndent(2)
	if err := enc.Encode([]any{entry}); err != nil {
		return nil, err
	}
	indent := 2
	out := slices.Clone(text)
	doc, err := strict.Document(text)
	switch {
	case errors.Is(err, strict.ErrEmpty):
		out = append(newline(out), "plugins:\n"...)
	case err != nil:
		return nil, err
	default:
		list := below(doc, "plugins")
		if list != nil && list.Kind == yaml.SequenceNode && len(list.Content) == 0 { // plugins: []
			lines := bytes.SplitAfter(out, []byte("\n"))
			if lines[list.Line-1], err = cut(lines[list.Line-1], list.Column-1, "[]"); err != nil {
				return nil, err
			}
			out = newline(bytes.Join(lines, nil))
			break
		}
		if list == nil || list.Kind != yaml.SequenceNode || list.Style&yaml.FlowStyle != 0 {
			return nil, errByHand
		}
		indent = list.Column - 1
		out = newline(out)
	}
	for line := range bytes.Lines(block.Bytes()) {
		out = append(append(out, strings.Repeat(" ", indent)...), line...)
	}
	now, err := Parse(out, types)
	if err != nil {
		return nil, errors.Join(errByHand, err)
	}
	if _, ok := now.Find(name); !ok || len(now.Entries) != len(f.Entries)+1 {
		return nil, errByHand
	}
	return out, nil
}

func newline(text []byte) []byte {
	if len(text) > 0 && text[len(text)-1] != '\n' {
		return append(text, '\n')
	}
	return text
}

// replace writes a plain scalar in place of another one.
func replace(lines [][]byte, node *yaml.Node, value string) error {
	if node == nil || node.Kind != yaml.ScalarNode || node.Line < 1 || node.Line > len(lines) {
		return errByHand
	}
	runes := []rune(string(lines[node.Line-1]))
	old := node.Value
	switch {
	case node.Style&yaml.DoubleQuotedStyle != 0:
		old = `"` + old + `"`
	case node.Style&yaml.SingleQuotedStyle != 0:
		old = "'" + old + "'"
	}
	at := node.Column - 1
	if at < 0 || at > len(runes) || !strings.HasPrefix(string(runes[at:]), old) {
		return errByHand
	}
	lines[node.Line-1] = []byte(string(runes[:at]) + value + strings.TrimPrefix(string(runes[at:]), old))
	return nil
}

// cut removes what stands at a column of a line.
func cut(line []byte, column int, what string) ([]byte, error) {
	runes := []rune(string(line))
	if column < 0 || column > len(runes) || !strings.HasPrefix(string(runes[column:]), what) {
		return nil, errByHand
	}
	return []byte(string(runes[:column]) + strings.TrimPrefix(string(runes[column:]), what)), nil
}

// below follows keys of mappings; nil when one is missing.
func below(n *yaml.Node, keys ...string) *yaml.Node {
	if n != nil && n.Kind == yaml.DocumentNode {
		n = n.Content[0]
	}
	for _, key := range keys {
		if n == nil || n.Kind != yaml.MappingNode {
			return nil
		}
		var next *yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				next = n.Content[i+1]
			}
		}
		n = next
	}
	return n
}

// keyOf is the node of a key of a mapping.
func keyOf(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i]
		}
	}
	return nil
}
