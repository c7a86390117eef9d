package gitcmd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gastown/town"
	"gastown/town/durable"
)

// Shared is a repository in which others work too: a bare clone with the working
// trees that are linked to it, or a person's own clone. Unlike a Repo its
// configuration and its locks are not gt's alone. So no process reads that
// configuration (see common), each gets settings that keep the repository from running
// programs (see quiet), and no lock is removed here.
type Shared struct{ repo *Repo }

// quiet overrides what other configuration may say, also that of submodules. No hook and no
// monitor runs, nothing is signed, packed or fetched beside what was asked for, and
// changes of modes and links are seen.
var quiet = [][2]string{
	{"core.hooksPath", "/dev/null"}, {"core.fsmonitor", "false"}, {"core.alternateRefsCommand", "true"}, {"core.fileMode", "true"}, {"core.symlinks", "true"},
	{"core.checkStat", "default"}, {"core.ignoreStat", "false"}, {"core.untrackedCache", "false"},
	{"gc.auto", "0"}, {"gc.autoDetach", "false"}, {"maintenance.auto", "false"},
	{"commit.gpgSign", "false"}, {"push.gpgSign", "false"}, {"push.followTags", "false"}, {"push.recurseSubmodules", "no"},
	{"submodule.recurse", "false"}, {"fetch.recurseSubmodules", "false"}, {"diff.ignoreSubmodules", "none"},
	{"transfer.bundleURI", "false"}, {"credential.interactive", "false"}, {"advice.detachedHead", "false"},
	{"status.renames", "false"}, {"status.branch", "false"}, {"status.showStash", "false"},
}

// cloneConfig is the configuration of a new bare clone. What keeps work alive stands
// here: linked working trees and unreachable objects are not pruned behind gt's back.
const cloneConfig = `[core]

	repositoryformatversion = 0
	bare = true
	logAllRefUpdates = true
[gc]
	worktreePruneExpire = never
	pruneExpire = 90.days
[remote "origin"]
	url = %s
	fetch = +refs/heads/*:refs/remotes/origin/*
`

// OpenShared uses a repository that exists, by its absolute git directory. It starts
// no process and changes nothing. The first process makes the directory gt-common in it.
func OpenShared(dir string, opts Options) (*Shared, error) {
	dir, err := absolute(dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err != nil {
		return nil, town.Fail("use the repository "+dir, "gt rig status says what is there", "%w: %w", ErrNotFound, err)
	}
	opts = withDefaults(opts)
	opts.common = &common{repo: dir, opts: opts}
	return &Shared{&Repo{Dir: dir, opts: opts, config: quiet}}, nil
}

// CreateShared makes an empty bare repository in a directory that does not exist.
// remote is the address that people and agents reach as "origin"; "" for none.
func CreateShared(dir, remote string, opts Options) (*Shared, error) {
	return createShared(dir, newConfig(remote), opts)
}

func createShared(dir, config string, opts Options) (*Shared, error) {
	dir, err := absolute(dir)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	for _, d := range []string{"objects/info", "objects/pack", "refs/heads", "refs/tags", "info"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return nil, noSpace(err)
		}
	}
	err = durable.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600)
	if err == nil {
		err = durable.WriteFile(filepath.Join(dir, "HEAD"), []byte("ref: refs/heads/none\n"), 0o600)
	}
	if err != nil {
		return nil, noSpace(err)
	}
	return OpenShared(dir, opts)
}

// OwnConfig configures a person's clone.
type OwnConfig struct {
	// Origin is the address of the remote; Branch the one that is checked out first.
	Origin, Branch string
	// Name and Email are of commits made there; empty ones are left to the person's own
	// configuration.
	Name, Email string
}

// ownConfig is the configuration of a person's clone. What is not here is as git has it
// and as the person configures it.
const ownConfig = `[core]

	repositoryformatversion = 0
	bare = false
	logAllRefUpdates = true
[remote "origin"]
	url = %[1]s
	fetch = +refs/heads/*:refs/remotes/origin/*
[branch %[2]s]
	remote = origin
	merge = %[3]s
`

// CreateOwn makes the empty repository of a person's clone in a directory that does not
// exist, beside the working tree that Own describes.
func CreateOwn(dir string, c OwnConfig, opts Options) (*Shared, error) {
	if err := CheckBranch(c.Branch); err != nil {
		return nil, err
	}
	text := fmt.Sprintf(ownConfig, quoteConfig(c.Origin), quoteConfig(c.Branch), quoteConfig("refs/heads/"+c.Branch))
	if c.Name != "" || c.Email != "" {
		text += "[user]\n"
		if c.Name != "" {
			text += "\tname = " + quoteConfig(c.Name) + "\n"
		}
		if c.Email != "" {
			text += "\temail = " + quoteConfig(c.Email) + "\n"
		}
	}
	return createShared(dir, text, opts)
}

