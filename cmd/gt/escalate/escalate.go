// Package escalate is the command group gt escalate: what a person must see, raised
// again until somebody has it.
package escalate

import (
	"context"
	"errors"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/escalate"
	"gastown/town/layout"
)

// Words are the commands of the group. Anything else after gt escalate is the text of
// gt escalate raise.
var Words = []string{"raise", "list", "show", "ack", "close", "again", "stale", "help"}

// options are the options of the group.
type options struct {
	call *shell.Call

	title, severity, reason, about, key, source, next string

	ids  []string
	all  bool
	note string
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("escalate", "What a person must see. It is raised again until somebody has it.").HelpLong(shell.Examples(
		`gt escalate "Need a key for the payment API" --severity high --reason "web-a1 waits for it" --related web-a1`,
		"gt escalate list", "gt escalate ack esc-4k2x9", `gt escalate close esc-4k2x9 --reason "the key is in the vault"`))
	add := func(c shell.Command, define func(o *options, c *kingpin.CmdClause) shell.Action) {
		c.Planes, c.Repeatable = []string{layout.Ledger}, true
		c.Define = func(call *shell.Call, clause *kingpin.CmdClause) shell.Action {
			return define(&options{call: call}, clause)
		}
		p.Add(g, c)
	}
	add(shell.Command{
		Name: "raise", Help: "Make a trouble known to people. The word raise may be left out. The same trouble is one escalation, however often it is raised.",
		Examples: []string{
			`gt escalate "Build fails since the upgrade" --severity critical --reason "$(tail -3 build.log)"`,
			`gt escalate "Which of the two APIs?" --related web-a1`, `gt escalate raise "disk of the build host is full" --key disk/build1 --severity high`,
		},
		// An urgent trouble must not be lost because a variable with the bead has no value.
		Permission: shell.MayWriteEscalation, Writes: true, MayBeEmpty: []string{"related"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("text", "What is wrong, in one line.").Required().StringVar(&o.title)
		c.Flag("severity", "critical, high, medium or low (default: medium).").Short('s').PlaceHolder("S").StringVar(&o.severity)
		c.Flag("reason", "Everything that helps.").Short('r').PlaceHolder("TEXT").StringVar(&o.reason)
		c.Flag("message", "The same as --reason.").Short('m').Hidden().PlaceHolder("TEXT").StringVar(&o.reason)
		c.Flag("related", "The bead that it concerns.").PlaceHolder("BEAD").StringVar(&o.about)
		c.Flag("next", "The step that is for a person.").PlaceHolder("TEXT").StringVar(&o.next)
		c.Flag("key", "Tells it from other troubles: the same one has the same key (default: the text and the bead).").PlaceHolder("KEY").StringVar(&o.key)
		c.Flag("source", "Who raises it (default: you).").PlaceHolder("NAME").StringVar(&o.source)
		return o.raise
	})
	add(shell.Command{
		Name: "list", Help: "List what a person must see, the most urgent first.", Permission: shell.MayReadEscalation,
		Examples: []string{"gt escalate list", "gt escalate list --all --json"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Flag("all", "Closed ones, too.").BoolVar(&o.all)
		return o.list
	})
	add(shell.Command{
		Name: "show", Help: "Show one with its text.", Permission: shell.MayReadEscalation, Examples: []string{"gt escalate show esc-4k2x9"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("id", "Its id.").Required().StringsVar(&o.ids)
		return o.show
	})
	add(shell.Command{
		Name: "ack", Help: "Say that you have it. It is silent from then on.", Permission: shell.MayWriteEscalation, Writes: true,
		Examples: []string{"gt escalate ack esc-4k2x9", `gt escalate ack esc-4k2x9 --note "after lunch"`},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("id", "Their ids.").Required().StringsVar(&o.ids)
		c.Flag("note", "A comment.").PlaceHolder("TEXT").StringVar(&o.note)
		return o.ack
	})
	add(shell.Command{
		Name: "close", Help: "Say that it is mended.", Permission: shell.MayWriteEscalation, Writes: true,
		Examples: []string{`gt escalate close esc-4k2x9 --reason "fixed by web-b7"`},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("id", "Their ids.").Required().StringsVar(&o.ids)
		c.Flag("reason", "How.").Short('r').PlaceHolder("TEXT").StringVar(&o.reason)
		return o.end
	})
	add(shell.Command{
		Name: "again", Alias: "stale", Help: "Run one pass of what the Deacon runs every minute: raise again what nobody acknowledged in time.",
		Examples: []string{"gt escalate again"}, Permission: shell.MayWriteEscalation, Writes: true,
	}, func(o *options, _ *kingpin.CmdClause) shell.Action { return o.again })
}

// with calls fn with the ledger.
func (o *options) with(ctx context.Context, fn func(h *host.Host, l *ledger.Store) error) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	return h.WithLedger(ctx, func(l *ledger.Store) error { return fn(h, l) })
}

// full turns the ids of o into full ones of escalations.
func (o *options) full(ctx context.Context, op string, l *ledger.Store) ([]escalate.Escalation, error) {
	all, err := escalate.List(ctx, l, true, o.call.Now())
	if err != nil {
		return nil, err
	}
	var found []escalate.Escalation
	for _, word := range o.ids {
		var some []escalate.Escalation
		var names []string
		for _, e := range all {
			names = append(names, e.ID)
			if e.ID == word {
				some = []escalate.Escalation{e}
				break
			}
			if len(word) > len(escalate.IDPrefix) && strings.HasPrefix(e.ID, word) || strings.HasPrefix(e.ID, escalate.IDPrefix+word) {
				some = append(some, e)
			}
		}
		if len(some) != 1 {
			next := "gt escalate list --all shows them"
			if near := town.Nearest(word, names, 1); len(near) > 0 {
				next = "did you mean " + near[0] + "?"
			}
			why := "there is no such escalation"
			if len(some) > 1 {
				why, next = "several begin so", "give the whole id"
			}
			return nil, town.Fail(op+" "+town.Clip(town.Visible(word), 80), next, "%w: %s", town.ErrUsage, why)
		}
		found = append(found, some[0])
	}
	return found, nil
}

// concerns checks the bead that an escalation concerns.
func (o *options) concerns(ctx context.Context, l *ledger.Store) error {
	if o.about == "" {
		return nil
	}
	ids, err := l.Resolve(ctx, []string{o.about})
	if err != nil {
		return town.Fail("escalate", "bd list shows the beads", "%w", err)
	}
	o.about = ids[0]
	return nil
}

// closedMeanwhile words the error for one that is closed.
func closedMeanwhile(op string, err error) error {
	if errors.Is(err, ledger.ErrClosed) {
		return town.Fail(op, "gt escalate list shows what is open", "%w: %w", town.ErrRefused, err)
	}
	return err
}

func state(e escalate.Escalation) string {
	switch e.State {
	case escalate.Acknowledged:
		return e.By + " has it"
	case escalate.Closed:
		return "closed"
	}
	return "nobody has it"
}

func style(e escalate.Escalation) term.Style {
	if e.State != escalate.Raised {
		return term.Dim
	}
	if e.Severity == escalate.Critical || e.Severity == escalate.High {
		return term.Bad
	}
	return term.Warn
}
