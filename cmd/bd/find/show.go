// Package find is the commands of bd that read beads: show, list and its kin, search,
// query, ready, blocked, history and stats.
package find

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/cmd/internal/watch"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// showOptions are those of bd show.
type showOptions struct {
	call   *shell.Call
	ids    []string
	fields string
	picks  bool // --fields was given
	short  bool
	long   bool
	watch  bool
	// current is the bead that the caller works on; asOf a commit of the ledger.
	current bool
	asOf    string
	// Instead of the beads: their children, what refers to them, or the messages
	// of their thread.
	children, refs, thread bool
}

// Show is bd show.
func Show() shell.Command {
	return shell.Command{
		Name: "show", Alias: "view", Help: "Show beads with everything that belongs to them, in one query.",
		Examples: []string{
			"bd show gt-a3f8x", "bd show a3f gt-b71 c2", "bd show gt-a3f8x gt-b7151 --fields=id,title,status", "bd show gt-a3f8x --json",
			"bd show --current", "bd show gt-a3f8x --children", "bd show gt-a3f8x --as-of 4k1c9o2m", "bd show gt-a3f8x --watch",
			"bd show beta/gt-x21    # what another Town shares",
		},
		Planes: []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true, EndlessWith: []string{"watch"},
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &showOptions{call: call}
			c.Arg("id", "Ids, of which a unique beginning is enough; the bead you touched last if you give none.").PlaceHolder("ID").StringsVar(&o.ids)
			c.Flag("id", "An id, as a flag.").PlaceHolder("ID").StringsVar(&o.ids)
			c.Flag("current", "The bead that you work on.").BoolVar(&o.current)
			c.Flag("fields", "Read and print these fields only: id,title,status.").PlaceHolder("NAME,...").IsSetByUser(&o.picks).StringVar(&o.fields)
			c.Flag("short", "One line for each bead.").BoolVar(&o.short)
			c.Flag("long", "Every field, those of other programs too.").BoolVar(&o.long)
			c.Flag("children", "The children instead.").BoolVar(&o.children)
			c.Flag("refs", "What refers to the bead instead.").BoolVar(&o.refs)
			c.Flag("thread", "The messages of its thread instead, oldest first.").BoolVar(&o.thread)
			c.Flag("as-of", "As it was at a commit of the ledger; bd history ID --versions lists them.").PlaceHolder("COMMIT").StringVar(&o.asOf)
			c.Flag("watch", "Print it again when it changes, until interrupted.").Short('w').BoolVar(&o.watch)
			for _, kind := range []string{"dependents", "comments"} {
				c.Flag("include-"+kind, "Without effect: they are always shown.").Hidden().Bool()
			}
			c.Flag("local-time", "Without effect: times are local.").Hidden().Bool()
			return o.act
		},
	}
}

// act shows once, or again and again.
func (o *showOptions) act(ctx context.Context) error {
	err := o.check()
	if err == nil && !o.current {
		o.ids, err = session.Named(o.call, "show", o.ids)
	}
	if err != nil {
		return session.Fail("show "+session.Names(o.ids), err)
	}
	if !o.watch {
		return o.run(ctx)
	}
	return watch.Run(ctx, o.call, func(ctx context.Context, call *shell.Call) error {
		again := *o
		again.call, again.ids = call, slices.Clone(o.ids)
		return again.run(ctx)
	})
}

// check refuses flags that exclude each other.
func (o *showOptions) check() error {
	instead := 0
	for _, on := range []bool{o.children, o.refs, o.thread, o.asOf != "", o.picks} {
		if on {
			instead++
		}
	}
	switch {
	case o.current && len(o.ids) > 0:
		return fmt.Errorf("%w: give --current or ids, not both", town.ErrUsage)
	case instead > 1:
		return fmt.Errorf("%w: give one of --children, --refs, --thread, --as-of and --fields", town.ErrUsage)
	case o.thread && len(o.ids) > 1:
		return fmt.Errorf("%w: --thread shows the thread of one bead", town.ErrUsage)
	}
	return nil
}

