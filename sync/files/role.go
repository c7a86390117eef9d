package files

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"gastown/town"
	"gastown/town/strict"
)

const (
	// maxFrontMatter is how many bytes the YAML parser gets at most.
	maxFrontMatter = 64 << 10
	// maxYAMLNodes is how many values there may be once aliases are expanded, as a
	// later reader may do.
	maxYAMLNodes = 10_000
	bom          = "\ufeff"
)

// checkRole reads Markdown with YAML front matter between lines of three
// dashes. A byte order mark and CRLF line ends are accepted.
func checkRole(key town.Key, text string) (Meta, error) {
	front, body, err := splitFrontMatter(strings.TrimPrefix(text, bom))
	fail := func(line int, format string, args ...any) (Meta, error) {
		// YAML knows more kinds of line ends than editors do.
		line = min(line, lineAt(front, len(front)))
		return Meta{}, &SyntaxError{Path: key.Path(), Line: line, Reason: fmt.Sprintf(format, args...)}
	}
	if err != nil {
		return fail(1, "%v", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(front), &doc); err != nil {
		first := strict.First(strict.ExplainYAML(err))
		return fail(first.Line, "front matter: %s", first.Reason)
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		return fail(1, "front matter is empty: it needs a description")
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		return fail(top.Line, "front matter is not a list of \"key: value\" lines")
	}
	if n := expanded(top, map[*yaml.Node]int{}); n > maxYAMLNodes {
		return fail(top.Line, "front matter expands to more than %d values", maxYAMLNodes)
	}
	values := map[string]*yaml.Node{}
	for i := 0; i+1 < len(top.Content); i += 2 {
		k := top.Content[i]
		if k.Kind != yaml.ScalarNode {
			return fail(k.Line, "front matter has a key that is not a word")
		}
		if values[k.Value] != nil {
			return fail(k.Line, "front matter has %q twice", town.Clip(k.Value, 80))
		}
		values[k.Value] = top.Content[i+1]
	}
	if n := values["name"]; n != nil {
		name, ok := yamlString(n)
		if !ok || name != key.Name {
			return fail(n.Line, "name is %q, but the file is called %q", town.Clip(name, 80), key.Name)
		}
	}
	n := values["description"]
	if n == nil {
		return fail(1, "front matter has no description")
	}
	description, ok := yamlString(n)
	if !ok {
		return fail(n.Line, "description is not a text")
	}
	if description = strings.TrimSpace(description); description == "" {
		return fail(n.Line, "description is empty")
	}
	return Meta{Title: heading(body, key.Name), Description: description}, nil
}

// splitFrontMatter returns the front matter and what follows it. The front matter
// includes its opening line, so that the parser's line numbers are the file's.
func splitFrontMatter(text string) (front, body string, err error) {
	at := 0
	for first := true; at < len(text); first = false {
		line, _, found := strings.Cut(text[at:], "\n")
		end := at + len(line)
		if found {
			end++
		}
		dashes := strings.TrimRight(line, " \t\r") == "---"
		switch {
		case first && !dashes:
			return "", "", errors.New("does not begin with a line \"---\" and front matter")
		case !first && dashes:
			return text[:at], text[end:], nil
		}
		if at = end; at > maxFrontMatter {
			return "", "", fmt.Errorf("front matter has more than %d bytes, or no closing line \"---\"", maxFrontMatter)
		}
	}
	if text == "" {
		return "", "", errors.New("is empty: a role begins with a line \"---\" and front matter")
	}
	return "", "", errors.New("front matter has no closing line \"---\"")
}

// yamlString returns the text of a scalar or of the scalar an alias refers to.
func yamlString(n *yaml.Node) (string, bool) {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n.Value, n.Kind == yaml.ScalarNode && !isNull(n)
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// expanded counts the values that a reader who follows aliases would see, up to
// maxYAMLNodes+1. A value that contains itself counts as too many.
func expanded(n *yaml.Node, seen map[*yaml.Node]int) int {
	const many = maxYAMLNodes + 1
	if size, ok := seen[n]; ok {
		return size
	}
	seen[n] = many // while it is being counted
	size := 1
	if n.Alias != nil {
		size += expanded(n.Alias, seen)
	}
	for _, c := range n.Content {
		if size += expanded(c, seen); size > maxYAMLNodes {
			return many
		}
	}
	seen[n] = min(size, many)
	return seen[n]
}

// heading is the first top-level Markdown heading; without one it is the text
// given as instead.
func heading(body, instead string) string {
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, "# "); ok {
			if title := strings.TrimSpace(rest); title != "" {
				return town.Clip(title, 200)
			}
		}
	}
	return instead
}
