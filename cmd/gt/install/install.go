// Package install is gt install: it makes a Town, or repairs one.
package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

// installOptions are the options of gt install.
type installOptions struct {
	call *shell.Call
	path string
	name string
	git  bool
	yes  bool
	// project says that the directory holds a project, whose files stay as they are.
	project bool
	// proceed and fresh answer whose directory this is; see identity.
	proceed, fresh bool
}

// installed is the result of gt install.
type installed struct {
	Town    string `json:"town"`
	ID      string `json:"id"`
	Path    string `json:"path"`
	Created bool   `json:"created"`
	// Made lists the parts that were missing, for people.
	Made []string `json:"made"`
	// Documents counts the files of roles, formulas and templates.
	Documents int `json:"documents"`
	// Federated says that the Town has a remote.
	Federated bool `json:"federated"`
	// Commit is what keeps git clean from removing what people edit; empty when git
	// tracks it already, or when no repository is concerned.
	Commit string `json:"commit,omitempty"`
}

// Commands adds gt install to a program.
func Commands(p *shell.Program) {
	p.Add(p, shell.Command{
		Name: "install", Help: "Make a Town in a directory, or repair the one there. Nothing that is there is overwritten.",
		Examples: []string{"gt install ~/gt", "gt install ~/gt --name harbour --git", "gt install ~/gt     # again: makes what is missing",
			"gt install ~/clone --new --name harbour-2     # in a clone of a Town's Git repository"},
		Alone: true, NoTown: true, Planes: host.Planes, Permission: shell.MayAdminTown, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &installOptions{call: call}
			c.Arg("path", "The Town's directory; made when missing.").Required().PlaceHolder("PATH").StringVar(&o.path)
			c.Flag("name", "What people call the Town (default: made from the directory's name).").PlaceHolder("NAME").StringVar(&o.name)
			c.Flag("git", "Write a .gitignore, for a Town whose directory is tracked in a Git repository of its own.").BoolVar(&o.git)
			c.Flag("project", "The directory holds a project: its files stay as they are, and its Git repository does not see the Town.").BoolVar(&o.project)
			c.Flag("continue", "In a clone or worktree of a Town's Git repository: the Town goes on here.").BoolVar(&o.proceed)
			c.Flag("new", "In a clone or worktree of a Town's Git repository: make a Town of its own, called --name.").BoolVar(&o.fresh)
			c.Flag("yes", "Accepted for scripts; install asks nothing.").Hidden().BoolVar(&o.yes)
			return o.run
		},
	})
}

