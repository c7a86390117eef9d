package federation

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/sync/federate"
	"gastown/town"
	"gastown/town/layout"
)

// keyOptions are the options of gt federation key.
type keyOptions struct {
	call                *shell.Call
	rotate, revoke, yes bool
}

func keyCommand() shell.Command {
	return shell.Command{
		Name: "key", Help: "Show the key that this Town signs with, or change it.",
		Examples: []string{
			"gt federation key", "gt federation key --rotate          # a new one, signed by the present one",
			"gt federation key --revoke --yes    # the key was stolen: this Town signs nothing more",
		},
		Planes: []string{layout.Federation}, Permission: shell.MayReadFederation, Repeatable: true,
		WritesWith: []string{"rotate", "revoke"}, WritePermission: shell.MayWriteFederation,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &keyOptions{call: call}
			c.Flag("rotate", "Make a new key, which the present one signs.").BoolVar(&o.rotate)
			c.Flag("revoke", "End this Town's keys for good. It goes on only as another Town.").BoolVar(&o.revoke)
			c.Flag("yes", "Do not ask, with --revoke.").Short('y').BoolVar(&o.yes)
			return o.run
		},
	}
}

func (o *keyOptions) run(ctx context.Context) error {
	h, err := open(o.call)
	if err != nil {
		return err
	}
	var out federate.Key
	switch {
	case o.rotate && o.revoke:
		return town.Fail("change the key", "give one of the two", "%w: --rotate and --revoke exclude each other", town.ErrUsage)
	case o.rotate:
		out, err = h.engine.RotateKey(ctx)
	case o.revoke && !o.yes:
		return town.Fail("revoke the keys of this Town", "gt federation key --revoke --yes",
			"%w: this Town would sign nothing more, and go on only as another Town; to replace a key use --rotate", town.ErrRefused)
	case o.revoke:
		out, err = h.engine.RevokeKey(ctx)
	default:
		out, err = h.engine.Key(ctx)
	}
	if err != nil {
		return err
	}
	return o.call.Show(out, func(p *term.Printer) {
		p.Line("%s", out.Fingerprint)
		switch {
		case out.Revoked:
			p.Line("  revoked: this Town signs nothing more; gt federation push tells the other Towns")
		case o.rotate:
			p.Line("  key %d of this Town; gt federation push tells the other Towns", out.Number)
		}
	})
}
