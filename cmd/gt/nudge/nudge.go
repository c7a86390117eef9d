// Package nudge is gt nudge and gt broadcast: lines that are typed into the sessions of
// agents.
package nudge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/layout"
	"gastown/town/mail"
)

const (
	// defaultWithin is how long gt nudge waits for the result.
	defaultWithin = "10s"
	// glance is the pause between two looks.
	glance = 500 * time.Millisecond
)

// options are those of the commands of this package.
type options struct {
	call    *shell.Call
	agent   string
	words   []string
	within  time.Duration
	expires time.Duration
	// everybody: the nudge is for each agent with a session, and there may be none.
	everybody bool
}

// Commands adds the commands to a program.
func Commands(p *shell.Program) {
	g := p.Command("nudge", "Type a line into the session of an agent, or list what waits to be typed.").HelpLong(shell.Examples(
		`gt nudge web/polecats/nux "Look at the failing test"`, `gt nudge broadcast "main is frozen"`, "gt nudge list"))
	send := command("agent", "Type a line into the session of an agent.", func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("agent", "Its address: mayor/, RIG/witness, RIG/polecats/NAME, RIG/crew/NAME, or RIG/NAME.").Required().PlaceHolder("AGENT").StringVar(&o.agent)
		o.define(c)
		return o.one
	}, "gt nudge web/polecats/nux 'Look at the failing test'", "gt nudge mayor/ 'web is red' --within 0s    # do not wait for the result")
	send.Default = true
	p.Add(g, send)
	p.Add(g, command("broadcast", "Type a line into every session of the Town.", func(o *options, c *kingpin.CmdClause) shell.Action {
		o.define(c)
		return o.broadcast
	}, `gt nudge broadcast "main is frozen until Monday"`))
	p.Add(g, shell.Command{
		Name: "list", Help: "List the nudges that wait to be typed.", Examples: []string{"gt nudge list", "gt nudge list --json"},
		Planes: []string{layout.Operational}, Permission: shell.MayReadMail, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action { return (&options{call: call}).list },
	})
	p.Add(p, command("broadcast", "The same as gt nudge broadcast.", func(o *options, c *kingpin.CmdClause) shell.Action {
		o.define(c)
		return o.broadcast
	}, `gt broadcast "main is frozen until Monday"`))
}

func command(name, help string, define func(*options, *kingpin.CmdClause) shell.Action, examples ...string) shell.Command {
	return shell.Command{
		Name: name, Help: help, Examples: examples, Planes: []string{layout.Operational}, Permission: shell.MayWriteMail, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action { return define(&options{call: call}, c) },
	}
}

func (o *options) define(c *kingpin.CmdClause) {
	c.Arg("message", "What to type.").Required().PlaceHolder("MSG").StringsVar(&o.words)
	c.Flag("within", "How long to wait for the result.").Default(defaultWithin).PlaceHolder("DURATION").DurationVar(&o.within)
	c.Flag("expires", "How long it may wait to be typed.").Default(mail.NudgeLife.String()).PlaceHolder("DURATION").DurationVar(&o.expires)
}

func (o *options) one(ctx context.Context) error {
	return o.nudge(ctx, "nudge "+town.Clip(o.agent, 80), func(d mail.Directory, _ map[town.Address]town.Run) ([]town.Address, error) {
		if mail.Group(o.agent) {
			boxes, err := d.Resolve([]string{o.agent}, "")
			return addresses(boxes), err
		}
		a, err := d.Find(o.agent)
		return []town.Address{a}, err
	})
}

func (o *options) broadcast(ctx context.Context) error {
	o.everybody = true
	return o.nudge(ctx, "nudge everybody", func(_ mail.Directory, runs map[town.Address]town.Run) (all []town.Address, err error) {
		for a := range runs {
			all = append(all, a)
		}
		slices.SortFunc(all, func(a, b town.Address) int { return strings.Compare(a.String(), b.String()) })
		return all, nil
	})
}

// addresses are those of agents among mailboxes.
func addresses(boxes []string) (all []town.Address) {
	for _, box := range boxes {
		if a, err := town.ParseAddress(box); err == nil {
			all = append(all, a)
		}
	}
	return all
}

