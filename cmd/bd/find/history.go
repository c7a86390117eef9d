package find

import (
	"context"
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// historyOptions are those of bd history.
type historyOptions struct {
	call     *shell.Call
	id       string
	limit    int
	versions bool
}

// History is bd history.
func History() shell.Command {
	return shell.Command{
		Name: "history", Help: "What happened to a bead, oldest first; also after it was deleted.",
		Examples: []string{"bd history gt-a3f8x", "bd history gt-a3f8x --versions -n 5", "bd history gt-a3f8x --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &historyOptions{call: call}
			c.Arg("id", "The bead.").Required().PlaceHolder("ID").StringVar(&o.id)
			c.Flag("versions", "The whole bead as each commit of the ledger had it, newest first.").BoolVar(&o.versions)
			shell.Number(c.Flag("limit", "How many of the last at most; 0 for all.").Short('n').PlaceHolder("N"), &o.limit)
			return o.run
		},
	}
}

func (o *historyOptions) run(ctx context.Context) error {
	op := "show the history of " + town.Clip(o.id, 80)
	if o.limit < 0 {
		return session.Fail(op, fmt.Errorf("%w: --limit is not negative", town.ErrUsage))
	}
	events, versions := []town.AuditEntry{}, []ledger.Version{}
	err := session.Use(ctx, o.call, func(l *session.Ledger) error {
		return o.read(ctx, l, &events, &versions)
	})
	if err != nil {
		return session.Fail(op, err)
	}
	if o.versions {
		return o.call.Show(versions, func(p *term.Printer) {
			for _, v := range versions {
				p.Line("%.10s  %s%s", v.Commit, view.Time(v.At), view.By(v.Committer))
				view.Bead(p, "  ", v.Bead, "")
			}
		})
	}
	if o.limit > 0 {
		events = events[max(0, len(events)-o.limit):]
	}
	return o.call.Show(events, func(p *term.Printer) {
		var rows [][]string
		for _, e := range events {
			rows = append(rows, []string{view.Time(e.At), e.Actor, e.Kind, changeText(e)})
		}
		p.Table([]string{"WHEN", "WHO", "WHAT", ""}, rows)
	})
}

// read tries the id as it was written first: a deleted bead has no short id.
func (o *historyOptions) read(ctx context.Context, l *session.Ledger, events *[]town.AuditEntry, versions *[]ledger.Version) error {
	find := func(id string) (n int, err error) {
		if o.versions {
			list, err := l.Versions(ctx, id, o.limit)
			*versions = append(*versions, list...)
			return len(list), err
		}
		list, err := l.History(ctx, id)
		*events = append(*events, list...)
		return len(list), err
	}
	if n, err := find(o.id); err != nil || n > 0 {
		return err
	}
	ids, err := l.Resolve(ctx, []string{o.id})
	if err != nil || ids[0] == o.id {
		return err
	}
	_, err = find(ids[0])
	return err
}

// changeText describes what an event changed.
func changeText(e town.AuditEntry) string {
	switch {
	case e.Field == "":
		return e.New
	case e.Old == "":
		return e.Field + ": " + e.New
	case e.New == "":
		return e.Field + ": no longer " + e.Old
	}
	return e.Field + ": " + e.Old + " -> " + e.New
}
