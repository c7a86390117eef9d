package mail

import (
	"context"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
)

// readOptions are those of the commands about messages with an id.
type readOptions struct {
	call *shell.Call
	id   string
	ids  []string
	keep bool
}

// opened is what gt mail read prints.
type opened struct {
	ledger.Message
	Deliveries []ledger.Delivery `json:"deliveries"`
}

func (o *readOptions) idArg(c *kingpin.CmdClause) {
	c.Arg("id", "The message.").Required().PlaceHolder("ID").StringVar(&o.id)
}

func readCommand() shell.Command {
	c := writes("read", "Show a message, and mark it as read if it is in your mailbox.", func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
		o := &readOptions{call: call}
		o.idArg(c)
		c.Flag("keep-unread", "Do not mark it.").BoolVar(&o.keep)
		return o.read
	}, "gt mail read m-k3j9x2pq", "gt mail read m-k3j9x2pq --keep-unread --json")
	c.Repeatable = true
	return c
}

func threadCommand() shell.Command {
	return reads("thread", "Show all messages of an exchange, oldest first. Marks none as read.", func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
		o := &readOptions{call: call}
		o.idArg(c)
		return o.thread
	}, "gt mail thread m-k3j9x2pq")
}

func archiveCommand() shell.Command {
	c := writes("archive", "Put messages of your mailbox away. They can still be read, searched and listed with --archived.", func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
		o := &readOptions{call: call}
		c.Arg("id", "The messages.").Required().PlaceHolder("ID").StringsVar(&o.ids)
		return o.archive
	}, "gt mail archive m-k3j9x2pq", "gt mail archive m-k3j9x2pq m-0x8d2k1a")
	c.Repeatable = true
	return c
}

func claimCommand() shell.Command {
	c := writes("claim", "Say that you do what a message asks for; refused when another recipient was first.", func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
		o := &readOptions{call: call}
		o.idArg(c)
		return o.claim
	}, "gt mail claim m-k3j9x2pq")
	c.Repeatable = true
	return c
}

// read prints the message before it marks it: a message that nobody saw stays unread.
func (o *readOptions) read(ctx context.Context) error {
	op := "read " + town.Clip(o.id, 40)
	s, err := open(o.call)
	if err != nil {
		return err
	}
	var out opened
	err = s.ledger(ctx, op, func(l *ledger.Store) error {
		out.Message, out.Deliveries, err = l.Read(ctx, o.id)
		return err
	})
	if err != nil {
		return err
	}
	if err := o.call.Show(out, func(p *term.Printer) { message(o.call, p, out.Message) }); err != nil {
		return err
	}
	mine := slices.ContainsFunc(out.Deliveries, func(d ledger.Delivery) bool { return d.Recipient == s.who.Box() && d.Unread })
	if o.keep || !mine {
		return nil
	}
	return s.ledger(ctx, "mark "+o.id+" as read", func(l *ledger.Store) error {
		_, err := l.MarkRead(ctx, s.who.Box(), o.id)
		return err
	})
}

// message prints a message as people read letters.
func message(call *shell.Call, p *term.Printer, m ledger.Message) {
	p.Styled(term.Head, "%s", subject(m))
	p.Line("  id      %s", m.ID)
	from := m.From
	if m.Author != m.From {
		from = m.Author + " (" + m.From + ")"
	}
	p.Line("  from    %s", from)
	p.Line("  to      %s", m.To)
	p.Line("  sent    %s", call.Ago(m.SentAt))
	if m.ReplyTo != "" {
		p.Line("  answers %s, thread %s", m.ReplyTo, m.Thread)
	}
	if m.Body != "" {
		p.Line("")
		p.Body("  ", m.Body)
	}
}

func (o *readOptions) thread(ctx context.Context) error {
	s, err := open(o.call)
	if err != nil {
		return err
	}
	var list []ledger.Letter
	err = s.ledger(ctx, "read the thread of "+town.Clip(o.id, 40), func(l *ledger.Store) error {
		list, err = l.Thread(ctx, o.id, s.who.Box())
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Show(list, func(p *term.Printer) {
		for i, l := range list {
			if i > 0 {
				p.Line("")
			}
			message(o.call, p, l.Message)
		}
	})
}

// changed is what gt mail archive prints.
type changed struct {
	Archived []string `json:"archived"`
	// Changed is how many of them were not archived before.
	Changed int `json:"changed"`
}

func (o *readOptions) archive(ctx context.Context) error {
	s, err := open(o.call)
	if err != nil {
		return err
	}
	out := changed{Archived: o.ids}
	err = s.ledger(ctx, "archive mail", func(l *ledger.Store) error {
		out.Changed, err = l.Archive(ctx, s.who.Box(), o.ids...)
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Changed(out, func(p *term.Printer) { p.Line("archived %s", term.Plural(out.Changed, "message", "messages")) })
}

// claimed is what gt mail claim prints.
type claimed struct {
	ID        string `json:"id"`
	ClaimedBy string `json:"claimed_by"`
}

func (o *readOptions) claim(ctx context.Context) error {
	s, err := open(o.call)
	if err != nil {
		return err
	}
	err = s.ledger(ctx, "claim "+town.Clip(o.id, 40), func(l *ledger.Store) error { return l.ClaimMessage(ctx, o.id, s.who.Box()) })
	if err != nil {
		return err
	}
	return o.call.Changed(claimed{o.id, s.who.Box()}, func(p *term.Printer) { p.Line("%s is yours", o.id) })
}
