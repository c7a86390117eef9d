package host

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"gastown/cmd/internal/shell"
	"gastown/sync/gitcmd"
	"gastown/sync/hooks"
	"gastown/town"
	"gastown/town/layout"
)

// Git returns the options with which git inspects repositories for a call.
func Git(c *shell.Call) gitcmd.Options { return gitcmd.Options{Env: c.Env} }

// HookScripts are the Git hooks of a repository that holds a Town's files; program
// is the program that they start. It refuses a bare repository, one that does not
// hold the files, and one whose hooks serve another Town.
func HookScripts(p gitcmd.Place, d hooks.Directory, t layout.Town, program string) ([]hooks.Script, error) {
	if d.Bare {
		return nil, town.Fail("install hooks in "+p.GitDir, "add --bare --notify URL --secret-file FILE",
			"%w: the repository is bare, so no files change in it", town.ErrUsage)
	}
	if _, err := FilesWithin(p.Top, t); err != nil {
		return nil, err
	}
	var all []hooks.Script
	for _, name := range hooks.Watched {
		all = append(all, hooks.Script{Name: name, Program: program, Args: []string{"--town", t.Root, "hooks", "run"}})
	}
	list, err := d.List()
	if err != nil {
		return nil, err
	}
	return all, checkOtherTown(list, t)
}

// FilesWithin is the path of the Town's federation/ relative to the top of a
// working tree. It fails with town.ErrUsage when the tree does not contain it.
func FilesWithin(top string, t layout.Town) (string, error) {
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

// checkOtherTown refuses to take over the hooks of another existing Town.
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
