package gitcmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"gastown/town"
)

// Limits used where Options leaves a field zero.
const (
	// defaultDeadline ends one git process, whatever it does.
	defaultDeadline = 30 * time.Minute
	// defaultIdle ends a network process that reports no progress.
	defaultIdle = 60 * time.Second
	// defaultTokenUser is the user name that is sent with a token. Hosts ignore it
	// or want exactly this one.
	defaultTokenUser = "x-access-token"
)

// Options apply to every process of a Repo. All but Env may be zero.
type Options struct {
	// Git is the binary; "git" from PATH when empty.
	Git string
	// Deadline bounds each process (default 30 minutes). Exceeding it is
	// ErrDeadline.
	Deadline time.Duration
	// Idle bounds the time a fetch, push or listing may go without any
	// progress (default 60 s). Exceeding it is ErrDeadline.
	Idle time.Duration
	// MaxBytes bounds each file that a fetch writes, and so what a remote may send.
	// Zero means no bound. Exceeding it is ErrTooLarge.
	MaxBytes int64
	// TokenEnv names a variable in Env that holds an access token for an http(s)
	// remote. Empty leaves authentication to the user's credential helpers.
	TokenEnv string
	// TokenHost is the one host, as HOST or HOST:PORT, that gets the token. When it
	// is empty, none does. Over plain http the token goes to this machine only.
	TokenHost string
	// TokenUser is the user name sent with the token.
	TokenUser string
	// Env is the environment of the person or program for whom git runs, as
	// NAME=value: their PATH, home, ssh agent, logins and proxies. It is required,
	// and nothing of this process's own environment is added.
	Env []string
	// Progress receives the progress of network operations, on a goroutine
	// that has ended when the operation returns. It must not block.
	Progress func(Progress)
	// Inherit, if set, is passed to every process and through it to its children.
	// A flock(2) on it then lasts until the last of them has ended, even when this
	// process is killed. Release it with LOCK_UN and not only by closing it: a
	// credential daemon that git started may have its copy open for long.
	Inherit *os.File

	// common is set for a Shared repository.
	common *common
}

// Repo is a bare repository that belongs to gt alone: a cache of objects. Its
// methods may be called concurrently only for different refs. The caller keeps
// other processes out.
type Repo struct {
	// Dir is the absolute path of the repository.
	Dir  string
	opts Options
	// config overrides the repository's own for each process.
	config [][2]string
}

var processes atomic.Int64

// Processes counts the git processes this program has started. Children that
// git starts itself are not counted.
func Processes() int64 { return processes.Load() }

// config is the whole configuration of a private repository. Table files are
// compressed already and named by their content, so deltas and compression would
// cost time and gain nothing. What a person configures for working repositories
// (hooks, signing, tags) must not apply here.
const config = `[core]
	repositoryformatversion = 0
	bare = true
	compression = 0
	bigFileThreshold = 1m
	logAllRefUpdates = false
	hooksPath = /dev/null
	fsmonitor = false
	commitGraph = false
	multiPackIndex = false
[pack]
	window = 0
	depth = 0
	compression = 0
	writeReverseIndex = false
	useBitmaps = false
	allowPackReuse = false
[repack]
	writeBitmaps = false
[gc]
	auto = 0
	autoDetach = false
[maintenance]
	auto = false
[fetch]
	unpackLimit = 1
	prune = false
	pruneTags = false
	recurseSubmodules = false
	writeCommitGraph = false
	showForcedUpdates = false
[fastimport]
	unpackLimit = 1
[transfer]
	fsckObjects = true
	unpackLimit = 1
	bundleURI = false
[push]
	gpgSign = false
	followTags = false
	recurseSubmodules = no
	useForceIfIncludes = false
[credential]
	interactive = false
[advice]
	detachedHead = false
`

// absolute cleans a path. A relative one is refused: the working directory of
// this process may not be that of the person for whom git runs.
func absolute(dir string) (string, error) {
	if !filepath.IsAbs(dir) {
		return "", fmt.Errorf("%q is not an absolute path", town.Clip(dir, 200))
	}
	return filepath.Clean(dir), nil
}

// Init opens the private repository in dir, an absolute path. It creates what is
// missing (mode 0700) and starts no process. It removes locks and temporary packs
// that a killed process left, so the caller must keep other processes out.
func Init(dir string, opts Options) (*Repo, error) {
	if opts.Git == "" {
		opts.Git = "git"
	}
	if opts.Deadline <= 0 {
		opts.Deadline = defaultDeadline
	}
	if opts.Idle <= 0 {
		opts.Idle = defaultIdle
	}
	dir, err := absolute(dir)
	if err != nil {
		return nil, err
	}
	r := &Repo{Dir: dir, opts: opts}
	if err := r.create(); err != nil {
		return nil, town.Fail("prepare the object cache "+dir, "check the permissions of that directory", "%w", noSpace(err))
	}
	return r, nil
}

func (r *Repo) create() error {
	for _, d := range []string{"objects/info", "objects/pack", "refs/gt"} {
		if err := os.MkdirAll(filepath.Join(r.Dir, d), 0o700); err != nil {
			return err
		}
	}
	// First of all: a killed process may have left the lock that writing needs.
	if err := r.sweep(); err != nil {
		return err
	}
	for name, want := range map[string]string{"config": config, "HEAD": "ref: refs/heads/none\n"} {
		p := filepath.Join(r.Dir, name)
		if have, err := os.ReadFile(p); err == nil && string(have) == want {
			continue
		}
		if err := writeFile(p, want); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes what killed git processes leave behind.
func (r *Repo) sweep() error {
	var errs []error
	for _, pattern := range []string{
		"*.lock", "objects/pack/tmp_*", "objects/pack/.tmp-*", "objects/pack/*.lock", "objects/pack/*.keep", "objects/tmp_*", "objects/??/tmp_obj_*",
		"objects/tmp_objdir-*", "objects/*.lock", "objects/info/*.lock", "fast_import_crash_*",
	} {
		// Within the directory, whose own name may have the characters of a pattern.
		found, err := fs.Glob(os.DirFS(r.Dir), pattern)
		if err != nil {
			return err
		}
		for _, f := range found {
			errs = append(errs, os.RemoveAll(filepath.Join(r.Dir, f)))
		}
	}
	errs = append(errs, filepath.WalkDir(filepath.Join(r.Dir, "refs"), func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(p, ".lock") {
			err = os.Remove(p)
		}
		return err
	}))
	return errors.Join(errs...)
}

// Version asks the installed git for its version, such as "2.39.5". It reports
// ErrNoGit without one and ErrTooOld below MinVersion.
func Version(ctx context.Context, opts Options) (string, error) {
	r := &Repo{Dir: "/", opts: opts}
	if r.opts.Git == "" {
		r.opts.Git = "git"
	}
	out, err := r.run(ctx, command{op: "ask git for its version", args: []string{"version"}, bare: true})
	if err != nil {
		return "", err
	}
	v, _ := strings.CutPrefix(strings.TrimSpace(out.stdout), "git version ")
	v, _, _ = strings.Cut(v, " ")
	if older(v, MinVersion) {
		return v, fail("use git "+clean(v), ErrTooOld, "", nil)
	}
	return v, nil
}
