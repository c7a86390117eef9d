// Package memory is the commands of bd about what agents and people of a Town are
// to know in every session.
package memory

import (
	"context"
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

// memoryOptions are those of the commands about memories.
type memoryOptions struct {
	call *shell.Call
	key  string
	text flags.Words
}

// remembered is what bd remember prints.
type remembered struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Action string `json:"action"` // remembered, updated or recalled
}

// recalled is what bd recall prints.
type recalled struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Found bool   `json:"found"`
}

// forgotten is what bd forget prints.
type forgotten struct {
	Key     string `json:"key"`
	Deleted string `json:"deleted,omitempty"` // "true", a text as in the public bd
	Found   string `json:"found,omitempty"`   // "false", where there was none
}

// listedBytes is how much of a memory a list shows.
const listedBytes = 120

// Commands adds the commands to a program.
func Commands(p *shell.Program) {
	p.Add(p, shell.Command{
		Name: "remember", Help: "Store something that every session is to know. A name of a memory alone prints that.",
		Examples: []string{`bd remember "Run the tests with -race"`, `bd remember "The API is frozen until May" --key api-freeze`},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, Repeatable: true,
		Reads: []string{"file"},
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &memoryOptions{call: call}
			o.text.Define(c, "What is to be known.")
			c.Flag("key", "Its name, instead of one from its first words. A memory of that name is replaced.").PlaceHolder("NAME").StringVar(&o.key)
			return o.remember
		},
	})
	p.Add(p, shell.Command{
		Name: "memories", Help: "List the memories, or those that contain a text.",
		Examples: []string{"bd memories", "bd memories race --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &memoryOptions{call: call}
			c.Arg("text", "What their names or texts contain, in any case.").PlaceHolder("TEXT").StringVar(&o.key)
			return o.list
		},
	})
	p.Add(p, shell.Command{
		Name: "recall", Help: "Print a memory; exit 1 if there is none.",
		Examples: []string{"bd recall api-freeze"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &memoryOptions{call: call}
			o.keyArg(c)
			return o.recall
		},
	})
	p.Add(p, shell.Command{
		Name: "forget", Help: "Remove a memory; exit 1 if there is none.",
		Examples: []string{"bd forget api-freeze"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &memoryOptions{call: call}
			o.keyArg(c)
			return o.forget
		},
	})
}

func (o *memoryOptions) keyArg(c *kingpin.CmdClause) {
	c.Arg("key", "The name of the memory.").Required().PlaceHolder("NAME").StringVar(&o.key)
}

func (o *memoryOptions) remember(ctx context.Context) error {
	text, err := o.text.Read(o.call, `bd remember "TEXT"`)
	if err != nil {
		return session.Fail("remember", err)
	}
	key := o.key
	if key == "" {
		key = ledger.MemoryKey(text)
	}
	if key == "" {
		return town.Fail("remember", "give it a name with --key NAME", "%w: its text has no letters to make a name of", town.ErrUsage)
	}
	// A text that is its own key looks like a name, so it asks for that memory.
	asks := o.key == "" && key == text
	done := remembered{Key: key, Value: text, Action: "remembered"}
	err = session.Use(ctx, o.call, func(l *session.Ledger) error {
		if asks {
			m, ok, err := l.Recall(ctx, key)
			if done.Value, done.Action = m.Text, "recalled"; err == nil && !ok {
				err = town.Fail("remember "+town.Clip(key, 80), "bd remember "+key+" --key "+key+" stores it all the same; bd memories lists what there is",
					"%w: it looks like a name, and no memory has that", town.ErrUsage)
			}
			return err
		}
		_, changed, err := l.Remember(ctx, ledger.Memory{Name: key, Text: text})
		if changed > 0 {
			done.Action = "updated"
		}
		return err
	})
	if err != nil {
		return session.Fail("remember "+town.Clip(key, 80), err)
	}
	if asks {
		return o.call.Show(done, func(p *term.Printer) { p.Text(done.Value) })
	}
	return view.Done(o.call, done, "%s %s", done.Action, key)
}

func (o *memoryOptions) list(ctx context.Context) error {
	var list []ledger.Memory
	err := session.Use(ctx, o.call, func(l *session.Ledger) (err error) {
		list, err = l.Memories(ctx, o.key)
		return err
	})
	if err != nil {
		return session.Fail("list the memories", err)
	}
	values := map[string]string{}
	for _, m := range list {
		values[m.Name] = m.Text
	}
	return o.call.Show(values, func(p *term.Printer) {
		for _, m := range list {
			p.Styled(term.Head, "%s", m.Name)
			p.Line("  %s", town.Clip(strings.Join(strings.Fields(m.Text), " "), listedBytes))
		}
		if len(list) == 0 {
			p.Line("No memories")
		}
	})
}

func (o *memoryOptions) recall(ctx context.Context) error {
	out := recalled{Key: o.key}
	err := session.Use(ctx, o.call, func(l *session.Ledger) error {
		m, ok, err := l.Recall(ctx, o.key)
		out.Value, out.Found = m.Text, ok
		return err
	})
	if err != nil {
		return session.Fail("recall "+town.Clip(o.key, 80), err)
	}
	return o.there("recall", out.Found, o.call.JSON || out.Found, func() error {
		return o.call.Show(out, func(p *term.Printer) { p.Text(out.Value) })
	})
}

func (o *memoryOptions) forget(ctx context.Context) error {
	out := forgotten{Key: o.key}
	was := false
	err := session.Use(ctx, o.call, func(l *session.Ledger) (err error) {
		was, err = l.Forget(ctx, o.key)
		return err
	})
	if err != nil {
		return session.Fail("forget "+town.Clip(o.key, 80), err)
	}
	if out.Deleted = "true"; !was {
		out = forgotten{Key: o.key, Found: "false"}
	}
	return o.there("forget", was, o.call.JSON || was, func() error { return view.Done(o.call, out, "forgot %s", o.key) })
}

// there ends recall and forget: it calls result if show is set, and fails unless the
// memory exists.
func (o *memoryOptions) there(verb string, is, show bool, result func() error) error {
	if show {
		if err := result(); err != nil || is {
			return err
		}
		return shell.Shown(nil)
	}
	return town.Fail(verb+" "+town.Clip(o.key, 80), "bd memories lists what there is", "there is no such memory")
}
