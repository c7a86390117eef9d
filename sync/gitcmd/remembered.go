package gitcmd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// ids finds what may be a full object id.
var ids = regexp.MustCompile(`\b[0-9a-f]{40}\b`)

// maxState bounds, in bytes, each file of a git directory that is searched for ids.
const maxState = 64 << 20

// stateDirs are the directories of a git directory that hold no state of a working
// tree. Those of a bare repository with linked trees belong to the other trees too.
var stateDirs = []string{"objects", "hooks", "lfs", "modules", "worktrees", "info"}

// Remembered are the ids that git's files about this working tree name: HEAD and its
// history, and what a merge, rebase or bisection under way keeps. They may name
// objects of any type, and ones that are not there.
func (w Worktree) Remembered() ([]string, error) {
	seen := map[string]bool{}
	err := filepath.WalkDir(w.GitDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if d.IsDir() && path != w.GitDir && slices.Contains(stateDirs, d.Name()) && filepath.Dir(path) == w.GitDir {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() || strings.HasPrefix(d.Name(), "index") || d.Name() == "FETCH_HEAD" {
			return nil
		}
		info, err := d.Info()
		if err != nil || info.Size() > maxState {
			return err
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		for _, id := range ids.FindAll(text, -1) {
			seen[string(id)] = true
		}
		return err
	})
	delete(seen, strings.Repeat("0", 40))
	found := make([]string, 0, len(seen))
	for id := range seen {
		found = append(found, id)
	}
	slices.Sort(found)
	return found, err
}

// Stash is an entry of the stash, which all working trees of a repository share.
type Stash struct {
	ID string
	// Message says on which branch it was made: "WIP on main: ..." or "On main: ...".
	Message string
}

// Stashes lists the stash, newest first.
func (s *Shared) Stashes(ctx context.Context) ([]Stash, error) {
	if tip, err := s.Resolve(ctx, "refs/stash"); err != nil || tip == "" {
		return nil, err
	}
	var found []Stash
	c := command{op: "read the stash of " + s.repo.Dir, args: []string{"log", "--walk-reflogs", "--no-show-signature", "--no-color", "-z", "--format=%H %gs", "refs/stash", "--"}}
	err := s.stream(ctx, c, nil, splitNUL, func(entry string) error {
		if id, message, _ := strings.Cut(strings.TrimLeft(entry, "\n"), " "); IsID(id) {
			found = append(found, Stash{ID: id, Message: clean(message)})
		}
		return nil
	})
	return found, err
}
