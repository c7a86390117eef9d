// Package convoy is the command group gt convoy: sets of beads that are followed
// together until they land.
package convoy

import (
	"context"
	"errors"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/planes/exchange"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/convoy"
	"gastown/town/layout"
)

// options are the options of the group.
type options struct {
	call   *shell.Call
	name   string
	ids    []string
	notify []string
	all    bool
	stuck  bool
	reason string
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("convoy", "Sets of beads, of one rig or several, that are followed together until they land.").HelpLong(shell.Examples(
		`gt convoy create "New login" web-a1 web-b2 api-c3`, "gt sling cv-8x2k4", "gt convoy status cv-8x2k4", "gt convoy list"))
	add := func(c shell.Command, define func(o *options, c *kingpin.CmdClause) shell.Action) {
		c.Planes, c.Repeatable = []string{layout.Ledger, layout.Operational}, true
		c.Define = func(call *shell.Call, clause *kingpin.CmdClause) shell.Action {
			return define(&options{call: call}, clause)
		}
		p.Add(g, c)
	}
	beads := func(o *options, c *kingpin.CmdClause) {
		c.Arg("convoy", "Its id or its name.").Required().StringVar(&o.name)
		c.Arg("bead", "Beads; TOWN/ID is one that another Town shares.").Required().StringsVar(&o.ids)
	}
	add(shell.Command{
		Name: "create", Help: "Make a convoy. You are told by mail when all of its beads are closed.", Permission: shell.MayWriteConvoy, Writes: true,
		Examples: []string{`gt convoy create "New login" web-a1 web-b2 api-c3`, `gt convoy create "New login" web-a1 beta/gt-a3f8x --notify mayor/ --notify human`},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("name", "Its name.").Required().StringVar(&o.name)
		c.Arg("bead", "Its beads; TOWN/ID is one that another Town shares.").StringsVar(&o.ids)
		c.Flag("notify", "Who is told when it lands, as gt mail send takes it (default: you). May be repeated.").PlaceHolder("ADDRESS").StringsVar(&o.notify)
		return o.create
	})
	add(shell.Command{
		Name: "list", Help: "List convoys with their progress.", Permission: shell.MayReadConvoy,
		Examples: []string{"gt convoy list", "gt convoy list --stranded", "gt convoy list --all --json"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Flag("all", "Those that are closed, too.").BoolVar(&o.all)
		c.Flag("stranded", "Only those on which nobody works.").BoolVar(&o.stuck)
		return o.list
	})
	add(shell.Command{
		Name: "stranded", Help: "List the convoys on which nobody works, with the reason.", Permission: shell.MayReadConvoy,
		Examples: []string{"gt convoy stranded", "gt convoy stranded --json"},
	}, func(o *options, _ *kingpin.CmdClause) shell.Action {
		o.stuck = true
		return o.list
	})
	add(shell.Command{
		Name: "status", Help: "Show where each bead of a convoy stands, and why what is missing is missing.", Permission: shell.MayReadConvoy,
		Examples: []string{"gt convoy status cv-8x2k4", `gt convoy status "New login" --json`},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("convoy", "Its id or its name.").Required().StringVar(&o.name)
		return o.status
	})
	add(shell.Command{
		Name: "add", Help: "Add beads. A convoy that was closed is opened again.", Permission: shell.MayWriteConvoy, Writes: true,
		Examples: []string{"gt convoy add cv-8x2k4 web-d4", `gt convoy add "New login" api-e5 beta/gt-a3f8x`},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		beads(o, c)
		return o.add
	})
	add(shell.Command{
		Name: "remove", Help: "Take beads out. They stay as they are.", Permission: shell.MayWriteConvoy, Writes: true,
		Examples: []string{"gt convoy remove cv-8x2k4 web-d4"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		beads(o, c)
		return o.remove
	})
	add(shell.Command{
		Name: "close", Help: "Close a convoy although not all of its beads are closed. Those stay as they are, and nobody is told.",
		Permission: shell.MayWriteConvoy, Writes: true, Examples: []string{`gt convoy close cv-8x2k4 --reason "not wanted any more"`},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("convoy", "Its id or its name.").Required().StringVar(&o.name)
		c.Flag("reason", "Why.").Short('r').PlaceHolder("TEXT").StringVar(&o.reason)
		return o.end
	})
	add(shell.Command{
		Name: "land", Alias: "check", Help: "Close what has ended and tell who asked; of a convoy that is named, say what is missing. The Deacon does so by itself.",
		Permission: shell.MayWriteConvoy, Writes: true, Examples: []string{"gt convoy land cv-8x2k4", "gt convoy land    # every convoy"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("convoy", "Its id or its name (default: all).").StringVar(&o.name)
		return o.land
	})
}

// with finds the convoy that is named and calls fn with its id.
func (o *options) with(ctx context.Context, fn func(h *host.Host, l *ledger.Store, id string) error) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	return h.WithLedger(ctx, func(l *ledger.Store) error {
		id, err := convoy.Find(ctx, l, o.name)
		if err != nil {
			return err
		}
		return fn(h, l, id)
	})
}

// members turns the beads that a person named into members: full ids, and targets for
// records of other Towns, which must be known when known is set.
func (o *options) members(ctx context.Context, h *host.Host, l *ledger.Store, known bool) (ids []string, err error) {
	var own []string
	for _, word := range o.ids {
		name, id, shared := exchange.ParseRef(word)
		if !shared {
			own = append(own, word)
			continue
		}
		if known {
			if err := o.knows(ctx, h, name, id); err != nil {
				return nil, err
			}
		}
		ids = append(ids, convoy.Shared(name, id))
	}
	if len(own) == 0 {
		return ids, nil
	}
	full, err := l.Resolve(ctx, own)
	if err != nil {
		return nil, town.Fail("find the beads", "bd list shows them; gt rig list shows the rigs and their prefixes", "%w", err)
	}
	return append(ids, full...), nil
}

// knows checks that another Town shares a record.
func (o *options) knows(ctx context.Context, h *host.Host, name, id string) error {
	shelf, err := h.Shelf(ctx)
	if err != nil {
		return err
	}
	_, err = shelf.Get(ctx, name, id)
	if err = errors.Join(err, shelf.Close()); err != nil {
		return town.Fail("find "+name+"/"+id, "bd list --town "+name+" shows what it shares; gt federation pull brings it", "%w: %w", town.ErrUsage, err)
	}
	return nil
}

// boxes are the mailboxes that are told.
func (o *options) boxes(ctx context.Context, h *host.Host) ([]string, error) {
	if len(o.notify) == 0 {
		who, err := h.Caller()
		return []string{who.Box()}, err
	}
	d, _, err := h.Directory(ctx)
	if err != nil {
		return nil, err
	}
	return d.Resolve(o.notify, "")
}

// named lists words with commas.
func named(words []string) string { return strings.Join(words, ", ") }
