package change

import (
	"context"
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/settings"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

// prefixOptions are those of bd rename-prefix.
type prefixOptions struct {
	call           *shell.Call
	to, from       string
	dryRun, repair bool
}

// prefixDone is what bd rename-prefix prints.
type prefixDone struct {
	Old    string           `json:"old_prefix,omitempty"`
	New    string           `json:"new_prefix"`
	Count  int              `json:"issues_count"`
	DryRun bool             `json:"dry_run,omitempty"`
	Beads  []ledger.Renamed `json:"renamed"`
}

// RenamePrefix is bd rename-prefix.
func RenamePrefix() shell.Command {
	return shell.Command{
		Name: "rename-prefix", Help: "Give the beads of a prefix ids with another one, also where texts and links name them.",
		Examples: []string{"bd rename-prefix kw --dry-run", "bd rename-prefix kw --from knowledge-work", "bd rename-prefix kw --repair    # all other prefixes"},
		// It reads the texts of all beads.
		Alone:  true,
		Planes: []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, DryWith: []string{"dry-run"}, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &prefixOptions{call: call}
			c.Arg("prefix", "The new prefix.").Required().PlaceHolder("PREFIX").StringVar(&o.to)
			c.Flag("from", "The prefix that goes; bd.prefix by default.").PlaceHolder("PREFIX").StringVar(&o.from)
			c.Flag("repair", "Rename every other prefix.").BoolVar(&o.repair)
			c.Flag("dry-run", "Show what would be renamed, and change nothing.").BoolVar(&o.dryRun)
			return o.run
		},
	}
}

func (o *prefixOptions) run(ctx context.Context) error {
	how := ledger.Renaming{From: strings.TrimSuffix(o.from, "-"), To: strings.TrimSuffix(o.to, "-"), DryRun: o.dryRun}
	op := "rename a prefix to " + town.Clip(how.To, 40)
	if o.repair && how.From != "" {
		return fmt.Errorf("%s: %w: give --from or --repair, not both", op, town.ErrUsage)
	}
	var renamed []ledger.Renamed
	usual := ""
	err := session.Use(ctx, o.call, func(l *session.Ledger) (err error) {
		if usual, _, err = l.Config.Get(settings.BeadPrefix); err != nil {
			return err
		}
		if how.From == "" && !o.repair {
			how.From = usual
		}
		renamed, err = l.RenamePrefix(ctx, how)
		return err
	})
	if err == nil && !o.dryRun && (how.From == usual || o.repair) && usual != how.To {
		err = o.setUsual(ctx, how.To)
	}
	if err != nil {
		return session.Fail(op, err)
	}
	done := prefixDone{Old: how.From, New: how.To, Count: len(renamed), DryRun: o.dryRun, Beads: append([]ledger.Renamed{}, renamed...)}
	return o.call.Changed(done, func(p *term.Printer) {
		verb := "renamed"
		if o.dryRun {
			verb = "would rename"
		}
		const most = 5
		p.Styled(term.Good, "%s %s", verb, term.Plural(len(renamed), "bead", "beads"))
		for _, r := range renamed[:min(len(renamed), most)] {
			p.Line("  %s -> %s", r.Old, r.New)
		}
		if len(renamed) > most {
			p.Line("  and %d more", len(renamed)-most)
		}
	})
}

// setUsual makes the new prefix that of new beads.
func (o *prefixOptions) setUsual(ctx context.Context, prefix string) error {
	t, err := o.call.FindTown()
	if err != nil {
		return err
	}
	_, err = settings.Change(ctx, o.call, t, func(c *config.Config) error { return settings.Set(c, settings.BeadPrefix, prefix) })
	return err
}