// Identity is the name and the address that git's own configuration has for a person;
// "" for what it does not have.
func Identity(ctx context.Context, opts Options) (name, email string, err error) {
	r := &Repo{Dir: "/", opts: withDefaults(opts)}
	for key, value := range map[string]*string{"user.name": &name, "user.email": &email} {
		out, err := r.run(ctx, command{op: "ask git for " + key, args: []string{"config", "--global", "--includes", "--default", "", "--get", key}, bare: true})
		if err != nil {
			return "", "", err
		}
		*value = strings.TrimSuffix(out.stdout, "\n")
	}
	return name, email, nil
}

// quoteConfig writes a value of git's configuration.
func quoteConfig(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(s) + `"`
}

func withDefaults(opts Options) Options {
	if opts.Git == "" {
		opts.Git = "git"
	}
	if opts.Deadline <= 0 {
		opts.Deadline = defaultDeadline
	}
	if opts.Idle <= 0 {
		opts.Idle = defaultIdle
	}
	return opts
}

// Dir is the repository's directory.
func (s *Shared) Dir() string { return s.repo.Dir }

// DefaultBranch asks a remote which branch it would check out, as a short name. ""
// when the repository has no commit.
func DefaultBranch(ctx context.Context, rawURL string, opts Options) (string, error) {
	r := &Repo{Dir: "/", opts: withDefaults(opts)}
	c, err := r.network("ask for the default branch of "+clean(rawURL), rawURL)
	if err != nil {
		return "", err
	}
	c.remote, c.bare = true, true
	c.args = []string{"ls-remote", "--quiet", "--symref", "--end-of-options", rawURL, "HEAD"}
	out, err := r.run(ctx, c)
	if err == nil && out.stderr.cutShort() {
		err = fail(c.op, ErrBroken, "the server's answer is not complete", nil)
	}
	if err != nil {
		return "", err
	}
	branch, head := "", ""
	for line := range strings.Lines(out.stdout) {
		value, name, _ := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		if name != "HEAD" {
			continue
		}
		if ref, ok := strings.CutPrefix(value, "ref: refs/heads/"); ok {
			branch = ref
		} else if IsID(value) {
			head = value
		}
	}
	switch {
	case head == "":
		return "", nil
	case branch != "":
		return branch, CheckBranch(branch)
	}
	return "", town.Fail(c.op, "name it with --branch", "%w: its HEAD names no branch", ErrNotFound)
}

// FetchAll brings what a remote has: each refspec has the form FROM:TO. Refs below
// TO that are not at the remote any more go here too.
func (s *Shared) FetchAll(ctx context.Context, rawURL string, refspecs ...string) error {
	c, err := s.repo.network("fetch from "+clean(rawURL), rawURL)
	if err != nil {
		return err
	}
	c.remote = true
	c.args = []string{"fetch", "--progress", "--force", "--prune", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules",
		"--end-of-options", rawURL}
	for _, spec := range refspecs {
		if strings.HasPrefix(spec, "-") || !strings.Contains(spec, ":") {
			return fmt.Errorf("fetch %q: not FROM:TO", town.Clip(spec, 100))
		}
		c.args = append(c.args, "+"+strings.TrimPrefix(spec, "+"))
	}
	out, err := s.repo.run(ctx, c)
	if err == nil && out.stderr.cutShort() {
		err = fail(c.op, ErrBroken, "the server's answer is not complete", nil)
	}
	return err
}

// Take copies objects from another repository of this machine that may be hostile:
// git's own server reads it. Nothing names them afterwards.
func (s *Shared) Take(ctx context.Context, gitDir string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	c, err := s.repo.network("copy commits from "+gitDir, gitDir)
	if err != nil {
		return err
	}
	c.remote = true
	c.args = []string{"fetch", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules", "--stdin",
		"--upload-pack=git -c uploadpack.allowAnySHA1InWant=true -c core.alternateRefsCommand=true upload-pack", "--end-of-options", gitDir}
	return s.stream(ctx, c, strings.NewReader(strings.Join(ids, "\n")+"\n"), splitNUL, func(string) error { return nil })
}

// ListRemote is LsRemote.
func (s *Shared) ListRemote(ctx context.Context, rawURL string, refs ...string) (Listing, error) {
	return s.repo.LsRemote(ctx, rawURL, refs...)
}

// Push moves refs of a remote, as Repo.Push does.
func (s *Shared) Push(ctx context.Context, rawURL string, updates ...Update) (PushResult, error) {
	return s.repo.Push(ctx, rawURL, updates...)
}

// Import writes objects, as Repo.Import does.
func (s *Shared) Import(ctx context.Context) *Importer { return s.repo.Import(ctx) }
