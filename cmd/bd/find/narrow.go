package find

import (
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town/layout"
)

// narrowed is a command that lists what a fixed filter selects, with the flags of
// bd list. It adds fixed to the filter that the flags make.
func narrowed(name, help string, examples []string, fixed ledger.Filter) shell.Command {
	return shell.Command{
		Name: name, Default: true, Help: help, Examples: examples,
		Planes: []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &listOptions{call: call}
			o.filters.Define(c)
			c.Flag("all", "Closed ones too.").BoolVar(&o.filters.All)
			o.printFlags(c)
			o.narrow = func(f *ledger.Filter, _ time.Time) { f.All = append(f.All, fixed) }
			return o.run
		},
	}
}
