// Package prime is gt prime: what an agent has to know when its session starts. Hooks
// of agents run it.
package prime

import (
	"context"
	"io"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/primer"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town/agenthooks"
	"gastown/town/layout"
)

const (
	// defaultPatience bounds the wait for a plane: a session that starts late is worse
	// than one that starts without all of it.
	defaultPatience = 2 * time.Second
	// hookPatience bounds the wait for what the agent's program tells the hook.
	hookPatience = time.Second
	// traceEnv asks for the number of SQL queries on standard error.
	traceEnv = "GT_TRACE"
)

// primeOptions are those of gt prime.
type primeOptions struct {
	call *shell.Call
	hook bool
}

// Commands adds gt prime to a program.
func Commands(p *shell.Program) {
	p.Add(p, shell.Command{
		Name: "prime", Help: "Tell an agent who it is, where it works, what it works on, its mail and the rules of its role.",
		Examples: []string{"gt prime", "gt prime --hook    # for the hooks of an agent's program: never fails", "gt prime --json"},
		Planes:   []string{layout.Operational, layout.Ledger}, Permission: shell.MayReadTown, WritesWith: []string{"hook"}, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &primeOptions{call: call}
			c.Flag("hook", "Read what the program tells a hook, keep the id of its conversation, and answer as it wants. Exits 0 whatever happens; what is wrong stands on standard error.").BoolVar(&o.hook)
			return o.run
		},
	})
}

func (o *primeOptions) run(ctx context.Context) error {
	if o.hook {
		return o.answer(ctx)
	}
	f, err := o.collect(ctx, "")
	if err != nil {
		return err
	}
	text := f.text()
	return o.call.Show(struct {
		facts
		Text string `json:"text"`
	}{f, text}, func(p *term.Printer) { p.Body("", text) })
}

// answer is gt prime --hook.
func (o *primeOptions) answer(ctx context.Context) error {
	in, err := o.told(ctx)
	if err != nil {
		o.call.Hint("gt prime: what the hook was told is not understood: %v", err)
	}
	f, err := o.collect(ctx, in.Session)
	text := ""
	if err != nil {
		o.call.Hint("gt prime: %s", shell.Message(err))
		text = "gt prime knows nothing now: " + primer.Clip(shell.Message(err), maxReason) + "\n"
	} else {
		text = f.text()
	}
	for _, m := range f.Missing {
		o.call.Hint("gt prime: not known: %s", m)
	}
	// A session starts also when nobody reads what it is told.
	_, _ = io.WriteString(o.call.Stdout, in.ContextFor(text))
	return nil
}

// told reads what the program tells the hook. Without anything it is Claude Code's way
// that is answered, which most programs take.
func (o *primeOptions) told(ctx context.Context) (agenthooks.Input, error) {
	usual := agenthooks.Input{Protocol: agenthooks.Nested, Event: "SessionStart"}
	soon, cancel := context.WithTimeout(ctx, hookPatience)
	defer cancel()
	data, err := term.ReadAll(soon, o.call.Stdin, agenthooks.MaxInput)
	if err != nil || len(data) == 0 {
		return usual, err
	}
	in, err := agenthooks.Parse(data)
	if err != nil {
		return usual, err
	}
	return in, nil
}
