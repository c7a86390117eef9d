package config

import (
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

// blank is what a new file is made from.
const blank = `# Who this Town is, and what was set here.
# "gt config list" explains every setting.

town:
`

// apply gives the document the values of c and reports whether any had to
// change. A node whose value is right already stays as a person wrote it.
func (c *Config) apply(root *yaml.Node) bool {
	e := &editor{}
	m := e.section(root, "town", yaml.MappingNode)
	e.set(m, "id", string(c.Town.ID), tagString)
	e.set(m, "name", c.Town.Name, tagString)
	if c.Actor.Name != "" || c.Actor.Email != "" || value(root, "actor") != nil {
		e.section(root, "actor", yaml.MappingNode)
		e.setOrRemove(root, "actor", "name", c.Actor.Name)
		e.setOrRemove(root, "actor", "email", c.Actor.Email)
	}
	m = e.section(root, "stores", yaml.MappingNode)
	for _, p := range planes {
		e.set(m, p, c.Stores[p], tagString)
	}
	c.applyRemotes(e, root)
	c.applySettings(e, root)
	return e.changed
}

func (c *Config) applyRemotes(e *editor, root *yaml.Node) {
	if len(c.Remotes) == 0 && value(root, "remotes") == nil {
		return
	}
	list := e.section(root, "remotes", yaml.SequenceNode)
	wanted := make(map[string]int, len(c.Remotes))
	for i, r := range c.Remotes {
		wanted[r.Name] = i
	}
	for i := len(list.Content) - 1; i >= 0; i-- {
		if _, ok := wanted[remoteName(list.Content[i])]; !ok {
			e.cut(root, "remotes", i, 1)
		}
	}
	for _, r := range c.Remotes {
		i := slices.IndexFunc(list.Content, func(n *yaml.Node) bool { return remoteName(n) == r.Name })
		if i < 0 {
			list.Content = append(list.Content, &yaml.Node{Kind: yaml.MappingNode})
			i = len(list.Content) - 1
		}
		e.set(list.Content[i], "name", r.Name, tagString)
		e.set(list.Content[i], "url", r.URL, tagString)
		e.setRefs(list.Content[i], r.Refs)
	}
	order := func(a, b *yaml.Node) int { return wanted[remoteName(a)] - wanted[remoteName(b)] }
	if !slices.IsSortedFunc(list.Content, order) {
		slices.SortFunc(list.Content, order)
		e.changed = true
	}
}

// setRefs gives a remote's entry its refs; "" is written by leaving the line out.
func (e *editor) setRefs(remote *yaml.Node, refs string) {
	if refs != "" {
		e.set(remote, "refs", refs, tagString)
		return
	}
	for i := 0; i < len(remote.Content); i += 2 {
		// The entry begins with the name, so comments stay in it.
		if remote.Content[i].Value == "refs" {
			e.cutFrom(remote, i, 2)
			return
		}
	}
}

func remoteName(n *yaml.Node) string {
	if v := value(n, "name"); v != nil {
		return v.Value
	}
	return ""
}

func (c *Config) applySettings(e *editor, root *yaml.Node) {
	if len(c.Settings) == 0 && value(root, "settings") == nil {
		return
	}
	m := e.section(root, "settings", yaml.MappingNode)
	for i := len(m.Content) - 2; i >= 0; i -= 2 {
		if _, ok := c.Settings[m.Content[i].Value]; !ok {
			e.cut(root, "settings", i, 2)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		want := c.Settings[name]
		// A person may have written 5m where we would write 300.
		if old := value(m, name); old != nil {
			if got, err := normal(name, old.Value); err == nil && got == want {
				continue
			}
		}
		e.set(m, name, want, tagOf(name))
	}
}

// tagOf lets numbers and switches stand without quotes.
func tagOf(name string) string {
	key, err := find(name)
	switch {
	case err == nil && key.Type == TypeInt, err == nil && key.Unit == unitSeconds:
		return tagInt
	case err == nil && key.Type == TypeBool:
		return tagBool
	default:
		return tagString
	}
}
