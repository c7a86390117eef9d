// Package mail is the command group gt mail: messages between the agents and the
// people of a Town.
package mail

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
	"gastown/town/mail"
)

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("mail", "Messages between the agents and the people of the Town.").HelpLong(shell.Examples(
		`gt mail send mayor/ -s "Tests are red" -m "Since a3f8x."`, "gt mail inbox", "gt mail read m-k3j9x2pq", `gt mail reply m-k3j9x2pq -m "On it."`))
	p.Add(g, sendCommand())
	p.Add(g, replyCommand())
	p.Add(g, inboxCommand())
	p.Add(g, searchCommand())
	p.Add(g, readCommand())
	p.Add(g, threadCommand())
	p.Add(g, archiveCommand())
	p.Add(g, claimCommand())
	p.Add(g, checkCommand())
}

// reads and writes are the entries of commands that read and change mail.
func reads(name, help string, define func(*shell.Call, *kingpin.CmdClause) shell.Action, examples ...string) shell.Command {
	return shell.Command{Name: name, Help: help, Examples: examples, Define: define,
		Planes: []string{layout.Ledger}, Permission: shell.MayReadMail, Repeatable: true}
}

func writes(name, help string, define func(*shell.Call, *kingpin.CmdClause) shell.Action, examples ...string) shell.Command {
	c := reads(name, help, define, examples...)
	c.Permission, c.Writes, c.Repeatable = shell.MayWriteMail, true, false
	return c
}

// session is a command's use of the Town's mail.
type session struct {
	*host.Host
	call *shell.Call
	who  mail.Caller
}

func open(call *shell.Call) (*session, error) {
	h, err := host.Open(call)
	if err != nil {
		return nil, err
	}
	who, err := h.Caller()
	return &session{Host: h, call: call, who: who}, err
}

// ledger calls fn with the open ledger. op says what for.
func (s *session) ledger(ctx context.Context, op string, fn func(*ledger.Store) error) error {
	l, release, err := s.Ledger(ctx, nil)
	if err != nil {
		return err
	}
	return fail(op, errors.Join(fn(l), release()))
}

// fail says what failed, and the next step where one helps.
func fail(op string, err error) error {
	var known *town.Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.Is(err, ledger.ErrNoMessage):
		return town.Fail(op, "gt mail inbox lists your messages, gt mail inbox --archived those that you put away", "%w", err)
	case errors.Is(err, ledger.ErrMessage):
		return town.Fail(op, "gt mail send --help", "%w: %w", town.ErrUsage, err)
	case errors.Is(err, ledger.ErrTaken):
		return town.Fail(op, "ask who has it, or take another one", "%w", err)
	}
	// No step: what the planes report names one.
	return town.Fail(op, "", "%w", err)
}

// box returns the mailbox that a word means; the caller's own for none. No agent has to
// be known: mail outlives agents.
func (s *session) box(word string) (string, error) {
	switch {
	case word == "":
		return s.who.Box(), nil
	case word == mail.Human || word == "--"+mail.Human || word == "@"+mail.Human:
		return mail.Human, nil
	}
	a, err := town.ParseAddress(word)
	if err != nil {
		return "", town.Fail("find the mailbox of "+town.Typed(word), "gt agents lists who there is", "%w", err)
	}
	return a.String(), nil
}

// text is a message's text, as flags give it.
type text struct {
	message, file string
	stdin         bool
}

func (t *text) define(c *kingpin.CmdClause) {
	c.Flag("message", "The text.").Short('m').PlaceHolder("TEXT").StringVar(&t.message)
	c.Flag("stdin", "Read the text from standard input.").BoolVar(&t.stdin)
	c.Flag("file", "Read the text from a file.").PlaceHolder("FILE").StringVar(&t.file)
}

// read returns the text. It may be empty.
func (t *text) read(call *shell.Call) (string, error) {
	given := 0
	for _, is := range []bool{t.message != "", t.stdin, t.file != ""} {
		if is {
			given++
		}
	}
	name := t.file
	switch {
	case given > 1:
		return "", town.Fail("read the text", "give one of them", "%w: -m, --stdin and --file exclude each other", town.ErrUsage)
	case t.stdin:
		name = "-"
	case t.file == "":
		return t.message, nil
	}
	f, err := call.Open(name)
	if err != nil {
		return "", town.Fail("read the text", "name a file that you may read", "%w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, ledger.MaxMailBody+1))
	if err != nil {
		return "", town.Fail("read the text from "+town.Clip(name, 80), "name a file that you may read", "%w", err)
	}
	if len(data) > ledger.MaxMailBody {
		return "", town.Fail("read the text from "+town.Clip(name, 80), "put it into a file of the project and send its name",
			"%w: it has more than %d bytes", town.ErrUsage, ledger.MaxMailBody)
	}
	return strings.TrimRight(string(data), "\n"), nil
}
