package mail

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/feed"
	"gastown/town/layout"
	"gastown/town/mail"
)

// sendOptions are those of gt mail send and reply.
type sendOptions struct {
	call     *shell.Call
	text     text
	to       []string
	human    bool
	subject  string
	kind     string
	priority string
	urgent   bool
	id       string
	all      bool
}

// sent is what gt mail send and reply print.
type sent struct {
	ledger.Message
	Delivered []string `json:"delivered"`
}

func sendCommand() shell.Command {
	c := writes("send", "Send a message to agents, groups of them, or the people of the Town.", func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
		o := &sendOptions{call: call}
		c.Arg("to", "Addresses: mayor/, RIG/witness, RIG/polecats/NAME, RIG/crew/NAME, RIG/NAME, RIG/, @town, @crew, @rig/RIG.").PlaceHolder("TO").StringsVar(&o.to)
		c.Flag("human", "To the people of the Town.").BoolVar(&o.human)
		c.Flag("cc", "A further address; may be repeated.").Hidden().StringsVar(&o.to)
		o.define(c)
		return o.send
	}, `gt mail send mayor/ -s "Tests are red" -m "Since a3f8x."`, "gt mail send web/polecats/nux web/crew/ann -s Plan --file plan.md",
		`gt mail send @rig/web -m "The API is frozen until Monday"`, "gt mail send --human --urgent -m 'Who may push to main?' --type question")
	c.Planes, c.Reads = append(c.Planes, layout.Operational), []string{"file"}
	c.MayBeEmpty = []string{"subject"}
	return c
}

func replyCommand() shell.Command {
	c := writes("reply", "Answer a message.", func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
		o := &sendOptions{call: call}
		c.Arg("id", "The message.").Required().PlaceHolder("ID").StringVar(&o.id)
		c.Flag("all", "Also to everybody else who got the message.").BoolVar(&o.all)
		o.define(c)
		return o.reply
	}, `gt mail reply m-k3j9x2pq -m "On it."`, "git log -3 | gt mail reply m-k3j9x2pq --all --stdin")
	c.Planes, c.Reads = append(c.Planes, layout.Operational), []string{"file"}
	c.MayBeEmpty = []string{"subject"}
	return c
}

func (o *sendOptions) define(c *kingpin.CmdClause) {
	c.Flag("subject", "The subject; otherwise the first line of the text.").Short('s').PlaceHolder("SUBJECT").StringVar(&o.subject)
	o.text.define(c)
	c.Flag("type", "What it wants: note, task, question or alert.").PlaceHolder("KIND").StringVar(&o.kind)
	c.Flag("priority", "urgent, high, normal or low; or 0 to 4.").PlaceHolder("PRIORITY").StringVar(&o.priority)
	c.Flag("urgent", "The same as --priority urgent.").BoolVar(&o.urgent)
}

// kinds are names that users of the public gt have for kinds of messages.
var kinds = map[string]ledger.MessageKind{"notification": ledger.Note, "reply": ledger.Note, "scavenge": ledger.Task}

// message is what is to be sent, without its addresses.
func (o *sendOptions) message() (m ledger.Message, err error) {
	if m.Body, err = o.text.read(o.call); err != nil {
		return m, err
	}
	m.Subject = o.subject
	if kind, ok := kinds[o.kind]; ok {
		m.Kind = kind
	} else if o.kind != "" {
		if m.Kind, err = town.ParseWord("kind of message", o.kind, ledger.MessageKinds); err != nil {
			return m, err
		}
	}
	switch n, notNumber := strconv.Atoi(o.priority); {
	case o.urgent:
		m.Priority = ledger.Urgent
	case o.priority == "":
	case notNumber == nil && n >= 0 && n <= town.MaxPriority:
		m.Priority = ledger.MessagePriorities[min(n, len(ledger.MessagePriorities)-1)]
	default:
		m.Priority, err = town.ParseWord("priority", o.priority, ledger.MessagePriorities)
	}
	return m, err
}

func (o *sendOptions) send(ctx context.Context) error {
	const op = "send mail"
	if o.human {
		o.to = append(o.to, "--"+mail.Human)
	}
	if len(o.to) == 0 {
		return town.Fail(op, "gt mail send mayor/ -m TEXT, or gt mail send --human -m TEXT", "%w: nobody is named", town.ErrUsage)
	}
	m, err := o.message()
	if err != nil {
		return fail(op, err)
	}
	s, err := open(o.call)
	if err != nil {
		return err
	}
	var boxes, nobody []string
	err = s.WithOneOpening(func() error {
		d, agents, err := s.Directory(ctx)
		if err != nil {
			return fail(op, err)
		}
		if boxes, err = d.Resolve(o.to, s.who.Box()); err != nil {
			return err
		}
		nobody = unattended(boxes, agents)
		letter := s.who.Letter(o.to, m.Subject, m.Body)
		letter.Kind, letter.Priority = m.Kind, m.Priority
		err = s.ledger(ctx, op, func(l *ledger.Store) error {
			m, err = l.Send(ctx, letter, boxes)
			return err
		})
		if err == nil {
			wakes(ctx, s, m, boxes)
		}
		return err
	})
	if err == nil && len(nobody) > 0 && len(nobody) == len(boxes) {
		o.call.Hint("no agent works as %s now, so nobody reads it until one does; gt mail send --human reaches the people", named(nobody))
	}
	return o.done(m, boxes, err)
}

// unattended are the mailboxes of agents that have no session.
func unattended(boxes []string, agents []operational.Agent) (nobody []string) {
	for _, box := range boxes {
		a, err := town.ParseAddress(box)
		if err != nil || a.Kind == town.Crew {
			continue // people read their mail when they like
		}
		if !slices.ContainsFunc(agents, func(k operational.Agent) bool { return k.Address == a && k.Session != "" }) {
			nobody = append(nobody, box)
		}
	}
	return nobody
}

func (o *sendOptions) reply(ctx context.Context) error {
	op := "answer " + town.Clip(o.id, 40)
	m, err := o.message()
	if err != nil {
		return fail(op, err)
	}
	if strings.TrimSpace(m.Body) == "" {
		return town.Fail(op, "gt mail reply ID -m TEXT", "%w: the answer has no text", town.ErrUsage)
	}
	s, err := open(o.call)
	if err != nil {
		return err
	}
	var boxes []string
	err = s.ledger(ctx, op, func(l *ledger.Store) error {
		m, boxes, err = s.who.Reply(ctx, l, o.id, m, o.all)
		return err
	})
	if err == nil {
		wakes(ctx, s, m, boxes)
	}
	return o.done(m, boxes, err)
}

// wakes tells whoever follows the feed that a message was sent.
func wakes(ctx context.Context, s *session, m ledger.Message, boxes []string) {
	s.Wakes(ctx, feed.Event{At: m.SentAt, Kind: feed.MailSent, Subject: m.ID, Actor: m.Author, Text: "to " + named(boxes)})
}

// done reports what was delivered.
func (o *sendOptions) done(m ledger.Message, boxes []string, err error) error {
	if err != nil {
		return err
	}
	return o.call.Changed(sent{m, boxes}, func(p *term.Printer) { p.Line("%s delivered to %s", m.ID, named(boxes)) })
}

// named lists mailboxes; of many it gives the number.
func named(boxes []string) string {
	const most = 8
	if len(boxes) > most {
		return fmt.Sprintf("%d mailboxes: %s, ...", len(boxes), strings.Join(slices.Clone(boxes[:most]), ", "))
	}
	return strings.Join(boxes, ", ")
}
