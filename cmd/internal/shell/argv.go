package shell

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/kingpin/v2"

	"gastown/town"
)

// argv reads arguments the way people and programs write them, with the program's
// own description of its flags, and writes them the one way the parser understands:
// the command, each flag as --name=value, and after -- every other argument.
//
//   - A flag's value may begin with a dash, also as an argument of its own, unless it
//     is itself the name of a flag.
//   - A flag without a value may have one: --all=false.
//   - An argument that cannot be a flag is a text: "- point", "-5", "-- so".
//   - Of a flag that is given several times the last one counts, unless it is a list.
type argv struct {
	program *Program
	group   commands
	// path are the names of the command so far, flags those that it knows.
	path  []string
	flags map[string]*kingpin.FlagModel
	short map[rune]*kingpin.FlagModel
	// below are the commands of the group; none when the command is complete, so that
	// what follows are its arguments.
	below []*kingpin.CmdModel
	// chosen are the flags in their order, texts the arguments that are none.
	chosen []chosenFlag
	texts  []string
}

// commands is the program or a group of commands.
type commands interface {
	GetCommand(name string) *kingpin.CmdClause
}

type chosenFlag struct{ name, arg string }

// normal returns the arguments in the parser's one form.
func (p *Program) normal(args []string) ([]string, error) {
	_, _ = p.ParseContext(nil) // makes the parser know its aliases; Parse reports what is wrong
	model := p.Model()
	a := &argv{program: p, group: p.Application, below: model.Commands, flags: map[string]*kingpin.FlagModel{}, short: map[rune]*kingpin.FlagModel{}}
	a.learn(model.Flags)
	if err := a.read(args); err != nil {
		return nil, UsageError{Err: err, Command: strings.Join(append([]string{p.Name}, a.path...), " ")}
	}
	out := slices.Clone(a.path)
	for _, f := range a.chosen {
		out = append(out, f.arg)
	}
	if len(a.texts) > 0 {
		out = append(append(out, "--"), a.texts...)
	}
	return out, nil
}

func (a *argv) learn(flags []*kingpin.FlagModel) {
	for _, f := range flags {
		a.flags[f.Name] = f
		if f.Short != 0 {
			a.short[f.Short] = f
		}
	}
}

func (a *argv) read(args []string) error {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			for _, text := range args[i+1:] {
				if err := a.text(text); err != nil {
					return err
				}
			}
			return nil
		case !a.isFlag(arg):
			if err := a.text(arg); err != nil {
				return err
			}
		default:
			took, err := a.flag(arg, args[i+1:])
			if err != nil {
				return err
			}
			if took {
				i++
			}
		}
	}
	return nil
}

// isFlag reports whether an argument has the form of a flag.
func (a *argv) isFlag(arg string) bool {
	if long, ok := strings.CutPrefix(arg, "--"); ok {
		name, _, _ := strings.Cut(long, "=")
		first, _ := utf8.DecodeRuneInString(name)
		return unicode.IsLetter(first) && !strings.ContainsFunc(name, unicode.IsSpace)
	}
	rest, ok := strings.CutPrefix(arg, "-")
	if !ok || rest == "" {
		return false
	}
	first, size := utf8.DecodeRuneInString(rest)
	second, _ := utf8.DecodeRuneInString(rest[size:])
	return unicode.IsLetter(first) && !unicode.IsSpace(second)
}

// flag reads one flag, or several short ones. took says that it used the next
// argument.
func (a *argv) flag(arg string, next []string) (took bool, err error) {
	long, ok := strings.CutPrefix(arg, "--")
	if !ok {
		return a.shortFlags(arg[1:], next)
	}
	name, value, valued := strings.Cut(long, "=")
	f, inverted := a.find(name)
	if f == nil {
		if takes, known := a.program.call.traits.Ignored[name]; known {
			return takes && !valued && len(next) > 0, nil
		}
		if a.fallBack() {
			return a.flag(arg, next)
		}
		return false, a.unknownFlag("--" + name)
	}
	if f.IsBoolFlag() {
		return false, a.chooseBool(f, inverted, value, valued)
	}
	return a.choose(f, "--"+name, value, valued, next)
}

// find finds a flag by its name, or, inverted, by its name after no-.
func (a *argv) find(name string) (f *kingpin.FlagModel, inverted bool) {
	if f = a.flags[name]; f != nil {
		return f, false
	}
	rest, ok := strings.CutPrefix(name, "no-")
	if f = a.flags[rest]; !ok || f == nil || !f.IsBoolFlag() {
		return nil, false
	}
	return f, true
}

// shortFlags reads the letters after one dash. The last of them may have a value.
func (a *argv) shortFlags(letters string, next []string) (took bool, err error) {
	for letters != "" {
		letter, size := utf8.DecodeRuneInString(letters)
		f := a.short[letter]
		if f == nil {
			if a.fallBack() {
				continue
			}
			return false, a.unknownFlag("-" + string(letter))
		}
		letters = letters[size:]
		value, valued := strings.CutPrefix(letters, "=")
		if !f.IsBoolFlag() {
			return a.choose(f, "-"+string(letter), value, valued || letters != "", next)
		}
		if valued {
			return false, a.chooseBool(f, false, value, true)
		}
		if err := a.chooseBool(f, false, "", false); err != nil {
			return false, err
		}
	}
	return false, nil
}

