package find

import (
	"context"
	"errors"
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

// listOptions are those of bd list and bd search.
type listOptions struct {
	call    *shell.Call
	filters flags.Filters
	fields  string
	picks   bool // --fields was given
	tree    bool
	batch   bool
	deleted bool
	// ready selects the beads that can be taken up.
	ready bool
}

// List is bd list.
func List() shell.Command {
	return shell.Command{
		Name: "list", Alias: "ls", Help: "List beads in one query, most urgent first; closed ones only when asked for.",
		Examples: []string{
			"bd list", "bd list -s open,in_progress -t bug -p 0,1", "bd list -a none -l backend -n 20", "bd list --created-after=-2w --sort=-updated_at",
			"bd list --batch --status=open --json", "bd list --tree",
			"bd list --town beta    # what another Town shares",
		},
		Planes: []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &listOptions{call: call}
			o.filters.Define(c)
			c.Flag("all", "Closed ones too.").BoolVar(&o.filters.All)
			c.Flag("title-contains", "Text in the title, the description or the id, in any case.").PlaceHolder("TEXT").StringVar(&o.filters.Text)
			o.fieldsFlag(c)
			c.Flag("tree", "Children below their parents.").BoolVar(&o.tree)
			c.Flag("batch", "One query, streamed: what bd list always does.").BoolVar(&o.batch)
			c.Flag("deleted", "What was deleted, newest first.").BoolVar(&o.deleted)
			return o.run
		},
	}
}

func (o *listOptions) fieldsFlag(c *kingpin.CmdClause) {
	c.Flag("fields", "Read and print these fields only.").PlaceHolder("NAME,...").IsSetByUser(&o.picks).StringVar(&o.fields)
}

// Search is bd search.
func Search() shell.Command {
	return shell.Command{
		Name: "search", Help: "Find beads by words of the title, the description or the id, closed ones too.",
		Examples: []string{"bd search password", `bd search "empty password" -s open`, "bd search gt-a3 --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &listOptions{call: call}
			c.Arg("text", "What to look for.").Required().PlaceHolder("TEXT").StringVar(&o.filters.Text)
			o.filters.Define(c)
			o.filters.All = true
			o.fieldsFlag(c)
			return o.run
		},
	}
}

func (o *listOptions) run(ctx context.Context) error {
	f, err := o.filters.Build(o.call.Now(), !o.ready)
	if err == nil && o.picks {
		if f.Fields, err = ledger.ParseFields(o.fields); err != nil {
			err = fmt.Errorf("--fields: %w: %w", town.ErrUsage, err)
		}
	}
	if err != nil {
		return session.Fail("list beads", err)
	}
	if o.ready && len(f.Statuses) == 0 && o.filters.All {
		f.Statuses = town.Statuses
	}
	if o.deleted && (o.tree || f.Fields != nil || len(f.Sort) > 0) {
		return session.Fail("list beads", fmt.Errorf("%w: --deleted shows whole beads, the last deleted first: no --tree, --fields or --sort", town.ErrUsage))
	}
	if name, ok := otherTown(o.call); ok {
		return session.Fail("list what "+town.Clip(name, 64)+" shares", o.listShared(ctx, name, f))
	}
	err = session.Deferred(o.call, func(call *shell.Call) error {
		o := *o
		o.call = call
		if o.deleted {
			return session.Use(ctx, call, func(l *session.Ledger) error { return o.listDeleted(ctx, l, f) })
		}
		if !f.Cacheable() { // no cache holds a list without a limit
			return session.Use(ctx, call, func(l *session.Ledger) error { return o.print(ctx, l, f) })
		}
		return session.Read(ctx, call, func(r session.Reader) error { return o.print(ctx, r, f) })
	})
	return session.Fail("list beads", err)
}

// print lists beads that are not deleted.
func (o *listOptions) print(ctx context.Context, r session.Reader, f ledger.Filter) error {
	f, err := session.FullFilter(ctx, r, f)
	if err != nil {
		return err
	}
	if o.tree {
		return o.listTree(ctx, r, f)
	}
	return o.stream(ctx, r, f)
}

// errEnough ends a list after one bead more than its limit.
var errEnough = errors.New("enough")

// more tells the user that a list was cut at its limit.
func more(call *shell.Call, limit int) {
	call.Hint("The first %d are shown; there are more: --limit N, or 0 for all.", limit)
}

// query reads one bead more than the limit, to know whether there are more.
func (o *listOptions) query(ctx context.Context, r session.Reader, f ledger.Filter, yield func(ledger.Item) error) error {
	limit := f.Limit
	if limit > 0 {
		f.Limit++
	}
	n := 0
	count := func(i ledger.Item) error {
		if n++; limit > 0 && n > limit {
			return errEnough
		}
		return yield(i)
	}
	read := r.List
	if o.ready {
		read = r.Ready
	}
	err := read(ctx, f, count)
	if errors.Is(err, errEnough) {
		more(o.call, limit)
		return nil
	}
	return err
}

// stream prints beads while they are read.
func (o *listOptions) stream(ctx context.Context, r session.Reader, f ledger.Filter) error {
	if o.call.JSON {
		out := o.call.Array()
		if err := o.query(ctx, r, f, func(i ledger.Item) error { return out.Add(view.Pick(i, f.Fields)) }); err != nil {
			return err
		}
		return out.End()
	}
	p := o.call.Printer(o.call.Stdout)
	if f.Fields != nil {
		table := view.NewTable(p, f.Fields)
		if err := o.query(ctx, r, f, func(i ledger.Item) error { return table.Add(i) }); err != nil {
			return err
		}
		return table.Flush()
	}
	f.Fields = view.LineFields()
	count, lines := view.Tally{}, 0
	err := o.query(ctx, r, f, func(i ledger.Item) error {
		count[i.Status]++
		view.Bead(p, "", i.Bead, "")
		if lines++; lines%view.BlockRows == 0 {
			return p.Flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	o.total(p, count)
	return p.Flush()
}

func (o *listOptions) total(p *term.Printer, count view.Tally) {
	if o.call.Quiet {
		return
	}
	if len(count) > 0 {
		p.Line("")
	}
	p.Styled(term.Dim, "%s", count)
}
