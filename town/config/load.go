package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"gastown/town"
)

// maxFile is the largest configuration file that is read, in bytes.
const maxFile = 256 << 10

// maxFaults is how many faults of one file are told at once.
const maxFaults = 5

// file is the shape of town.yaml.
type file struct {
	Town struct {
		ID   string `yaml:"id"`
		Name string `yaml:"name"`
	} `yaml:"town"`
	Actor struct {
		Name  string `yaml:"name"`
		Email string `yaml:"email"`
	} `yaml:"actor"`
	Stores  map[string]string `yaml:"stores"`
	Remotes []struct {
		Name string `yaml:"name"`
		URL  string `yaml:"url"`
	} `yaml:"remotes"`
	Settings map[string]string `yaml:"settings"`
}

// Load reads and checks the file. The error names the line at fault; it wraps
// fs.ErrNotExist when there is no file.
func Load(path string) (*Config, error) {
	op := "read " + path
	data, err := readFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, town.Fail(op, "gt install on this directory makes a Town of it", "%w", err)
	}
	if err != nil {
		return nil, town.Fail(op, "see that it is a small text file that you may read", "%w", err)
	}
	c, err := parse(data)
	if err != nil {
		return nil, town.Fail(op, "correct the file in an editor; gt config list shows every setting", "%w", err)
	}
	c.raw = data
	return c, nil
}

// readFile reads a regular file of at most maxFile bytes.
func readFile(path string) ([]byte, error) {
	// Looked at first, because opening a named pipe would wait for a writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	return data, nil
}

// parse reads and checks the text of a configuration.
func parse(data []byte) (*Config, error) {
	doc, err := parseTree(data)
	if err != nil {
		return nil, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	var f file
	if err := dec.Decode(&f); err != nil {
		return nil, plain(err)
	}
	c := &Config{
		Town:     Identity{ID: town.ID(f.Town.ID), Name: f.Town.Name},
		Actor:    town.Actor{Name: f.Actor.Name, Email: f.Actor.Email},
		Stores:   f.Stores,
		Settings: f.Settings,
	}
	if c.Settings == nil {
		c.Settings = map[string]string{}
	}
	for _, r := range f.Remotes {
		c.Remotes = append(c.Remotes, Remote{Name: r.Name, URL: r.URL})
	}
	if err := c.check(); err != nil {
		var at *fieldError
		if errors.As(err, &at) {
			return nil, fmt.Errorf("line %d: %w", line(doc.Content[0], at.path), err)
		}
		return nil, err
	}
	return c, nil
}

// parseTree reads the text into one document that is a plain tree of mappings.
func parseTree(data []byte) (*yaml.Node, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("it is not UTF-8 text")
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	} else if err != nil {
		return nil, plain(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one YAML document")
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("line 1: it does not begin with a field such as town: or settings: at the margin")
	}
	return &doc, checkTree(&doc)
}

// checkTree refuses references between nodes: a value would then stand in two
// places, and changing one would change the other.
func checkTree(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode || n.Anchor != "" || n.Tag == "!!merge" {
		return fmt.Errorf("line %d: anchors, aliases and merge keys are not used here", n.Line)
	}
	for _, c := range n.Content {
		if err := checkTree(c); err != nil {
			return err
		}
	}
	return nil
}

// line is the line of the deepest node on the path that exists.
func line(n *yaml.Node, path []string) int {
	for _, name := range path {
		next := value(n, name)
		if i, err := strconv.Atoi(name); err == nil && n.Kind == yaml.SequenceNode && i < len(n.Content) {
			next = n.Content[i]
		}
		if next == nil {
			break
		}
		n = next
	}
	return n.Line
}

var (
	unknownField = regexp.MustCompile(`field (.{1,80}?) not found in type .*`)
	wrongType    = regexp.MustCompile(`cannot unmarshal (!!\w+).* into .*`)
)

// plain puts the parser's complaints into words for people who edit the file.
func plain(err error) error {
	var types *yaml.TypeError
	if !errors.As(err, &types) {
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	faults := slices.Clone(types.Errors)
	for i, f := range faults {
		f = unknownField.ReplaceAllString(f, `there is no field "$1"`)
		faults[i] = wrongType.ReplaceAllString(f, "a value of the wrong kind ($1)")
	}
	if len(faults) > maxFaults {
		faults = append(faults[:maxFaults], fmt.Sprintf("and %d more", len(types.Errors)-maxFaults))
	}
	return errors.New(strings.Join(faults, "; "))
}
