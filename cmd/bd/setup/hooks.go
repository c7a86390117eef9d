package setup

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
)

const (
	// hookEvent is when agents run the hook: a session starts, goes on, or was
	// compacted.
	hookEvent = "SessionStart"
	// hookCommand is what the hook runs. Any command that begins with hookPrefix does
	// the same.
	hookCommand = "bd prime --hook-json"
	hookPrefix  = "bd prime"
)

// object is a JSON object that keeps the order of its keys. Values that this package
// does not read stay as they were written.
type object []member

type member struct {
	key   string
	value json.RawMessage
}

func (o *object) UnmarshalJSON(text []byte) error {
	*o = object{}
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.Join(err, fault("it is not a JSON object"))
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if o.get(key.(string)) != nil {
			return fault("the key %q stands there twice", key)
		}
		*o = append(*o, member{key.(string), value})
	}
	_, err := d.Token()
	return err
}

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(m.key)
		if err != nil {
			return nil, err
		}
		b.Write(append(key, ':'))
		b.Write(m.value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (o object) get(key string) json.RawMessage {
	for _, m := range o {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// set gives a key a value, or removes it when there is none.
func (o *object) set(key string, value json.RawMessage) {
	i := slices.IndexFunc(*o, func(m member) bool { return m.key == key })
	switch {
	case i < 0 && value != nil:
		*o = append(*o, member{key, value})
	case i >= 0 && value == nil:
		*o = slices.Delete(slices.Clone(*o), i, i+1)
	case i >= 0:
		*o = slices.Clone(*o)
		(*o)[i].value = value
	}
}

// settings is a file of an agent's settings, as far as its hooks are concerned.
type settings struct {
	all, hooks object
	groups     []object
}

func parseSettings(text string) (s settings, err error) {
	if strings.TrimSpace(text) == "" {
		return s, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&s.all); err != nil {
		return s, fault("it is not JSON that bd understands: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return s, fault("something stands after the JSON object")
	}
	if raw := s.all.get("hooks"); raw != nil {
		if err := json.Unmarshal(raw, &s.hooks); err != nil {
			return s, fault("its hooks are not an object: %w", err)
		}
	}
	if raw := s.hooks.get(hookEvent); raw != nil {
		if err := json.Unmarshal(raw, &s.groups); err != nil {
			return s, fault("its hooks for %s are not a list of objects: %w", hookEvent, err)
		}
	}
	return s, nil
}

// commands are the commands of one group of hooks.
func commands(group object) (list []object) {
	if json.Unmarshal(group.get("hooks"), &list) != nil {
		return nil
	}
	return list
}

func command(hook object) (text string) {
	_ = json.Unmarshal(hook.get("command"), &text) // another kind of hook has none
	return text
}

// state says whether a session begins with bd prime.
func (s settings) state() state {
	for _, g := range s.groups {
		for _, c := range commands(g) {
			if strings.HasPrefix(command(c), hookPrefix) {
				return current
			}
		}
	}
	return absent
}

// with is the file with the hook.
func (s settings) with() (string, error) {
	s.groups = append(slices.Clone(s.groups), object{
		{"matcher", json.RawMessage(`""`)},
		{"hooks", json.RawMessage(`[{"type":"command","command":"` + hookCommand + `"}]`)},
	})
	return s.text()
}

// without is the file without the hook that bd setup wrote; "" when nothing else is in
// it. Hooks that differ are a person's, and stay. found says that the hook was there.
func (s settings) without() (text string, found bool, err error) {
	var left []object
	for _, g := range s.groups {
		list := commands(g)
		kept := slices.DeleteFunc(slices.Clone(list), func(c object) bool { return command(c) == hookCommand })
		switch {
		case len(kept) == len(list):
			left = append(left, g)
		case len(kept) > 0:
			raw, err := encode(kept)
			if err != nil {
				return "", false, err
			}
			g.set("hooks", raw)
			left = append(left, g)
		}
		found = found || len(kept) < len(list)
	}
	s.groups = left
	text, err = s.text()
	return text, found, err
}

// text is the file; "" for one with no settings.
func (s settings) text() (string, error) {
	var groups, hooks json.RawMessage
	var err error
	if len(s.groups) > 0 {
		if groups, err = encode(s.groups); err != nil {
			return "", err
		}
	}
	s.hooks.set(hookEvent, groups)
	if len(s.hooks) > 0 {
		if hooks, err = encode(s.hooks); err != nil {
			return "", err
		}
	}
	s.all.set("hooks", hooks)
	if len(s.all) == 0 {
		return "", nil
	}
	raw, err := encode(s.all)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = json.Indent(&b, raw, "", "  ")
	return b.String() + "\n", err
}

// encode is json.Marshal that leaves <, > and & as they are.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}
