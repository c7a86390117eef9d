package rig

import (
	"context"
	"path/filepath"

	"gastown/cmd/internal/host"
	"gastown/sync/gitcmd"
	"gastown/sync/hooks"
	"gastown/town"
)

// townHooks are the Town's Git hooks for the repository that a rig is cloned from. They
// can be installed only in a directory of this machine that holds the Town's files: a
// Town that lives in its project's repository. It is refused before anything is cloned.
func (o *rigOptions) townHooks(ctx context.Context, h *host.Host, url string) (d hooks.Directory, scripts []hooks.Script, err error) {
	const op = "install the Town's hooks for the rig "
	if !filepath.IsAbs(url) {
		return d, nil, town.Fail(op+o.name, "leave --hooks out; in the repository itself run: gt hooks install", "%w: %s is not a directory of this machine", town.ErrUsage, gitcmd.Redact(url))
	}
	place, err := gitcmd.Locate(ctx, url, host.Git(o.call))
	if err != nil {
		return d, nil, err
	}
	if d, err = hooks.Find(place); err != nil {
		return d, nil, err
	}
	self, err := o.call.Executable()
	if err != nil {
		return d, nil, err
	}
	scripts, err = host.HookScripts(place, d, h.Layout, self)
	return d, scripts, err
}
