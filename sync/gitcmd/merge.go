package gitcmd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// MinMerges is the oldest git that merges without a working tree.
const MinMerges = "2.38"

// MergesTrees reports whether a version of git can merge as MergeTrees does.
func MergesTrees(version string) bool { return !older(version, MinMerges) }

// MergeTrees merges two commits without a working tree. It returns the tree, or the
// files that do not merge.
func (s *Shared) MergeTrees(ctx context.Context, ours, theirs string) (tree string, files []string, err error) {
	c := command{op: "merge in " + s.repo.Dir, args: []string{"merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", ours, theirs}}
	if !IsID(ours) || !IsID(theirs) {
		return "", nil, fail(c.op, ErrNotFound, "not an id", nil)
	}
	out, err := s.repo.run(ctx, c)
	parts := strings.Split(out.stdout, "\x00")
	if err != nil && IsID(parts[0]) { // a tree with marks of conflicts in it
		for _, f := range parts[1:] {
			if f != "" {
				files = append(files, clean(f))
			}
		}
		if len(files) == 0 {
			files = []string{"(git names no file)"}
		}
		return "", slices.Compact(files), nil
	}
	if err == nil && !IsID(parts[0]) {
		err = fail(c.op, nil, "git's answer is not understood", nil)
	}
	return parts[0], nil, err
}

// Changing names the commits that lead to tip and not to head and that change one of
// the files, newest first, at most so many: the abbreviated id and the subject of each.
func (s *Shared) Changing(ctx context.Context, tip, head string, files []string, most int) ([]string, error) {
	c := command{op: "look who changed files in " + s.repo.Dir}
	c.args = append([]string{"--literal-pathspecs", "log", "--no-merges", "--no-show-signature", "--no-color", "--format=%h %s", fmt.Sprintf("--max-count=%d", most), tip, "^" + head, "--"}, files...)
	if !IsID(tip) || !IsID(head) {
		return nil, fail(c.op, ErrNotFound, "not an id", nil)
	}
	out, err := s.repo.run(ctx, c)
	var all []string
	for line := range strings.Lines(out.stdout) {
		all = append(all, clean(strings.TrimSpace(line)))
	}
	return all, err
}

// CleanAll removes every file that is not in the index, also those that git ignores.
func (w Worktree) CleanAll(ctx context.Context) error {
	_, err := w.shared.repo.run(ctx, w.writing("clean", "clean", "--quiet", "-d", "-f", "-f", "-x"))
	return err
}

// Plain makes git look at every file of a linked working tree, and check out every one:
// it forgets what keeps files from that, such as a sparse checkout.
func (w Worktree) Plain(ctx context.Context) error {
	if filepath.Dir(w.GitDir) != filepath.Join(w.shared.repo.Dir, "worktrees") {
		return fmt.Errorf("%s is no linked working tree", w.Top)
	}
	for _, name := range []string{"config.worktree", "info"} {
		if err := os.RemoveAll(filepath.Join(w.GitDir, name)); err != nil {
			return err
		}
	}
	marked := false
	err := w.shared.stream(ctx, w.command("look at the index of", "ls-files", "-v", "-z"), nil, splitNUL, func(entry string) error {
		marked = marked || !strings.HasPrefix(entry, "H ")
		return nil
	})
	if err != nil || marked {
		return os.RemoveAll(filepath.Join(w.GitDir, "index"))
	}
	return nil
}
