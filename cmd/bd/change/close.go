package change

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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

// closeOptions are those of bd close and bd reopen.
type closeOptions struct {
	call                             *shell.Call
	ids                              []string
	reason, reasonFile               string
	force, goOn, suggest, claimsNext bool
}

// closedBeads is what bd close prints when it also tells what is ready now.
type closedBeads struct {
	Closed    []closedBead  `json:"closed"`
	Unblocked []ledger.Item `json:"unblocked,omitempty"`
	Claimed   *town.Bead    `json:"claimed,omitempty"`
}

// closedBead is a closed bead, and whether it was closed before.
type closedBead struct {
	town.Bead
	Already bool `json:"already_closed,omitempty"`
}

// closedNow reports beads that are closed, and says of some that they were before.
func closedNow(call *shell.Call, done ledger.Closed) (list []closedBead) {
	list = []closedBead{}
	for _, b := range done.Beads {
		list = append(list, closedBead{Bead: b})
	}
	for _, b := range done.Already {
		call.Hint("%s is closed already: its date and its reason stay", b.ID)
		list = append(list, closedBead{b, true})
	}
	return list
}

// sayClosed prints beads that are closed: all of them with --json, else a line for each
// that was not closed before.
func sayClosed(call *shell.Call, done ledger.Closed) error {
	list := closedNow(call, done)
	if call.JSON {
		return call.Changed(list, nil)
	}
	if len(done.Beads) == 0 {
		return nil
	}
	return view.Beads(call, "closed", done.Beads)
}

// Close is bd close.
func Close() shell.Command {
	return shell.Command{
		Name: "close", Alias: "done", Help: "Close beads, all or none. One that waits for open beads, or has open children, is refused.",
		Examples: []string{"bd close gt-a3f8x", `bd close gt-a3f8x gt-b7151 --reason "merged in 4f2a"`, `bd done gt-a3f8x "merged in 4f2a"`, "bd close gt-a3f8x --force", "bd close gt-a3f8x --claim-next --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Reads: []string{"reason-file"},
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &closeOptions{call: call}
			c.Arg("id", "Ids, of which a unique beginning is enough; the bead you touched last if you give none. A text at the end is the reason.").PlaceHolder("ID").StringsVar(&o.ids)
			c.Flag("reason", "Why.").Short('r').PlaceHolder("TEXT").StringVar(&o.reason)
			c.Flag("message", "The same as --reason.").Short('m').Hidden().PlaceHolder("TEXT").StringVar(&o.reason)
			c.Flag("resolution", "The same as --reason.").Hidden().PlaceHolder("TEXT").StringVar(&o.reason)
			c.Flag("reason-file", "Read the reason from a file, - for standard input.").PlaceHolder("FILE").StringVar(&o.reasonFile)
			c.Flag("force", "Close beads that wait for open ones or have open children, too.").Short('f').BoolVar(&o.force)
			c.Flag("continue", "Close the beads that can be closed, and report the others.").BoolVar(&o.goOn)
			c.Flag("suggest-next", "Tell what is ready now and waited for them.").BoolVar(&o.suggest)
			c.Flag("claim-next", "Then claim the most urgent bead that is ready.").BoolVar(&o.claimsNext)
			return o.close
		},
	}
}

// Reopen is bd reopen.
func Reopen() shell.Command {
	return shell.Command{
		Name: "reopen", Help: "Open closed beads again, all or none; others keep their status, and the reason, too.",
		Examples: []string{"bd reopen gt-a3f8x", `bd reopen gt-a3f8x --reason "fails again on 32 bit"`},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &closeOptions{call: call}
			c.Arg("id", "Ids; a unique beginning is enough.").Required().PlaceHolder("ID").StringsVar(&o.ids)
			c.Flag("reason", "Why; stored as a comment.").Short('r').PlaceHolder("TEXT").StringVar(&o.reason)
			return o.reopen
		},
	}
}

// saidLast takes the last argument for the reason when it is a text: bd done ID TEXT.
// Words that may all be ids are no text.
func (o *closeOptions) saidLast() {
	if n := len(o.ids); n > 1 && o.reason == "" && o.reasonFile == "" {
		words := strings.Fields(o.ids[n-1])
		named := func(w string) bool { return town.CheckBeadID(w) == nil && strings.Contains(w, "-") }
		if len(words) > 1 && slices.ContainsFunc(words, func(w string) bool { return !named(w) }) {
			o.reason, o.ids = o.ids[n-1], o.ids[:n-1]
		}
	}
}

