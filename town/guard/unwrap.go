package guard

import (
	"path/filepath"
	"slices"
	"strings"
)

// call is one program with its arguments, as far as they are known, and the directory
// it runs in.
type call struct {
	facts   Facts
	program string
	args    []word
	// dir is "" when nobody knows.
	dir string
	// to are the files that its output goes to.
	to []word
}

// wrappers are programs that run another one, with those of their options that take a
// value, and how many further words stand before the other program.
var wrappers = map[string]struct {
	valued string
	skip   int
}{
	"sudo": {valued: "-u -g -h -p -C -D -R -T"}, "doas": {valued: "-u -C"}, "env": {valued: "-u -C -S"}, "command": {}, "builtin": {}, "exec": {valued: "-a"},
	"nohup": {}, "nice": {valued: "-n"}, "ionice": {valued: "-c -n"}, "time": {valued: "-o -f"}, "timeout": {valued: "-k -s", skip: 1}, "setsid": {},
	"stdbuf": {valued: "-i -o -e"}, "xargs": {valued: "-I -n -P -L -d -E -s -a"}, "busybox": {}, "unbuffer": {}, "strace": {valued: "-o -e -p"},
}

// shells run a line that stands behind -c, or that they are given.
var shells = map[string]bool{"sh": true, "bash": true, "zsh": true, "dash": true, "ksh": true, "ash": true}

// reserved are words of the shell that stand before a command.
var reserved = map[string]bool{
	"if": true, "then": true, "else": true, "elif": true, "while": true, "until": true, "do": true, "{": true, "!": true, "coproc": true,
}

// calls returns the programs that a line would run.
func (f Facts) calls(line string) ([]call, error) {
	v := &viewer{facts: f}
	err := v.line(line, f.Dir, 0)
	return v.found, err
}

type viewer struct {
	facts Facts
	found []call
}

// line looks at each command of a line that runs in a directory.
func (v *viewer) line(src, dir string, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	// What stands before an error counts.
	list, err := split(src, depth, func(name string) (string, bool) {
		switch name {
		case "HOME":
			return v.facts.Home, v.facts.Home != ""
		case "PWD":
			return dir, dir != ""
		}
		return "", false
	})
	dirs := map[int]string{0: dir}
	last := 0
	for _, c := range list {
		for level := last + 1; level <= c.level; level++ {
			dirs[level] = dirs[level-1]
		}
		last = c.level
		now := dirs[c.level]
		if err := v.command(c, &now, depth); err != nil {
			return err
		}
		dirs[c.level] = now
	}
	return err
}

// command looks at one command. A cd changes dir for those that follow.
func (v *viewer) command(c command, dir *string, depth int) error {
	words := c.words
	for len(words) > 0 && (reserved[words[0].text] && words[0].known || assigns(words[0])) {
		words = words[1:]
	}
	one := call{facts: v.facts, dir: *dir, to: c.to}
	if len(words) > 0 && words[0].known {
		one.program, one.args = filepath.Base(words[0].text), words[1:]
	}
	v.found = append(v.found, one)
	switch {
	case one.program == "cd" || one.program == "pushd":
		*dir = one.target()
	case shells[one.program]:
		return v.shell(one, c.input, depth)
	case one.program == "eval":
		return v.line(joined(one.args), *dir, depth+1)
	case one.program == "find":
		return v.find(one, depth)
	}
	w, wraps := wrappers[one.program]
	if !wraps {
		return nil
	}
	inner := skipOptions(one.args, w.valued)
	for len(inner) > 0 && assigns(inner[0]) {
		inner = inner[1:]
	}
	if len(inner) <= w.skip {
		return nil
	}
	return v.command(command{words: inner[w.skip:], input: c.input, level: c.level}, dir, depth+1)
}

// shell looks at the line that a shell is to run.
func (v *viewer) shell(c call, input string, depth int) error {
	for i, w := range c.args {
		if w.known && strings.HasPrefix(w.text, "-") && !strings.HasPrefix(w.text, "--") && strings.Contains(w.text, "c") && i+1 < len(c.args) {
			return v.line(c.args[i+1].text, c.dir, depth+1)
		}
	}
	return v.line(input, c.dir, depth+1)
}

// find looks at what find does with each file: it is done to what lies below the first
// directory.
func (v *viewer) find(c call, depth int) error {
	root := word{text: ".", known: true}
	if len(c.args) > 0 && !strings.HasPrefix(c.args[0].text, "-") {
		root = c.args[0]
	}
	if root.known {
		root = word{text: root.text + "/", tilde: root.tilde}
	}
	for i, w := range c.args {
		switch w.text {
		case "-delete":
			v.found = append(v.found, call{facts: c.facts, program: "rm", args: []word{{text: "-r", known: true}, root}, dir: c.dir})
		case "-exec", "-execdir", "-ok", "-okdir":
			var inner []word
			for _, a := range c.args[i+1:] {
				if a.text == ";" || a.text == "+" {
					break
				}
				if a.text == "{}" {
					a = root
				}
				inner = append(inner, a)
			}
			dir := c.dir
			if err := v.command(command{words: inner}, &dir, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// target is the directory that cd goes to; "" when nobody knows.
func (c call) target() string {
	args := skipOptions(c.args, "")
	switch {
	case len(args) == 0:
		return c.facts.Home
	case !args[0].known || args[0].text == "-":
		return ""
	}
	path, _ := c.path(args[0])
	return path
}

// path is where a word points to: the file itself, or a directory that it lies below
// when only a part is known. ok is false when nobody knows.
func (c call) path(w word) (path string, ok bool) {
	text := w.text
	if w.tilde {
		rest, isHome := strings.CutPrefix(text, "~")
		if !isHome || c.facts.Home == "" || rest != "" && rest[0] != '/' {
			return "", false
		}
		text = c.facts.Home + rest
	}
	if !w.known {
		// What follows may go on with the last name.
		text = text[:strings.LastIndexByte(text, '/')+1]
	}
	switch {
	case filepath.IsAbs(text):
		return filepath.Clean(text), true
	case c.dir == "" || text == "" && !w.known && w.text == "":
		return c.dir, false
	}
	return filepath.Join(c.dir, text), true
}

// assigns reports a word that gives a variable a value.
func assigns(w word) bool {
	name, _, found := strings.Cut(w.text, "=")
	if !found || name == "" || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	for i := range len(name) {
		if !nameByte(name[i]) {
			return false
		}
	}
	return true
}

// skipOptions removes the options that a list of words begins with. valued are those
// that take the next word.
func skipOptions(words []word, valued string) []word {
	for len(words) > 0 && strings.HasPrefix(words[0].text, "-") && words[0].text != "-" {
		text := words[0].text
		words = words[1:]
		if text == "--" {
			break
		}
		if len(words) > 0 && slices.Contains(strings.Fields(valued), text) {
			words = words[1:]
		}
	}
	return words
}

func joined(words []word) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.text)
	}
	return b.String()
}
