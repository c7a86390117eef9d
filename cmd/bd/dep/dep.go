// Package dep is the command group bd dep: links between beads.
package dep

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// depOptions are those of bd dep.
type depOptions struct {
	call         *shell.Call
	bead, target string
	other        string // the target, given as a flag
	kind         string
	metadata     string
	file         string // that names the links
	touches      bool   // the bead becomes the one last touched
}

// linkDone is what bd dep add and remove print.
type linkDone struct {
	Status string       `json:"status,omitempty"`
	Bead   string       `json:"issue_id"`
	Target string       `json:"depends_on_id"`
	Type   town.DepType `json:"type,omitempty"`
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("dep", "What waits for what.").HelpLong(shell.Examples("bd dep add gt-a3f8x gt-b7151       # a3f8x waits for b7151", "bd dep tree gt-a3f8x", "bd dep cycles"))
	p.Add(g, shell.Command{
		Name: "add", Help: "Make a bead depend on another. A cycle is refused.",
		Examples: []string{
			"bd dep add gt-a3f8x gt-b7151", "bd dep gt-a3f8x --blocked-by gt-b7151    # the same", "bd dep gt-b7151 --blocks gt-a3f8x    # the same", "bd dep add gt-a3f8x gt-b7151 -t discovered-from",
			`bd dep add gt-a3f8x gt-b7151 -t waits-for --metadata '{"gate":"any-children"}'`, "bd dep add --file links.jsonl",
		},
		Planes: []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, Repeatable: true,
		Reads: []string{"file", "metadata"},
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &depOptions{call: call}
			c.Arg("id", "The bead that waits.").PlaceHolder("ID").StringVar(&o.bead)
			c.Arg("on", "The bead it waits for.").PlaceHolder("ID").StringVar(&o.target)
			c.Flag("blocked-by", "The bead it waits for, as a flag.").PlaceHolder("ID").StringVar(&o.other)
			c.Flag("depends-on", "The same as --blocked-by.").Hidden().StringVar(&o.other)
			c.Flag("no-cycle-check", "Without effect: a cycle is refused.").Hidden().Bool()
			o.kindFlag(c)
			c.Flag("metadata", "What belongs to the link: a JSON object, or @FILE. A link that exists gets it, too.").PlaceHolder("JSON").StringVar(&o.metadata)
			c.Flag("file", `Make the links of a file, all or none: a line {"from":"ID","to":"ID","type":"TYPE"} for each; - is standard input.`).PlaceHolder("FILE").StringVar(&o.file)
			return o.add
		},
	})
	p.Add(g, shell.Command{
		Name: "remove", Alias: "rm", Help: "Remove the links from a bead to another.",
		Examples: []string{"bd dep remove gt-a3f8x gt-b7151", "bd dep remove gt-a3f8x gt-b7151 -t related"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &depOptions{call: call}
			o.ends(c)
			c.Flag("type", "Links of this type only.").Short('t').PlaceHolder("TYPE").StringVar(&o.kind)
			return o.remove
		},
	})
	p.Add(g, relate())
	p.Add(g, unrelate())
	p.Add(g, tree())
	p.Add(g, list())
	p.Add(g, shell.Command{
		Name: "cycles", Help: "Show beads that wait for each other; only another program or a former version can have made them wait. Exit 1 when there are any.",
		Examples: []string{"bd dep cycles", "bd dep cycles --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return (&depOptions{call: call}).cycles
		},
	})
}

func (o *depOptions) ends(c *kingpin.CmdClause) {
	c.Arg("id", "The bead that waits.").Required().PlaceHolder("ID").StringVar(&o.bead)
	c.Arg("on", "The bead it waits for.").Required().PlaceHolder("ID").StringVar(&o.target)
}

func (o *depOptions) link(ctx context.Context, op string, fn func(*session.Ledger, []string) error) error {
	op = fmt.Sprintf("%s %s and %s", op, town.Clip(o.bead, 80), town.Clip(o.target, 80))
	if o.kind != "" {
		kind, err := town.ParseDepType(o.kind)
		if err != nil {
			return session.Fail(op, err)
		}
		o.kind = string(kind)
	}
	return session.Fail(op, session.Use(ctx, o.call, func(l *session.Ledger) error {
		return l.FullIDs(ctx, o.refs(), func(ids []string) error { return fn(l, o.pair(ids)) })
	}))
}

