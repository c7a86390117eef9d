package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"gastown/town"
	"gastown/town/durable"
	"gastown/town/lockfile"
	"gastown/town/strict"
)

// maxFile bounds config/rigs.yaml in bytes.
const maxFile = 1 << 20

type document struct {
	Rigs []Settings `yaml:"rigs"`
}

// Load reads the settings of all rigs, in the order of the file. A Town without the
// file has none.
func (y *Yard) Load() ([]Settings, error) {
	rigs, _, err := y.load()
	return rigs, err
}

func (y *Yard) load() ([]Settings, *yaml.Node, error) {
	data, err := strict.ReadFile(y.File, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	var d document
	var root *yaml.Node
	if err == nil {
		err = strict.YAML(data, &d)
		if errors.Is(err, strict.ErrEmpty) {
			return nil, nil, nil
		}
	}
	if err == nil {
		root, err = strict.Document(data)
	}
	if err != nil {
		return nil, nil, y.wrong("%w", err)
	}
	names, prefixes := map[string]bool{}, map[string]string{}
	for i := range d.Rigs {
		s := &d.Rigs[i]
		if s.Merge == "" {
			s.Merge = MergeDirect
		}
		if s.Prefix == "" {
			s.Prefix = PrefixFor(s.Name)
		}
		at, err := s.check()
		switch {
		case err != nil:
		case names[s.Name]:
			err = fmt.Errorf("two rigs are called %s", s.Name)
		case prefixes[s.Prefix] != "":
			at, err = []string{"prefix"}, fmt.Errorf("the rigs %s and %s have one prefix, %s", prefixes[s.Prefix], s.Name, s.Prefix)
		}
		if err != nil {
			return nil, nil, y.wrong("line %d: %w", strict.Line(root, append([]string{"rigs", strconv.Itoa(i)}, at...)...), err)
		}
		names[s.Name], prefixes[s.Prefix] = true, s.Name
	}
	return d.Rigs, root, nil
}

func (y *Yard) wrong(format string, args ...any) error {
	return town.Fail("read "+y.File, "correct that line of the file", format, args...)
}

// Find returns a rig's settings. The error for a name that there is none of names the
// nearest.
func (y *Yard) Find(name string) (Settings, error) {
	all, err := y.Load()
	if err != nil {
		return Settings{}, err
	}
	names := make([]string, 0, len(all))
	for _, s := range all {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	next := "gt rig list shows the rigs; gt rig add NAME URL adds one"
	if near := town.Nearest(name, names, 1); len(near) > 0 {
		next = "did you mean " + near[0] + "? gt rig list shows them all"
	}
	return Settings{}, town.Fail("find the rig "+strconv.Quote(town.Clip(name, 80)), next, "%w: there is no such rig", town.ErrUsage)
}

// put adds an entry to the file. The rest of it, with its comments, stays as it is.
func (y *Yard) put(ctx context.Context, s Settings) error {
	return y.change(ctx, func(rigs []Settings, list *yaml.Node) error {
		for _, other := range rigs {
			if other.Name == s.Name {
				return town.Fail("add the rig "+s.Name, "gt rig status "+s.Name+" shows it", "%w: there is one of that name, from %s", town.ErrRefused, other.URL)
			}
			if other.Prefix == s.Prefix {
				return town.Fail("add the rig "+s.Name, "choose another: --prefix P", "%w: the prefix %s belongs to the rig %s", town.ErrRefused, s.Prefix, other.Name)
			}
		}
		var entry yaml.Node
		if err := entry.Encode(s); err != nil {
			return err
		}
		list.Content = append(list.Content, &entry)
		return nil
	})
}

// set changes one value of an entry.
func (y *Yard) set(ctx context.Context, name, key string, to any) error {
	return y.change(ctx, func(rigs []Settings, list *yaml.Node) error {
		i := slices.IndexFunc(rigs, func(s Settings) bool { return s.Name == name })
		if i < 0 {
			_, err := y.Find(name)
			return err
		}
		entry := list.Content[i]
		var node yaml.Node
		if err := node.Encode(to); err != nil {
			return err
		}
		if have := value(entry, key); have != nil {
			node.LineComment, node.HeadComment, node.FootComment = have.LineComment, have.HeadComment, have.FootComment
			*have = node
			return nil
		}
		entry.Content = append(entry.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, &node)
		return nil
	})
}

// drop takes an entry out of the file.
func (y *Yard) drop(ctx context.Context, name string) error {
	return y.change(ctx, func(rigs []Settings, list *yaml.Node) error {
		i := slices.IndexFunc(rigs, func(s Settings) bool { return s.Name == name })
		if i >= 0 {
			list.Content = slices.Delete(list.Content, i, i+1)
		}
		return nil
	})
}

// change rewrites the file under a lock.
func (y *Yard) change(ctx context.Context, edit func(rigs []Settings, list *yaml.Node) error) error {
	lock, err := lockfile.Acquire(ctx, y.Lock("rigs"), lockfile.Options{Command: "gt rig", Wait: lockWait, Op: "change " + y.File})
	if err != nil {
		return err
	}
	defer lock.Release() //nolint:errcheck // it ends with the process
	rigs, root, err := y.load()
	if err != nil {
		return err
	}
	if root == nil {
		root = &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}}
	}
	list := value(root.Content[0], "rigs")
	if list == nil {
		list = &yaml.Node{Kind: yaml.SequenceNode}
		root.Content[0].Content = append(root.Content[0].Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "rigs"}, list)
	}
	if list.Kind != yaml.SequenceNode { // "rigs:" with nothing after it
		*list = yaml.Node{Kind: yaml.SequenceNode, HeadComment: list.HeadComment, LineComment: list.LineComment, FootComment: list.FootComment}
	}
	list.Style = 0
	if err := edit(rigs, list); err != nil {
		return err
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(root), enc.Close()); err != nil {
		return err
	}
	if err := durable.WriteFile(y.File, out.Bytes(), durable.Perm(y.File, 0o644)); err != nil {
		return town.Fail("write "+y.File, "check the permissions of "+filepath.Dir(y.File), "%w", err)
	}
	return nil
}

// value is what a mapping has for a key; nil for nothing.
func value(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}
