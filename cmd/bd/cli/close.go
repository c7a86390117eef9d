package cli

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/town"
)

// closeOptions are those of bd close and bd reopen.
type closeOptions struct {
	call   *shell.Call
	ids    []string
	reason string
}

func closeCommand() shell.Command {
	return shell.Command{
		Name: "close", Alias: "done", Help: "Close beads, all or none.",
		Examples: []string{"bd close gt-a3f8x", `bd close gt-a3f8x gt-b7151 --reason "merged in 4f2a"`, "bd close gt-a3f8x --json"},
		Planes:   ledgerPlane, Permission: canWrite, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &closeOptions{call: call}
			c.Arg("id", "Ids; a unique beginning is enough.").Required().PlaceHolder("ID").StringsVar(&o.ids)
			c.Flag("reason", "Why.").Short('r').PlaceHolder("TEXT").StringVar(&o.reason)
			return o.close
		},
	}
}

func reopenCommand() shell.Command {
	return shell.Command{
		Name: "reopen", Help: "Open closed beads again, all or none; others stay as they are.",
		Examples: []string{"bd reopen gt-a3f8x", `bd reopen gt-a3f8x --reason "fails again on 32 bit"`},
		Planes:   ledgerPlane, Permission: canWrite, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &closeOptions{call: call}
			c.Arg("id", "Ids; a unique beginning is enough.").Required().PlaceHolder("ID").StringsVar(&o.ids)
			c.Flag("reason", "Why; stored as a comment.").Short('r').PlaceHolder("TEXT").StringVar(&o.reason)
			return o.reopen
		},
	}
}

func (o *closeOptions) close(ctx context.Context) error {
	return o.move(ctx, "close", "closed", func(d *desk, ids []string) ([]town.Bead, error) {
		return d.CloseBeads(ctx, ids, o.reason)
	})
}

func (o *closeOptions) reopen(ctx context.Context) error {
	return o.move(ctx, "reopen", "opened again", func(d *desk, ids []string) ([]town.Bead, error) {
		if o.reason != "" {
			return d.ReopenBecause(ctx, ids, o.reason)
		}
		return d.Reopen(ctx, ids)
	})
}

func (o *closeOptions) move(ctx context.Context, verb, done string, fn func(*desk, []string) ([]town.Bead, error)) error {
	var list []town.Bead
	err := with(ctx, o.call, func(d *desk) error {
		return d.full(ctx, o.ids, func(ids []string) (err error) {
			list, err = fn(d, ids)
			return err
		})
	})
	if err != nil {
		return failed(verb+" "+some(o.ids), err)
	}
	return changed(o.call, done, list)
}
