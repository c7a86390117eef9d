// Package plugin is the command group gt plugin. It lists the Deacon's plugins, calls and
// tests them in this process, and changes deacon/plugins.yaml, which the Deacon follows.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/alecthomas/kingpin/v2"
	"github.com/sirupsen/logrus"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/town"
	"gastown/town/layout"
	"gastown/town/plugin"
)

// options are the options of the group.
type options struct {
	call *shell.Call

	name, input, as string
	// query is that of --import, and imports says that it was given.
	query              string
	imports            bool
	dryRun, all, retry bool
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("plugin", "Plugins of the Deacon: health checks, notifications, integrations and programs of your own, as deacon/plugins.yaml lists them.").HelpLong(shell.Examples(
		"gt plugin list", "gt plugin install ./tidy", "gt plugin enable tidy", "gt plugin run tidy"))
	add := func(c shell.Command, define func(o *options, c *kingpin.CmdClause) shell.Action) {
		c.Define = func(call *shell.Call, clause *kingpin.CmdClause) shell.Action {
			return define(&options{call: call}, clause)
		}
		p.Add(g, c)
	}
	name := func(o *options, c *kingpin.CmdClause) {
		c.Arg("plugin", "The plugin's name.").Required().StringVar(&o.name)
	}
	add(shell.Command{
		Name: "list", Help: "List the plugins, and how their last calls by the Deacon ended.", Permission: shell.MayReadDeacon, Default: true,
		Planes: []string{layout.Operational}, Examples: []string{"gt plugin list", "gt plugin list --json"},
	}, func(o *options, _ *kingpin.CmdClause) shell.Action { return o.list })
	add(shell.Command{
		Name: "show", Help: "Show one plugin: its configuration, with references instead of secrets, and its last call.", Permission: shell.MayReadDeacon,
		Planes: []string{layout.Operational}, Examples: []string{"gt plugin show slack-alerts"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action { name(o, c); return o.show })
	add(shell.Command{
		Name: "run", Help: "Call an enabled plugin once, now, and show its output.", Permission: shell.MayAdminDeacon, Writes: true,
		Planes: []string{layout.Operational, layout.Ledger}, Examples: []string{"gt plugin run disk-space-check", "gt plugin run jira-sync --dry-run", "gt plugin run jira-sync --import 'project = GT AND labels = inbox'", `gt plugin run mine --input '{"summary":"hello"}'`},
		MayBeEmpty: []string{"import"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		name(o, c)
		c.Flag("input", "The input of the call, as JSON.").PlaceHolder("JSON").StringVar(&o.input)
		c.Flag("as", "The type it is called as, such as notification (default: as by schedule).").PlaceHolder("TYPE").StringVar(&o.as)
		c.Flag("import", "For an integration: import the issues that a query finds as beads.").PlaceHolder("QUERY").IsSetByUser(&o.imports).StringVar(&o.query)
		c.Flag("dry-run", "For an integration: only say what would be done.").BoolVar(&o.dryRun)
		c.Flag("all", "For an integration: compare all beads, not only those that changed.").BoolVar(&o.all)
		c.Flag("retry", "For an integration: retry what was refused, without waiting.").BoolVar(&o.retry)
		return o.run
	})
	add(shell.Command{
		Name: "test", Help: "Check a plugin's configuration and secrets, and prove that it works where its type can do so without doing its work.", Permission: shell.MayAdminDeacon,
		Writes: true, Repeatable: true, Planes: []string{layout.Operational, layout.Ledger}, Examples: []string{"gt plugin test slack-alerts"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action { name(o, c); return o.test })
	add(shell.Command{
		Name: "enable", Help: "Enable a plugin. One that is a directory is pinned as it is now, and runs only while its files stay so.", Permission: shell.MayAdminDeacon,
		Writes: true, Repeatable: true, Examples: []string{"gt plugin enable tidy"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action { name(o, c); return o.enable })
	add(shell.Command{
		Name: "disable", Help: "Disable a plugin. It is not called any more.", Permission: shell.MayAdminDeacon,
		Writes: true, Repeatable: true, Examples: []string{"gt plugin disable tidy"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action { name(o, c); return o.disable })
	add(shell.Command{
		Name: "install", Help: "Install a plugin from a directory with plugin.md and run.sh, or from the federation's catalogue, which is listed without an argument. It does not run before you enable it.",
		Permission: shell.MayAdminDeacon, Writes: true, Repeatable: true, Planes: []string{layout.Federation}, Paths: []string{"plugin"},
		Examples: []string{"gt plugin install", "gt plugin install tidy", "gt plugin install ./tidy"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("plugin", "A directory, such as ./tidy, or a name in the catalogue.").StringVar(&o.name)
		return o.install
	})
}

// open opens the Town with its plugins. tag is for the programs of this call.
func (o *options) open() (*host.Host, *plugin.Set, plugin.Types, error) {
	h, err := host.Open(o.call)
	if err != nil {
		return nil, nil, nil, err
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	tag := fmt.Sprintf("c%d-", o.call.Now().UnixNano())
	types, err := h.PluginTypes(log, tag)
	if err != nil {
		return nil, nil, nil, err
	}
	set, err := h.Plugins(log, tag)
	return h, set, types, err
}

// person refuses an agent: what a plugin does is a person's decision.
func (o *options) person(h *host.Host, op string) error {
	who, err := h.Caller()
	if err == nil && who.IsAgent() {
		err = town.Fail(op, "ask a person to run the same command", "%w: an agent (%s) does not decide which plugins run", town.ErrRefused, who.Agent)
	}
	return err
}

// entry finds a plugin in the file.
func (o *options) entry(h *host.Host, types plugin.Types) (plugin.File, plugin.Entry, error) {
	f, err := plugin.Read(h.Layout.Plugins(), types)
	if err != nil {
		return f, plugin.Entry{}, err
	}
	e, ok := f.Find(o.name)
	if !ok {
		return f, e, plugin.Unknown(f, o.name)
	}
	return f, e, nil
}

// closing closes what was made for a call, and joins the error.
func closing(ctx context.Context, err *error, fn func(context.Context) error) {
	*err = errors.Join(*err, fn(context.WithoutCancel(ctx)))
}
