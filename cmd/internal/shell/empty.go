package shell

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"
)

// textWords are what stands in the help for a value that is a text and not the name of a
// thing. An argument of several words that make one text may have empty ones.
var textWords = []string{"TEXT", "TITLE", "MSG", "EXPRESSION"}

// refuseEmpty refuses arguments that are given and empty, as a script gives them when a
// variable has no value. A command could take one for "not given", which often means
// everything, or for a path, which is then the directory itself. writes says that the call
// may change something. An empty flag is refused only then, because an empty filter of a
// list is no filter. Exceptions are what Command.MayBeEmpty lists, and the texts that a
// command stores.
func (p *Program) refuseEmpty(args []string, c Command, writes bool) error {
	suspect := func(arg string) bool { return empty(arg[strings.LastIndex(arg, "=")+1:]) }
	if !slices.ContainsFunc(args, suspect) {
		return nil // most calls; parsing again takes time
	}
	parsed, err := p.ParseContext(args)
	if err != nil {
		return err
	}
	refused := func(what string) error {
		return UsageError{Err: fmt.Errorf("%s: %s is empty, so nothing was done", p.form(parsed.SelectedCommand), what), Command: p.call.Name}
	}
	var words *kingpin.ArgModel // the argument of several words that make one text
	text := ""
	for _, e := range parsed.Elements {
		if e.Value == nil {
			continue
		}
		switch clause := e.Clause.(type) {
		case *kingpin.FlagClause:
			if m := clause.Model(); writes && empty(*e.Value) && !mayBeEmpty(c, m) {
				return refused("--" + m.Name)
			}
		case *kingpin.ArgClause:
			m := clause.Model()
			isText := slices.Contains(textWords, m.PlaceHolder)
			switch {
			case slices.Contains(c.MayBeEmpty, m.Name):
			case isText && cumulative(m.Value):
				words, text = m, text+*e.Value
			case *e.Value == "", !isText && empty(*e.Value):
				return refused(argumentName(m))
			}
		}
	}
	if words != nil && text == "" {
		return refused(argumentName(words))
	}
	return nil
}

// empty reports whether a value holds nothing. A list of several empty variables is commas.
func empty(value string) bool { return strings.Trim(value, ", ") == "" }

// mayBeEmpty reports whether an empty value of a flag means something.
func mayBeEmpty(c Command, m *kingpin.FlagModel) bool {
	return m.IsBoolFlag() || slices.Contains(c.MayBeEmpty, m.Name) || c.Writes && slices.Contains(textWords, m.PlaceHolder)
}

// form is the command that is running with what it takes besides flags, such as
// bd dep add ID ID.
func (p *Program) form(c *kingpin.CmdClause) string {
	words := []string{p.call.Name}
	for _, a := range c.Model().Args {
		if a.Hidden {
			continue
		}
		word := argumentName(a)
		if cumulative(a.Value) {
			word += "..."
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// cumulative reports whether a flag or an argument is a list.
func cumulative(v kingpin.Value) bool {
	list, ok := v.(interface{ IsCumulative() bool })
	return ok && list.IsCumulative()
}
