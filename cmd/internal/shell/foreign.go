package shell

import (
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/deacon/invocation"
	"gastown/town"
	"gastown/town/access"
)

// pathWords are what stands for a value in the help of flags and arguments that name a path,
// or an address that may be one.
var pathWords = []string{"FILE", "FILE.md", "FILE.json", "DIR", "PATH", "URL"}

// pathNames are flags and arguments of every command that name one, whatever their help shows.
var pathNames = []string{"file", "path", "dir", "url", "repo", "output", "description-file"}

// NamesPath reports whether a flag or argument of a command names a path, by its name and
// what stands for its value in the help.
func NamesPath(c Command, name, placeholder string) bool {
	return name != townFlag && (slices.Contains(pathWords, placeholder) || slices.Contains(pathNames, name) || slices.Contains(c.Paths, name))
}

// townFlag names the Town. Whoever reached its Deacon has named it already.
const townFlag = "town"

// foreign refuses arguments of another user than the Town's owner that would have this
// process look at a path, or write in another's name. It returns the files that the caller's
// front opens.
func (p *Program) foreign(args []string, c Command) (files []invocation.File, err error) {
	if p.call.ActorName != "" {
		return nil, access.Decision{
			Action: c.Permission, Reason: "another user than the Town's owner writes under no other name",
			Next: "leave the flag out: you write under the address that config/access.yaml has for you",
		}.Err("write as " + town.Typed(p.call.ActorName))
	}
	for flag, value := range map[string]string{"the directory": p.call.Directory, "the database": p.call.Database} {
		if value != "" {
			return nil, ForeignPath("use " + flag + " " + town.Typed(value))
		}
	}
	parsed, err := p.ParseContext(args)
	if err != nil {
		return nil, err
	}
	for _, e := range parsed.Elements {
		var name, shown, word string
		switch clause := e.Clause.(type) {
		case *kingpin.FlagClause:
			m := clause.Model()
			name, shown, word = m.Name, "--"+m.Name, m.PlaceHolder
		case *kingpin.ArgClause:
			m := clause.Model()
			name, shown, word = m.Name, m.Name, m.PlaceHolder
		default:
			continue
		}
		if e.Value == nil {
			continue
		}
		if f, ok := passed(c, name, *e.Value); ok {
			if !slices.Contains(files, f) {
				files = append(files, f)
			}
		} else if NamesPath(c, name, word) && !IsStandard(*e.Value) {
			return nil, ForeignPath("use " + shown + " " + town.Typed(*e.Value))
		}
	}
	if !invocation.Passable(files) {
		return nil, town.Fail("open the files that the arguments name", "name fewer files, or shorter paths",
			"%w: at most %d are passed at once", town.ErrUsage, invocation.MaxFiles)
	}
	return files, nil
}

// inText are the flags whose value is a text, or @FILE.
var inText = []string{"metadata"}

// passed returns the file that the front opens for the value of a flag or argument; ok is
// false if it opens none.
func passed(c Command, name, value string) (f invocation.File, ok bool) {
	reads, writes := slices.Contains(c.Reads, name), slices.Contains(c.Rewrites, name)
	if slices.Contains(inText, name) {
		if value, ok = strings.CutPrefix(value, "@"); !ok {
			return f, false
		}
	}
	return invocation.File{Path: value, Write: writes}, (reads || writes) && !IsStandard(value)
}
