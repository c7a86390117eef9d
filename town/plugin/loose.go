package plugin

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"gastown/town"
	"gastown/town/strict"
)

// A fault in a file must not keep a person from disabling a plugin. So the names and the
// switches of entries are also read from a file that cannot be put in force.

// loose is an entry of a file that may have faults.
type loose struct {
	name string
	node *yaml.Node
	// from is how many lines stand before the text that node is of.
	from int
}

// dash begins an entry of a list.
var dash = regexp.MustCompile(`^ *- `)

// looseEntries are the entries that have a name. When the text is not YAML, each entry is
// read by itself, so the fault costs only its own one.
func looseEntries(text []byte) (all []loose) {
	add := func(list *yaml.Node, from int) {
		if list == nil || list.Kind != yaml.SequenceNode {
			return
		}
		for _, item := range list.Content {
			if name := below(item, "name"); name != nil && name.Kind == yaml.ScalarNode && name.Value != "" {
				all = append(all, loose{name.Value, item, from})
			}
		}
	}
	if doc, err := strict.Document(text); err == nil {
		add(below(doc, "plugins"), 0)
		return all
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	indent := ""
	begins := func(line []byte) bool {
		head := string(dash.Find(line))
		if indent == "" {
			indent = head
		}
		return head != "" && head == indent
	}
	var at []int
	for n, line := range lines {
		if begins(line) {
			at = append(at, n)
		}
	}
	for n, first := range at {
		end := len(lines)
		if n+1 < len(at) {
			end = at[n+1]
		}
		if doc, err := strict.Document(bytes.Join(lines[first:end], nil)); err == nil {
			add(doc.Content[0], first)
		}
	}
	return all
}

// off reports whether the entry says that it is disabled. What may be meant as that counts.
func (l loose) off() bool {
	n := below(l.node, "enabled")
	return n != nil && n.Kind == yaml.ScalarNode && slices.Contains([]string{"false", "no", "off"}, strings.ToLower(n.Value))
}

// switchedOff are the names of the entries of a text that say that they are disabled.
func switchedOff(text []byte) map[string]bool {
	off := map[string]bool{}
	for _, l := range looseEntries(text) {
		if l.off() {
			off[l.name] = true
		}
	}
	return off
}

// without returns the file with plugins disabled.
func (f File) without(off map[string]bool) File {
	f.Entries = slices.Clone(f.Entries)
	for i, e := range f.Entries {
		f.Entries[i].Enabled = e.Enabled && !off[e.Name]
	}
	return f
}

// Disable returns the text of a file in which one plugin is disabled, and otherwise nothing
// is changed. It does so also when other entries, or other fields of this one, have faults:
// then fault says which, and the rest of the file is not in force.
func Disable(text []byte, types Types, name string) (out []byte, fault, err error) {
	f, fault := Parse(text, types)
	if fault == nil {
		out, err = SetEnabled(text, types, name, false, "")
		return out, nil, err
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	found := false
	for _, l := range looseEntries(text) {
		node := below(l.node, "enabled")
		if l.name != name || l.off() {
			found = found || l.name == name
			continue
		}
		if node == nil {
			return nil, fault, errByHand
		}
		at := *node
		at.Line += l.from
		if err := replace(lines, &at, "false"); err != nil {
			return nil, fault, err
		}
		found = true
	}
	if !found {
		for _, l := range looseEntries(text) {
			if _, known := f.Find(l.name); !known {
				f.Entries = append(f.Entries, Entry{Name: town.Clip(l.name, 80)})
			}
		}
		return nil, fault, Unknown(f, name)
	}
	out = bytes.Join(lines, nil)
	if !switchedOff(out)[name] {
		return nil, fault, errByHand
	}
	return out, fault, nil
}
