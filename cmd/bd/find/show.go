// Package find is the commands of bd that read beads: show, list, search, ready,
// blocked, history and stats.
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
}

// Show is bd show.
func Show() shell.Command {
	return shell.Command{
		Name: "show", Alias: "view", Help: "Show beads with everything that belongs to them, in one query.",
		Examples: []string{
			"bd show gt-a3f8x", "bd show a3f gt-b71 c2", "bd show gt-a3f8x gt-b7151 --fields=id,title,status", "bd show gt-a3f8x --json",
			"bd show beta/gt-x21    # what another Town shares",
		},
		Planes: []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &showOptions{call: call}
			c.Arg("id", "Ids, of which a unique beginning is enough; the bead you touched last if you give none.").PlaceHolder("ID").StringsVar(&o.ids)
			c.Flag("fields", "Read and print these fields only: id,title,status.").PlaceHolder("NAME,...").IsSetByUser(&o.picks).StringVar(&o.fields)
			c.Flag("short", "One line for each bead.").BoolVar(&o.short)
			return o.run
		},
	}
}

func (o *showOptions) run(ctx context.Context) (err error) {
	if o.ids, err = session.Named(o.call, "show", o.ids); err != nil {
		return err
	}
	var fields ledger.Fields
	switch {
	case o.picks:
		if fields, err = ledger.ParseFields(o.fields); err != nil {
			return session.Fail("show "+session.Names(o.ids), fmt.Errorf("%w: %w", town.ErrUsage, err))
		}
	case o.short && !o.call.JSON:
		fields = view.LineFields()
	}
	own, others := sharedRefs(o.ids)
	if len(others) > 0 {
		if len(own) > 0 {
			return session.Fail("show "+session.Names(o.ids), fmt.Errorf("%w: beads of this Town and of others are shown apart", town.ErrUsage))
		}
		return session.Fail("show "+session.Names(o.ids), o.showShared(ctx, others, fields))
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
	ends := func(list []ledger.Linked) (all []any) {
		for _, l := range list {
			switch {
			case fields != nil:
				all = append(all, view.Pick(l, append(slices.Clone(fields), "dependency_type")))
			case l.Title == "":
				all = append(all, view.Pick(l, ledger.Fields{"dependency_type"}))
			default:
				all = append(all, l)
			}
		}
		return all
	}
	return shown{d, ends(d.Dependencies), ends(d.Dependents)}
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
		if l.Title == "" {
			p.Line("  %s (%s, not in this ledger)", l.ID, l.Type)
			continue
		}
		view.Bead(p, "  ", l.Bead, fmt.Sprintf(" (%s)", l.Type))
	}
}
