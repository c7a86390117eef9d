package plugin

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"gastown/town"
	"gastown/town/secrets"
	"gastown/town/strict"
)

const (
	// maxFile is the largest file that is read, in bytes; maxPlugins how many plugins
	// it may list.
	maxFile    = 1 << 20
	maxPlugins = 200
	// The bounds of what an entry says of its calls, and what holds without it.
	minTimeout, defaultTimeout = time.Second, 30 * time.Second
	defaultAtOnce, maxAtOnce   = 2, 32
)

// MaxTimeout is the longest that a call of a plugin may take.
const MaxTimeout = 10 * time.Minute

// Entry is one plugin as the file lists it.
type Entry struct {
	Name, Type string
	Enabled    bool
	// Timeout bounds a call; AtOnce is how many calls may be under way.
	Timeout time.Duration
	AtOnce  int
	// Config is as written: references to secrets are not resolved.
	Config map[string]interface{}

	node *yaml.Node
}

// Line is the line of a value of the entry: Line("config", "url").
func (e Entry) Line(path ...string) int { return strict.Line(e.node, path...) }

// Secrets are the names of the secrets that the config refers to, sorted.
func (e Entry) Secrets() (all []string) {
	references(e.Config, nil, func(_ []string, text string) {
		names, _ := secrets.Names(text) // Parse has checked it
		all = append(all, names...)
	})
	slices.Sort(all)
	return slices.Compact(all)
}

// File is the list of plugins.
type File struct {
	Entries []Entry
	// Text is what it was read from.
	Text []byte
	path string
}

// Find returns the entry of a name.
func (f File) Find(name string) (Entry, bool) {
	for _, e := range f.Entries {
		if e.Name == name {
			return e, true
		}
	}
	return Entry{}, false
}

// Read reads a file. A file that does not exist lists none. What is wrong with one is
// town.ErrUsage with the line; then only Text is whole.
func Read(path string, types Types) (File, error) {
	data, err := strict.ReadFile(path, maxFile)
	if errors.Is(err, os.ErrNotExist) {
		return File{path: path}, nil
	}
	if err != nil {
		return File{}, fail(path, err)
	}
	out, err := Parse(data, types)
	if out.path = path; err != nil {
		return out, fail(path, err)
	}
	return out, nil
}

// fail words what is wrong with a file.
func fail(path string, err error) error {
	return town.Fail("read "+path, "correct the file, then gt plugin list; docs/plugins.md shows every field", "%w: %w", town.ErrUsage, err)
}

// listed is an entry as it is written. Pointers tell what is missing.
type listed struct {
	Name    *string                `yaml:"name"`
	Type    *string                `yaml:"type"`
	Enabled *bool                  `yaml:"enabled"`
	Timeout *string                `yaml:"timeout"`
	AtOnce  *int                   `yaml:"at_once"`
	Config  map[string]interface{} `yaml:"config"`
}

// Parse reads the text of a file. It tells everything that is wrong with it.
func Parse(data []byte, types Types) (File, error) {
	out := File{Text: data}
	doc, err := strict.Document(data)
	if errors.Is(err, strict.ErrEmpty) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	var content struct {
		Plugins *[]listed `yaml:"plugins"`
	}
	if err := strict.YAML(data, &content); err != nil {
		return out, err
	}
	if content.Plugins == nil {
		return out, &strict.Error{Faults: []strict.Fault{{Line: 1, Reason: "there is no list of plugins: begin with plugins:"}}}
	}
	if n := len(*content.Plugins); n > maxPlugins {
		return out, &strict.Error{Faults: []strict.Fault{{Line: strict.Line(doc, "plugins"), Reason: fmt.Sprintf("it lists %d plugins, more than %d", n, maxPlugins)}}}
	}
	var faults []strict.Fault
	for i, l := range *content.Plugins {
		e := Entry{Timeout: defaultTimeout, AtOnce: defaultAtOnce, Config: l.Config, node: at(doc, "plugins", i)}
		add := func(line int, format string, args ...any) {
			faults = append(faults, strict.Fault{Line: line, Reason: fmt.Sprintf(format, args...)})
		}
		l.into(&e, types, add)
		if slices.ContainsFunc(out.Entries, func(o Entry) bool { return o.Name != "" && o.Name == e.Name }) {
			add(e.Line("name"), "there are two plugins named %s: give this one another name", e.Name)
		}
		out.Entries = append(out.Entries, e)
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b strict.Fault) int { return a.Line - b.Line })
		return out, &strict.Error{Faults: faults}
	}
	return out, nil
}

// into checks an entry and puts it into e.
func (l listed) into(e *Entry, types Types, add func(line int, format string, args ...any)) {
	line := e.Line()
	switch {
	case l.Name == nil:
		add(line, "a plugin has no name: add name: NAME")
	case town.CheckHandle("plugin", *l.Name) != nil:
		add(e.Line("name"), "%v", town.CheckHandle("plugin", *l.Name))
	default:
		e.Name = *l.Name
	}
	switch {
	case l.Type == nil:
		add(line, "%s has no type: add type: with one of %s", e, strings.Join(types.Names(), ", "))
	default:
		e.Type = *l.Type
		if err := OneOf("", e.Type, types.Names()...); err != nil {
			add(e.Line("type"), "type %v", err)
		}
	}
	if l.Enabled == nil {
		add(line, "%s does not say whether it runs: add enabled: true or enabled: false", e)
	} else {
		e.Enabled = *l.Enabled
	}
	if l.Timeout != nil {
		d, err := time.ParseDuration(*l.Timeout)
		if err != nil || d < minTimeout || d > MaxTimeout {
			add(e.Line("timeout"), "timeout %q is not a duration from %s to %s", town.Clip(*l.Timeout, 40), minTimeout, MaxTimeout)
		}
		e.Timeout = d
	}
	if l.AtOnce != nil {
		if *l.AtOnce < 1 || *l.AtOnce > maxAtOnce {
			add(e.Line("at_once"), "at_once %d is not a number from 1 to %d", *l.AtOnce, maxAtOnce)
		}
		e.AtOnce = *l.AtOnce
	}
	t, _ := types.Find(e.Type)
	references(e.Config, nil, func(path []string, text string) {
		names, err := secrets.Names(text)
		switch {
		case err != nil:
			add(e.Line(append([]string{"config"}, path...)...), "%v", err)
		case len(names) > 0 && slices.Contains(t.Plain, path[0]):
			add(e.Line(append([]string{"config"}, path...)...), "no secret may stand in %s, where others can read it: see settings in docs/plugins.md", path[0])
		}
	})
}

// String names the entry for people.
func (e *Entry) String() string {
	if e.Name == "" {
		return "a plugin"
	}
	return "the plugin " + e.Name
}

// references calls fn for each string of a config that may refer to a secret.
func references(v any, path []string, fn func(path []string, text string)) {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "${") {
			fn(path, v)
		}
	case map[string]interface{}:
		for k, below := range v {
			references(below, append(path[:len(path):len(path)], k), fn)
		}
	case []interface{}:
		for i, below := range v {
			references(below, append(path[:len(path):len(path)], strconv.Itoa(i)), fn)
		}
	}
}

// at finds an item of a list that stands under a key of a document.
func at(doc *yaml.Node, key string, item int) *yaml.Node {
	top := doc.Content[0]
	for i := 0; i+1 < len(top.Content); i += 2 {
		if list := top.Content[i+1]; top.Content[i].Value == key && item < len(list.Content) {
			return list.Content[item]
		}
	}
	return top
}
