package install

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/term"
	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/instance"
	"gastown/town/layout"
)

// The answers to the question whose directory this is.
const (
	goOn  = "continue"
	begin = "new"
)

// identity decides whose directory this is: a working tree or a clone of a Town's Git
// repository has the Town's configuration and nothing else of it. There a person
// says whether the Town goes on in this directory, or another Town begins.
func (o *installOptions) identity(ctx context.Context, t layout.Town, cfg *config.Config) error {
	op := "install a Town in " + t.Root
	if o.proceed && o.fresh {
		return town.Fail(op, "use one of the two", "%w: --continue and --new exclude each other", town.ErrUsage)
	}
	what, err := o.elsewhere(ctx, t)
	switch {
	case err != nil:
		return err
	case what == "" && o.fresh:
		return town.Fail(op, "gt --town "+t.Root+" federation instance new --name NAME", "%w: Town %s is installed here", town.ErrRefused, cfg.Town.Name)
	case what == "":
		return nil
	case !o.fresh && !o.proceed:
		answer, err := o.ask(ctx, t, cfg, what)
		if err != nil {
			return err
		}
		o.proceed = answer == goOn
	}
	if o.proceed {
		// A later join knows no more than this, so the decision is for it too.
		return o.instance(t).Decide(ctx)
	}
	if o.name == "" || o.name == cfg.Town.Name {
		return town.Fail(op, "gt install "+t.Root+" --new --name NAME", "%w: the new Town needs a name of its own", town.ErrUsage)
	}
	made := config.New(o.name)
	cfg.Town, cfg.Stores = made.Town, made.Stores
	return cfg.Save(t.Config())
}

// elsewhere says why the Town that the configuration names is in another directory;
// "" if it is in this one, as far as is known.
func (o *installOptions) elsewhere(ctx context.Context, t layout.Town) (what string, err error) {
	for _, path := range []string{t.Data(layout.Federation), t.Data(layout.Ledger), t.Data(layout.Operational), t.Index()} {
		if _, err := os.Lstat(path); err == nil {
			return "", nil
		}
	}
	if _, verdict, err := o.instance(t).Look(); err != nil || verdict == instance.Same || verdict == instance.Moved {
		return "", err
	}
	p, err := gitcmd.Locate(ctx, t.Root, host.Git(o.call))
	if err != nil || p.Top == "" {
		return "", nil // of no repository
	}
	if known, err := p.Indexed(ctx, t.Config()); err != nil || !known {
		return "", err
	}
	if p.GitDir != p.CommonDir {
		return "this is a linked working tree of " + filepath.Dir(p.CommonDir), nil
	}
	return "this looks like a clone of the Town's Git repository", nil
}

func (o *installOptions) instance(t layout.Town) instance.Dir {
	return instance.Dir{Root: t.Root, File: t.Instance(), Lock: t.Lock("instance"), Wait: o.call.Wait, Now: o.call.Now}
}

// ask asks a person, or refuses where nobody can be asked.
func (o *installOptions) ask(ctx context.Context, t layout.Town, cfg *config.Config, what string) (answer string, err error) {
	refused := town.Fail("install a Town in "+t.Root,
		"if the Town goes on here: gt install "+t.Root+" --continue; if this is another Town: gt install "+t.Root+" --new --name NAME",
		"%w: config/town.yaml is that of Town %s, and %s", town.ErrRefused, cfg.Town.Name, what)
	if !o.call.CanAsk() {
		return "", refused
	}
	fmt.Fprintf(o.call.Stderr, "config/town.yaml is that of Town %s, and %s.\n"+
		"%s: the Town goes on here; after the next sync here, any other directory of it stops when it asks a remote.\n"+
		"%s: this directory becomes a Town of its own.\nWhich one? ", cfg.Town.Name, what, goOn, begin)
	if answer, err = term.ReadLine(ctx, o.call.Stdin); err != nil {
		return "", err
	}
	switch answer = strings.TrimSpace(answer); answer {
	case goOn:
		return answer, nil
	case begin:
		if o.name == "" {
			fmt.Fprint(o.call.Stderr, "Name of the new Town: ")
			o.name, err = term.ReadLine(ctx, o.call.Stdin)
			o.name = strings.TrimSpace(o.name)
		}
		return answer, err
	}
	return "", refused
}
