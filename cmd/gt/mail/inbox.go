package mail

import (
	"context"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
)

// boxOptions are those of gt mail inbox and search.
type boxOptions struct {
	call  *shell.Call
	owner string
	box   ledger.Box
}

func inboxCommand() shell.Command {
	return reads("inbox", "List the messages of a mailbox, newest first: your own, or another.", func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
		o := &boxOptions{call: call}
		c.Arg("address", "Whose mailbox: an agent's address, or human.").PlaceHolder("ADDRESS").StringVar(&o.owner)
		c.Flag("unread", "Only unread messages.").Short('u').BoolVar(&o.box.Unread)
		c.Flag("archived", "Those that were archived.").BoolVar(&o.box.Archived)
		o.limit(c)
		return o.run
	}, "gt mail inbox", "gt mail inbox --unread --json", "gt mail inbox web/witness --limit 10")
}

func searchCommand() shell.Command {
	return reads("search", "Find messages of a mailbox, also archived ones, by subject, text or sender.", func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
		o := &boxOptions{call: call}
		c.Arg("text", "What they contain, in any case.").Required().PlaceHolder("TEXT").StringVar(&o.box.Text)
		c.Flag("box", "Whose mailbox, instead of your own.").PlaceHolder("ADDRESS").StringVar(&o.owner)
		o.limit(c)
		return o.run
	}, "gt mail search frozen", "gt mail search mayor/ --box web/witness")
}

func (o *boxOptions) limit(c *kingpin.CmdClause) {
	shell.Number(c.Flag("limit", "How many messages at most; 0 means all.").Short('n').Default("50").PlaceHolder("N"), &o.box.Limit)
}

func (o *boxOptions) run(ctx context.Context) error {
	const op = "list mail"
	if o.box.Limit < 0 {
		return town.Fail(op, "give a number such as --limit 100", "%w: --limit %d is negative", town.ErrUsage, o.box.Limit)
	}
	if o.box.Unread && o.box.Archived {
		return town.Fail(op, "give one of them", "%w: an archived message is not unread", town.ErrUsage)
	}
	s, err := open(o.call)
	if err != nil {
		return err
	}
	if o.box.Recipient, err = s.box(o.owner); err != nil {
		return err
	}
	var list []ledger.Letter
	var waiting ledger.Mailbox
	err = s.ledger(ctx, op, func(l *ledger.Store) error {
		if list, err = l.Inbox(ctx, o.box); err == nil && !o.call.JSON {
			waiting, err = l.Unread(ctx, o.box.Recipient)
		}
		return err
	})
	if err != nil {
		return err
	}
	if list == nil {
		list = []ledger.Letter{}
	}
	return o.call.Show(list, func(p *term.Printer) { o.say(p, list, waiting) })
}

// say prints a table of messages.
func (o *boxOptions) say(p *term.Printer, list []ledger.Letter, waiting ledger.Mailbox) {
	if len(list) == 0 {
		p.Line("No messages of %s", o.box.Recipient)
		return
	}
	rows := make([][]string, len(list))
	for i, l := range list {
		rows[i] = []string{mark(l), l.ID, l.Author, short(o.call.Now(), l.SentAt), subject(l.Message)}
	}
	p.Table([]string{"", "ID", "FROM", "SENT", "SUBJECT"}, rows)
	text := term.Plural(len(list), "message", "messages")
	if waiting.Unread > 0 {
		text += "; " + unread(waiting)
	}
	p.Line("%s of %s", text, o.box.Recipient)
}

// unread says how much is unread.
func unread(w ledger.Mailbox) string {
	text := term.Plural(w.Unread, "unread message", "unread messages")
	if w.Urgent > 0 {
		text += ", " + term.Plural(w.Urgent, "of them urgent", "of them urgent")
	}
	return text
}

// mark shows whether a message is unread, and urgent.
func mark(l ledger.Letter) string {
	switch {
	case !l.Unread:
		return " "
	case l.Priority == ledger.Urgent:
		return "!"
	}
	return "*"
}

// subject is a message's subject in one line, with what is unusual about the message.
func subject(m ledger.Message) string {
	var odd []string
	if m.Priority != ledger.Normal {
		odd = append(odd, string(m.Priority))
	}
	if m.Kind != ledger.Note {
		odd = append(odd, string(m.Kind))
	}
	text := strings.Join(strings.Fields(m.Subject), " ")
	if len(odd) > 0 {
		text = "[" + strings.Join(odd, " ") + "] " + text
	}
	if m.ClaimedBy != "" {
		text += " (claimed by " + m.ClaimedBy + ")"
	}
	return text
}

// short is the distance to a time, for a column.
func short(now, t time.Time) string {
	text, _, _ := strings.Cut(term.Ago(now, t), " (")
	return text
}
