package rig

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/durable"
)

// Join describes a person's clone of a rig.
type Join struct {
	Name string
	// Branch is checked out; "" is the target branch.
	Branch string
	// Who commits there; empty fields leave it to the person's own configuration of git.
	Who town.Actor
}

// AddCrew makes a person's own clone of a rig. Its remote "origin" is the rig's, and its
// objects come from the rig's clone, so nothing is transferred twice.
func (r *Rig) AddCrew(ctx context.Context, j Join) (Sandbox, error) {
	op := "add the clone of " + j.Name + " to the rig " + r.Name
	if err := town.CheckHandle("member of the crew", j.Name); err != nil {
		return Sandbox{}, err
	}
	if j.Branch == "" {
		j.Branch = r.Branch
	}
	lock, err := r.lock(ctx, string(Crew)+"-"+j.Name)
	if err != nil {
		return Sandbox{}, err
	}
	defer lock.Release() //nolint:errcheck // it ends with the process
	top := r.path(string(Crew), j.Name)
	if _, err := os.Lstat(top); err == nil {
		return Sandbox{}, town.Fail(op, "cd \"$(gt crew at "+j.Name+" --rig "+r.Name+")\" goes there", "%w: %s is there already", town.ErrRefused, top)
	}
	stale := ""
	if err := r.refresh(ctx, defaultFresh); err != nil {
		stale = err.Error()
	}
	base, err := r.Base(ctx, j.Branch)
	if err != nil {
		return Sandbox{}, err
	}
	if err := os.MkdirAll(filepath.Dir(top), 0o700); err != nil {
		return Sandbox{}, err
	}
	err = r.making(ctx, func(dir string) error {
		tree := filepath.Join(dir, "tree")
		own, err := r.ownClone(ctx, tree, j)
		if err == nil {
			err = own.Own().Reset(ctx, j.Branch, base)
		}
		if err == nil {
			err = durable.RenameNew(tree, top)
		}
		return err
	})
	return Sandbox{Rig: r.Name, Kind: Crew, Name: j.Name, Dir: top, Branch: j.Branch, Head: base, Base: base, Stale: stale}, err
}

// ownClone makes a clone without a working tree.
func (r *Rig) ownClone(ctx context.Context, tree string, j Join) (*gitcmd.Shared, error) {
	if err := os.MkdirAll(tree, 0o700); err != nil {
		return nil, err
	}
	origin, branches := r.URL, originRefs
	if !r.HasRemote() {
		origin, branches = r.repo.Dir(), "refs/heads/"
	}
	own, err := gitcmd.CreateOwn(filepath.Join(tree, ".git"), gitcmd.OwnConfig{Origin: origin, Branch: j.Branch, Name: j.Who.Name, Email: j.Who.Email}, r.yard.Git)
	if err != nil {
		return nil, err
	}
	return own, own.FetchAll(ctx, r.repo.Dir(), branches+"*:"+originRefs+"*", "refs/tags/*:refs/tags/*")
}

// Status is what there is of a rig.
type Status struct {
	Settings
	// Cloned: its clone is there. Head is the newest commit of the target branch that is
	// known, Fetched when the remote was last asked.
	Cloned  bool   `json:"cloned"`
	Head    string `json:"head,omitempty"`
	Fetched string `json:"fetched,omitempty"`
	// Tested reports that there are checks.
	Tested    bool            `json:"tested"`
	Sandboxes []SandboxStatus `json:"sandboxes"`
	PoolReady int             `json:"pool_ready"`
	// Lost are directories that were set aside.
	Lost []string `json:"lost,omitempty"`
}

// SandboxStatus is one sandbox and what it holds.
type SandboxStatus struct {
	Sandbox
	Unsaved Unsaved `json:"unsaved"`
	// Problem is why it could not be looked at; "" if it could.
	Problem string `json:"problem,omitempty"`
}

// Status looks at a rig and everything in it. Each sandbox costs several processes.
func (r *Rig) Status(ctx context.Context) (Status, error) {
	s := Status{Settings: r.Settings, Cloned: true, Tested: len(r.Checks) > 0, Sandboxes: []SandboxStatus{}}
	head, err := r.repo.Resolve(ctx, r.target())
	if err != nil {
		return s, err
	}
	s.Head = head
	if at := r.Fetched(); !at.IsZero() {
		s.Fetched = at.Format("2006-01-02T15:04:05Z")
	}
	for _, kind := range []Kind{Polecats, Crew} {
		names, err := r.Sandboxes(kind)
		if err != nil {
			return s, err
		}
		for _, name := range names {
			one := SandboxStatus{Sandbox: Sandbox{Rig: r.Name, Kind: kind, Name: name, Dir: r.path(string(kind), name)}}
			found, err := r.Sandbox(ctx, kind, name)
			if err == nil {
				one.Sandbox = found
				one.Unsaved, err = r.Unsaved(ctx, found)
			}
			if ctx.Err() != nil {
				return s, context.Cause(ctx)
			}
			if err != nil {
				one.Problem = err.Error()
			}
			s.Sandboxes = append(s.Sandboxes, one)
		}
	}
	names, err := r.poolNames()
	s.PoolReady = len(names)
	if entries, lerr := os.ReadDir(r.path("lost")); lerr == nil {
		for _, e := range entries {
			s.Lost = append(s.Lost, r.path("lost", e.Name()))
		}
	} else if !errors.Is(lerr, fs.ErrNotExist) {
		err = errors.Join(err, lerr)
	}
	return s, err
}
