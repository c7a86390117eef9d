package shell

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/alecthomas/kingpin/v2"
)

// textWords are what stands in the help for a value that is a text and not the name of a
// thing. An argument of several words that make one text may have empty ones.
var textWords = []string{"TEXT", "TITLE", "MSG", "EXPRESSION"}

// refuseEmpty refuses arguments that are given and empty, as a script gives them when a
// variable has no value. A command could take such an argument for "not given", which often
// means everything; an empty path would be the working directory. writes says that the call
// may change something. An empty flag is refused only then, because an empty filter of a
// list is no filter. So is a list with an empty word then, because it asks for less than was
// meant. Exceptions are what Command.MayBeEmpty lists, and the texts that a command stores.
func (p *Program) refuseEmpty(args []string, c Command, writes bool) error {
	suspect := func(arg string) bool {
		_, value, given := strings.Cut(arg, "=")
		return EmptyWord(arg) || given && EmptyWord(value)
	}
	if !slices.ContainsFunc(args, suspect) {
		return nil // most calls; parsing again takes time
	}
	parsed, err := p.ParseContext(args)
	if err != nil {
		return err
	}
	refused := func(what string) error {
		return UsageError{Err: fmt.Errorf("%s: %s, so nothing was done", p.form(parsed.SelectedCommand), what), Command: p.call.Name}
	}
	var words *kingpin.ArgModel // the argument of several words that make one text
	text := ""
	for _, e := range parsed.Elements {
		if e.Value == nil {
			continue
		}
		switch clause := e.Clause.(type) {
		case *kingpin.FlagClause:
			m := clause.Model()
			switch {
			case !writes:
			case !empty(*e.Value) && isList(m) && EmptyWord(*e.Value):
				return refused("--" + m.Name + " has an empty word")
			case empty(*e.Value) && !mayBeEmpty(c, m):
				return refused("--" + m.Name + " is empty")
			}
		case *kingpin.ArgClause:
			m := clause.Model()
			isText := slices.Contains(textWords, m.PlaceHolder)
			switch {
			case slices.Contains(c.MayBeEmpty, m.Name):
			case isText && cumulative(m.Value):
				words, text = m, text+*e.Value
			case *e.Value == "", !isText && empty(*e.Value):
				return refused(argumentName(m) + " is empty")
			}
		}
	}
	if words != nil && text == "" {
		return refused(argumentName(words) + " is empty")
	}
	return nil
}

// empty reports whether a value holds nothing but commas and white space: "$A,$B" without
// values is ",".
func empty(value string) bool {
	return strings.TrimFunc(value, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) == ""
}

// isList reports whether a value of a flag is a list of words, as its help shows: ID,...
func isList(m *kingpin.FlagModel) bool { return strings.Contains(m.PlaceHolder, ",.") }

// EmptyWord reports whether a word of comma-separated lists is empty, as in "public,$TEAM"
// when TEAM has no value.
func EmptyWord(lists ...string) bool {
	for _, l := range lists {
		for word := range strings.SplitSeq(l, ",") {
			if strings.TrimSpace(word) == "" {
				return true
			}
		}
	}
	return false
}

// mayBeEmpty reports whether a flag may be empty. A command that always writes stores its
// texts; in one that writes only with a flag, a text is a filter.
func mayBeEmpty(c Command, m *kingpin.FlagModel) bool {
	return m.IsBoolFlag() || slices.Contains(c.MayBeEmpty, m.Name) || c.Writes && slices.Contains(textWords, m.PlaceHolder)
}

// form is the running command with its arguments, such as bd dep add ID ID.
func (p *Program) form(c *kingpin.CmdClause) string {
	words := []string{p.call.Name}
	for _, a := range c.Model().Args {
		if !a.Hidden {
			words = append(words, argumentForm(a))
		}
	}
	return strings.Join(words, " ")
}

// cumulative reports whether a flag or an argument is a list.
func cumulative(v kingpin.Value) bool {
	list, ok := v.(interface{ IsCumulative() bool })
	return ok && list.IsCumulative()
}
