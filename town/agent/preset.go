package agent

import (
	"bytes"
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"gastown/tmux"
	"gastown/town"
	"gastown/town/strict"
)

// Preset is what is known of an agent's program.
type Preset struct {
	Name string `yaml:"name" json:"name"`
	// Help is one line about it.
	Help string `yaml:"help" json:"help,omitempty"`
	// Command is the program with the arguments it always gets. Resume are further
	// ones with which it goes on with its last conversation, ResumeID those for a
	// conversation whose id stands in place of {id}.
	Command  []string `yaml:"command" json:"command"`
	Resume   []string `yaml:"resume" json:"resume,omitempty"`
	ResumeID []string `yaml:"resume_id" json:"resume_id,omitempty"`
	// Seen is the version that the patterns were seen on; "" when nobody has seen
	// it.
	Seen string `yaml:"seen" json:"seen,omitempty"`
	// Env are variables it needs, as NAME=value. Pass names variables that it gets from
	// the environment of whom gt runs for, such as those of keys.
	Env  []string `yaml:"env" json:"env,omitempty"`
	Pass []string `yaml:"pass" json:"pass,omitempty"`

	// Composer matches the beginning of the line in which text is typed, up to the
	// first character of the text. A preset without one cannot see whether text was
	// taken.
	Composer string `yaml:"composer" json:"composer,omitempty"`
	// Above matches the line right above the composer, Below a line of the composer's
	// frame that is none of its text. Block says that every line of the composer begins
	// as the first one does.
	Above string `yaml:"above" json:"above,omitempty"`
	Below string `yaml:"below" json:"below,omitempty"`
	Block bool   `yaml:"block" json:"block,omitempty"`
	// Cursor says that the terminal's cursor stands in the composer, so that text
	// before it is seen there even if its first line is empty.
	Cursor bool `yaml:"cursor" json:"cursor,omitempty"`
	// Hint matches text that the program itself shows in an empty composer, where it
	// does not show it dimmed.
	Hint string `yaml:"hint" json:"hint,omitempty"`
	// Busy matches a line that is there while the agent works.
	Busy string `yaml:"busy" json:"busy,omitempty"`
	// Marker matches what the composer shows in place of a long paste.
	Marker string `yaml:"marker" json:"marker,omitempty"`
	// EnterDelay is the pause between a paste and Enter. Some programs take an
	// Enter that comes sooner for a part of the paste.
	EnterDelay time.Duration `yaml:"enter_delay" json:"enter_delay,omitempty"`
	// Settle is how long the composer must be there until the program takes text;
	// some drop what comes sooner.
	Settle time.Duration `yaml:"settle" json:"settle,omitempty"`
	// Dialogs are looked for in this order.
	Dialogs []Dialog `yaml:"dialogs" json:"dialogs,omitempty"`
	// Hooks is the file in a sandbox in which the program looks for hooks; "" when
	// it has none.
	Hooks string `yaml:"hooks" json:"hooks,omitempty"`

	composer, above, below, hint, busy, marker *regexp.Regexp
}

// Dialog is a question on the screen.
type Dialog struct {
	Name string `yaml:"name" json:"name"`
	// Text matches the dialog, on the screen's lines joined by blanks.
	Text string `yaml:"text" json:"text"`
	// Answers are tried in order; the first whose Selected matches a line of the
	// screen is given. A dialog without answers is a person's.
	Answers []Answer `yaml:"answers" json:"answers,omitempty"`
	// Always says that it may come at any time, not only at the start. It is never
	// answered then.
	Always bool `yaml:"always" json:"always,omitempty"`

	text *regexp.Regexp
}

// Answer is the keys to press when something is selected.
type Answer struct {
	Selected string   `yaml:"selected" json:"selected"`
	Keys     []string `yaml:"keys" json:"keys"`

	selected *regexp.Regexp
}

// Presets are the presets of a Town by name.
type Presets []Preset

// file is config/agents.yaml.
type file struct {
	Agents []Preset `yaml:"agents"`
}

// parsed are the presets of the text that was parsed last. A Deacon parses the same one
// in each pass and for many commands, and to compile the patterns takes milliseconds.
var parsed struct {
	sync.Mutex
	data []byte
	all  Presets
}

// Parse reads config/agents.yaml, whose presets come before the built-in ones and
// replace those of the same name. Empty data leaves the built-in ones. The list is the
// caller's; what its presets hold is shared.
func Parse(data []byte) (Presets, error) {
	parsed.Lock()
	defer parsed.Unlock()
	if parsed.all == nil || !bytes.Equal(data, parsed.data) {
		all, err := parse(data)
		if err != nil {
			return nil, err
		}
		parsed.data, parsed.all = bytes.Clone(data), all
	}
	return slices.Clone(parsed.all), nil
}

