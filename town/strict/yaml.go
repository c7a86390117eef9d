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
			f.Reason = unknown(m[1], siblings(doc, into, f.Line, m[1]))
		} else if m := wrongKind.FindStringSubmatch(f.Reason); m != nil {
			f.Reason = "a value of the wrong kind (" + m[1] + ")"
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

// siblings are the names that could stand where an unknown field stands.
func siblings(n *yaml.Node, t reflect.Type, line int, field string) []string {
	if n == nil || t == nil {
		return nil
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return siblings(n.Content[0], t, line, field)
	case yaml.SequenceNode:
		if t.Kind() != reflect.Slice {
			return nil
		}
		for _, c := range n.Content {
			if found := siblings(c, t.Elem(), line, field); found != nil {
				return found
			}
		}
	case yaml.MappingNode:
		known := fields(t)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Line == line && key.Value == field && known != nil && known[field] == nil {
				return sorted(known)
			}
			below := known[key.Value]
			if t.Kind() == reflect.Map {
				below = t.Elem()
			}
			if found := siblings(n.Content[i+1], below, line, field); found != nil {
				return found
			}
		}
	}
	return nil
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
