package mail

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/layout"
)

const (
	// shownMessages is how many messages gt mail check --inject lists, with so many
	// bytes of each subject: what hooks of agents print is cut after a few KB.
	shownMessages = 8
	shownSubject  = 120
	// shownNudges is how many bytes of nudges it prints at once. The others wait.
	shownNudges = 3 << 10
)

// checkOptions are those of gt mail check.
type checkOptions struct {
	call   *shell.Call
	inject bool
}

func checkCommand() shell.Command {
	c := reads("check", "Say how much mail is unread.", func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
		o := &checkOptions{call: call}
		c.Flag("inject", "For hooks of agents: also print nudges that wait for the session, and what is unread in a few lines. Prints nothing when there is nothing.").BoolVar(&o.inject)
		return o.run
	}, "gt mail check", "gt mail check --inject    # in a hook of an agent")
	c.Planes = append(c.Planes, layout.Operational)
	c.WritesWith = []string{"inject"}
	return c
}

func (o *checkOptions) run(ctx context.Context) error {
	s, err := open(o.call)
	if err != nil {
		return err
	}
	if o.inject && s.who.Run > 0 && !o.call.JSON {
		if err := s.nudges(ctx); err != nil {
			return fail("print the nudges that wait", err)
		}
	}
	var waiting ledger.Mailbox
	var list []ledger.Letter
	err = s.ledger(ctx, "look for mail", func(l *ledger.Store) error {
		if waiting, err = l.Unread(ctx, s.who.Box()); err == nil && o.inject && waiting.Unread > 0 && !o.call.JSON {
			list, err = l.Inbox(ctx, ledger.Box{Recipient: s.who.Box(), Unread: true, Pressing: true, Limit: shownMessages})
		}
		return err
	})
	if err != nil || o.inject && waiting.Unread == 0 && !o.call.JSON {
		return err
	}
	return o.call.Show(waiting, func(p *term.Printer) {
		p.Line("%s has %s", s.who.Box(), unread(waiting))
		for _, l := range list {
			p.Line("  %s from %s: %s", l.ID, town.Clip(l.Author, 60), town.Clip(subject(l.Message), shownSubject))
		}
		if more := waiting.Unread - len(list); len(list) > 0 && more > 0 {
			p.Line("  and %d more: gt mail inbox --unread", more)
		}
		if len(list) > 0 {
			p.Line("Read one with: gt mail read %s", list[0].ID)
		}
	})
}

// nudges prints the nudges that wait for the caller's session. Each is taken first, as
// by anybody who types it, so nobody else gives it to the agent too.
func (s *session) nudges(ctx context.Context) error {
	return s.Rows(ctx, func(o *operational.Store) error {
		b, err := o.NudgeBoard(ctx)
		if err != nil {
			return err
		}
		size := 0
		for _, n := range b.Open {
			mine := n.Agent == s.who.Agent && n.Run == s.who.Run && n.State == operational.NudgeQueued && n.Kind == operational.NudgeLine
			if !mine || size > 0 && size+len(n.Text) > shownNudges || !s.now().Before(n.Expires) {
				continue
			}
			size += len(n.Text)
			if err := s.give(ctx, o, n); err != nil {
				return err
			}
		}
		return nil
	})
}

// give prints one nudge, if it is still to be typed.
func (s *session) give(ctx context.Context, o *operational.Store, n operational.Nudge) error {
	m := operational.NudgeMove{ID: n.ID, From: n.State, Tries: n.Tries, To: operational.NudgeTyping, Result: n.Result}
	taken, err := o.MoveNudge(ctx, m, s.now())
	if err != nil || !taken {
		return err
	}
	m.From, m.Tries, m.To, m.Result = operational.NudgeTyping, n.Tries+1, operational.NudgeConfirmed, "given to the agent's hook"
	p := s.call.Printer(s.call.Stdout)
	from := strings.Join(strings.Fields(n.From), " ")
	p.Line("[%s]", from)
	p.Body("", n.Text)
	if failed := p.Flush(); failed != nil {
		m.To, m.Result = operational.NudgeUnknown, "the agent's hook did not take it"
		_, err := o.MoveNudge(ctx, m, s.now())
		return errors.Join(failed, err)
	}
	_, err = o.MoveNudge(ctx, m, s.now())
	return err
}

func (s *session) now() time.Time { return s.call.Now() }
