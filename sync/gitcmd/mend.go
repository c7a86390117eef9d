package gitcmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gastown/town/durable"
)

// goodName is the copy, in gt-common, of the last configuration that git could use.
const goodName = "config.good"

// extensions are those that every git that gt runs with knows.
var extensions = []string{"noop", "preciousobjects", "partialclone", "worktreeconfig", "objectformat", "refstorage"}

// MendSettings makes sure that the git of people and agents can use the repository. Each
// of them can write its configuration, and a damaged one would keep all others from their
// work. Such a file is moved to config.broken-TIME and the last one that git could use, or
// else that of a new clone of remote, takes its place. aside is where it was moved to; ""
// when nothing was wrong. It starts a process only when the file changed since.
func (s *Shared) MendSettings(ctx context.Context, remote string, now time.Time) (aside string, err error) {
	op, file := "mend the configuration of "+s.repo.Dir, filepath.Join(s.repo.Dir, "config")
	if err := os.Mkdir(s.repo.opts.common.dir(), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", failHere(op, err)
	}
	good := filepath.Join(s.repo.opts.common.dir(), goodName)
	last, _ := regular(good)
	text, err := regular(file)
	if err == nil && last != nil && bytes.Equal(text, last) {
		return "", nil
	}
	if err == nil && s.usable(ctx, file) {
		return "", failed(op, durable.WriteFile(good, text, 0o600))
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if last == nil {
		last = []byte(newConfig(remote))
	}
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		aside = file + ".broken-" + now.UTC().Format("20060102T150405.000Z")
		if err := durable.RenameNew(file, aside); err != nil {
			return "", failHere(op, err)
		}
	}
	return aside, failed(op, durable.WriteFile(file, last, 0o600))
}

func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	return failHere(op, err)
}

// usable reports whether git can read a configuration and knows the format that it names.
func (s *Shared) usable(ctx context.Context, file string) bool {
	found, err := settingsIn(ctx, file, s.repo.opts)
	if err != nil {
		return false
	}
	for _, kv := range found {
		if kv[0] == "core.repositoryformatversion" && kv[1] != "0" && kv[1] != "1" {
			return false
		}
		if name, ok := strings.CutPrefix(kv[0], "extensions."); ok && !slices.Contains(extensions, name) {
			return false
		}
	}
	return true
}

// newConfig is the configuration of a new clone of a remote; "" for none.
func newConfig(remote string) string {
	text := fmt.Sprintf(cloneConfig, quoteConfig(remote))
	if remote == "" {
		text, _, _ = strings.Cut(text, "[remote")
	}
	return text
}
