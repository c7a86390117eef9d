package hooks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/deacon/control"
	"gastown/sync/gitcmd"
	"gastown/sync/hooks"
	"gastown/town"
	"gastown/town/layout"
)

// hookDeadline bounds the work one hook starts.
const hookDeadline = 2 * time.Minute

// deaconDeadline bounds the request to the Deacon.
const deaconDeadline = 5 * time.Second

// hookRunOptions are the options of gt hooks run.
type hookRunOptions struct {
	call *shell.Call
	name string
	args []string
}

func runCommand() shell.Command {
	return shell.Command{
		Name: "run", Help: "What a Git hook starts: sync, if federation/ files changed.", Hidden: true,
		Examples: []string{"gt hooks run -- post-commit"},
		Alone:    true, Planes: host.Planes, Permission: shell.MayRunHooks, Writes: true, Repeatable: true, MayBeEmpty: []string{"args"},
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &hookRunOptions{call: call}
			c.Arg("hook", "Its name.").Required().EnumVar(&o.name, hooks.Watched...)
			c.Arg("args", "What git gave it.").StringsVar(&o.args)
			return o.run
		},
	}
}

// run syncs the Town if its files changed. It runs in the background, so it writes
// a log.
func (o *hookRunOptions) run(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	log := hookLog{now: o.call.Now, path: h.Layout.HooksLog(), prefix: o.name + ": "}
	ctx, cancel := context.WithTimeout(ctx, hookDeadline)
	defer cancel()
	err = o.syncIfChanged(ctx, h, log)
	if err != nil && !errors.Is(err, town.ErrReview) {
		log.note("%v", err)
	}
	return err
}

func (o *hookRunOptions) syncIfChanged(ctx context.Context, h *host.Host, log hookLog) error {
	if _, err := os.Stat(h.Layout.Data(layout.Federation)); err != nil {
		log.note("the Town has no federation plane; nothing was synced")
		return nil
	}
	// Git starts these hooks at the top of the working tree.
	path, err := host.FilesWithin(o.call.Dir, h.Layout)
	if errors.Is(err, town.ErrUsage) {
		log.note("%s is another working tree; the Town's files did not change", o.call.Dir)
		return nil
	}
	if err != nil {
		return err
	}
	place, err := o.place(ctx)
	if err != nil {
		return err
	}
	changed, reason, err := hooks.Changed(ctx, hooks.Run{Name: o.name, Args: o.args, Input: o.call.Stdin, Place: place, Path: path})
	if err != nil {
		return err
	}
	if !changed {
		log.note("%s; nothing was synced", reason)
		return nil
	}
	if o.syncByDeacon(ctx, h, log) {
		log.note("%s; the Deacon was told", reason)
		return nil
	}
	return o.sync(ctx, h, log, reason)
}

// place is the repository the hook ran in: the one that git names in the
// environment, otherwise that of the working directory.
func (o *hookRunOptions) place(ctx context.Context) (gitcmd.Place, error) {
	if dir := o.call.Getenv("GIT_DIR"); dir != "" {
		return gitcmd.PlaceOf(o.call.Abs(dir), host.Git(o.call)), nil
	}
	return gitcmd.Locate(ctx, o.call.Dir, host.Git(o.call))
}

// syncByDeacon has the Town's Deacon sync. It returns false when no Deacon answers;
// this process then syncs itself.
func (o *hookRunOptions) syncByDeacon(ctx context.Context, h *host.Host, log hookLog) bool {
	ctx, cancel := context.WithTimeout(ctx, deaconDeadline)
	defer cancel()
	deacon := control.NewClient(h.Layout.ControlSocket())
	defer deacon.Close()
	_, err := deacon.Sync(ctx, "", false)
	if err != nil && !errors.Is(err, control.ErrNoDeacon) {
		log.note("%v", err)
	}
	return err == nil
}

// sync syncs with every remote. However many hooks run at once, one of them syncs
// and at most one waits. The waiting one will see the changes of all the others, so
// those end at once.
func (o *hookRunOptions) sync(ctx context.Context, h *host.Host, log hookLog, reason string) error {
	remotes := h.Remotes()
	if len(remotes) == 0 {
		log.note("%s; the Town has no remote", reason)
		return nil
	}
	done, err := o.turn(ctx, h)
	if errors.Is(err, town.ErrBusy) {
		log.note("%s; a sync that will see it is waiting already", reason)
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = done() }() // the kernel releases it with the process anyway
	engine := h.Engine(host.EngineOptions{})
	var failed []error
	for _, r := range remotes {
		out, err := engine.Sync(ctx, r, false)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		log.note("%s; %s: %s recorded, %s merged, %s published", reason, r.Name, term.Plural(out.Recorded.Edits, "edit", "edits"),
			term.Plural(out.Pulled.Commits, "commit", "commits"), term.Plural(out.Pushed.Commits, "commit", "commits"))
		if names := out.Arrived().Brief(); names != "" {
			log.note("%s: changed by others: %s", r.Name, names)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("sync after %s: %w", o.name, errors.Join(failed...))
	}
	return h.CheckReviews()
}

// turn waits until no other hook syncs. It returns town.ErrBusy when another hook
// already waits.
func (o *hookRunOptions) turn(ctx context.Context, h *host.Host) (done func() error, err error) {
	leave, err := shell.Lock(ctx, h.Layout, "hooks-next", shell.LockOptions{Command: o.call.Name, Wait: time.Millisecond})
	if err != nil {
		return nil, err
	}
	done, err = shell.Lock(ctx, h.Layout, "hooks-sync", shell.LockOptions{Command: o.call.Name, Wait: hookDeadline, Waiting: o.call.Progress().Wait})
	return done, errors.Join(err, leave())
}
