package shell

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/alecthomas/kingpin/v2"
)

// errEnded ends a parse that was the whole run.
var errEnded = errors.New("nothing more to do")

// VersionFlag makes --version print one line and end the run; ended becomes its
// exit code. The parser's own goes on, and then misses a command.
func VersionFlag(p *kingpin.Application, line string, stdout io.Writer, ended *int) {
	p.Flag("version", "Print the version.").PreAction(func(*kingpin.ParseContext) error {
		if *ended < 0 {
			*ended = 0
			if _, err := fmt.Fprintln(stdout, line); err != nil {
				*ended = ExitFailed
			}
		}
		return errEnded
	}).Bool()
}

// Misused is what to tell of arguments the parser refused with err. Where that
// only says what is wrong with a value, it names the flag.
func Misused(p *kingpin.Application, args []string, err error) UsageError {
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