func (o *closeOptions) close(ctx context.Context) (err error) {
	o.saidLast()
	if o.ids, err = session.Named(o.call, "close", o.ids); err != nil {
		return err
	}
	op := "close " + session.Names(o.ids)
	if o.reasonFile != "" {
		if o.reason != "" {
			return session.Fail(op, fmt.Errorf("%w: give --reason or --reason-file, not both", town.ErrUsage))
		}
		if o.reason, err = flags.ReadFile(o.call, o.reasonFile, town.MaxTextBytes); err != nil {
			return session.Fail(op, err)
		}
		if strings.TrimSpace(o.reason) == "" {
			return session.Fail(op, fmt.Errorf("%w: --reason-file %s holds no reason", town.ErrUsage, town.Clip(o.reasonFile, 200)))
		}
	}
	var out closedBeads
	var done ledger.Closed
	some := func() bool { return len(done.Beads)+len(done.Already) > 0 }
	err = session.Use(ctx, o.call, func(l *session.Ledger) error {
		err := l.FullIDs(ctx, o.ids, func(ids []string) (err error) {
			before := done // with --continue, short ids are looked up after the first beads are closed
			done, err = l.CloseReady(ctx, ids, ledger.Closing{Reason: o.reason, Force: o.force, Continue: o.goOn})
			done.Beads = append(before.Beads, done.Beads...)
			done.Already = slices.DeleteFunc(done.Already, func(b town.Bead) bool {
				return slices.ContainsFunc(before.Beads, func(c town.Bead) bool { return c.ID == b.ID })
			})
			touchLast(l, done.Beads)
			return err
		})
		if !some() {
			return err
		}
		return errors.Join(session.Fail("close the others", err), session.Fail("look for what is ready now", o.next(ctx, l, done.Beads, &out)))
	})
	if err != nil && !some() {
		return session.Fail(op, err)
	}
	if !o.suggest && !o.claimsNext {
		return errors.Join(sayClosed(o.call, done), err)
	}
	out.Closed = closedNow(o.call, done)
	return errors.Join(o.say(out), err)
}

// next finds what became ready, with --suggest-next, and claims the most urgent ready
// bead, with --claim-next.
func (o *closeOptions) next(ctx context.Context, l *session.Ledger, closed []town.Bead, out *closedBeads) (err error) {
	if o.suggest {
		var ids []string
		for _, b := range closed {
			ids = append(ids, b.ID)
		}
		if out.Unblocked, err = l.Freed(ctx, ids, ledger.Filter{Limit: ledger.UsualLimit}); err != nil {
			return err
		}
	}
	if o.claimsNext {
		b, ok, err := l.ClaimReady(ctx, ledger.Filter{})
		if err != nil {
			return err
		}
		if ok {
			out.Claimed = &b
			touchLast(l, []town.Bead{b})
		}
	}
	return nil
}

func (o *closeOptions) say(out closedBeads) error {
	return o.call.Changed(out, func(p *term.Printer) {
		for _, b := range out.Closed {
			if !b.Already {
				p.Styled(term.Good, "closed %s", view.Line(b.Bead))
			}
		}
		for _, i := range out.Unblocked {
			p.Line("ready now: %s", view.Line(i.Bead))
		}
		switch {
		case out.Claimed != nil:
			p.Styled(term.Good, "claimed %s", view.Line(*out.Claimed))
		case o.claimsNext:
			p.Line("nothing is ready to be claimed")
		}
	})
}

func (o *closeOptions) reopen(ctx context.Context) error {
	var list []town.Bead
	var unclosed []string
	err := session.Use(ctx, o.call, func(l *session.Ledger) error {
		return l.FullIDs(ctx, o.ids, func(ids []string) (err error) {
			list, unclosed, err = l.ReopenBecause(ctx, ids, o.reason)
			touchLast(l, list)
			return err
		})
	})
	if err != nil {
		return session.Fail("reopen "+session.Names(o.ids), err)
	}
	stays := map[string]town.Status{}
	var reopened []town.Bead
	for _, b := range list {
		if !slices.Contains(unclosed, b.ID) {
			reopened = append(reopened, b)
			continue
		}
		stays[b.ID] = b.Status
		if o.call.JSON {
			reopened = append(reopened, b)
		}
	}
	for _, id := range unclosed {
		o.call.Hint("%s is not closed: its status stays %s", id, stays[id])
	}
	if len(reopened) == 0 {
		return nil
	}
	return view.Beads(o.call, "opened again", reopened)
}

// touchLast notes the last of the changed beads as the one that the author touched.
func touchLast(l *session.Ledger, list []town.Bead) {
	if len(list) > 0 {
		l.Touch(list[len(list)-1].ID)
	}
}
