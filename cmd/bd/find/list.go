package find

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/cmd/internal/watch"
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
	long    bool
	watch   bool
	format  string
	// text is the text of bd search, if it is a flag.
	text string
	// narrow changes the filter that the flags make; nil changes nothing.
	narrow func(*ledger.Filter, time.Time)
	// ready selects the beads that can be taken up.
	ready bool
	hidden
}

// List is bd list.
func List() shell.Command {
	return shell.Command{
		Name: "list", Alias: "ls", Help: "List beads in one query, most urgent first; closed ones only when asked for.",
		Examples: []string{
			"bd list", "bd list -s open,in_progress -t bug -p 0,1", "bd list -a none -l backend -n 20", "bd list --created-after=-2w --sort=-updated_at",
			"bd list --batch --status=open --json", "bd list --tree", "bd list --ready --no-assignee --priority-max 1",
			"bd list --format '{{.ID}} {{.Title}}'", "bd list --format dot | dot -Tsvg > beads.svg", "bd list -s in_progress --watch",
			"bd list --town beta    # what another Town shares",
		},
		Planes: []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true, EndlessWith: []string{"watch"},
		AloneWith: []string{"format"}, // a template may take any amount of time
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &listOptions{call: call}
			o.filters.Define(c)
			c.Flag("all", "Closed ones too.").BoolVar(&o.filters.All)
			c.Flag("ready", "Only what can be taken up, in the order of bd ready.").BoolVar(&o.ready)
			o.printFlags(c)
			c.Flag("format", "Print each bead by a Go template, or the links as digraph or dot.").PlaceHolder("TEMPLATE").StringVar(&o.format)
			c.Flag("watch", "Print the list again when it changes, until interrupted.").Short('w').BoolVar(&o.watch)
			c.Flag("tree", "Children below their parents.").BoolVar(&o.tree)
			c.Flag("batch", "One query, streamed: what bd list always does.").BoolVar(&o.batch)
			c.Flag("skip-labels", "Without effect: labels cost no query of their own.").Hidden().Bool()
			c.Flag("deleted", "What was deleted, newest first.").BoolVar(&o.deleted)
			o.hidden.flags(c)
			return o.act
		},
	}
}

// printFlags describes the flags of how beads are printed.
func (o *listOptions) printFlags(c *kingpin.CmdClause) {
	o.fieldsFlag(c)
	c.Flag("long", "Several lines for each bead.").BoolVar(&o.long)
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
			c.Arg("text", "What to look for.").PlaceHolder("TEXT").StringVar(&o.filters.Text)
			c.Flag("query", "What to look for, as a flag.").PlaceHolder("TEXT").StringVar(&o.text)
			o.filters.Define(c)
			o.filters.All = true
			o.printFlags(c)
			return o.search
		},
	}
}

// search looks for the text that an argument or a flag gives.
func (o *listOptions) search(ctx context.Context) error {
	if (o.filters.Text == "") == (o.text == "") {
		return session.Fail("search", fmt.Errorf("%w: give one text to look for: bd search TEXT", town.ErrUsage))
	}
	o.filters.Text += o.text
	return o.run(ctx)
}

// act lists once, or again and again.
func (o *listOptions) act(ctx context.Context) error {
	if !o.watch {
		return o.run(ctx)
	}
	return watch.Run(ctx, o.call, func(ctx context.Context, call *shell.Call) error {
		again := *o
		again.call = call
		return again.run(ctx)
	})
}

func (o *listOptions) run(ctx context.Context) error {
	now := o.call.Now()
	f, err := o.filters.Build(now, !o.ready)
	if err == nil && o.narrow != nil {
		o.narrow(&f, now)
	}
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
	if o.deleted && (o.tree || o.ready || o.long || o.format != "" || f.Fields != nil || len(f.Sort) > 0) {
		return session.Fail("list beads", fmt.Errorf("%w: --deleted shows whole beads, the last deleted first: no --tree, --ready, --long, --format, --fields or --sort", town.ErrUsage))
	}
	if name, ok := otherTown(o.call); ok {
		return session.Fail("list what "+town.Clip(name, 64)+" shares", o.listShared(ctx, name, f))
	}
	if !o.deleted {
		o.hide(&f)
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
	switch {
	case o.format != "":
		return o.listFormat(ctx, r, f)
	case o.tree:
		return o.listTree(ctx, r, f)
	case o.long && !o.call.JSON && f.Fields == nil:
		return o.listLong(ctx, r, f)
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
