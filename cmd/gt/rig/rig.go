// Package rig is the command group gt rig: the projects of the Town.
package rig

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/sync/gitcmd"
	"gastown/sync/hooks"
	"gastown/town"
	"gastown/town/layout"
	"gastown/town/rig"
)

// rigOptions are the options of the group.
type rigOptions struct {
	call   *shell.Call
	name   string
	url    string
	prefix string
	branch string
	merge  string
	checks []string
	local  string
	hooks  bool
	force  bool
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("rig", "The projects that the Town works on.").HelpLong(shell.Examples(
		"gt rig add web git@host:web.git", "gt rig list", "gt rig status web", "gt rig remove web"))
	p.Add(g, shell.Command{
		Name: "add", Help: "Clone a repository and make it a rig. An addition that was interrupted goes on where it stopped.",
		Examples: []string{
			"gt rig add web git@host:web.git", "gt rig add web ~/src/web --merge local",
			`gt rig add web https://host/web.git --prefix web --branch main --check "make test" --check "make lint"`,
		},
		Planes: []string{layout.Ledger}, Permission: shell.MayAdminRig, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &rigOptions{call: call}
			c.Arg("name", "The rig's name.").Required().StringVar(&o.name)
			c.Arg("url", "Where its repository is: an address that git knows, or a directory.").Required().StringVar(&o.url)
			c.Flag("prefix", "How the ids of its beads begin (default: made of the name).").PlaceHolder("P").StringVar(&o.prefix)
			c.Flag("branch", "The branch that changes land on (default: the repository's).").PlaceHolder("B").StringVar(&o.branch)
			c.Flag("merge", "How changes land: direct (push), pr (pull request) or local (no remote).").Default("direct").EnumVar(&o.merge, "direct", "pr", "local")
			c.Flag("check", "A command that must succeed before a change lands. No shell is started. May be repeated.").PlaceHolder("COMMAND").StringsVar(&o.checks)
			c.Flag("local-repo", "A clone on this machine from which objects are copied first.").PlaceHolder("DIR").StringVar(&o.local)
			c.Flag("hooks", "Also run gt hooks install in that directory, which must hold the Town's files.").BoolVar(&o.hooks)
			return o.add
		},
	})
	p.Add(g, listCommand())
	p.Add(g, statusCommand())
	p.Add(g, removeCommand())
	p.Add(g, rebalanceCommand())
}

func (o *rigOptions) add(ctx context.Context) error {
	checks, err := parseChecks(o.checks)
	if err != nil {
		return err
	}
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	adding := rig.Adding{Settings: rig.Settings{Name: o.name, URL: o.address(o.url), Prefix: o.prefix, Branch: o.branch, Merge: rig.Merge(o.merge), Checks: checks}}
	if o.local != "" {
		adding.Local = o.call.Abs(o.local)
	}
	if err := town.CheckRig(o.name); err != nil {
		return town.Fail("add the rig", "choose another name", "%w", err)
	}
	if adding.Prefix == "" {
		adding.Prefix = rig.PrefixFor(o.name)
	}
	var dir hooks.Directory
	var scripts []hooks.Script
	if o.hooks {
		if dir, scripts, err = o.townHooks(ctx, h, adding.URL); err != nil {
			return err
		}
	}
	store, release, err := h.Ledger(ctx, o.call.Progress().Wait)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := freePrefix(ctx, store, o.name, adding.Prefix); err != nil {
		return err
	}
	made, err := h.Rigs().Add(ctx, adding)
	if err != nil {
		return err
	}
	if err := store.SetPrefix(ctx, made.Name, made.Prefix); err != nil {
		return town.Fail("reserve the prefix "+made.Prefix, "give the rig another in "+h.Layout.RigsConfig(), "%w", err)
	}
	var changes []hooks.Change
	if o.hooks {
		changes, err = dir.Install(ctx, scripts)
	}
	if err != nil {
		return town.Fail("install the Town's hooks for the rig "+made.Name, "the rig is there; run: gt hooks install --repo "+made.URL, "%w", err)
	}
	return o.call.Changed(made, func(p *term.Printer) {
		p.Line("added %s: %s, branch %s, beads %s-...", made.Name, gitcmd.Redact(made.URL), made.Branch, made.Prefix)
		if len(made.Checks) == 0 {
			p.Line("nothing is tested before a change lands: add checks in %s", h.Layout.RigsConfig())
		}
		for _, c := range changes {
			p.Line("hook %s: %s", c.Name, c.Did)
		}
	})
}

// freePrefix refuses a prefix that belongs to another rig or to the Town, before
// anything is cloned.
func freePrefix(ctx context.Context, store *ledger.Store, name, prefix string) error {
	all, err := store.Prefixes(ctx)
	if err != nil {
		return err
	}
	for other, p := range all {
		if p == prefix && other != name {
			whose := "the rig " + other
			if other == "" {
				whose = "the Town itself"
			}
			return town.Fail("add the rig "+name, "choose another: --prefix P", "%w: the prefix %s belongs to %s", town.ErrRefused, prefix, whose)
		}
	}
	return nil
}

// address makes an absolute path of a URL that is a directory.
func (o *rigOptions) address(url string) string {
	path := url
	if rest, ok := strings.CutPrefix(url, "~/"); ok {
		path = filepath.Join(o.call.Getenv("HOME"), rest)
	} else if strings.Contains(url, "://") || gitcmd.CheckURL(url) == nil && !strings.HasPrefix(url, ".") {
		return url
	}
	if abs := o.call.Abs(path); abs != "" {
		if _, err := os.Stat(abs); err == nil || strings.HasPrefix(url, ".") || strings.HasPrefix(url, "~/") {
			return abs
		}
	}
	return url
}