// nudge stores a line for agents, types it where that is possible now, and reports
// what became of it.
func (o *options) nudge(ctx context.Context, op string, choose func(mail.Directory, map[town.Address]town.Run) ([]town.Address, error)) error {
	if o.within < 0 || o.expires <= 0 {
		return town.Fail(op, "for instance --within 10s --expires 30m", "%w: a duration is negative, or it would expire at once", town.ErrUsage)
	}
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	d, known, err := h.Directory(ctx)
	if err != nil {
		return err
	}
	sessions, err := h.Typist()
	if err != nil {
		return err
	}
	runs, err := sessions.Running(ctx)
	if err != nil {
		return err
	}
	for a := range runs { // a session is known even if no row is
		if !slices.Contains(d.Agents, a) {
			d.Agents = append(d.Agents, a)
		}
	}
	who, err := h.Caller()
	if err != nil {
		return err
	}
	to, err := choose(d, runs)
	if err != nil {
		return err
	}
	to = slices.DeleteFunc(to, func(a town.Address) bool { return len(to) > 1 && a == who.Agent })
	if len(to) == 1 && !reachable(to[0], runs, known) {
		return town.Fail(op, "gt mail send "+to[0].String()+" -m TEXT stays until somebody reads it",
			"%w: it has no session and no work, and its next session is for other work", town.ErrUsage)
	}
	to = slices.DeleteFunc(to, func(a town.Address) bool { return !reachable(a, runs, known) })
	if len(to) == 0 && o.everybody {
		return o.call.Changed([]operational.Nudge{}, func(p *term.Printer) {
			p.Line("no agent has a session now, so nobody was told; gt mail send @town -m TEXT reaches those that begin later")
		})
	}
	if len(to) == 0 {
		return town.Fail(op, "gt agents lists who there is; gt mail send @town -m TEXT reaches agents without a session", "%w: no agent has a session", town.ErrUsage)
	}
	now := o.call.Now()
	var list []operational.Nudge
	for _, a := range to {
		run, running := runs[a]
		if !running && a.Kind == town.Polecat {
			run = host.RunOf(known, a) // its session is to come; other agents get it in their next one
		}
		list = append(list, operational.Nudge{Agent: a, Run: run, Kind: operational.NudgeLine, From: who.Name, Text: strings.Join(o.words, " "), Expires: now.Add(o.expires)})
	}
	var stored []operational.Nudge
	err = h.Rows(ctx, func(s *operational.Store) error {
		stored, err = s.Nudge(ctx, list, now)
		return err
	})
	if err != nil {
		// No step: what the plane reports names one.
		return town.Fail(op, "", "%w", err)
	}
	h.Feed().Wake()
	stored, err = o.await(ctx, h, sessions, stored)
	if err != nil {
		return town.Fail(op, "gt nudge list shows what waits; gt peek AGENT shows the session", "it is stored, and nobody could look what became of it: %w", err)
	}
	return o.show(stored, runs)
}

// reachable reports whether a nudge for an agent can ever be typed. A polecat without a
// session gets another one only if it has work.
func reachable(a town.Address, runs map[town.Address]town.Run, known []operational.Agent) bool {
	_, running := runs[a]
	return running || a.Kind != town.Polecat || slices.ContainsFunc(known, func(k operational.Agent) bool { return k.Address == a && k.Bead != "" })
}

// await delivers the nudges, as often as it takes, for at most the time that the
// caller gives. It returns them as they are then.
func (o *options) await(ctx context.Context, h *host.Host, sessions mail.Sessions, list []operational.Nudge) ([]operational.Nudge, error) {
	d := &mail.Deliverer{Operational: h.Rows, Sessions: sessions, Now: o.call.Now}
	var ids []int64
	var agents []town.Address
	for _, n := range list {
		ids, agents = append(ids, n.ID), append(agents, n.Agent)
	}
	for end := o.call.Now().Add(o.within); ; {
		_, failed := d.Pass(ctx, agents...)
		err := h.Rows(ctx, func(s *operational.Store) (err error) {
			list, err = s.Nudges(ctx, ids)
			return err
		})
		waits := slices.ContainsFunc(list, func(n operational.Nudge) bool { return n.State.Open() })
		if err != nil || !waits || !o.call.Now().Add(glance).Before(end) {
			return list, errors.Join(err, failed)
		}
		select {
		case <-ctx.Done():
			return list, ctx.Err()
		case <-time.After(glance):
		}
	}
}

// show prints what became of each nudge. Only what was seen to arrive is a success.
func (o *options) show(list []operational.Nudge, runs map[town.Address]town.Run) error {
	err := o.call.Changed(list, func(p *term.Printer) {
		for _, n := range list {
			style, text := term.Warn, fmt.Sprintf("%s: %s", n.Agent, n.State)
			if n.State == operational.NudgeConfirmed {
				style = term.Good
			}
			if n.Result != "" {
				text += ": " + n.Result
			}
			if _, running := runs[n.Agent]; !running && n.State == operational.NudgeQueued {
				text += "; the agent has no session now"
			}
			if n.State == operational.NudgeQueued {
				text += fmt.Sprintf("; it is typed when that is possible, until %s", n.Expires.Format(time.TimeOnly+" MST"))
			}
			p.Styled(style, "%s", text)
		}
	})
	failed := slices.ContainsFunc(list, func(n operational.Nudge) bool {
		return n.State == operational.NudgeRefused || n.State == operational.NudgeExpired || n.State == operational.NudgeUnknown
	})
	if err == nil && failed {
		return shell.Shown(nil)
	}
	return err
}

func (o *options) list(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	list := []operational.Nudge{}
	err = h.Rows(ctx, func(s *operational.Store) error {
		b, err := s.NudgeBoard(ctx)
		list = append(list, b.Open...)
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Show(list, func(p *term.Printer) {
		if len(list) == 0 {
			p.Line("No nudge waits")
			return
		}
		rows := make([][]string, len(list))
		for i, n := range list {
			rows[i] = []string{fmt.Sprint(n.ID), n.Agent.String(), string(n.State), n.From, strings.Join(strings.Fields(n.Text), " "), n.Result}
		}
		p.Table([]string{"ID", "AGENT", "STATE", "FROM", "TEXT", "LAST TRY"}, rows)
	})
}
