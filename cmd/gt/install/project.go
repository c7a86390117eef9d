package install

import (
	"os"
	"path/filepath"

	"gastown/town"
	"gastown/town/layout"
)

// checkProject refuses a directory in which the files of a Town would be among those
// of something else, or would be read as a Town's.
func (o *installOptions) checkProject(t layout.Town) error {
	op := "install a Town in the project " + t.Root
	const next = "make the Town beside the project: gt install DIR, and name it with GT_ROOT or --town"
	if home := o.call.Getenv("HOME"); home != "" && filepath.Clean(home) == t.Root && !isRepository(home) {
		return town.Fail(op, next, "%w: this is your home directory", town.ErrRefused)
	}
	for _, path := range []string{t.Private(), t.Files(), t.Access(), t.Sharing(), t.Schedule()} {
		if _, err := os.Lstat(path); err == nil {
			return town.Fail(op, next, "%w: %s is there, and is no Town's", town.ErrRefused, path)
		}
	}
	if info, err := os.Stat(filepath.Dir(t.Config())); err == nil && !info.IsDir() {
		return town.Fail(op, next, "%w: %s is not a directory", town.ErrRefused, filepath.Dir(t.Config()))
	}
	return nil
}

// isRepository reports whether somebody made dir a Git repository. A home directory that
// is one is a project too, as in containers that have nothing but the project.
func isRepository(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, ".git"))
	return err == nil
}
