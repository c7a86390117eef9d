package share

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"

	"go.yaml.in/yaml/v3"

	"gastown/town"
	"gastown/town/durable"
	"gastown/town/strict"
)

// maxFile bounds the file of rules, in bytes.
const maxFile = 256 << 10

// head begins a new file.
const head = `# Which work records leave this Town, and which of their fields.
# Without a rule nothing leaves. See: gt federation share --help
`

// File is config/sharing.yaml. Comments in it stay where they are.
type File struct {
	Rules Rules

	path string
	raw  []byte // nil: there is no file
	doc  yaml.Node
	// blank: the file holds comments alone.
	blank bool
}

// Load reads and checks the file; a missing file has no rules. The error names the
// line at fault. A file that other users may write is refused.
func Load(path string) (*File, error) {
	f := &File{path: path}
	op := "read " + path
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, town.Fail(op, "see that you may read it", "%w", err)
	}
	switch {
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		return nil, town.Fail(op, "see that it is a small text file", "it is not a regular file of at most %d bytes", maxFile)
	case info.Mode().Perm()&0o022 != 0:
		return nil, town.Fail(op, "look at its rules, then: chmod 600 "+path,
			"%w: other users may write it, and it decides what leaves the Town", town.ErrRefused)
	}
	if f.raw, err = strict.ReadFile(path, maxFile); err == nil {
		err = f.parse()
	}
	if err != nil {
		return nil, town.Fail(op, "correct the file in an editor; gt federation share add --help shows what a rule may say", "%w", err)
	}
	return f, nil
}

func (f *File) parse() error {
	doc, err := strict.Document(f.raw)
	if errors.Is(err, strict.ErrEmpty) {
		f.blank = true
		return nil
	}
	if err != nil {
		return err
	}
	f.doc = *doc
	var content struct {
		Rules []Rule `yaml:"rules"`
	}
	if err := strict.YAML(f.raw, &content); err != nil {
		return err
	}
	list := f.list()
	if len(content.Rules) > MaxRules {
		return fmt.Errorf("%w: %d rules, the limit is %d", ErrRule, len(content.Rules), MaxRules)
	}
	for i := range content.Rules {
		err := content.Rules[i].Normalise()
		if err == nil && f.Rules.index(content.Rules[i].Name) >= 0 {
			err = fmt.Errorf("%w: %s", ErrExists, content.Rules[i].Name)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", list.Content[i].Line, err)
		}
		f.Rules = append(f.Rules, content.Rules[i])
	}
	return nil
}

// list is the YAML node of the rules; nil when there is none.
func (f *File) list() *yaml.Node {
	if len(f.doc.Content) != 1 || f.doc.Content[0].Kind != yaml.MappingNode {
		return nil
	}
	m := f.doc.Content[0]
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == "rules" && m.Content[i+1].Kind == yaml.SequenceNode {
			return m.Content[i+1]
		}
	}
	return nil
}

func (rules Rules) index(name string) int {
	return slices.IndexFunc(rules, func(r Rule) bool { return r.Name == name })
}

// Add appends a rule. It fails with ErrExists when the name is taken.
func (f *File) Add(r Rule) error {
	if err := r.Normalise(); err != nil {
		return err
	}
	if f.Rules.index(r.Name) >= 0 {
		return fmt.Errorf("%w: %s", ErrExists, r.Name)
	}
	if len(f.Rules) == MaxRules {
		return fmt.Errorf("%w: there are %d rules already", ErrRule, MaxRules)
	}
	var n yaml.Node
	if err := n.Encode(r); err != nil {
		return err
	}
	list := f.list()
	if list == nil {
		list = f.begin()
	}
	list.Style = 0
	list.Content = append(list.Content, &n)
	f.Rules = append(f.Rules, r)
	return nil
}

// begin gives the file an empty list of rules.
func (f *File) begin() *yaml.Node {
	if len(f.doc.Content) != 1 || f.doc.Content[0].Kind != yaml.MappingNode {
		f.doc = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}}
	}
	m := f.doc.Content[0]
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == "rules" { // "rules:" alone
			m.Content[i+1] = list
			return list
		}
	}
	m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "rules"}, list)
	return list
}

// Remove removes a rule. It fails with ErrNone when there is none of that name.
func (f *File) Remove(name string) error {
	i := f.Rules.index(name)
	if i < 0 {
		return fmt.Errorf("%w: %s", ErrNone, town.Clip(name, 64))
	}
	list := f.list()
	foot := list.Content[i].FootComment
	list.Content = slices.Delete(list.Content, i, i+1)
	if i > 0 && foot != "" {
		list.Content[i-1].FootComment = foot
	}
	f.Rules = slices.Delete(slices.Clone(f.Rules), i, i+1)
	return nil
}

// Save replaces the file atomically; only its owner may read it. It fails with
// town.ErrBusy, and writes nothing, when the file has changed since Load.
func (f *File) Save() error {
	op := "write " + f.path
	var out bytes.Buffer
	switch {
	case f.raw == nil:
		out.WriteString(head)
	case f.blank:
		out.Write(bytes.TrimRight(f.raw, "\n"))
		out.WriteByte('\n')
	}
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(&f.doc), enc.Close()); err != nil {
		return town.Fail(op, "edit the file by hand", "%w", err)
	}
	// A text that cannot be read back must not replace one that can.
	again := &File{raw: out.Bytes()}
	if err := again.parse(); err != nil || again.Rules.Digest() != f.Rules.Digest() {
		return town.Fail(op, "edit the file by hand", "the new text would not hold the same rules (%w)", cmpErr(err))
	}
	now, err := os.ReadFile(f.path)
	if (err == nil || !errors.Is(err, os.ErrNotExist)) && (f.raw == nil || !bytes.Equal(now, f.raw)) {
		return town.Fail(op, "run the command again", "%w: it was changed meanwhile", town.ErrBusy)
	}
	if err := durable.WritePrivate(f.path, out.Bytes()); err != nil {
		return town.Fail(op, "check its permissions and the free space", "%w", err)
	}
	f.raw, f.blank = out.Bytes(), false
	return nil
}

var errDiffer = errors.New("they differ")

func cmpErr(err error) error {
	if err == nil {
		return errDiffer
	}
	return err
}
