package deacon

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"gastown/deacon/backups"
	"gastown/town/backup"
	"gastown/town/config"
	standby "gastown/town/failover"
	"gastown/town/feed"
	"gastown/town/instance"
)

// duty says whether this directory is the active one of its Town. Only then its Deacon
// acts in the Town's name. It is safe for concurrent use.
type duty struct {
	file string // the note of package instance

	mu    sync.Mutex
	stamp string // of the file when it was read
	role  instance.Role
	life  context.Context // of jobs that act; it has ended while the directory is not active
	end   context.CancelFunc
}

// unread is the stamp of a note that was not read yet.
const unread = "never"

func newDuty(file string) *duty {
	d := &duty{file: file, stamp: unread, role: instance.Active}
	d.life, d.end = context.WithCancel(context.Background())
	return d
}

// look reads the note again if it changed, which costs a stat call. When the directory is
// not active any more, what acts is told to end. A note that cannot be read says nothing
// new; if none was read yet, nothing acts.
func (d *duty) look() (was, now instance.Role, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	was = d.role
	stamp := "none"
	var st unix.Stat_t
	if err := unix.Stat(d.file, &st); err == nil {
		stamp = fmt.Sprint(st.Ino, st.Size, st.Mtim)
	}
	if stamp == d.stamp {
		return was, was, nil
	}
	role, err := instance.ReadRole(d.file)
	if err != nil && d.stamp == unread {
		d.role = instance.Fenced
		d.end()
	}
	if err != nil {
		return was, d.role, err
	}
	d.stamp, d.role = stamp, role
	switch {
	case role != instance.Active:
		d.end()
	case d.life.Err() != nil:
		d.life, d.end = context.WithCancel(context.Background())
	}
	return was, role, nil
}

// begin returns a context for what acts: it ends with ctx, and when the directory is not
// active any more. It has ended already, and ok is false, when it is not active now.
func (d *duty) begin(ctx context.Context) (acting context.Context, done func(), ok bool) {
	_, role, _ := d.look()
	d.mu.Lock()
	life := d.life
	d.mu.Unlock()
	acting, cancel := context.WithCancel(ctx)
	if role != instance.Active {
		cancel()
		return acting, cancel, false
	}
	stop := context.AfterFunc(life, cancel)
	return acting, func() { stop(); cancel() }, true
}

// Role is what this directory is to its Town.
func (h *host) Role() instance.Role {
	_, role, _ := h.duty.look()
	return role
}

// Note is the note of this directory.
func (h *host) Note() (instance.Note, error) { return instance.Read(h.opts.Layout.Instance()) }

// OnDuty returns a context for something that acts in the Town's name, beyond a job; see
// duty.begin.
func (h *host) OnDuty(ctx context.Context) (acting context.Context, done func(), ok bool) {
	return h.duty.begin(ctx)
}

// actingJob runs a job only while the directory is active.
func (h *host) actingJob(run func(context.Context) (string, error)) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		acting, done, ok := h.duty.begin(ctx)
		if !ok {
			return "", nil
		}
		defer done()
		note, err := run(acting)
		if ctx.Err() == nil && acting.Err() != nil {
			return "stopped: this directory is not the active one of the Town any more", nil
		}
		return note, err
	}
}

// tellingJob runs a job that tells people what rows say, but not in a directory that
// stands by: the rows there are the active one's, which tells them itself.
func (h *host) tellingJob(run func(context.Context) (string, error)) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		if h.Role() == instance.OnStandby {
			return "", nil
		}
		return run(ctx)
	}
}

// lookAtDuty reads the directory's role and returns it. If it is not the one that was told,
// the log and the feed get the new one.
func (d *Deacon) lookAtDuty(ctx context.Context, told instance.Role) instance.Role {
	_, now, err := d.host.duty.look()
	if err != nil {
		d.log.WithError(err).Debug("the instance note cannot be read")
	}
	if now == told {
		return now
	}
	text := map[instance.Role]string{
		instance.Active:    "this directory is the active one of the Town: its controllers run",
		instance.OnStandby: "this directory stands by: its controllers do not run",
		instance.Fenced:    "another directory speaks for the Town: the controllers here stopped, and nothing is published from here",
	}[now]
	if note, nerr := d.host.Note(); now == instance.Fenced && (nerr != nil || note.Damaged) {
		text = "it is not known whether this directory is the active one of the Town: its controllers do not run"
	}
	d.log.WithField("role", string(now)).Warn(text)
	d.setJobs(d.host.settings.Current())
	d.watches.Go(func() { // the feed may wait for a database
		err := d.host.feed.Append(ctx, feed.Event{Kind: feed.RolePrefix + string(now), Subject: d.opts.Layout.Root, Text: text})
		if err != nil && ctx.Err() == nil {
			d.log.WithError(err).Warn("the feed does not have it")
		}
	})
	return now
}

// Standby makes what keeps this directory up to date while it stands by.
func (h *host) Standby() (*standby.Town, error) {
	if h.opts.Failover == nil {
		return nil, nil
	}
	return h.opts.Failover(h.Config(), h.secrets)
}

// Keepers makes what takes the Town's backups.
func (h *host) Keepers() backups.Keepers {
	return func(cfg *config.Config) (*backup.Keeper, error) { return h.opts.Backups(cfg, h.secrets) }
}
