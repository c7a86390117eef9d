package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gastown/cmd/internal/shell"
	"gastown/deacon/control"
	"gastown/sync/gitcmd"
	"gastown/sync/hooks"
	"gastown/town"
	"gastown/town/layout"
)

// hookDeadline bounds all that one hook leads to.
const hookDeadline = 2 * time.Minute

// deaconDeadline bounds the request to the Deacon.
const deaconDeadline = 5 * time.Second

// hookRunOptions are those of gt hooks run.
type hookRunOptions struct {
	app  *App
	name string
	args []string
}

func (a *App) configureHookRun(g shell.Group) {
	o := &hookRunOptions{app: a}
	c := a.add(g, "run", "What a Git hook starts: sync, if federation/ files changed.", examples("gt hooks run -- post-commit"), o.run).Hidden()
	c.Arg("hook", "Its name.").Required().EnumVar(&o.name, hooks.Watched...)
	c.Arg("args", "What git gave it.").StringsVar(&o.args)
}

// run decides whether the Town's files changed and, if so, has them synced. It
// runs detached, so whatever it has to say goes to a log.
func (o *hookRunOptions) run(ctx context.Context) error {
	h, err := o.app.open()
	if err != nil {
		return err
	}
	log := hookLog{app: o.app, path: h.layout.HooksLog(), prefix: o.name + ": "}
	ctx, cancel := context.WithTimeout(ctx, hookDeadline)
	defer cancel()
	err = o.answer(ctx, h, log)
	if err != nil && !errors.Is(err, town.ErrReview) {
		log.note("%v", err)
	}
	return err
}

func (o *hookRunOptions) answer(ctx context.Context, h *workplace, log hookLog) error {
	if _, err := os.Stat(h.layout.Data(layout.Federation)); err != nil {
		log.note("the Town has no federation plane; nothing was synced")
		return nil
	}
	// Git starts these hooks at the top of the working tree it worked in.
	path, err := within(o.app.Dir, h.layout)
	if errors.Is(err, town.ErrUsage) {
		log.note("%s is another working tree; the Town's files did not change", o.app.Dir)
		return nil
	}
	if err != nil {
		return err
	}
	place, err := o.place(ctx)
	if err != nil {
		return err
	}
	changed, reason, err := hooks.Changed(ctx, hooks.Event{Name: o.name, Args: o.args, Input: o.app.Stdin, Place: place, Path: path})
	if err != nil {
		return err
	}
	if !changed {
		log.note("%s; nothing was synced", reason)
		return nil
	}
	if o.tellDeacon(ctx, h, log) {
		log.note("%s; the Deacon was told", reason)
		return nil
	}
	return o.sync(ctx, h, log, reason)
}

// place is the repository the hook ran in: the one git names to its hooks, or
// the one here.
func (o *hookRunOptions) place(ctx context.Context) (gitcmd.Place, error) {
	if dir := o.app.Getenv("GIT_DIR"); dir != "" {
		return gitcmd.PlaceOf(o.app.abs(dir), o.app.git()), nil
	}
	return gitcmd.Locate(ctx, o.app.Dir, o.app.git())
}

// tellDeacon has the Town's Deacon sync; false when there is none, or none
// that answers: then this process does it, as it would without one.
func (o *hookRunOptions) tellDeacon(ctx context.Context, h *workplace, log hookLog) bool {
	ctx, cancel := context.WithTimeout(ctx, deaconDeadline)
	defer cancel()
	deacon := control.NewClient(h.layout.ControlSocket())
	defer deacon.Close()
	_, err := deacon.Sync(ctx, "", false)
	if err != nil && !errors.Is(err, control.ErrNoDeacon) {
		log.note("%v", err)
	}
	return err == nil
}

// sync syncs with every remote. However many hooks run, one of them is at work
// and at most one waits for it: that one sees what the others saw.
func (o *hookRunOptions) sync(ctx context.Context, h *workplace, log hookLog, reason string) error {
	remotes := h.remotes()
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
	defer func() { _ = done() }() // the operating system drops it with us
	var failed []error
	for _, r := range remotes {
		out, err := h.engine.Sync(ctx, r, false)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		log.note("%s; %s: %s recorded, %s merged, %s published", reason, r.Name, plural(out.Recorded.Edits, "edit", "edits"),
			plural(out.Pulled.Commits, "commit", "commits"), plural(out.Pushed.Commits, "commit", "commits"))
	}
	if len(failed) > 0 {
		return fmt.Errorf("sync after %s: %w", o.name, errors.Join(failed...))
	}
	return h.reviews.left()
}

// turn waits until no other hook syncs. town.ErrBusy when another one waits.
func (o *hookRunOptions) turn(ctx context.Context, h *workplace) (done func() error, err error) {
	wait := o.app.Wait
	defer func() { o.app.Wait = wait }()
	o.app.Wait = time.Millisecond
	leave, err := o.app.lock(ctx, h.layout, "hooks-next")
	if err != nil {
		return nil, err
	}
	o.app.Wait = hookDeadline
	done, err = o.app.lock(ctx, h.layout, "hooks-sync")
	return done, errors.Join(err, leave())
}

const (
	// maxHookLog is the size in bytes at which a new log is begun; one former
	// is kept. maxHookLine bounds a line.
	maxHookLog  = 256 << 10
	maxHookLine = 2000
)

// hookLog is a file of lines. A failure to write it is nobody's business.
type hookLog struct {
	app          *App
	path, prefix string
}

func (l hookLog) note(format string, args ...any) {
	if info, err := os.Stat(l.path); err == nil && info.Size() > maxHookLog {
		_ = os.Rename(l.path, l.path+".1")
	}
	if os.MkdirAll(filepath.Dir(l.path), 0o700) != nil {
		return
	}
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	text := town.Clip(clean(l.prefix+fmt.Sprintf(format, args...)), maxHookLine)
	_, _ = fmt.Fprintf(f, "%s %s\n", l.app.Now().UTC().Format(time.RFC3339), text)
}
