package rig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/lockfile"
)

const (
	// lockWait is how long an operation waits for another one on the same sandbox.
	lockWait = 2 * time.Minute
	// defaultFresh is how old the newest known base may be before Prepare asks the remote.
	defaultFresh = time.Minute
	// defaultFetch bounds how long Prepare waits for the remote.
	defaultFetch = 30 * time.Second
)

// Yard is all rigs of a Town.
type Yard struct {
	// Dir is the directory of the rigs, absolute. File is config/rigs.yaml.
	Dir, File string
	// Lock is the lock file of the thing that has a name.
	Lock func(name string) string
	// Git says for whom git runs, and how long it may take.
	Git gitcmd.Options
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Town is the Town's name, which commits of a rescue bear; "" for "gt".
	Town string
	// Tell is told what happens to sandboxes; nil tells nobody. It must not use the rigs.
	Tell func(ctx context.Context, n Notice)
}

func (y *Yard) now() time.Time {
	if y.Now != nil {
		return y.Now().UTC()
	}
	return time.Now().UTC()
}

// Rig is a rig whose clone is there. Its methods may be called concurrently, also by
// several processes.
type Rig struct {
	Settings
	yard *Yard
	repo *gitcmd.Shared
}

// Open opens a rig by its name.
func (y *Yard) Open(name string) (*Rig, error) {
	s, err := y.Find(name)
	if err != nil {
		return nil, err
	}
	return y.open(s)
}

// OpenLoaded is Open with settings that Load returned, which are not read again.
func (y *Yard) OpenLoaded(s Settings) (*Rig, error) { return y.open(s) }

func (y *Yard) open(s Settings) (*Rig, error) {
	r := &Rig{Settings: s, yard: y}
	repo, err := gitcmd.OpenShared(r.path("repo.git"), y.Git)
	if errors.Is(err, gitcmd.ErrNotFound) {
		return nil, town.Fail("open the rig "+s.Name, "clone it again: gt rig add "+s.Name+" "+s.URL, "%w: there is no clone at %s", gitcmd.ErrNotFound, r.path("repo.git"))
	}
	r.repo = repo
	return r, err
}

// path is a path below the rig's directory.
func (r *Rig) path(elem ...string) string {
	return filepath.Join(append([]string{r.yard.Dir, r.Name}, elem...)...)
}

// Dir is the rig's directory.
func (r *Rig) Dir() string { return r.path() }

// Kind says whose a sandbox is.
type Kind string

// The kinds of sandboxes. Each is also the name of the directory that holds them.
const (
	// Polecats have working trees that are linked to the rig's clone.
	Polecats Kind = "polecats"
	// Crew have clones of their own.
	Crew Kind = "crew"
)

// SandboxDir is where the sandbox of a name is, or will be.
func (r *Rig) SandboxDir(kind Kind, name string) (string, error) {
	if err := town.CheckHandle("sandbox", name); err != nil {
		return "", err
	}
	return r.path(string(kind), name), nil
}

// Sandbox is a working tree in which a polecat or a person works.
type Sandbox struct {
	Rig  string `json:"rig"`
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
	// Dir is its directory, absolute.
	Dir string `json:"dir"`
	// Branch is checked out; "" for none. Head is the commit; "" for none.
	Branch string `json:"branch"`
	Head   string `json:"head"`
	// Base is the commit that Prepare put the branch at.
	Base string `json:"base,omitempty"`
	// FromPool: Prepare took a tree that was ready.
	FromPool bool `json:"from_pool,omitempty"`
	// Rescued is where Prepare saved what was in it before; "" for nothing.
	Rescued string `json:"rescued,omitempty"`
	// Stale is why the base may be an old one: the remote could not be asked.
	Stale string `json:"stale,omitempty"`
}

// Address names a sandbox as agents are named: web/polecats/nux.
func (s Sandbox) Address() string { return s.Rig + "/" + string(s.Kind) + "/" + s.Name }

// Sandbox returns a sandbox that exists. It reports fs.ErrNotExist for one that does
// not, and gitcmd.ErrNotOurs for a directory that is none.
func (r *Rig) Sandbox(ctx context.Context, kind Kind, name string) (Sandbox, error) {
	w, err := r.tree(kind, name)
	if err != nil {
		return Sandbox{}, err
	}
	return r.describe(ctx, kind, name, w)
}

func (r *Rig) describe(ctx context.Context, kind Kind, name string, w gitcmd.Worktree) (Sandbox, error) {
	head, branch, err := w.Head(ctx)
	return Sandbox{Rig: r.Name, Kind: kind, Name: name, Dir: w.Top, Branch: branch, Head: head}, err
}

