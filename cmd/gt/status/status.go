// Package status is gt status: a whole Town at a glance.
package status

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/cmd/internal/watch"
	"gastown/town"
	"gastown/town/glance"
	"gastown/town/layout"
)

// traceEnv asks for the duration and the number of SQL queries of each plane on
// standard error: for those who measure.
const traceEnv = "GT_TRACE"

// statusOptions are those of gt status.
type statusOptions struct {
	call  *shell.Call
	watch bool
}

// Commands adds gt status to a program.
func Commands(p *shell.Program) {
	p.Add(p, shell.Command{
		Name: "status", Help: "Show the whole Town: rigs, polecats, queue, merge requests, mail, alerts and federation.",
		Examples: []string{"gt status", "gt status --watch    # until q is pressed", "gt status --json"},
		Planes:   []string{layout.Operational, layout.Ledger, layout.Federation}, Permission: shell.MayReadTown, Repeatable: true, EndlessWith: []string{"watch"},
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &statusOptions{call: call}
			c.Flag("watch", "Show it again whenever it changes, until q is pressed.").Short('w').BoolVar(&o.watch)
			return o.run
		},
	})
}

func (o *statusOptions) run(ctx context.Context) error {
	if o.watch {
		return watch.Run(ctx, o.call, func(ctx context.Context, call *shell.Call) error {
			_, err := look(ctx, call)
			return err
		})
	}
	s, err := look(ctx, o.call)
	if err != nil {
		return err
	}
	return incomplete(s)
}

// look reads the Town and shows it.
func look(ctx context.Context, call *shell.Call) (glance.Snapshot, error) {
	began := time.Now()
	src, err := sources(call)
	if err != nil {
		return glance.Snapshot{}, err
	}
	s, err := glance.Read(ctx, src)
	if err != nil {
		return s, err
	}
	if call.Getenv(traceEnv) != "" {
		for _, plane := range []string{layout.Operational, layout.Ledger} {
			fmt.Fprintf(call.Stderr, "trace queries %s %d\n", plane, s.Queries[plane])
		}
		fmt.Fprintf(call.Stderr, "trace work %d\n", time.Since(began).Microseconds())
	}
	return s, call.Show(s, func(p *term.Printer) { view{s, p}.print() })
}

// incomplete is the error of a status that lacks a part; its text was printed. It is
// town.ErrBusy when waiting would help with all of them.
func incomplete(s glance.Snapshot) error {
	if len(s.Missing) == 0 {
		return nil
	}
	for _, m := range s.Missing {
		if !errors.Is(m.Err, town.ErrBusy) {
			return shell.Shown(nil)
		}
	}
	return shell.Shown(town.ErrBusy)
}
