package federation

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/google/uuid"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/federation"
	"gastown/sync/federate"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/instance"
	"gastown/town/layout"
)

// instanceOptions are the options of gt federation instance.
type instanceOptions struct {
	call *shell.Call
	name string
}

// instanceResult says which directory speaks for the Town.
type instanceResult struct {
	Town   string `json:"town"`
	TownID string `json:"town_id"`
	// Instance is this directory's; empty until it exchanges something.
	Instance string    `json:"instance"`
	Since    time.Time `json:"since,omitzero"`
	Path     string    `json:"path"`
	Host     string    `json:"host,omitempty"`
	// Registry is the instance in the Town's entry; empty when it names none.
	Registry string `json:"registry"`
	// Speaks is false when another directory does, which is Other.
	Speaks bool   `json:"speaks"`
	Other  string `json:"other,omitempty"`
	// CopyOf is where this directory was copied from.
	CopyOf string `json:"copy_of,omitempty"`
	// Changed says that the command decided something.
	Changed bool `json:"changed"`
}

func addInstance(p *shell.Program, fed *kingpin.CmdClause) {
	g := fed.Command("instance", "Which directory speaks for this Town, when its identity is in several.").HelpLong(shell.Examples(
		"gt federation instance                            # which one does",
		"gt federation instance continue                   # this one from now on",
		"gt federation instance new --name harbour-2       # this one is another Town"))
	p.Add(g, shell.Command{
		Name: "show", Default: true, Help: "Say whether this directory speaks for the Town, and which one does if not.",
		Examples: []string{"gt federation instance", "gt federation instance show --json"},
		Planes:   []string{layout.Federation}, Permission: shell.MayReadFederation, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action { return (&instanceOptions{call: call}).show },
	})
	p.Add(g, shell.Command{
		Name: "continue", Help: "Let the Town go on in this directory. The other one stops as soon as it asks a remote, and loses nothing.",
		Examples: []string{"gt federation instance continue", "gt federation sync     # publishes it"},
		Planes:   []string{layout.Federation}, Permission: shell.MayWriteFederation, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return (&instanceOptions{call: call}).proceed
		},
	})
	p.Add(g, shell.Command{
		Name: "new", Help: "Make this directory a Town of its own, with another id and name. What it shared as the former Town stays that Town's.",
		Examples: []string{"gt federation instance new --name harbour-2"},
		Planes:   []string{layout.Federation}, Permission: shell.MayAdminTown, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &instanceOptions{call: call}
			c.Flag("name", "What people call the new Town; asked on a terminal.").PlaceHolder("NAME").StringVar(&o.name)
			return o.becomeNew
		},
	})
}

func newInstanceResult(h *target, in federate.Instance) instanceResult {
	out := instanceResult{
		Town: h.Config.Town.Name, TownID: string(h.Config.Town.ID), Path: h.Layout.Root,
		Registry: in.Entry.Instance, Speaks: in.Other == "", Other: in.Other,
	}
	from := in.CopyOf
	if in.Verdict == instance.Copied {
		from = &instance.Origin{Place: in.Place} // it gets its own before it speaks
	} else {
		out.Instance, out.Since, out.Host = in.Instance, in.Since, in.Place.Host
	}
	if from != nil {
		out.CopyOf = from.Place.String()
	}
	return out
}

func (o *instanceOptions) show(ctx context.Context) error {
	h, err := open(o.call)
	if err != nil {
		return err
	}
	in, err := h.engine.Instance(ctx)
	if err != nil {
		return err
	}
	out := newInstanceResult(h, in)
	return o.call.Show(out, out.print)
}

func (o *instanceOptions) proceed(ctx context.Context) error {
	h, err := open(o.call)
	if err != nil {
		return err
	}
	in, err := h.engine.ContinueHere(ctx)
	if err != nil {
		return err
	}
	changed := in.Other != ""
	in.Other = ""
	out := newInstanceResult(h, in)
	out.Changed = changed
	return o.call.Summary(out, func(p *term.Printer) {
		if !changed {
			p.Line("Town %s already goes on in this directory", out.Town)
			return
		}
		p.Styled(term.Good, "Town %s goes on in %s", out.Town, out.Path)
		p.Line("  publish from here with: gt federation sync; after that, the other directory stops when it asks a remote")
	})
}

func (o *instanceOptions) becomeNew(ctx context.Context) error {
	h, err := open(o.call)
	if err != nil {
		return err
	}
	op := "make a Town of its own of " + h.Layout.Root
	if o.name == "" {
		if o.name, err = o.askName(ctx, op); err != nil {
			return err
		}
	}
	if err := config.CheckTownName(o.name); err != nil {
		return town.Fail(op, "choose another --name", "%w: %w", town.ErrUsage, err)
	}
	if err := h.freeName(ctx, op, o.name); err != nil {
		return err
	}
	// The records come first: what this directory knows of them is the former Town's.
	if err := h.engine.StartOver(ctx, h.Remotes()); err != nil {
		return town.Fail(op, town.Next(err), "%w", err)
	}
	former := h.Config.Town.Name
	err = h.Change(ctx, func(c *config.Config) error {
		c.Town = config.Identity{ID: town.ID(uuid.NewString()), Name: o.name}
		return nil
	})
	if err != nil {
		return err
	}
	fresh, err := open(o.call)
	if err != nil {
		return err
	}
	in, err := fresh.engine.Instance(ctx)
	if err != nil {
		return err
	}
	out := newInstanceResult(fresh, in)
	out.Changed = true
	return o.call.Summary(out, func(p *term.Printer) {
		p.Styled(term.Good, "%s is Town %s now (%s)", out.Path, out.Town, out.TownID)
		p.Line("  documents and the ledger stay; what was shared as Town %s stays that Town's", former)
		if len(fresh.Config.Remotes) > 0 {
			p.Line("  enter the registry with: gt federation sync")
		}
	})
}

// askName asks a person for the new Town's name.
func (o *instanceOptions) askName(ctx context.Context, op string) (string, error) {
	if !o.call.CanAsk() {
		return "", town.Fail(op, "name it: gt federation instance new --name NAME", "%w: the new Town needs a name", town.ErrUsage)
	}
	fmt.Fprint(o.call.Stderr, "Name of the new Town: ")
	return term.ReadLine(ctx, o.call.Stdin)
}

// freeName refuses the name of a Town that is in the registry.
func (h *target) freeName(ctx context.Context, op, name string) error {
	return h.engine.Read(ctx, func(s *federation.Store) error {
		members, err := s.Towns(ctx)
		for _, m := range members {
			if m.Name == name {
				return town.Fail(op, "choose another --name; gt federation towns lists those that are taken",
					"%w: a Town of the federation is called %s", town.ErrRefused, name)
			}
		}
		return err
	})
}

func (out instanceResult) print(p *term.Printer) {
	if out.Speaks {
		p.Line("Town %s speaks from this directory, %s", out.Town, out.Path)
		if out.Registry == "" {
			p.Line("  the registry names no instance yet; the next publication does")
		}
	} else {
		p.Styled(term.Bad, "another directory speaks for Town %s (instance %s); nothing is published from here", out.Town, town.Clip(out.Other, 8))
		p.Line("  to let the Town go on here:  gt federation instance continue")
		p.Line("  to make this another Town:   gt federation instance new --name NAME")
	}
	p.Line("  %-10s %s", "instance", cmp.Or(out.Instance, "none yet"))
	if out.CopyOf != "" {
		p.Line("  %-10s %s", "copy of", out.CopyOf)
	}
}