// Link is bd link.
func Link() shell.Command {
	return shell.Command{
		Name: "link", Help: "Make a bead depend on another, as bd dep add does.",
		Examples: []string{"bd link gt-a3f8x gt-b7151        # a3f8x waits for b7151", "bd link gt-a3f8x gt-b7151 -t related"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &depOptions{call: call, touches: true}
			o.ends(c)
			o.kindFlag(c)
			return o.add
		},
	}
}

func (o *depOptions) kindFlag(c *kingpin.CmdClause) {
	c.Flag("type", "blocks, parent-child, related, discovered-from or another type.").Short('t').
		Default(string(town.DepBlocks)).PlaceHolder("TYPE").StringVar(&o.kind)
}

// refs are the ends of a link that are beads of this ledger.
func (o *depOptions) refs() []string {
	if ledger.External(o.target) {
		return []string{o.bead}
	}
	return []string{o.bead, o.target}
}

// pair is the inverse of refs.
func (o *depOptions) pair(ids []string) []string {
	return []string{ids[0], append(ids, o.target)[1]}
}

func (o *depOptions) add(ctx context.Context) error {
	var metadata json.RawMessage
	var err error
	if o.file != "" {
		return o.addFile(ctx)
	}
	if o.bead == "" || (o.target == "") == (o.other == "") {
		return session.Fail("link two beads", fmt.Errorf("%w: give the bead that waits and the one that it waits for: bd dep add ID ID", town.ErrUsage))
	}
	o.target += o.other
	if o.metadata != "" {
		if metadata, err = flags.JSONObject(o.call, "metadata", o.metadata); err != nil {
			return session.Fail("link "+session.Names([]string{o.bead, o.target}), err)
		}
	}
	var done linkDone
	err = o.link(ctx, "link", func(l *session.Ledger, ids []string) error {
		link := town.Dependency{Bead: ids[0], Target: ids[1], Type: town.DepType(o.kind), Metadata: string(metadata)}
		n, err := l.DepAdd(ctx, []town.Dependency{link})
		done = linkDone{"added", link.Bead, link.Target, link.Type}
		if n == 0 {
			done.Status = "unchanged"
		}
		if err == nil && o.touches {
			l.Touch(link.Bead)
		}
		return err
	})
	if err != nil {
		return err
	}
	return view.Done(o.call, done, "%s: %s depends on %s (%s)", done.Status, done.Bead, done.Target, done.Type)
}

func (o *depOptions) remove(ctx context.Context) error {
	var done linkDone
	err := o.link(ctx, "unlink", func(l *session.Ledger, ids []string) error {
		n, err := l.DepRemove(ctx, ids[0], ids[1], town.DepType(o.kind))
		if err == nil && n == 0 { // the ids may be short
			if ids, err = l.Resolve(ctx, o.refs()); err == nil {
				ids = o.pair(ids)
				n, err = l.DepRemove(ctx, ids[0], ids[1], town.DepType(o.kind))
			}
		}
		if err == nil && n == 0 {
			return town.Fail("unlink "+ids[0]+" and "+ids[1], "bd show "+ids[0]+" lists its links", "there is no such link")
		}
		if err == nil {
			done = linkDone{"removed", ids[0], ids[1], town.DepType(o.kind)}
		}
		return err
	})
	if err != nil {
		return err
	}
	return view.Done(o.call, done, "removed: %s no longer depends on %s", done.Bead, done.Target)
}

func (o *depOptions) cycles(ctx context.Context) error {
	const op = "look for cycles"
	list, values := [][]town.Bead{}, [][]any{}
	err := session.Use(ctx, o.call, func(l *session.Ledger) error {
		cycles, err := l.DepCycles(ctx)
		if err != nil {
			return err
		}
		for _, ids := range cycles {
			details, err := l.Get(ctx, ids, view.LineFields())
			if err != nil {
				return err
			}
			var cycle []town.Bead
			var shown []any
			for _, b := range details {
				cycle = append(cycle, b.Bead)
				shown = append(shown, view.Pick(b.Bead, view.LineFields()))
			}
			list, values = append(list, cycle), append(values, shown)
		}
		return nil
	})
	if err != nil {
		return session.Fail(op, err)
	}
	err = o.call.Show(values, func(p *term.Printer) {
		for i, cycle := range list {
			p.Line("Cycle %d:", i+1)
			for _, b := range cycle {
				view.Bead(p, "  ", b, "")
			}
		}
		if len(list) == 0 {
			p.Line("No bead waits for itself.")
		}
	})
	if err != nil || len(list) == 0 {
		return err
	}
	if o.call.JSON {
		return shell.Shown(nil)
	}
	return town.Fail(op, "bd dep remove ID ID removes one of its links", "%s", term.Plural(len(list), "cycle", "cycles"))
}
