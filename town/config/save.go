package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"

	"gastown/town"
	"gastown/town/durable"
	"gastown/town/strict"
)

// Save checks the configuration and writes it at path, durably and readable by
// its owner alone. It keeps the comments and the order of the file; a comment on
// an entry that was removed goes with the entry. It refuses with town.ErrBusy to
// replace a file that this Config was not loaded from: the caller loads again and
// repeats the change.
func (c *Config) Save(path string) error {
	op := "write " + path
	if err := c.check(); err != nil {
		return town.Fail(op, "gt config list shows the settings that are in force", "%w", err)
	}
	data, err := c.render()
	if err != nil {
		return town.Fail(op, "change that setting in the file by hand", "%w", err)
	}
	if path, err = target(path); err != nil {
		return town.Fail(op, cmp.Or(durable.Advice(err), "check where that symbolic link leads"), "%w", err)
	}
	switch now, err := strict.ReadFile(path, maxFile); {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return town.Fail(op, cmp.Or(durable.Advice(err), "gt config list reads the file, and says what is wrong with it"), "%w", err)
	case c.raw == nil:
		return town.Fail(op, "use the Town that is there, or another directory", "%w: %w", town.ErrBusy, os.ErrExist)
	case !bytes.Equal(now, c.raw):
		return town.Fail(op, "run the command again", "%w: another process changed it meanwhile", town.ErrBusy)
	}
	if err := durable.WritePrivate(path, data); err != nil {
		return town.Fail(op, cmp.Or(durable.Advice(err), "check the permissions of its directory"), "%w", err)
	}
	c.raw = data
	return nil
}

// target follows a symbolic link to the file itself.
func target(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, os.ErrNotExist) {
		return path, nil
	}
	return real, err
}

// render is the text of the file with the values of c. When nothing was changed
// it is the text that was loaded, byte for byte.
func (c *Config) render() ([]byte, error) {
	raw := c.raw
	if raw == nil {
		raw = []byte(blank)
	}
	doc, err := parseTree(raw)
	if err != nil {
		return nil, err
	}
	if !c.apply(doc.Content[0]) && c.raw != nil {
		return c.raw, nil
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(doc), enc.Close()); err != nil {
		return nil, err
	}
	// What cannot be read back must never replace what could.
	again, err := parse(out.Bytes())
	if err != nil {
		return nil, fmt.Errorf("the new text would not be readable: %w", err)
	}
	if !again.equal(c) {
		return nil, errors.New("the new text would not hold the same values")
	}
	if out.Len() > maxFile {
		return nil, fmt.Errorf("it would be larger than %d bytes", maxFile)
	}
	return out.Bytes(), nil
}

func (c *Config) equal(o *Config) bool {
	return c.Town == o.Town && c.Actor == o.Actor && maps.Equal(c.Stores, o.Stores) &&
		slices.Equal(c.Remotes, o.Remotes) && maps.Equal(c.Settings, o.Settings)
}
