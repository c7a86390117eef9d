package host

import (
	"context"

	"gastown/sync/gitcmd"
	"gastown/town/agenthooks"
)

// InstallHooks writes the hooks of a preset's program into a sandbox, and keeps them out
// of its commits. An agent works without them, too: who starts a session goes on after an
// error and shows it.
func (h *Host) InstallHooks(ctx context.Context, sandbox, preset string) (done agenthooks.Installed, err error) {
	if agenthooks.File(preset) == "" {
		return done, nil
	}
	gt, err := h.call.Executable()
	if err != nil {
		return done, err
	}
	place, err := gitcmd.Locate(ctx, sandbox, Git(h.call))
	if err != nil {
		return done, err
	}
	if err := agenthooks.Exclude(place.CommonDir); err != nil {
		return done, err
	}
	return agenthooks.Install(sandbox, preset, gt, func(path string) (bool, error) { return place.Indexed(ctx, path) })
}