func parse(data []byte) (Presets, error) {
	var f file
	if len(data) > 0 {
		if err := strict.YAML(data, &f); err != nil && err != strict.ErrEmpty {
			return nil, town.Fail("read config/agents.yaml", "docs/agents.md has an example", "%w: %w", town.ErrUsage, err)
		}
	}
	all := Presets(f.Agents)
	for _, p := range builtin() {
		if !slices.ContainsFunc(all, func(q Preset) bool { return q.Name == p.Name }) {
			all = append(all, p)
		}
	}
	for i := range all {
		if err := all[i].compile(); err != nil {
			return nil, town.Fail("read config/agents.yaml", "docs/agents.md has an example",
				"%w: agent %s: %w", town.ErrUsage, cmp.Or(town.Clip(all[i].Name, 64), "without a name"), err)
		}
	}
	for i, p := range all {
		if slices.ContainsFunc(all[:i], func(q Preset) bool { return q.Name == p.Name }) {
			return nil, town.Fail("read config/agents.yaml", "give each agent a name of its own",
				"%w: there are two agents named %s", town.ErrUsage, p.Name)
		}
	}
	return all, nil
}

// Find is the preset of a name. Without one it is town.ErrUsage with the nearest name.
func (all Presets) Find(name string) (Preset, error) {
	names := make([]string, len(all))
	for i, p := range all {
		if p.Name == name {
			return p, nil
		}
		names[i] = p.Name
	}
	why := ""
	if near := town.Nearest(name, names, 1); len(near) > 0 {
		why = ": did you mean " + near[0] + "?"
	}
	return Preset{}, town.Fail("use the agent "+town.Clip(name, 64), "gt agents presets lists them", "%w: there is no such preset%s", town.ErrUsage, why)
}

// Own is the list with a person's own command, and the name that it has there. A command
// that begins with the name or the command of a preset whose screen is known is that
// preset with further arguments: what is known of its dialogs and its composer holds for
// it, too. Any other is a preset of the given name, of which nothing is known.
func (all Presets) Own(name string, words []string) (Presets, string) {
	all = slices.Clone(all)
	if _, err := all.Find(words[0]); err == nil && len(words) == 1 {
		return all, words[0]
	}
	for i, p := range all {
		if further, known := p.further(words); known {
			all[i].Command = slices.Concat(p.Command, further)
			if strings.Contains(words[0], "/") {
				all[i].Command[0] = words[0]
			}
			return all, p.Name
		}
	}
	return append(all, Preset{Name: name, Command: words}), name
}

// further are the words of a command that follow a preset's; known is false when it is
// not the preset's, or nothing is known of the preset's screen.
func (p Preset) further(words []string) (rest []string, known bool) {
	if p.Composer == "" && len(p.Dialogs) == 0 {
		return nil, false
	}
	given, own := slices.Clone(words), slices.Clone(p.Command)
	given[0], own[0] = filepath.Base(given[0]), filepath.Base(own[0])
	if len(given) >= len(own) && slices.Equal(given[:len(own)], own) {
		return given[len(own):], true
	}
	return given[1:], given[0] == p.Name
}

// compile checks a preset and prepares its patterns.
func (p *Preset) compile() error {
	if !presetName.MatchString(p.Name) {
		return fmt.Errorf("its name must be letters, digits, - and _, at most 64 of them")
	}
	if p.EnterDelay < 0 || p.EnterDelay > 10*time.Second {
		return fmt.Errorf("enter_delay %s is not between 0s and 10s", p.EnterDelay)
	}
	if p.Settle < 0 || p.Settle > time.Minute {
		return fmt.Errorf("settle %s is not between 0s and 1m", p.Settle)
	}
	if len(p.ResumeID) > 0 && !strings.Contains(strings.Join(p.ResumeID, " "), conversationID) {
		return fmt.Errorf("resume_id does not say where %s stands", conversationID)
	}
	if len(p.Command) == 0 || p.Command[0] == "" {
		return fmt.Errorf("it has no command")
	}
	for _, pattern := range []struct {
		name, text string
		to         **regexp.Regexp
	}{{"composer", p.Composer, &p.composer}, {"above", p.Above, &p.above}, {"below", p.Below, &p.below}, {"hint", p.Hint, &p.hint}, {"busy", p.Busy, &p.busy}, {"marker", p.Marker, &p.marker}} {
		if err := compileTo(pattern.name, pattern.text, pattern.to); err != nil {
			return err
		}
	}
	for i := range p.Dialogs {
		d := &p.Dialogs[i]
		if d.Name == "" || d.Text == "" {
			return fmt.Errorf("a dialog needs a name and a text")
		}
		if err := compileTo("dialog "+d.Name, d.Text, &d.text); err != nil {
			return err
		}
		for j := range d.Answers {
			a := &d.Answers[j]
			if a.Selected == "" || len(a.Keys) == 0 {
				return fmt.Errorf("an answer to the dialog %s needs selected and keys", d.Name)
			}
			for _, k := range a.Keys {
				if !tmux.Key(k).Valid() {
					return fmt.Errorf("dialog %s: there is no key %q", d.Name, town.Clip(k, 20))
				}
			}
			if err := compileTo("dialog "+d.Name, a.Selected, &a.selected); err != nil {
				return err
			}
		}
	}
	return nil
}

// conversationID stands for the id of a conversation in Preset.ResumeID.
const conversationID = "{id}"

// resume are the arguments to go on with a conversation; "" is the last one.
func (p Preset) resume(id string) []string {
	if id == "" || len(p.ResumeID) == 0 {
		return p.Resume
	}
	args := slices.Clone(p.ResumeID)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], conversationID, id)
	}
	return args
}

var presetName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$`)

func compileTo(what, text string, to **regexp.Regexp) (err error) {
	if text == "" {
		*to = nil
		return nil
	}
	if *to, err = regexp.Compile(text); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
