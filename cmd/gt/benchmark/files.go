package benchmark

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"gastown/town"
	"gastown/town/config"
	"gastown/town/strict"
)

// Bounds of the files that are read.
const (
	maxFile    = 8 << 20 // bytes
	maxFigures = 1000
	maxSamples = 10_000
)

// read reads a result, or settings.
func (o *options) read(path string) (s source, err error) {
	s.path = town.Clip(town.Visible(path), 200)
	data, err := strict.ReadFile(o.call.Abs(path), maxFile)
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
		return s, o.bad(s.path, "name a file that gt benchmark --output FILE wrote, or one of settings such as dolt.max_open_conns: 25", err)
	}
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		s.settings, err = settings(data)
		if err != nil {
			err = o.bad(s.path, "gt config list shows the settings and what they take", err)
		}
		return s, err
	}
	const next = "measure again: gt benchmark --output FILE"
	var r Result
	switch n, ok := formOf(data); {
	case ok && n != format:
		return s, o.bad(s.path, next, fmt.Errorf("its format has version %d, but this program reads version %d", n, format))
	default:
		if err = strict.JSON(data, &r); err == nil && !ok {
			err = errors.New("it is not a result of gt benchmark")
		}
	}
	if err == nil {
		err = checkResult(r)
	}
	if err != nil {
		return s, o.bad(s.path, next, err)
	}
	s.result = &r
	return s, nil
}

func (o *options) bad(path, next string, err error) error {
	return town.Fail("read "+path, next, "%w: %w", town.ErrUsage, err)
}

// settings are those of the file that --config names.
func (o *options) settings() (map[string]string, error) {
	if o.config == "" {
		return nil, nil
	}
	s, err := o.read(o.config)
	if err == nil && s.result != nil {
		err = o.bad(s.path, "name a file of settings such as dolt.max_open_conns: 25", errors.New("it is a result, not settings"))
	}
	return s.settings, err
}

// settings reads NAME: VALUE lines, each checked as gt config does.
func settings(data []byte) (map[string]string, error) {
	doc, err := strict.Document(data)
	if err != nil {
		return nil, err
	}
	var nodes map[string]yaml.Node
	if err := strict.YAML(data, &nodes); err != nil {
		return nil, err
	}
	cfg := config.New("benchmark")
	all := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		node := nodes[name]
		line := strict.Line(doc, name)
		if node.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: %s has no single value", line, town.Clip(town.Visible(name), 60))
		}
		if all[name], err = cfg.Set(name, node.Value); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
	return all, nil
}
