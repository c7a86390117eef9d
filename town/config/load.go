package config

import (
	"errors"
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"

	"gastown/town"
	"gastown/town/strict"
)

// maxFile is the largest configuration file that is read, in bytes.
const maxFile = 256 << 10

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
		Refs string `yaml:"refs"`
	} `yaml:"remotes"`
	Settings map[string]string `yaml:"settings"`
}

// Load reads and checks the file. The error names the line at fault; it wraps
// fs.ErrNotExist when there is no file.
func Load(path string) (*Config, error) {
	op := "read " + path
	data, err := strict.ReadFile(path, maxFile)
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

// parse reads and checks the text of a configuration.
func parse(data []byte) (*Config, error) {
	doc, err := parseTree(data)
	if err != nil {
		return nil, err
	}
	var f file
	if err := strict.YAML(data, &f); err != nil {
		return nil, err
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
		c.Remotes = append(c.Remotes, Remote{Name: r.Name, URL: r.URL, Refs: r.Refs})
	}
	if err := c.check(); err != nil {
		var at *fieldError
		if errors.As(err, &at) {
			return nil, fmt.Errorf("line %d: %w", strict.Line(doc, at.path...), err)
		}
		return nil, err
	}
	return c, nil
}

// parseTree reads the text into one document whose root is a mapping.
func parseTree(data []byte) (*yaml.Node, error) {
	doc, err := strict.Document(data)
	if err != nil {
		return nil, err
	}
	if doc.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("line 1: it does not begin with a field such as town: or settings: at the margin")
	}
	return doc, nil
}
