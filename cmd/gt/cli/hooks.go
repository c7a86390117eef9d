package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"gastown/sync/gitcmd"
	"gastown/sync/hooks"
	"gastown/town"
	"gastown/town/layout"
)

// hooksOptions are those of gt hooks install, list and remove.
type hooksOptions struct {
	app     *App
	repo    string
	bare    bool
	notify  []string
	secrets []string
}

func (a *App) configureHooks(p *kingpin.Application) {
	g := p.Command("hooks", "Git hooks that sync when federation/ files change, and tell other Towns of a push.").HelpLong(examples(
		"gt hooks install                               # in the Town's own repository",
		"gt hooks list", "gt hooks remove"))
	i := &hooksOptions{app: a}
	c := a.add(g, "install", "Install the hooks. Hooks that are there run first, and core.hooksPath stays as it is.",
		examples("gt hooks install", "gt hooks install --repo ~/gt",
			"gt hooks install --repo /srv/town.git --bare --notify http://alpha:8080 --secret-file alpha.secret"), i.install)
	i.repoFlag(c)
	c.Flag("bare", "The repository is a shared one: tell Towns of every push to it.").BoolVar(&i.bare)
	c.Flag("notify", "A Town to tell: the address of its Deacon. May be given again.").PlaceHolder("URL").StringsVar(&i.notify)
	c.Flag("secret-file", "The file with that Town's secret (gt hooks secret); one for each --notify, in order.").PlaceHolder("FILE").StringsVar(&i.secrets)

	l := &hooksOptions{app: a}
	l.repoFlag(a.add(g, "list", "Show the hooks of a repository.", examples("gt hooks list", "gt hooks list --repo /srv/town.git --json"), l.list))

	r := &hooksOptions{app: a}
	c = a.add(g, "remove", "Take the hooks out and put back those that were there before.",
		examples("gt hooks remove", "gt hooks remove --repo /srv/town.git --notify http://alpha:8080     # only one Town"), r.remove)
	r.repoFlag(c)
	c.Flag("notify", "Only stop telling this Town. May be given again.").PlaceHolder("URL").StringsVar(&r.notify)
	a.configureHookSecret(g)
	a.configureHookRun(g)
}

func (o *hooksOptions) repoFlag(c *kingpin.CmdClause) {
	c.Flag("repo", "A directory in the repository (default: the Town's).").PlaceHolder("DIR").StringVar(&o.repo)
}

// git are the options of git processes that look at a person's repository.
func (a *App) git() gitcmd.Options { return gitcmd.Options{Env: os.Environ()} }

// place finds the repository: of --repo, of the Town, or of where we are.
func (o *hooksOptions) place(ctx context.Context) (gitcmd.Place, hooks.Directory, error) {
	dir := o.app.Dir
	if o.repo != "" {
		dir = o.app.abs(o.repo)
	} else if t, err := o.app.find(); err == nil {
		dir = t.Root
	} else if o.app.Town != "" {
		return gitcmd.Place{}, hooks.Directory{}, err
	}
	p, err := gitcmd.Locate(ctx, dir, o.app.git())
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
	self, err := o.app.executable()
	if err != nil {
		return err
	}
	var scripts []hooks.Script
	if o.bare {
		scripts, err = o.notifying(p, d, self)
	} else {
		scripts, err = o.watching(p, d, self)
	}
	if err != nil {
		return err
	}
	changes, failed := d.Install(ctx, scripts)
	return o.changed(p, d, changes, failed)
}

// watching are the hooks of a repository that holds the Town's files.
func (o *hooksOptions) watching(p gitcmd.Place, d hooks.Directory, self string) ([]hooks.Script, error) {
	if d.Bare {
		return nil, town.Fail("install hooks in "+p.GitDir, "add --bare --notify URL --secret-file FILE",
			"%w: the repository is bare, so no files change in it", town.ErrUsage)
	}
	t, err := o.town()
	if err != nil {
		return nil, err
	}
	if _, err := within(p.Top, t); err != nil {
		return nil, err
	}
	var all []hooks.Script
	for _, name := range hooks.Watched {
		all = append(all, hooks.Script{Name: name, Program: self, Args: []string{"--town", t.Root, "hooks", "run"}})
	}
	list, err := d.List()
	if err != nil {
		return nil, err
	}
	return all, checkOtherTown(list, t)
}

// town is the Town of --town, of --repo, or the nearest one.
func (o *hooksOptions) town() (layout.Town, error) {
	if o.app.Town == "" && o.repo != "" {
		if t, err := layout.Find(o.app.abs(o.repo)); err == nil {
			return t, nil
		}
	}
	return o.app.find()
}

// within is the Town's federation/ as a path from the top of a working tree.
func within(top string, t layout.Town) (string, error) {
	files, err := filepath.EvalSymlinks(t.Files())
	if errors.Is(err, os.ErrNotExist) {
		if files, err = filepath.EvalSymlinks(t.Root); err == nil {
			files = filepath.Join(files, filepath.Base(t.Files()))
		}
	}
	if err != nil {
		return "", err
	}
	if top, err = filepath.EvalSymlinks(top); err != nil {
		return "", err
	}
	if !hooks.Within(top, files) {
		return "", town.Fail("watch "+t.Files(), "name the repository that holds it: gt hooks install --repo DIR",
			"%w: it does not lie in the working tree %s", town.ErrUsage, top)
	}
	rel, err := filepath.Rel(top, files)
	return filepath.ToSlash(rel), err
}

// checkOtherTown refuses to take the hooks of one Town for another's.
func checkOtherTown(list []hooks.Hook, t layout.Town) error {
	for _, h := range list {
		words := h.Args()
		if i := slices.Index(words, "--town"); h.State == hooks.Installed && i >= 0 && i+1 < len(words) && words[i+1] != t.Root {
			if _, err := os.Stat(layout.Town{Root: words[i+1]}.Config()); err == nil {
				return town.Fail("install hooks for the Town "+t.Root, "take those out first: gt hooks remove",
					"%w: %s serves the Town %s", town.ErrRefused, h.Path, words[i+1])
			}
		}
	}
	return nil
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
	return o.app.show(out, out.say)
}

func (o *hooksOptions) remove(ctx context.Context) error {
	p, d, err := o.place(ctx)
	if err != nil {
		return err
	}
	left, err := o.forget(p)
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

// changed prints what became of hooks, also beside a failure.
func (o *hooksOptions) changed(p gitcmd.Place, d hooks.Directory, changes []hooks.Change, failed error) error {
	if failed != nil && len(changes) == 0 {
		return failed
	}
	out, err := o.report(p, d)
	if err != nil {
		return errors.Join(failed, err)
	}
	for _, c := range changes {
		if c.Did != hooks.DidNothing || o.app.JSON {
			out.Hooks = append(out.Hooks, hookEntry{Name: c.Name, Path: c.Path, Did: c.Did, Reason: c.Reason})
		}
	}
	return errors.Join(failed, o.app.summary(out, out.sayChanged))
}