func (o *showOptions) run(ctx context.Context) (err error) {
	var fields ledger.Fields
	switch {
	case o.picks:
		if fields, err = ledger.ParseFields(o.fields); err != nil {
			return session.Fail("show "+session.Names(o.ids), fmt.Errorf("%w: %w", town.ErrUsage, err))
		}
	case o.short && !o.call.JSON:
		fields = view.LineFields()
	}
	if o.current {
		if err := o.findCurrent(ctx); err != nil {
			return session.Fail("find the bead that you work on", err)
		}
	}
	own, others := sharedRefs(o.ids)
	if len(others) > 0 {
		if len(own) > 0 {
			return session.Fail("show "+session.Names(o.ids), fmt.Errorf("%w: beads of this Town and of others are shown apart", town.ErrUsage))
		}
		return session.Fail("show "+session.Names(o.ids), o.showShared(ctx, others, fields))
	}
	switch {
	case o.asOf != "":
		return session.Fail("show "+session.Names(o.ids)+" as of "+town.Clip(o.asOf, 80), o.showAsOf(ctx))
	case o.thread:
		return session.Fail("show the thread of "+session.Names(o.ids), o.showThread(ctx))
	case o.children, o.refs:
		return session.Fail("show what refers to "+session.Names(o.ids), o.showRefs(ctx))
	}
	var list []ledger.Detail
	err = session.Read(ctx, o.call, func(r session.Reader) error {
		if list, err = r.Get(ctx, o.ids, fields); len(list) > 0 {
			session.Touch(r, list[len(list)-1].ID)
		}
		return err
	})
	if err != nil {
		return session.Fail("show "+session.Names(o.ids), err)
	}
	values := make([]any, len(list))
	for i := range list {
		values[i] = view.Pick(newShown(list[i], fields), fields)
	}
	if o.call.JSON {
		return o.call.Show(values, nil)
	}
	p := o.call.Printer(o.call.Stdout)
	switch {
	case o.fields != "":
		return view.WriteTable(p, fields, values)
	case o.short:
		for _, d := range list {
			view.Bead(p, "", d.Bead, "")
		}
	default:
		for i, d := range list {
			if i > 0 {
				p.Line("")
			}
			sayDetail(p, d)
			if o.long {
				sayExtra(p, d)
			}
		}
	}
	return p.Flush()
}

// shown is a detail for printing.
type shown struct {
	ledger.Detail
	Dependencies []any `json:"dependencies,omitempty"`
	Dependents   []any `json:"dependents,omitempty"`
}

// newShown shows the beads at the other ends of links with the fields that were
// read. Of a bead that is not in this ledger only the id is known.
func newShown(d ledger.Detail, fields ledger.Fields) shown {
	return shown{d, view.Linked(d.Dependencies, fields), view.Linked(d.Dependents, fields)}
}

func sayDetail(p *term.Printer, d ledger.Detail) {
	p.Styled(term.Head, "%s %s: %s", view.Glyph(d.Status), d.ID, d.Title)
	p.Line("  %s  P%d  %s", strings.ReplaceAll(string(d.Status), "_", " "), d.Priority, d.Type)
	row := func(name, value string) {
		if value != "" {
			p.Line("  %-12s %s", name, value)
		}
	}
	row("assignee", d.Assignee)
	row("owner", d.Owner)
	row("labels", strings.Join(d.Labels, ", "))
	row("parent", d.Parent)
	row("created", view.Time(d.CreatedAt)+view.By(d.CreatedBy))
	row("updated", view.Time(d.UpdatedAt))
	rowTime := func(name string, t *time.Time) {
		if t != nil {
			row(name, view.Time(*t))
		}
	}
	rowTime("due", d.DueAt)
	rowTime("deferred to", d.DeferUntil)
	if d.EstimatedMinutes != nil {
		row("estimate", term.Plural(*d.EstimatedMinutes, "minute", "minutes"))
	}
	row("reference", d.ExternalRef)
	if d.ClosedAt != nil {
		row("closed", strings.TrimSuffix(view.Time(*d.ClosedAt)+": "+d.CloseReason, ": "))
	}
	view.Section(p, "Description", d.Description)
	view.Section(p, "Design", d.Design)
	view.Section(p, "Acceptance criteria", d.AcceptanceCriteria)
	view.Section(p, "Notes", d.Notes)
	sayLinked(p, "Depends on", d.Dependencies)
	sayLinked(p, "Needed by", d.Dependents)
	if len(d.Comments) > 0 {
		p.Line("")
		p.Styled(term.Head, "Comments")
		for _, c := range d.Comments {
			view.Comment(p, c)
		}
	}
}

func sayLinked(p *term.Printer, name string, list []ledger.Linked) {
	if len(list) == 0 {
		return
	}
	p.Line("")
	p.Styled(term.Head, "%s", name)
	for _, l := range list {
		view.Link(p, l)
	}
}
