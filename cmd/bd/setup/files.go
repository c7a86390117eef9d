package setup

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"gastown/cmd/internal/shell"
	"gastown/town/agenthooks"
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

// maxFile bounds a file that bd setup reads.
const maxFile = 1 << 20

// cursorHead begins a rule of Cursor that holds in every session.
const cursorHead = "---\ndescription: How work is tracked in this project\nalwaysApply: true\n---\n\n"

// project is the directory whose files are written.
type project struct {
	dir  string
	call *shell.Call
}

// edit is a file as it is and as it will be.
type edit struct {
	change
	path          string // with links followed
	before, after string
	remove        bool
	err           error // why it is left alone
}

func (e *edit) changes() bool { return e.Changed }

// edits are what an agent's files need.
func (d project) edits(a agent, remove bool) []edit {
	all := []edit{d.textEdit(a, remove)}
	if a.hook != "" {
		all = append(all, d.hookEdit(a, remove))
	}
	for i := range all {
		e := &all[i]
		if e.err != nil {
			continue
		}
		e.remove = e.after == "" && e.before != ""
		e.Changed = e.after != e.before
	}
	return all
}

func (d project) textEdit(a agent, remove bool) edit {
	e := d.open(a.text)
	if e.err != nil {
		return e
	}
	s, err := parseSection(e.before)
	if err != nil {
		e.State, e.err = broken, err
		return e
	}
	e.State = s.state(a.name)
	switch {
	case e.State == changed:
		e.err = fault("somebody changed the section of bd setup")
	case remove && (e.State == current || e.State == stale):
		e.after = s.without(a.name)
		if strings.TrimSpace(e.after) == strings.TrimSpace(cursorHead) {
			e.after = ""
		}
	case !remove && e.State != current:
		if e.before == "" && strings.HasSuffix(a.text, ".mdc") {
			s.before, s.found = cursorHead, true
		}
		e.after = s.with(a.name)
	}
	return e
}

func (d project) hookEdit(a agent, remove bool) edit {
	e := d.open(a.hook)
	if e.err != nil {
		return e
	}
	s, err := agenthooks.ParseSettings(e.before)
	set := false
	if err == nil {
		set, err = s.Runs(hookEvent, hookPrefix)
	}
	if err != nil {
		e.State, e.err = broken, err
		return e
	}
	e.State = absent
	if set {
		e.State = current
	}
	changes := !remove && !set
	if remove {
		changes, e.err = s.Drop(hookEvent, hookCommand)
	} else if changes {
		e.err = s.Add(hookEvent, "", hookCommand)
	}
	if changes && e.err == nil {
		e.after, e.err = s.Text()
	}
	return e
}

// open reads a file of the project. A file that is not there is empty. A path that
// leads out of the project is refused, as is a file that is not short UTF-8 text.
func (d project) open(name string) edit {
	e := edit{change: change{Path: name, State: broken}, path: filepath.Join(d.dir, name)}
	real, err := resolve(e.path)
	if err != nil {
		e.err = err
		return e
	}
	if rel, err := filepath.Rel(d.dir, real); err != nil || !filepath.IsLocal(rel) {
		e.err = fault("it is a link out of the project, to %s", real)
		return e
	}
	e.path = real
	switch info, err := os.Stat(real); {
	case errors.Is(err, fs.ErrNotExist):
		e.State = absent
		return e
	case err != nil:
		e.err = err
		return e
	case !info.Mode().IsRegular():
		e.err = fault("it is not a regular file (mode %s)", info.Mode())
		return e
	case info.Size() > maxFile:
		e.err = fault("it has more than %d bytes", maxFile)
		return e
	}
	text, err := os.ReadFile(real)
	switch {
	case err != nil:
		e.err = err
	case !utf8.Valid(text):
		e.err = fault("it is not UTF-8")
	}
	e.before, e.after = string(text), string(text)
	return e
}

// resolve follows the links of a path whose last parts may be missing.
func resolve(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return real, err
	}
	if _, err := os.Lstat(path); err == nil {
		return "", fault("it is a link to a file that does not exist")
	}
	above, err := resolve(filepath.Dir(path))
	return filepath.Join(above, filepath.Base(path)), err
}

// write makes a file what it should be.
func (d project) write(e *edit) error {
	switch {
	case !e.Changed:
		return nil
	case e.remove:
		err := os.Remove(e.path)
		for dir := filepath.Dir(e.path); err == nil && dir != d.dir; dir = filepath.Dir(dir) {
			if os.Remove(dir) != nil {
				break // something else is in it
			}
		}
		return err
	}
	if err := d.makeDir(filepath.Dir(e.path)); err != nil {
		return err
	}
	err := d.call.WriteFile(e.path, func(w io.Writer) error {
		_, err := io.WriteString(w, e.after)
		return err
	})
	if err == nil {
		e.State = current
	}
	return err
}

// makeDir makes a directory with the permissions that the caller's own programs
// would give it.
func (d project) makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil || dir == d.dir {
		return err
	}
	if err := d.makeDir(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return os.Chmod(dir, 0o777&^d.call.Umask)
}
