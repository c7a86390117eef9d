// Package guard is gt guard: the hook that agents' programs ask before they run a command
// or write a file.
package guard

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/access"
	"gastown/town/agenthooks"
	"gastown/town/guard"
)

// hookPatience bounds the wait for what the agent's program tells the hook.
const hookPatience = 5 * time.Second

// guardOptions are those of gt guard.
type guardOptions struct {
	call  *shell.Call
	line  string
	rules bool
}

// Commands adds gt guard to a program.
func Commands(p *shell.Program) {
	p.Add(p, shell.Command{
		Name: "guard", Help: "Say whether an agent may run a command, and what to do instead; without COMMAND, answer an agent's hook.",
		Examples: []string{`gt guard "git push --force"    # in an agent's sandbox: may it?`, "gt guard --rules", "gt guard    # as a hook: reads what the program tells, and answers as it wants"},
		NoTown:   true, Permission: shell.MayReadProgram, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &guardOptions{call: call}
			c.Arg("command", "A line for a shell. It is not run.").PlaceHolder("COMMAND").StringVar(&o.line)
			c.Flag("rules", "List the rules.").BoolVar(&o.rules)
			return o.run
		},
	})
}

func (o *guardOptions) run(ctx context.Context) error {
	switch {
	case o.rules:
		return o.list()
	case o.line != "":
		return o.ask()
	}
	return o.answer(ctx)
}

// ask is for people: it exits with 5 when the command is refused.
func (o *guardOptions) ask() error {
	f, known := o.facts(o.call.Dir)
	if !known {
		return town.Fail("judge a command", "go to an agent's sandbox, or set GT_ROLE to its address",
			"%w: nobody says for which agent", town.ErrUsage)
	}
	v := f.Line(o.line)
	if !v.Allowed && !o.call.JSON {
		return town.Fail("run "+v.Command, v.Instead, "%w: %s", town.ErrRefused, v.Why)
	}
	err := o.call.Show(v, func(p *term.Printer) {
		if v.Unclear != "" {
			p.Line("allowed, as it is not understood: %s", v.Unclear)
		} else {
			p.Line("allowed")
		}
	})
	if err == nil && !v.Allowed {
		err = shell.Shown(town.ErrRefused)
	}
	return err
}

// answer answers a hook. What it does not understand it allows, and says so.
func (o *guardOptions) answer(ctx context.Context) error {
	soon, cancel := context.WithTimeout(ctx, hookPatience)
	defer cancel()
	data, err := term.ReadAll(soon, o.call.Stdin, agenthooks.MaxInput)
	var in agenthooks.Input
	if err == nil {
		in, err = agenthooks.Parse(data)
	}
	if err != nil {
		o.call.Hint("gt guard allows this, as it does not understand the hook: %v", err)
		return nil
	}
	dir := in.Dir
	if dir == "" {
		dir = o.call.Dir
	}
	f, known := o.facts(dir)
	if !known {
		return o.say(in.Allow()) // a person's own session
	}
	v := guard.Verdict{Allowed: true}
	if in.Command != "" {
		v = f.Line(in.Command)
	}
	for _, path := range in.Paths {
		if v.Allowed {
			v = f.Write(path)
		}
	}
	if !v.Allowed {
		o.tell(f, v)
		return o.say(in.Deny(v.String()))
	}
	if v.Unclear != "" {
		o.call.Hint("gt guard allows this, as it does not understand it: %s", v.Unclear)
	}
	return o.say(in.Allow())
}

// tell records a refusal in the feed. What the agent typed is not in it: a secret may be.
func (o *guardOptions) tell(f guard.Facts, v guard.Verdict) {
	if o.call.Gate == nil {
		return
	}
	d := access.Decision{Who: f.Agent.String(), Action: "guard:" + strings.ReplaceAll(v.Rule, " ", "-"), Rule: v.Rule, Reason: v.Why, Next: v.Instead}
	o.call.Gate.Tell(o.call, d.Err("run a command"))
}

func (o *guardOptions) say(a agenthooks.Answer) error {
	if _, err := io.WriteString(o.call.Stdout, a.Stdout); err != nil {
		return err
	}
	if _, err := io.WriteString(o.call.Stderr, a.Stderr); err != nil {
		return err
	}
	if a.Exit != 0 {
		return shell.Shown(town.ErrUsage) // whose exit code is 2, which programs take for a refusal
	}
	return nil
}

func (o *guardOptions) list() error {
	return o.call.Show(listed(), func(p *term.Printer) {
		for _, r := range listed() {
			who := "every agent"
			if len(r.Kinds) > 0 {
				who = "polecats"
			}
			p.Styled(term.Head, "%s (%s)", r.Name, who)
			p.Wrapped("", "  why      ", r.Why)
			p.Wrapped("", "  instead  ", r.Instead)
		}
	})
}

// rule is a guard.Rule for printing.
type rule struct {
	Name    string           `json:"name"`
	Kinds   []town.AgentKind `json:"kinds,omitempty"`
	Why     string           `json:"why"`
	Instead string           `json:"instead"`
}

func listed() (all []rule) {
	for _, r := range guard.Rules {
		all = append(all, rule{r.Name, r.Kinds, r.Why, r.Instead})
	}
	return all
}
