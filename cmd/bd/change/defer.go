package change

import (
	"context"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// deferOptions are those of bd defer and bd undefer.
type deferOptions struct {
	call  *shell.Call
	ids   []string
	until flags.Date
}

// Defer is bd defer.
func Defer() shell.Command {
	return shell.Command{
		Name: "defer", Help: "Put beads aside: they and their children are not ready, until a date or bd undefer.",
		Examples: []string{"bd defer gt-a3f8x", `bd defer gt-a3f8x gt-b7151 --until "next monday"`},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &deferOptions{call: call, until: flags.Date{Name: "until"}}
			c.Arg("id", "Ids; a unique beginning is enough.").Required().PlaceHolder("ID").StringsVar(&o.ids)
			c.Flag("until", "Ready again then: tomorrow, +2d, next monday, 2026-01-31.").PlaceHolder("DATE").StringVar(&o.until.Text)
			return o.put
		},
	}
}

// Undefer is bd undefer.
func Undefer() shell.Command {
	return shell.Command{
		Name: "undefer", Help: "Take up deferred beads again: they are open, without a date. Others lose only their date.",
		Examples: []string{"bd undefer gt-a3f8x", "bd undefer gt-a3f8x gt-b7151 --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &deferOptions{call: call}
			c.Arg("id", "Ids; a unique beginning is enough.").Required().PlaceHolder("ID").StringsVar(&o.ids)
			return func(ctx context.Context) error {
				return o.change(ctx, "undefer", "took up", ledger.Patch{DeferUntil: &time.Time{}})
			}
		},
	}
}

func (o *deferOptions) put(ctx context.Context) error {
	status := town.StatusDeferred
	p := ledger.Patch{Status: &status}
	now := o.call.Now()
	until, err := o.until.Optional(now)
	if err != nil {
		return session.Fail("defer "+session.Names(o.ids), err)
	}
	if p.DeferUntil = until; until != nil && !until.After(now) {
		p.Status = nil // a date that is over defers nothing
		warnPast(o.call, "--until "+o.until.Text)
	}
	return o.change(ctx, "defer", "deferred", p)
}

// change applies a patch to all beads. A closed bead is neither deferred nor taken up
// again. Of a bead that the patch leaves as it is the command says so.
func (o *deferOptions) change(ctx context.Context, verb, done string, p ledger.Patch) error {
	p.UnlessClosed = true
	var list []town.Bead
	was := map[string]town.Bead{}
	err := session.Use(ctx, o.call, func(l *session.Ledger) error {
		return l.FullIDs(ctx, o.ids, func(ids []string) error {
			before, err := l.Get(ctx, ids, ledger.Fields{"status", "defer_until"})
			if err != nil {
				return err
			}
			for _, d := range before {
				was[d.ID] = d.Bead
			}
			patches := make([]ledger.Patch, len(ids))
			for i, id := range ids {
				patches[i] = p
				patches[i].ID = id
			}
			list, err = l.Update(ctx, patches)
			touchLast(l, list)
			return err
		})
	})
	if err != nil {
		return session.Fail(verb+" "+session.Names(o.ids), err)
	}
	var changed []town.Bead
	for _, b := range list {
		old := was[b.ID]
		same := old.Status == b.Status && (old.DeferUntil == nil) == (b.DeferUntil == nil) && (b.DeferUntil == nil || old.DeferUntil.Equal(*b.DeferUntil))
		switch {
		case same && b.Status != town.StatusDeferred:
			o.call.Hint("%s is not deferred: it stays %s", b.ID, b.Status)
		case same:
			o.call.Hint("%s is deferred already", b.ID)
		}
		if !same || o.call.JSON {
			changed = append(changed, b)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return view.Beads(o.call, done, changed)
}

// warnPast says that the date of a flag, until which a bead is to be deferred, is over.
func warnPast(call *shell.Call, flag string) {
	call.Hint("warning: %s is in the past, so the bead is ready at once", flag)
}
