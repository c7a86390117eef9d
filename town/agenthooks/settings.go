package agenthooks

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
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

// Settings is a file of an agent's settings in JSON, as far as its hooks are concerned.
// What this package does not know in it stays as it was written, in its order.
type Settings struct{ all, hooks object }

// ParseSettings reads such a file; an empty one has no settings. Its error says why the
// file is not understood.
func ParseSettings(text string) (s Settings, err error) {
	if strings.TrimSpace(text) == "" {
		return s, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&s.all); err != nil {
		return s, fault("it is not JSON that is understood: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return s, fault("something stands after the JSON object")
	}
	if raw := s.all.get("hooks"); raw != nil {
		if err := json.Unmarshal(raw, &s.hooks); err != nil {
			return s, fault("its hooks are not an object: %w", err)
		}
	}
	return s, nil
}

// groups are the groups of hooks of one event.
func (s Settings) groups(event string) (list []object, err error) {
	if raw := s.hooks.get(event); raw != nil {
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, fault("its hooks for %s are not a list of objects: %w", event, err)
		}
	}
	return list, nil
}

// setGroups gives an event its groups, or removes it when there are none.
func (s *Settings) setGroups(event string, list []object) error {
	var raw json.RawMessage
	if len(list) > 0 {
		var err error
		if raw, err = encode(list); err != nil {
			return err
		}
	}
	s.hooks.set(event, raw)
	return nil
}

// commands are the commands of one group of hooks. A group that is itself a command, as
// some programs have it, is the only one.
func commands(group object) (list []object) {
	if json.Unmarshal(group.get("hooks"), &list) == nil {
		return list
	}
	if group.get("command") != nil || group.get("bash") != nil {
		return []object{group}
	}
	return nil
}

// command is what a hook runs; "" for a hook of another kind.
func command(hook object) (text string) {
	for _, key := range []string{"command", "bash"} {
		if text == "" {
			_ = json.Unmarshal(hook.get(key), &text)
		}
	}
	return text
}

// Runs reports whether a hook for an event runs a command that begins with prefix.
func (s Settings) Runs(event, prefix string) (bool, error) {
	groups, err := s.groups(event)
	for _, g := range groups {
		for _, c := range commands(g) {
			if strings.HasPrefix(command(c), prefix) {
				return true, nil
			}
		}
	}
	return false, err
}

// Add adds a hook that runs a command. matcher says for which tools; "" is for all.
func (s *Settings) Add(event, matcher, command string) error {
	groups, err := s.groups(event)
	if err != nil {
		return err
	}
	match, err := encode(matcher)
	if err != nil {
		return err
	}
	hooks, err := encode([]map[string]string{{"type": "command", "command": command}})
	if err != nil {
		return err
	}
	return s.setGroups(event, append(groups, object{{"matcher", match}, {"hooks", hooks}}))
}

// Drop removes the hooks for an event that run exactly a command. Hooks that differ are
// a person's, and stay. found says that there was one.
func (s *Settings) Drop(event, text string) (found bool, err error) {
	groups, err := s.groups(event)
	if err != nil {
		return false, err
	}
	var left []object
	for _, g := range groups {
		list := commands(g)
		kept := slices.DeleteFunc(slices.Clone(list), func(c object) bool { return command(c) == text })
		switch {
		case len(kept) == len(list):
			left = append(left, g)
		case len(kept) > 0:
			raw, err := encode(kept)
			if err != nil {
				return false, err
			}
			g.set("hooks", raw)
			left = append(left, g)
		}
		found = found || len(kept) < len(list)
	}
	return found, s.setGroups(event, left)
}

// Text is the file; "" for one with no settings.
func (s Settings) Text() (string, error) {
	var hooks json.RawMessage
	var err error
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
