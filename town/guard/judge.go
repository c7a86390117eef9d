package guard

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gastown/town"
)

// Facts are what the guard knows of the agent that asks.
type Facts struct {
	Agent town.Address
	// Town is the Town's directory, Sandbox the one the agent works in, and Dir where
	// the command runs; all absolute, "" when not known.
	Town, Sandbox, Dir string
	// Bead is what the agent works on.
	Bead string
	// Branch is the agent's own branch. Current returns the branch that is checked out
	// in a directory, "" when nobody knows; it may be nil.
	Branch  string
	Current func(dir string) string
	// Targets are the branches that changes land on.
	Targets []string
	// Socket is the Town's tmux socket.
	Socket string
	// Home is the person's home directory, Temp are directories for anybody's files.
	Home string
	Temp []string
}

// Verdict is what the guard says.
type Verdict struct {
	// Allowed says that no rule speaks against it.
	Allowed bool `json:"allowed"`
	// Rule is the one that does, Why its reason, and Instead the right way.
	Rule    string `json:"rule,omitempty"`
	Why     string `json:"why,omitempty"`
	Instead string `json:"instead,omitempty"`
	// Command is the part of the line that it is about.
	Command string `json:"command,omitempty"`
	// Unclear is why the line was not understood, and so allowed.
	Unclear string `json:"unclear,omitempty"`
}

// String is a refusal as the agent reads it.
func (v Verdict) String() string {
	return fmt.Sprintf("gt guard refuses this (%s): %s. Instead: %s", v.Rule, v.Why, v.Instead)
}

// maxShown bounds the part of a line that a verdict names.
const maxShown = 120

// Line judges a line for a shell.
func (f Facts) Line(line string) Verdict {
	calls, err := f.calls(line)
	// What was understood before the error counts.
	for _, c := range calls {
		if v := c.judge(); !v.Allowed {
			return v
		}
	}
	v := Verdict{Allowed: true}
	if err != nil {
		v.Unclear = err.Error()
	}
	return v
}

// Write judges a file that a tool is to write.
func (f Facts) Write(path string) Verdict {
	if !filepath.IsAbs(path) {
		if f.Dir == "" {
			return Verdict{Allowed: true}
		}
		path = filepath.Join(f.Dir, path)
	}
	return f.writes(filepath.Clean(path))
}

func (c call) judge() Verdict {
	for _, r := range Rules {
		if !slices.Contains(r.Programs, c.program) || !r.concerns(c.facts.Agent) {
			continue
		}
		if words := c.words(); r.matches(words) && (r.when == nil || r.when(c, words)) {
			return Verdict{Rule: r.Name, Why: r.Why, Instead: r.Instead, Command: town.Clip(c.program+" "+joined(c.args), maxShown)}
		}
	}
	for _, w := range append(slices.Clone(c.to), c.written()...) {
		if path, ok := c.path(w); ok && w.known {
			if v := c.facts.writes(path); !v.Allowed {
				return v
			}
		}
	}
	return Verdict{Allowed: true}
}

// concerns reports whether a rule is for an agent.
func (r Rule) concerns(a town.Address) bool {
	return len(r.Kinds) == 0 || slices.Contains(r.Kinds, a.Kind)
}

// matches reports whether the words of a call begin with one of the rule's phrases.
func (r Rule) matches(words []string) bool {
	if len(r.Phrases) == 0 {
		return true
	}
	for _, phrase := range r.Phrases {
		want := strings.Fields(phrase)
		if len(words) >= len(want) && slices.Equal(words[:len(want)], want) {
			return true
		}
	}
	return false
}

// words are the arguments without the options that stand before the subcommand.
func (c call) words() (all []string) {
	for _, w := range skipOptions(c.args, globalOptions[c.program]) {
		all = append(all, w.text)
	}
	return all
}

// globalOptions are options that take a value and stand before the subcommand.
var globalOptions = map[string]string{
	"git": "-C -c --git-dir --work-tree --namespace --exec-path", "tmux": "-S -L -f -T -c", "gt": "--town --wait", "bd": "--db --actor --wait -C --directory --town",
	"gh": "-R --repo", "rm": "",
}

// option returns the value of an option before the subcommand, and whether it is there.
func (c call) option(name string) (value word, found bool) {
	for i, w := range c.args {
		if !strings.HasPrefix(w.text, "-") {
			if i == 0 || !slices.Contains(strings.Fields(globalOptions[c.program]), c.args[i-1].text) {
				return word{}, false
			}
			continue
		}
		if w.text == name && i+1 < len(c.args) {
			return c.args[i+1], true
		}
		if rest, ok := strings.CutPrefix(w.text, name); ok && rest != "" && !strings.HasPrefix(name, "--") {
			return word{text: rest, known: w.known}, true
		}
	}
	return word{}, false
}

// place is the directory that git works in.
func (c call) place() (string, bool) {
	w, found := c.option("-C")
	if !found {
		return c.dir, c.dir != ""
	}
	return c.path(w)
}

// within reports whether a path is a directory or below it.
func within(dir, path string) bool {
	return dir != "" && (path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/"))
}

// outside reports whether a path may not be removed: it is not below the sandbox or a
// directory for anybody's files, or it is the sandbox itself or what ties it to the
// repository.
func (f Facts) outside(path string) bool {
	if f.Sandbox == "" {
		return false
	}
	if within(f.Sandbox, path) {
		return path == f.Sandbox || within(filepath.Join(f.Sandbox, ".git"), path)
	}
	return !slices.ContainsFunc(f.Temp, func(dir string) bool { return within(dir, path) && path != dir })
}

// writes judges a file to be written.
func (f Facts) writes(path string) Verdict {
	if f.Agent.Kind != town.Polecat || f.Sandbox == "" {
		return Verdict{Allowed: true}
	}
	for _, r := range fileRules {
		if r.forbids(f, path) {
			return Verdict{Rule: r.name, Why: r.why, Instead: r.instead, Command: town.Clip(path, maxShown)}
		}
	}
	return Verdict{Allowed: true}
}
