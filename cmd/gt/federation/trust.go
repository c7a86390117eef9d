package federation

import (
	"cmp"
	"context"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/sync/sign"
	"gastown/town"
	"gastown/town/layout"
)

// trustOptions are the options of gt federation trust and distrust.
type trustOptions struct {
	call        *shell.Call
	trusted     bool
	town        string
	fingerprint string
}

func trustCommand() shell.Command {
	return shell.Command{
		Name: "trust", Help: "Let what a Town signs come into force here, and pin its key.",
		Examples: []string{
			"gt federation trust beta                    # with the key that gt federation towns shows",
			"gt federation trust beta --fingerprint c07d-18a9-440b-e1f2-9035",
		},
		Planes: []string{layout.Federation}, Permission: shell.MayWriteFederation, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &trustOptions{call: call, trusted: true}
			c.Flag("fingerprint", "The fingerprint of a key that must be among the Town's keys (default: its present key).").
				PlaceHolder("FINGERPRINT").StringVar(&o.fingerprint)
			return o.define(c)
		},
	}
}

func distrustCommand() shell.Command {
	return shell.Command{
		Name: "distrust", Help: "Let nothing that a Town signs from now on come into force here by itself.",
		Examples: []string{"gt federation distrust beta    # what it writes waits for a review, see federation.unsigned"},
		Planes:   []string{layout.Federation}, Permission: shell.MayWriteFederation, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			return (&trustOptions{call: call}).define(c)
		},
	}
}

func (o *trustOptions) define(c *kingpin.CmdClause) shell.Action {
	names := &townsOptions{call: o.call}
	c.Arg("town", "A Town, by name or id.").Required().PlaceHolder("TOWN").HintAction(names.hint(false)).StringVar(&o.town)
	return o.run
}

func (o *trustOptions) run(ctx context.Context) error {
	h, err := open(o.call)
	if err != nil {
		return err
	}
	op := "trust Town " + town.Clip(o.town, 64)
	if !o.trusted {
		op = "dis" + op
	}
	if o.fingerprint != "" && !sign.IsFingerprint(o.fingerprint) {
		return town.Fail(op, "gt federation towns shows fingerprints", "%w: %s is not a fingerprint", town.ErrUsage, town.Typed(o.fingerprint))
	}
	all, err := h.members(ctx)
	if err != nil {
		return err
	}
	m, err := named(op, all, o.town)
	if err != nil {
		return err
	}
	if m.Self {
		return town.Fail(op, "gt federation key shows its key", "%w: it is this Town", town.ErrRefused)
	}
	d := host.Trusted{Name: m.Name, Trusted: o.trusted}
	if d.Fingerprint = o.fingerprint; d.Fingerprint == "" && m.Fingerprint != sign.Revoked.Fingerprint() {
		d.Fingerprint = m.Fingerprint
	}
	if err := h.ChangeTrust(ctx, func(t host.Trust) { t[m.ID] = d }); err != nil {
		return err
	}
	m.Trusted, m.Pinned = d.Trusted, d.Fingerprint
	return o.call.Summary(m, func(p *term.Printer) {
		switch {
		case !o.trusted:
			p.Line("Town %s (%s) is not trusted here: what it signs from now on does not come into force by itself", m.Name, m.ID)
		case d.Fingerprint == "" && m.Fingerprint != "":
			p.Line("Town %s (%s) is trusted here; it has revoked its keys and signs nothing more", m.Name, m.ID)
		case d.Fingerprint == "":
			p.Line("Town %s (%s) is trusted here; it has no key yet", m.Name, m.ID)
		default:
			p.Line("Town %s (%s) is trusted here, with the key %s", m.Name, m.ID, d.Fingerprint)
			if d.Fingerprint != m.Fingerprint {
				p.Line("  its present key is %s: what it signs counts only while the other one is among its keys", cmp.Or(m.Fingerprint, "none"))
			}
		}
	})
}
