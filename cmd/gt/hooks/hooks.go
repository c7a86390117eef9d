// Package hooks is the command group gt hooks: the Git hooks of a Town's
// repository, and those of shared repositories, which notify Towns of a push.
package hooks

import (
	"context"
	"errors"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/sync/gitcmd"
	"gastown/sync/hooks"
	"gastown/town"
	"gastown/town/layout"
)

// hooksOptions are the options of gt hooks install, list and remove.
type hooksOptions struct {
	call    *shell.Call
	repo    string
	bare    bool
	notify  []string
	secrets []string
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("hooks", "Git hooks that sync when federation/ files change, and tell other Towns of a push.").HelpLong(shell.Examples(
		"gt hooks install                               # in the Town's own repository",
		"gt hooks list", "gt hooks remove"))
	p.Add(g, shell.Command{
		Name: "install", Help: "Install the hooks. Hooks that are there run first, and core.hooksPath stays as it is.",
		Examples: []string{
			"gt hooks install", "gt hooks install --repo ~/gt",
			"gt hooks install --repo /srv/town.git --bare --notify http://alpha:8080 --secret-file alpha.secret",
		},
		Permission: shell.MayAdminTown, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &hooksOptions{call: call}
			o.repoFlag(c)
			c.Flag("bare", "The repository is a shared one: tell Towns of every push to it.").BoolVar(&o.bare)
			c.Flag("notify", "A Town to tell: the address of its Deacon. May be repeated.").PlaceHolder("URL").StringsVar(&o.notify)
			c.Flag("secret-file", "The file with that Town's secret (gt hooks secret); one for each --notify, in order.").
				PlaceHolder("FILE").StringsVar(&o.secrets)
			return o.install
		},
	})
	p.Add(g, shell.Command{
		Name: "list", Help: "Show the hooks of a repository.",
		Examples:   []string{"gt hooks list", "gt hooks list --repo /srv/town.git --json"},
		Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &hooksOptions{call: call}
			o.repoFlag(c)
			return o.list
		},
	})
	p.Add(g, shell.Command{
		Name: "remove", Help: "Take the hooks out and put back those that were there before.",
		Examples:   []string{"gt hooks remove", "gt hooks remove --repo /srv/town.git --notify http://alpha:8080     # only one Town"},
		Permission: shell.MayAdminTown, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &hooksOptions{call: call}
			o.repoFlag(c)
			c.Flag("notify", "Only stop notifying this Town. May be repeated.").PlaceHolder("URL").StringsVar(&o.notify)
			return o.remove
		},
	})
	p.Add(g, secretCommand())
	p.Add(g, notifyCommand())
	p.Add(g, runCommand())
}

func (o *hooksOptions) repoFlag(c *kingpin.CmdClause) {
	c.Flag("repo", "A directory in the repository (default: the Town's).").PlaceHolder("DIR").StringVar(&o.repo)
}

// place finds the repository: the one of --repo, of the Town, or of the working
// directory.
func (o *hooksOptions) place(ctx context.Context) (gitcmd.Place, hooks.Directory, error) {
	dir := o.call.Dir
	if o.repo != "" {
		dir = o.call.Abs(o.repo)
	} else if t, err := o.call.FindTown(); err == nil {
		dir = t.Root
	} else if o.call.Town != "" {
		return gitcmd.Place{}, hooks.Directory{}, err
	}
	p, err := gitcmd.Locate(ctx, dir, host.Git(o.call))
	if err != nil {
		return p, hooks.Directory{}, err
	}
	d, err := hooks.Find(p)
	return p, d, err
}

func (o *hooksOptions) install(ctx context.Context) error {
	if len(o.notify) != len(o.secrets) {
		return town.Fail("install hooks", "give --secret-file FILE with each --notify URL; the Town makes it: gt hooks secret --out FILE",
			"%w: %d Towns to notify and %d secrets", town.ErrUsage, len(o.notify), len(o.secrets))
	}
	if len(o.notify) > 0 && !o.bare {
		return town.Fail("install hooks", "add --bare", "%w: --notify is for a shared bare repository", town.ErrUsage)
	}
	p, d, err := o.place(ctx)
	if err != nil {
		return err
	}
	self, err := o.call.Executable()
	if err != nil {
		return err
	}
	var scripts []hooks.Script
	if o.bare {
		scripts, err = o.notifyScripts(p, d, self)
	} else {
		scripts, err = o.townScripts(p, d, self)
	}
	if err != nil {
		return err
	}
	changes, failed := d.Install(ctx, scripts)
	return o.changed(p, d, changes, failed)
}

// townScripts are the hooks for a repository that holds the Town's files.
func (o *hooksOptions) townScripts(p gitcmd.Place, d hooks.Directory, self string) ([]hooks.Script, error) {
	var t layout.Town
	if !d.Bare {
		var err error
		if t, err = o.town(); err != nil {
			return nil, err
		}
	}
	return host.HookScripts(p, d, t, self)
}

// town is the Town of --town, the Town of --repo, or the nearest one.
func (o *hooksOptions) town() (layout.Town, error) {
	if o.call.Town == "" && o.repo != "" {
		if t, err := layout.Find(o.call.Abs(o.repo)); err == nil {
			return t, nil
		}
	}
	return o.call.FindTown()
}

func (o *hooksOptions) list(ctx context.Context) error {
	p, d, err := o.place(ctx)
	if err != nil {
		return err
	}
	list, err := d.List()
	if err != nil {
		return err
	}
	out, err := o.report(p, d)
	if err != nil {
		return err
	}
	for _, h := range list {
		out.Hooks = append(out.Hooks, hookEntry{Name: h.Name, Path: h.Path, State: h.State, Chained: h.Chained, Program: h.Program, Missing: h.Missing})
	}
	return o.call.Show(out, out.print)
}

func (o *hooksOptions) remove(ctx context.Context) error {
	p, d, err := o.place(ctx)
	if err != nil {
		return err
	}
	left, err := o.removeTargets(p)
	if err != nil {
		return err
	}
	var changes []hooks.Change
	var failed error
	if len(o.notify) == 0 || left == 0 {
		names := hooks.All
		if len(o.notify) > 0 {
			names = []string{hooks.PostReceive}
		}
		changes, failed = d.Remove(ctx, names)
	}
	return o.changed(p, d, changes, failed)
}

// changed prints what was done to hooks, also after a failure.
func (o *hooksOptions) changed(p gitcmd.Place, d hooks.Directory, changes []hooks.Change, failed error) error {
	if failed != nil && len(changes) == 0 {
		return failed
	}
	out, err := o.report(p, d)
	if err != nil {
		return errors.Join(failed, err)
	}
	for _, c := range changes {
		if c.Did != hooks.DidNothing || o.call.JSON {
			out.Hooks = append(out.Hooks, hookEntry{Name: c.Name, Path: c.Path, Did: c.Did, Reason: c.Reason})
		}
	}
	return errors.Join(failed, o.call.Summary(out, out.printChanged))
}