// Sandboxes lists the names of the sandboxes of a kind, sorted. What is in their
// directories is not looked at.
func (r *Rig) Sandboxes(kind Kind) ([]string, error) {
	entries, err := os.ReadDir(r.path(string(kind)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && town.CheckHandle("sandbox", e.Name()) == nil {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// tree opens the working tree of a sandbox, after it made sure that it is one.
func (r *Rig) tree(kind Kind, name string) (gitcmd.Worktree, error) {
	if kind != Polecats && kind != Crew {
		return gitcmd.Worktree{}, fmt.Errorf("%q is no kind of sandbox", kind)
	}
	if err := town.CheckHandle("sandbox", name); err != nil {
		return gitcmd.Worktree{}, err
	}
	top := r.path(string(kind), name)
	if err := r.inside(top); err != nil {
		return gitcmd.Worktree{}, err
	}
	if kind == Polecats {
		return r.repo.Linked(top)
	}
	git := filepath.Join(top, ".git")
	info, err := os.Lstat(git)
	if err != nil || !info.IsDir() {
		return gitcmd.Worktree{}, town.Fail("use the clone "+top, "look at it: ls -la "+top, "%w: %s is not a directory", gitcmd.ErrNotOurs, git)
	}
	if _, err := os.Lstat(filepath.Join(git, "commondir")); err == nil {
		return gitcmd.Worktree{}, town.Fail("use the clone "+top, "look at it: ls -la "+git, "%w: it is linked to another repository", gitcmd.ErrNotOurs)
	}
	own, err := gitcmd.OpenShared(git, r.yard.Git)
	if err != nil {
		return gitcmd.Worktree{}, err
	}
	return own.Own(), nil
}

// inside makes sure that a directory exists below the Town's rigs and that no
// symbolic link leads there.
func (r *Rig) inside(top string) error {
	rel, err := filepath.Rel(r.yard.Dir, top)
	if err != nil || !filepath.IsLocal(rel) {
		return town.Fail("use "+top, "gt rig status shows the working trees of a rig", "%w: it is not below %s", gitcmd.ErrNotOurs, r.yard.Dir)
	}
	at := r.yard.Dir
	for _, elem := range strings.Split(rel, string(filepath.Separator)) {
		at = filepath.Join(at, elem)
		info, err := os.Lstat(at)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return town.Fail("use "+top, "look at it: ls -la "+at, "%w: %s is not a directory", gitcmd.ErrNotOurs, at)
		}
	}
	return nil
}

// lock takes the lock of one sandbox, or of another thing of the rig.
func (r *Rig) lock(ctx context.Context, what string) (*lockfile.Lock, error) {
	return lockfile.Acquire(ctx, r.yard.Lock("rig-"+r.Name+"-"+what), lockfile.Options{
		Command: "work on " + what + " of the rig " + r.Name, Wait: lockWait, Op: "use " + what + " of the rig " + r.Name})
}

// origin is where the rig keeps what it knows of its remote.
const (
	originRefs = "refs/remotes/origin/"
	rescueRefs = "refs/gt/rescue/"
)

// target is the ref of the target branch in the bare clone.
func (r *Rig) target() string {
	if r.HasRemote() {
		return originRefs + r.Branch
	}
	return "refs/heads/" + r.Branch
}

// Fetch brings the rig's clone up to date. A rig without a remote has nothing to
// fetch.
func (r *Rig) Fetch(ctx context.Context) error {
	if !r.HasRemote() {
		return nil
	}
	lock, err := r.lock(ctx, "fetch")
	if err != nil {
		return err
	}
	defer lock.Release() //nolint:errcheck // it ends with the process
	return r.fetch(ctx)
}

func (r *Rig) fetch(ctx context.Context) error {
	if err := r.repo.FetchAll(ctx, r.URL, "refs/heads/*:"+originRefs+"*"); err != nil {
		return err
	}
	now := r.yard.now()
	err := os.WriteFile(r.path("fetched"), []byte(now.Format(time.RFC3339)+"\n"), 0o600)
	return errors.Join(err, os.Chtimes(r.path("fetched"), now, now))
}

// Fetched is when the rig last heard from its remote; zero for never.
func (r *Rig) Fetched() time.Time {
	info, err := os.Stat(r.path("fetched"))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime().UTC()
}

// refresh fetches unless somebody did so lately, also while it waited for the lock. Its
// error is for people: the caller goes on with what is known.
func (r *Rig) refresh(ctx context.Context, fresh time.Duration) error {
	stale := func() bool { return r.yard.now().Sub(r.Fetched()) >= fresh }
	if !r.HasRemote() || !stale() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, defaultFetch)
	defer cancel()
	lock, err := r.lock(ctx, "fetch")
	if err != nil {
		return err
	}
	defer lock.Release() //nolint:errcheck // it ends with the process
	if !stale() {
		return nil
	}
	return r.fetch(ctx)
}

// Base finds the commit that a branch or an id names; "" is the newest of the target
// branch.
func (r *Rig) Base(ctx context.Context, name string) (string, error) {
	base, _, err := r.baseAnd(ctx, name, r.target())
	return base, err
}

// baseAnd is Base, and the commit of another ref; "" if it is not there.
func (r *Rig) baseAnd(ctx context.Context, name, ref string) (base, commit string, err error) {
	refs := append(r.candidates(name), ref)
	last := len(refs) - 1
	// A branch that exists may have to be saved: then git says what it holds.
	ids, known := r.repo.RefFiles(refs...)
	if !known || ids[last] != "" {
		if ids, err = r.repo.Commits(ctx, refs...); err != nil {
			return "", "", err
		}
	}
	for _, id := range ids[:last] {
		if id != "" {
			return id, ids[last], nil
		}
	}
	if name == "" {
		name = r.Branch
	}
	return "", "", town.Fail("find "+name+" in the rig "+r.Name, "gt rig status "+r.Name+" shows what is known; git push that branch first", "%w: there is no such branch or commit", gitcmd.ErrNoRef)
}

func (r *Rig) candidates(name string) []string {
	switch {
	case name == "":
		return []string{r.target()}
	case gitcmd.IsID(name):
		return []string{name}
	case gitcmd.CheckBranch(name) != nil:
		return nil
	}
	refs := []string{"refs/heads/" + name}
	if r.HasRemote() {
		refs = slices.Insert(refs, 0, originRefs+name)
	}
	return refs
}
