// Package exchange is bd sync and the group bd dolt: the words of the public bd for
// exchanging a ledger, which here are the federation of the Town.
package exchange

import (
	"context"
	"errors"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/deacon"
	"gastown/town"
	"gastown/town/access"
	"gastown/town/layout"
)

// options are those of all commands of this package.
type options struct {
	call    *shell.Call
	ignored bool
	words   []string
}

// Commands adds bd sync and bd dolt to a program.
func Commands(p *shell.Program) {
	p.Add(p, exchange("sync", "bd sync", "gt federation sync", "Exchange with other Towns, as gt federation sync does."))
	g := p.Command("dolt", "The ledger's database, and its exchange with other Towns.").HelpLong(shell.Examples("bd dolt status", "bd dolt push"))
	p.Add(g, exchange("push", "bd dolt push", "gt federation push", "Publish to other Towns, as gt federation push does."))
	p.Add(g, exchange("pull", "bd dolt pull", "gt federation pull", "Take what other Towns published, as gt federation pull does."))
	p.Add(g, shell.Command{
		Name: "status", Help: "Say whether a Deacon serves the database.", Examples: []string{"bd dolt status", "bd dolt status --json"},
		Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action { return (&options{call: call}).status },
	})
	p.Add(g, shell.Command{
		Name: "show", Help: "Say where the database is.", Examples: []string{"bd dolt show", "bd dolt show --json"},
		Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action { return (&options{call: call}).show },
	})
	for word, answer := range answers {
		p.Add(g, shell.Command{
			Name: word, Help: "No command here: " + answer + ".", Hidden: true, Examples: []string{"bd dolt status"},
			Permission: shell.MayReadProgram, NoTown: true, Repeatable: true,
			Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
				o := &options{call: call}
				c.Arg("words", "Not used.").StringsVar(&o.words)
				return func(context.Context) error { return errors.New("no dolt " + word + " here: " + answer) }
			},
		})
	}
}

// answers say what does it here, by word.
var answers = map[string]string{
	"start":           "gt deacon start serves the databases of the Town",
	"stop":            "gt deacon stop ends what serves the databases of the Town",
	"test":            "gt doctor examines the databases of the Town",
	"commit":          "every change is a commit already",
	"remote":          "gt federation remote list shows the remotes of the Town",
	"set":             "gt config list shows the settings of the Town",
	"killall":         "gt deacon stop ends the only server",
	"clean-databases": "the Deacon cleans up by itself",
}

// exchange is a command that does what a command of gt does.
func exchange(name, example, does, help string) shell.Command {
	// The command of gt that it runs asks for its own permission. Without a remote it
	// runs none, and agents call it at the end of each session.
	return shell.Command{
		Name: name, Help: help, Examples: []string{example},
		Permission: shell.MayDoWork, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			for _, flag := range []string{"flush-only", "import-only", "force", "full", "status", "no-push", "no-pull"} {
				c.Flag(flag, "Accepted for scripts of the public bd; without effect.").Hidden().BoolVar(&o.ignored)
			}
			return func(ctx context.Context) error { return o.exchange(ctx, does) }
		},
	}
}

// exchange runs the command of gt, whose failure is that of this one. A Town without a
// remote has nothing to exchange, and an agent that may not exchange has nothing to do.
// Neither is a failure: every change is stored when its command ends, and agents call bd sync
// at the end of each session. It says so even with --quiet.
func (o *options) exchange(ctx context.Context, does string) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	if len(h.Config.Remotes) == 0 {
		return o.nothing(none{Remotes: []string{}}, "Nothing was exchanged, as the Town %s has no remote; every change is stored here. To exchange with other Towns: gt federation init URL (first Town), or gt federation join URL", h.Config.Town.Name)
	}
	if a := o.agent(h.Layout); !access.MayAgent(a.Kind, shell.MayWriteFederation).Allowed {
		var names []string
		for _, r := range h.Config.Remotes {
			names = append(names, r.Name)
		}
		return o.nothing(none{Remotes: names, Agent: a.String()},
			"Nothing was exchanged: that is not for a %s to do, and you need not. Every change is stored here. What the Town shares leaves with its next exchange, by the Deacon or a person: %s", a.Kind, does)
	}
	o.call.Hint("This is %s for the Town %s.", does, h.Config.Town.Name)
	words := strings.Fields(does)
	return o.call.Delegate(ctx, words[0], words[1:]...)
}

// none is what a command prints that exchanged nothing.
type none struct {
	Remotes   []string `json:"remotes"`
	Exchanged bool     `json:"exchanged"`
	// Agent is the caller, if that is why.
	Agent string `json:"agent,omitempty"`
}

func (o *options) nothing(out none, format string, args ...any) error {
	return o.call.Show(out, func(p *term.Printer) { p.Line(format, args...) })
}

// agent is the calling agent; the zero address for a person.
func (o *options) agent(t layout.Town) town.Address {
	if o.call.Gate == nil {
		return town.Address{}
	}
	return o.call.Gate.Agent(o.call, t).Agent
}

// database says where the ledger's database is, and who has it open.
type database struct {
	Backend  string `json:"backend"`
	Database string `json:"database"`
	Dir      string `json:"data_dir"`
	Mode     string `json:"mode"`
	Running  bool   `json:"running"`
	PID      int    `json:"pid,omitempty"`
	Socket   string `json:"socket,omitempty"`
	Address  string `json:"address,omitempty"`
}

func (o *options) look() (d database, err error) {
	h, err := host.Open(o.call)
	if err != nil {
		return d, err
	}
	opts := h.Database(layout.Ledger)
	d = database{Backend: "dolt", Database: layout.Ledger, Dir: h.Layout.Data(layout.Ledger), Mode: "embedded"}
	if e := opts.External; e != nil {
		d.Mode, d.Address, d.Running = "server", e.Address, true
		return d, nil
	}
	p, err := deacon.Look(h.Layout)
	if err == nil && p.Held {
		d.Mode, d.Running, d.PID, d.Socket = "server", true, p.PID, h.Layout.SQLSocket()
	}
	return d, err
}

func (o *options) status(context.Context) error {
	d, err := o.look()
	if err != nil {
		return err
	}
	return o.call.Show(d, func(p *term.Printer) {
		switch {
		case d.Address != "":
			p.Line("The ledger is on the Dolt server %s.", d.Address)
		case d.Running:
			p.Line("The Deacon (process %d) serves the ledger on %s.", d.PID, d.Socket)
		default:
			p.Line("No Deacon runs: each command opens the ledger itself. gt deacon start makes commands faster.")
		}
	})
}

func (o *options) show(context.Context) error {
	d, err := o.look()
	if err != nil {
		return err
	}
	return o.call.Show(d, func(p *term.Printer) {
		p.Line("%-10s %s", "backend", d.Backend)
		p.Line("%-10s %s", "database", d.Database)
		p.Line("%-10s %s", "directory", d.Dir)
		p.Line("%-10s %s", "mode", d.Mode)
	})
}
