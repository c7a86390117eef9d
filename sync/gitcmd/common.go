package gitcmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"gastown/town"
	"gastown/town/durable"
)

// commonName is the directory in a Shared repository whose configuration gt's own git
// reads instead of the repository's.
const commonName = "gt-common"

// ownSettings is that configuration. Nobody's program is named in it.
const ownSettings = `[core]
	repositoryformatversion = 1
	bare = true
	logAllRefUpdates = true
[gc]
	worktreePruneExpire = never
	pruneExpire = 90.days
`

// commonLinks are the parts of a repository that working trees share. They stay where
// they are; so do the locks on them, because git locks what a link leads to.
var commonLinks = []string{"objects", "refs", "logs", "worktrees", "packed-refs", "shallow", "reftable"}

// noGrafts is a file that cannot exist: histories are as the commits say.
const noGrafts = "GIT_GRAFT_FILE=/dev/null/none"

// carried are the settings that are taken over from the repository, because git could
// not read it or would see other files without them. None names a program, and values
// are words.
var (
	carried = []string{"extensions.objectformat", "extensions.refstorage", "core.sparsecheckout", "core.sparsecheckoutcone",
		"core.autocrlf", "core.eol", "core.ignorecase", "core.precomposeunicode"}
	carriedValue = regexp.MustCompile(`^[A-Za-z0-9]{1,20}$`)
)

// maxSettings bounds, in bytes, the configuration of a repository that is looked at.
const maxSettings = 1 << 20

// common keeps a repository's own configuration from gt's git. Whoever works in the
// repository can write there: core.sshCommand, filters, credential helpers, rewritten
// addresses and included files, of which not all can be overridden. So git gets a
// common directory (GIT_COMMON_DIR) with links to the repository's parts and a
// configuration of gt's own. The person's global configuration counts as ever.
type common struct {
	// repo is the git directory.
	repo string
	opts Options

	mu sync.Mutex
	// text is the repository's configuration as last seen, settings what was made of it.
	text     []byte
	settings string
}

func (c *common) dir() string { return filepath.Join(c.repo, commonName) }

// ready makes the directory, or makes sure that it still is as it should be. It costs a
// few system calls.
func (c *common) ready(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	op := "use the repository " + c.repo
	if err := os.Mkdir(c.dir(), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return failHere(op, err)
	}
	if info, err := os.Lstat(c.dir()); err != nil || !info.IsDir() {
		return town.Fail(op, "look at it: ls -la "+c.dir(), "%w: %s is not a directory of gt's", ErrCorrupt, c.dir())
	}
	for _, name := range commonLinks {
		if err := link(filepath.Join(c.dir(), name), filepath.Join("..", name)); err != nil {
			return failHere(op, err)
		}
	}
	if err := c.info(); err != nil {
		return failHere(op, err)
	}
	for _, name := range []string{"logs", "worktrees"} {
		if err := os.Mkdir(filepath.Join(c.repo, name), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return failHere(op, err)
		}
	}
	if err := c.look(ctx); err != nil {
		return err
	}
	file := filepath.Join(c.dir(), "config")
	if have, err := regular(file); err == nil && string(have) == c.settings {
		return nil
	}
	if err := os.RemoveAll(file); err != nil {
		return failHere(op, err)
	}
	return durable.WriteFile(file, []byte(c.settings), 0o600)
}

// info makes the directory info with the repository's exclude in it and nothing else:
// attributes there would change how files merge and what is checked out.
func (c *common) info() error {
	dir := filepath.Join(c.dir(), "info")
	if at, err := os.Lstat(dir); err == nil && !at.IsDir() {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != "exclude" {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return link(filepath.Join(dir, "exclude"), filepath.Join("..", "..", "info", "exclude"))
}

// link makes a symbolic link, or mends it.
func link(at, to string) error {
	if have, err := os.Readlink(at); err == nil && have == to {
		return nil
	}
	err := os.Symlink(to, at)
	if errors.Is(err, fs.ErrExist) {
		if have, rerr := os.Readlink(at); rerr == nil && have == to {
			return nil // another process was faster
		}
		err = errors.Join(os.RemoveAll(at), os.Symlink(to, at))
	}
	return err
}

// look takes over the carried settings. git parses the file and follows no includes.
func (c *common) look(ctx context.Context) error {
	text, err := regular(filepath.Join(c.repo, "config"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return town.Fail("use the repository "+c.repo, "look at its configuration: ls -la "+c.repo, "%w: %w", ErrCorrupt, err)
	}
	if c.settings != "" && bytes.Equal(text, c.text) {
		return nil
	}
	settings := ownSettings
	lower := bytes.ToLower(text)
	if slices.ContainsFunc(carried, func(key string) bool {
		_, name, _ := strings.Cut(key, ".")
		return bytes.Contains(lower, []byte(name))
	}) {
		found, err := settingsIn(ctx, filepath.Join(c.repo, "config"), c.opts)
		if err != nil {
			return err
		}
		for _, kv := range found {
			if section, name, _ := strings.Cut(kv[0], "."); slices.Contains(carried, kv[0]) && carriedValue.MatchString(kv[1]) {
				settings += fmt.Sprintf("[%s]\n\t%s = %s\n", section, name, kv[1])
			}
		}
	}
	c.text, c.settings = text, settings
	return nil
}

// settingsIn are the settings of one file, without what it includes. Keys have small
// letters, except for what stands between the first and the last dot.
func settingsIn(ctx context.Context, file string, opts Options) (found [][2]string, err error) {
	opts.common = nil
	r := &Repo{Dir: "/", opts: opts}
	out, err := r.run(ctx, command{op: "read " + file, args: []string{"config", "--file", file, "--no-includes", "--null", "--list"}, bare: true})
	if err != nil {
		return nil, town.Fail("read "+file, "mend it: git config --file "+file+" --edit", "%w", err)
	}
	for entry := range strings.SplitSeq(strings.TrimSuffix(out.stdout, "\x00"), "\x00") {
		key, value, ok := strings.Cut(entry, "\n")
		if !ok {
			value = "true" // a key without a value
		}
		if key != "" {
			found = append(found, [2]string{key, value})
		}
	}
	return found, nil
}

// regular reads a regular file of moderate size.
func regular(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSettings {
		return nil, fmt.Errorf("%s is not a regular file of at most %d bytes", path, maxSettings)
	}
	return os.ReadFile(path)
}