func (a *argv) chooseBool(f *kingpin.FlagModel, inverted bool, value string, valued bool) error {
	set := true
	if valued {
		var err error
		if set, err = strconv.ParseBool(value); err != nil {
			return fmt.Errorf("--%s: %q is neither true nor false", f.Name, town.Clip(value, 40))
		}
	}
	if set == inverted {
		a.add(f, "--no-"+f.Name)
	} else {
		a.add(f, "--"+f.Name)
	}
	return nil
}

// choose takes the value of a flag that needs one. written is the flag as the caller
// wrote it.
func (a *argv) choose(f *kingpin.FlagModel, written, value string, valued bool, next []string) (took bool, err error) {
	if !valued {
		switch {
		case len(next) == 0 || next[0] == "--":
			return false, fmt.Errorf("%s needs a value", written)
		case a.names(next[0]):
			return false, fmt.Errorf("%s needs a value, and %s is a flag; if it is the value, write %s=%s",
				written, town.Clip(next[0], 40), written, town.Clip(next[0], 40))
		}
		value, took = next[0], true
	}
	a.add(f, "--"+f.Name+"="+value)
	return took, nil
}

// names reports whether an argument is a flag of this command and nothing else. After a
// flag that needs a value, such an argument is more often the next flag than the value.
func (a *argv) names(arg string) bool {
	if long, ok := strings.CutPrefix(arg, "--"); ok {
		name, _, _ := strings.Cut(long, "=")
		f, _ := a.find(name)
		_, ignored := a.program.call.traits.Ignored[name]
		return f != nil || ignored
	}
	letter, size := utf8.DecodeRuneInString(strings.TrimPrefix(arg, "-"))
	return strings.HasPrefix(arg, "-") && len(arg) == 1+size && a.short[letter] != nil
}

// add adds a flag. A former value is replaced unless the flag is a list.
func (a *argv) add(f *kingpin.FlagModel, arg string) {
	if !cumulative(f.Value) {
		a.chosen = slices.DeleteFunc(a.chosen, func(c chosenFlag) bool { return c.name == f.Name })
	}
	a.chosen = append(a.chosen, chosenFlag{f.Name, arg})
}

// text reads an argument that is no flag: the name of a command, or one of the
// command's arguments.
func (a *argv) text(text string) error {
	for len(a.below) > 0 {
		if c := a.group.GetCommand(text); c != nil {
			a.enter(text, c)
			return nil
		}
		if c := a.usual(); c != nil && len(c.Args) == 0 && len(c.Commands) == 0 || !a.fallBack() {
			return a.unknownCommand(text)
		}
	}
	a.texts = append(a.texts, text)
	return nil
}

// enter goes on with a command.
func (a *argv) enter(name string, c *kingpin.CmdClause) {
	model := c.Model()
	a.path, a.group, a.below = append(a.path, name), c, model.Commands
	a.learn(model.Flags)
}

// fallBack enters the command that a group runs when none is named. It reports false
// when there is none, and when help was asked for, which is about the group.
func (a *argv) fallBack() bool {
	asked := func(f chosenFlag) bool { return f.name == "help" }
	if slices.ContainsFunc(a.chosen, asked) {
		return false
	}
	c := a.usual()
	if c == nil {
		return false
	}
	a.enter(c.Name, a.group.GetCommand(c.Name))
	return true
}

// usual is the command that a group runs when none is named; nil for none.
func (a *argv) usual() *kingpin.CmdModel {
	i := slices.IndexFunc(a.below, func(c *kingpin.CmdModel) bool { return c.Default })
	if i < 0 {
		return nil
	}
	return a.below[i]
}

func (a *argv) unknownCommand(name string) error {
	var known []string
	for _, c := range a.below {
		if !c.Hidden {
			known = append(append(known, c.Name), c.Aliases...)
		}
	}
	return fmt.Errorf("no such command: %q%s", town.Clip(name, 64), nearest(name, known, ""))
}

func (a *argv) unknownFlag(written string) error {
	var known []string
	for name, f := range a.flags {
		if !f.Hidden {
			known = append(known, name)
		}
	}
	hint := ""
	if long, ok := strings.CutPrefix(written, "--"); ok {
		hint = nearest(long, known, "--")
	}
	return fmt.Errorf("no such flag: %s%s", town.Clip(written, 64), hint)
}

// nearest is the end of a message that suggests a known word for a misspelt one; "" for
// no suggestion.
func nearest(word string, known []string, before string) string {
	slices.Sort(known)
	found := town.Nearest(strings.ToLower(word), slices.Compact(known), 1)
	if len(found) == 0 {
		return ""
	}
	return "; nearest: " + before + found[0]
}