func (o *installOptions) run(ctx context.Context) (err error) {
	t := layout.Town{Root: o.call.Abs(o.path)}
	if err := o.check(t); err != nil {
		return err
	}
	if err := errors.Join(t.Link(), t.Claim()); err != nil {
		return err
	}
	if _, inRepository := t.GitPlace(); o.git || o.project && inRepository {
		if err := host.PrepareShelter(t); err != nil {
			return err
		}
	}
	unlock, err := o.call.Lock(ctx, t, "install")
	if err != nil {
		// No step: the cause, a lock, says who has it and what to do.
		return town.Fail("install a Town in "+t.Root, "", "%w", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()

	out := installed{Path: t.Root, Made: []string{}}
	cfg, err := o.configure(ctx, t, &out)
	if err != nil {
		return err
	}
	h := host.New(o.call, t, cfg)
	made, err := h.Complete(ctx)
	if err != nil {
		return fmt.Errorf("install a Town in %s: %w", t.Root, err)
	}
	out.Made = append(out.Made, made...)
	sheltered, err := host.Shelter(t, o.call.Name)
	switch {
	case errors.Is(err, town.ErrBusy):
		o.call.Hint("git clean -xdf would delete %s: %v", t.Private(), err)
	case err != nil:
		return err
	case sheltered:
		place, _ := t.GitPlace()
		out.Made = append(out.Made, place+", where git clean does not find the Town's databases")
	}
	if o.project {
		path, err := host.Exclude(ctx, o.call, t)
		if err != nil {
			return err
		}
		if path != "" {
			out.Made = append(out.Made, "lines in "+path+", so that Git does not see the Town")
		}
	} else if o.git || sheltered {
		changed, err := host.IgnorePrivate(t)
		if err != nil {
			return err
		}
		if changed {
			out.Made = append(out.Made, ".gitignore")
		}
		if out.Commit, err = host.FirstCommit(ctx, t, o.call); err != nil {
			return err
		}
	}
	status, err := h.Engine(host.EngineOptions{}).Status(ctx, nil)
	if err != nil {
		return err
	}
	out.Town, out.ID, out.Documents, out.Federated = cfg.Town.Name, string(cfg.Town.ID), status.Files, len(cfg.Remotes) > 0
	return o.call.Summary(out, out.print)
}

// check refuses directories in which a Town would do harm or be harmed.
func (o *installOptions) check(t layout.Town) error {
	op := "install a Town in " + t.Root
	if strings.ContainsAny(t.Root, "%?#") || term.Clean(t.Root) != t.Root {
		return town.Fail(op, "choose another directory", "%w: the path of a Town has no %%, ?, # or control character", town.ErrRefused)
	}
	if o.name != "" {
		if err := config.CheckTownName(o.name); err != nil {
			return town.Fail(op, "choose another --name", "%w", err)
		}
	}
	if _, err := os.Stat(t.Config()); err == nil {
		return nil
	}
	if outer, err := layout.Find(filepath.Dir(t.Root)); err == nil {
		return town.Fail(op, "choose a directory outside of it", "%w: it lies inside the Town %s", town.ErrRefused, outer.Root)
	}
	entries, err := os.ReadDir(t.Root)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return town.Fail(op, "choose a directory", "%w: %w", town.ErrRefused, err)
	}
	if _, err := os.Lstat(t.Lock("install")); err == nil {
		return nil // an installation was interrupted here
	}
	if o.project {
		return o.checkProject(t)
	}
	if i := slices.IndexFunc(entries, func(e os.DirEntry) bool { return !strings.HasPrefix(e.Name(), ".") }); i >= 0 {
		return town.Fail(op, "choose an empty directory, or one that does not exist yet",
			"%w: the directory is not empty (%s) and holds no Town; --project makes one beside the files of a project",
			town.ErrRefused, town.Clip(entries[i].Name(), 64))
	}
	return nil
}

// configure makes the configuration. It comes first: everything else is derived
// from it, so the next installation can complete an interrupted one.
func (o *installOptions) configure(ctx context.Context, t layout.Town, out *installed) (*config.Config, error) {
	cfg, err := config.Load(t.Config())
	if err == nil {
		if err := o.identity(ctx, t, cfg); err != nil {
			return nil, err
		}
		if o.name != "" && o.name != cfg.Town.Name {
			return nil, town.Fail("install a Town in "+t.Root, "run it without --name",
				"%w: it is called %s already", town.ErrRefused, cfg.Town.Name)
		}
		return cfg, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, plane := range []string{layout.Federation, layout.Ledger, layout.Operational} {
		// The configuration is always made first, so planes without one mean that
		// it was lost. A new configuration would name other stores.
		if _, err := os.Lstat(t.Data(plane)); err == nil {
			return nil, town.Fail("install a Town in "+t.Root, "put config/town.yaml back, from the Town's Git repository or a copy",
				"%w: the Town's planes are there, and %s, which says which Town this is, is gone", town.ErrRefused, t.Config())
		}
	}
	name := o.name
	if name == "" {
		name = nameFrom(filepath.Base(t.Root))
	}
	cfg = config.New(name)
	if err := cfg.Save(t.Config()); err != nil {
		return nil, err
	}
	out.Created = true
	out.Made = append(out.Made, "config/town.yaml")
	return cfg, nil
}

func (out installed) print(p *term.Printer) {
	switch {
	case out.Created:
		p.Styled(term.Good, "Town %s is ready in %s", out.Town, out.Path)
		p.Line("  %s in federation/, for you to edit", term.Plural(out.Documents, "document", "documents"))
	case len(out.Made) == 0:
		p.Line("Town %s in %s: nothing is missing", out.Town, out.Path)
	default:
		p.Line("Town %s in %s: repaired", out.Town, out.Path)
	}
	if !out.Created {
		for _, m := range out.Made {
			p.Line("  made: %s", m)
		}
	}
	if out.Commit != "" {
		p.Line("Commit config/ and federation/ now; until then git clean -xdf would remove them:")
		p.Line("  %s", out.Commit)
	}
	if !out.Federated {
		p.Line("To share them: gt federation init URL (first Town), or gt federation join URL")
	}
}
