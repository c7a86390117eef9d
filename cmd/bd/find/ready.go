package find

import (
	"context"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town/layout"
)

// Ready is bd ready.
func Ready() shell.Command {
	return shell.Command{
		Name: "ready", Help: "List what can be taken up: open, not deferred, waiting for nothing.",
		Examples: []string{"bd ready", "bd ready --claim --json", "bd ready -a none -t bug", "bd ready --mine", "bd ready --sort hybrid --explain"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		WritesWith: []string{"claim"}, WritePermission: shell.MayWriteLedger,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &readyOptions{listOptions: listOptions{call: call, ready: true}}
			o.filters.Limited(ledger.ReadyLimit)
			o.filters.Define(c)
			o.filters.DefineReady(c)
			o.fieldsFlag(c)
			c.Flag("claim", "Take up the first one: assigned to you and in progress. No two get the same.").BoolVar(&o.claim)
			c.Flag("mine", "Only beads that are assigned to you.").BoolVar(&o.mine)
			c.Flag("rig", "Only beads of a rig: ids that begin with its prefix.").PlaceHolder("RIG").StringVar(&o.rig)
			c.Flag("plain", "Without effect: a line for each bead is what is usual.").Hidden().Bool()
			c.Flag("explain", "Tell of each bead what it waited for, and what else waits and why.").BoolVar(&o.explain)
			c.Flag("gated", "Only beads that waited for a gate which is closed now.").BoolVar(&o.gated)
			return o.act
		},
	}
}

// Blocked is bd blocked.
func Blocked() shell.Command {
	return shell.Command{
		Name: "blocked", Help: "List what waits, and for what.",
		Examples: []string{"bd blocked", "bd blocked --json", "bd blocked -a ada"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &blockedOptions{call: call}
			o.filters.Limited(0)
			o.filters.Define(c)
			return o.run
		},
	}
}

// blockedOptions are those of bd blocked.
type blockedOptions struct {
	call    *shell.Call
	filters flags.Filters
}

func (o *blockedOptions) run(ctx context.Context) error {
	const op = "list what is blocked"
	f, err := o.filters.Build(o.call.Now(), true)
	if err != nil {
		return session.Fail(op, err)
	}
	limit := f.Limit
	if limit > 0 {
		f.Limit++ // to know whether there are more
	}
	list := []ledger.Waiting{}
	err = session.Read(ctx, o.call, func(r session.Reader) error {
		f, err := session.FullFilter(ctx, r, f)
		if err != nil {
			return err
		}
		got, err := r.Blocked(ctx, f)
		list = append(list, got...)
		return err
	})
	if err != nil {
		return session.Fail(op, err)
	}
	if limit > 0 && len(list) > limit {
		list = list[:limit]
		more(o.call, limit)
	}
	return o.call.Show(list, func(p *term.Printer) {
		for _, w := range list {
			view.Bead(p, "", w.Bead, "")
			why := "its parent waits"
			if len(w.BlockedBy) > 0 {
				why = "waits for " + strings.Join(w.BlockedBy, ", ")
			}
			p.Styled(term.Dim, "%s", p.Fit("    "+why))
		}
		if !o.call.Quiet {
			p.Styled(term.Dim, "%s", term.Plural(len(list), "bead waits", "beads wait"))
		}
	})
}
