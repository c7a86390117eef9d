package rig

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/gitignore"

	"gastown/town/strict"
)

const (
	// maxIgnoreFile is how large a .gitignore may be, in bytes, and maxPatterns how many
	// patterns count for one directory. What is beyond is as if it was not there.
	maxIgnoreFile = 64 << 10
	maxPatterns   = 1000
)

// ignored knows what git ignores below a working tree, without git: by .gitignore of each
// directory and by info/exclude of the repository. A file that is tracked although a pattern
// names it counts as ignored, too.
type ignored struct {
	top string
	// of are the patterns in force in a directory, by its path: its own last.
	of map[string][]gitignore.Pattern
}

// newIgnored is for a working tree whose repository has an exclude file.
func newIgnored(top, exclude string) *ignored {
	i := &ignored{top: top, of: map[string][]gitignore.Pattern{}}
	i.of[top] = slices.Concat(readPatterns(exclude, nil), readPatterns(filepath.Join(top, ".gitignore"), nil))
	return i
}

// enter reads what a directory adds. Its parent was entered before.
func (i *ignored) enter(dir string) {
	if dir == i.top {
		return
	}
	before := i.of[filepath.Dir(dir)]
	own := readPatterns(filepath.Join(dir, ".gitignore"), i.parts(dir))
	i.of[dir] = before
	if len(own) > 0 && len(before)+len(own) <= maxPatterns {
		i.of[dir] = slices.Concat(before, own)
	}
}

// has reports whether git ignores a path, in a directory that was entered.
func (i *ignored) has(path string, dir bool) bool {
	patterns := i.of[filepath.Dir(path)]
	return len(patterns) > 0 && gitignore.NewMatcher(patterns).Match(i.parts(path), dir)
}

func (i *ignored) parts(path string) []string {
	rel, err := filepath.Rel(i.top, path)
	if err != nil {
		return nil
	}
	return strings.Split(rel, string(filepath.Separator))
}

// readPatterns reads a file of patterns; none from one that cannot be read or is a link.
func readPatterns(path string, domain []string) (all []gitignore.Pattern) {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	data, err := strict.ReadFile(path, maxIgnoreFile)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		if len(all) == maxPatterns {
			break
		}
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "#") {
			all = append(all, gitignore.ParsePattern(line, domain))
		}
	}
	return all
}
