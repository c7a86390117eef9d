package strict

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"gastown/town"
)

// YAML decodes one document into the value, whose every field must be known.
func YAML(data []byte, value any) error {
	doc, err := Document(data)
	if err != nil {
		return err
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	return explain(dec.Decode(value), doc, reflect.TypeOf(value))
}

// Document parses one document without aliases. ErrEmpty when there is none, or
// nothing but null in it.
func Document(data []byte) (*yaml.Node, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("it is not UTF-8 text")
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, ErrEmpty
	} else if err != nil {
		return nil, ExplainYAML(err)
	}
	switch err := dec.Decode(new(yaml.Node)); {
	case err == nil:
		return nil, errors.New("it holds more than one YAML document")
	case !errors.Is(err, io.EOF):
		return nil, ExplainYAML(err)
	}
	if err := checkAliases(&doc); err != nil {
		return nil, err
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind == yaml.ScalarNode && doc.Content[0].Tag == "!!null" {
		return nil, ErrEmpty
	}
	return &doc, nil
}

// checkAliases refuses references between nodes: a value would then stand in
// two places, and changing one would change the other.
func checkAliases(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode || n.Anchor != "" || n.Tag == "!!merge" {
		return fault(n.Line, "anchors, aliases and merge keys are not used here")
	}
	for _, c := range n.Content {
		if err := checkAliases(c); err != nil {
			return err
		}
	}
	return nil
}

// Line is the line of the deepest node on a path of keys, and of indexes into
// lists, that exists below a node.
func Line(n *yaml.Node, path ...string) int {
	if n.Kind == yaml.DocumentNode && len(n.Content) == 1 {
		n = n.Content[0]
	}
	for _, name := range path {
		next := child(n, name)
		if next == nil {
			break
		}
		n = next
	}
	return n.Line
}

func child(n *yaml.Node, name string) *yaml.Node {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == name {
				return n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i]
		}
	}
	return nil
}

// ExplainYAML words an error of the YAML library for people who edit the text,
// as an *Error. Nil stays nil.
func ExplainYAML(err error) error { return explain(err, nil, nil) }

var (
	yamlLine     = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)
	unknownField = regexp.MustCompile(`^field (.*) not found in type `)
	wrongKind    = regexp.MustCompile(`^cannot unmarshal (!!\w+).* into `)
	// parserWords begin the complaints of the library's parser, which counts
	// lines from 0. Its scanner counts from 1, as people do.
	parserWords = regexp.MustCompile(`^(did not find expected (<|node content|'-' indicator|key|',' or )|found (undefined tag|incompatible YAML|duplicate %))`)
)

func explain(err error, doc *yaml.Node, into reflect.Type) error {
	if err == nil {
		return nil
	}
	var types *yaml.TypeError
	if !errors.As(err, &types) {
		return &Error{[]Fault{syntax(err.Error())}}
	}
	out := &Error{}
	for _, text := range types.Errors {
		f := split(text)
		if m := unknownField.FindStringSubmatch(f.Reason); m != nil {
			in, known := siblings(doc, into, f.Line, m[1], nil)
			f.Reason = unknown(m[1], strings.Join(in, "."), known)
		} else if m := wrongKind.FindStringSubmatch(f.Reason); m != nil {
			f.Reason = "a value of the wrong kind (" + m[1] + ")"
			if key := keyOn(doc, f.Line); key != "" {
				f.Reason += " for " + town.Clip(key, 80)
			}
		}
		f.Reason = town.Clip(f.Reason, 300)
		out.Faults = append(out.Faults, f)
	}
	return out
}

// syntax takes the line out of a message of the parser, which has no other
// place for it. Without one the fault is near the beginning.
func syntax(text string) Fault {
	f := split(text)
	if parserWords.MatchString(f.Reason) {
		f.Line++
	}
	f.Line = max(f.Line, 1)
	f.Reason = town.Clip(strings.Join(strings.Fields(f.Reason), " "), 200)
	return f
}

func split(text string) Fault {
	m := yamlLine.FindStringSubmatch(text)
	line, _ := strconv.Atoi(m[1]) // 0 when there is none
	return Fault{line, text[len(m[0]):]}
}

// siblings finds an unknown field: the path of the mapping that holds it, and the
// names that could stand there.
func siblings(n *yaml.Node, t reflect.Type, line int, field string, at []string) (in, names []string) {
	if n == nil || t == nil {
		return nil, nil
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return siblings(n.Content[0], t, line, field, at)
	case yaml.SequenceNode:
		if t.Kind() != reflect.Slice {
			return nil, nil
		}
		for _, c := range n.Content {
			if in, names := siblings(c, t.Elem(), line, field, at); names != nil {
				return in, names
			}
		}
	case yaml.MappingNode:
		known := fields(t)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Line == line && key.Value == field && known != nil && known[field] == nil {
				return at, sorted(known)
			}
			below := known[key.Value]
			if t.Kind() == reflect.Map {
				below = t.Elem()
			}
			if in, names := siblings(n.Content[i+1], below, line, field, append(at[:len(at):len(at)], key.Value)); names != nil {
				return in, names
			}
		}
	}
	return nil, nil
}

// keyOn is the dotted key on a line; "" when there is none, or more than one and
// so no telling which is meant.
func keyOn(n *yaml.Node, line int) string {
	var leaves []string
	var walk func(n *yaml.Node, at []string) (found bool)
	walk = func(n *yaml.Node, at []string) (found bool) {
		switch n.Kind {
		case yaml.DocumentNode, yaml.SequenceNode:
			for _, c := range n.Content {
				found = walk(c, at) || found
			}
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				path := append(at[:len(at):len(at)], n.Content[i].Value)
				switch {
				case walk(n.Content[i+1], path):
					found = true
				case n.Content[i].Line == line:
					found = true
					leaves = append(leaves, strings.Join(path, "."))
				}
			}
		}
		return found
	}
	if n != nil {
		walk(n, nil)
	}
	if len(leaves) != 1 {
		return ""
	}
	return leaves[0]
}

// fields are the names of a struct's fields in YAML and their types; nil for
// any other type.
func fields(t reflect.Type) map[string]reflect.Type {
	if t.Kind() != reflect.Struct {
		return nil
	}
	known := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || name == "-":
		case strings.Contains(options, "inline"):
			for inner, its := range fields(f.Type) {
				known[inner] = its
			}
		case name == "":
			known[strings.ToLower(f.Name)] = f.Type
		default:
			known[name] = f.Type
		}
	}
	return known
}
