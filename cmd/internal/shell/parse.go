package shell

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/alecthomas/kingpin/v2"
)

// errEnded ends the parsing when the parser itself has answered.
var errEnded = errors.New("nothing more to do")

// VersionFlag makes --version print one line and end the run with the exit code
// *ended. The parser's own flag continues, and then fails because no command is
// named.
func VersionFlag(p *kingpin.Application, line string, stdout io.Writer, ended *int) {
	p.Flag("version", "Print the version.").Short('V').PreAction(func(*kingpin.ParseContext) error {
		if *ended < 0 {
			*ended = 0
			if _, err := fmt.Fprintln(stdout, line); err != nil {
				*ended = ExitFailed
			}
		}
		return errEnded
	}).Bool()
}

// noChoice matches the parser's error for a value that is not among a flag's choices.
var noChoice = regexp.MustCompile(`(?s)^enum value must be one of (.*?), got '(.*)'$`)

// Misused is the message for arguments that the parser refused with err. If err
// only describes a value, the message also names the flag.
func Misused(p *kingpin.Application, args []string, err error) UsageError {
	if m := noChoice.FindStringSubmatch(err.Error()); m != nil {
		err = fmt.Errorf("%q is not one of %s", m[2], strings.ReplaceAll(m[1], ",", ", "))
	}
	if err.Error() == "unexpected " { // the argument itself, which is empty
		err = errors.New(`unexpected "": one argument too many`)
	}
	out := UsageError{Err: err, Command: Meant(p, args)}
	parsed, _ := p.ParseContext(args)
	if parsed == nil || strings.Contains(err.Error(), "--") {
		return out
	}
	for _, e := range parsed.Elements {
		flag, ok := e.Clause.(*kingpin.FlagClause)
		if ok && e.Value != nil && strings.Contains(err.Error(), strconv.Quote(*e.Value)) {
			out.Err = fmt.Errorf("--%s: %w", flag.Model().Name, err)
		}
	}
	return out
}

// given are the names of the parsed flags, other than those that are set to false, and
// of the parsed arguments.
func (p *Program) given(args []string) map[string]bool {
	names := map[string]bool{}
	parsed, err := p.ParseContext(args)
	if err != nil {
		return names
	}
	for _, e := range parsed.Elements {
		switch c := e.Clause.(type) {
		case *kingpin.FlagClause:
			if m := c.Model(); !(m.IsBoolFlag() && *e.Value == "false") {
				names[m.Name] = true
			}
		case *kingpin.ArgClause:
			names[c.Model().Name] = true
		}
	}
	return names
}
