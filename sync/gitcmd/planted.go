package gitcmd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// programs are the ends of settings that name a program to run, another file with
// settings, or another place to go to. A section stands before each.
var programs = []string{
	"core.sshcommand", "core.hookspath", "core.fsmonitor", "core.gitproxy", "core.askpass", "core.editor", "core.pager", "core.attributesfile",
	"credential.helper", "filter.clean", "filter.smudge", "filter.process", "diff.command", "diff.textconv", "diff.external", "merge.driver",
	"gpg.program", "include.path", "includeif.path", "url.insteadof", "url.pushinsteadof", "http.proxy", "http.sslverify", "remote.proxy",
	"remote.uploadpack", "remote.receivepack", "remote.vcs", "uploadpack.packobjectshook", "sequence.editor",
}

// Planted is a file of a repository's own configuration, and the settings in it that name
// programs, other files or other places.
type Planted struct {
	File string
	Keys []string
}

// Planted looks for such settings in a repository and in what git keeps of its working
// trees. gt's git does not read them (see Shared); the git of a person or an agent does.
// It runs nothing of them.
func (s *Shared) Planted(ctx context.Context) (all []Planted, err error) {
	files := []string{"config", "config.worktree"}
	trees, err := os.ReadDir(filepath.Join(s.repo.Dir, "worktrees"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, t := range trees {
		files = append(files, filepath.Join("worktrees", t.Name(), "config.worktree"))
	}
	for _, name := range files {
		file := filepath.Join(s.repo.Dir, name)
		if info, err := os.Lstat(file); err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
			continue
		}
		found, err := settingsIn(ctx, file, s.repo.opts)
		if err != nil {
			return all, err
		}
		var keys []string
		for _, kv := range found {
			section, _, _ := strings.Cut(kv[0], ".")
			if slices.Contains(programs, section+kv[0][strings.LastIndexByte(kv[0], '.'):]) {
				keys = append(keys, Plain(kv[0]))
			}
		}
		if slices.Sort(keys); len(keys) > 0 {
			all = append(all, Planted{file, slices.Compact(keys)})
		}
	}
	return all, nil
}
