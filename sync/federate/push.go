package federate

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"gastown/planes/doltdb"
	"gastown/sync/gitremote"
	"gastown/town"
)

const (
	// maxPushes bounds how often a push that another Town beat is made again,
	// and pushPause the mean pause before that.
	maxPushes = 20
	// maxLost bounds how often a push that did not arrive is made again.
	maxLost   = 3
	pushPause = 50 * time.Millisecond
	// maxRefused bounds how often in a row a push is made again that the server
	// refused although nobody had moved the ref, and refusedPause the first pause
	// before that; a server that was just busy needs no more.
	maxRefused   = 2
	refusedPause = 250 * time.Millisecond
)

// Pushed is the outcome of Push.
type Pushed struct {
	Remote string
	// UpToDate: the remote confirmed that it has everything.
	UpToDate bool
	// Commits is how many commits the remote did not have.
	Commits int
	// Attempts is 1 unless other Towns published meanwhile.
	Attempts int
	// Sent is the number of bytes sent, as far as git tells.
	Sent int64
	// Recorded is what was recorded first; Pulled what had to be merged first.
	Recorded Recorded
	Pulled   *Pulled
	Reviews  int
	DryRun   bool
	// Shared is about records of the ledger; nil when none are shared.
	Shared *Shared

	// recorded is when the edits were.
	recorded time.Time
	// lost counts pushes that did not arrive, refused those in a row that the
	// server rejected while the ref stayed where it was.
	lost, refused int
	// agreed is the plane's commit that a person agreed to publish, in init and
	// in a join of the Town's own federation; empty where no question was asked.
	agreed string
	// asRecorded: files are not looked at, as a join has just written them all.
	// What is edited since waits for the next push, like any later edit.
	asRecorded bool
}

// errUnseen: the plane has more than what a person agreed to publish. Nothing
// was sent.
var errUnseen = errors.New("documents were recorded since the preview")

// Push records edited files, publishes what the remote lacks, and returns only
// when the remote has confirmed that it holds this Town's tip. Whatever other
// Towns published meanwhile is merged first. With dry set nothing is recorded
// or sent.
func (e *Engine) Push(ctx context.Context, remote Remote, dry bool) (out Pushed, err error) {
	if dry {
		err = e.foretell(ctx, remote, &out)
		return out, err
	}
	err = e.meet(ctx, remote, func(l *remoteLock, m *gitremote.Mirror) error {
		out.Remote = remote.Name
		return e.push(ctx, l, m, gitremote.PublishOptions{}, &out)
	})
	return out, e.advise("push to "+remote.Name, err)
}

// push is Push with the remote locked and its mirror open.
func (e *Engine) push(ctx context.Context, l *remoteLock, m *gitremote.Mirror, opts gitremote.PublishOptions, out *Pushed) error {
	opts.AuthorName, opts.AuthorEmail = e.opts.Actor.Name, e.opts.Actor.Email
	opts.Message = "federation of Town " + e.opts.Name
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = pushPause, 20*pushPause
	defer out.tell(l)
	plan, err := e.planShare(ctx, l, m, out)
	if err != nil {
		return err
	}
	for {
		out.Attempts++
		staged, err := e.stageEdits(ctx, l, m, out)
		if err == nil {
			err = e.stageShare(ctx, l, plan, out)
		}
		if err != nil && !errors.Is(err, doltdb.ErrBehind) {
			return err
		}
		var rejected error
		head, records := m.Head(), l.recordsHead()
		if err == nil {
			opts.Beside, staged.plan = plan != nil && plan.staged, plan
			done, err := e.publish(ctx, l, m, opts, staged, out)
			if done || err != nil && !errors.Is(err, gitremote.ErrRejected) {
				return err
			}
			rejected = err
		}
		if out.Attempts == maxPushes {
			return town.Fail("push to "+l.remote.Name, "run it again in a while",
				"%w: other Towns published first %d times", town.ErrBusy, maxPushes)
		}
		// Somebody was first. Take what they published, then try again.
		if err := m.Reset(ctx); err != nil {
			return err
		}
		if err := e.resetShare(ctx, l, plan); err != nil {
			return err
		}
		pulled, err := e.pull(ctx, l, m, false)
		if l.refused != nil && plan != nil {
			// What is there of records cannot be merged: the rest goes on without.
			plan, out.Shared, rejected = nil, nil, nil
		}
		if rejected != nil && m.Head() == head && l.recordsHead() == records && (err == nil || errors.Is(err, errNone) || opts.Recreate && errors.Is(err, gitremote.ErrGone)) {
			// Nobody was: the server has another reason.
			if err := out.waitRefused(ctx, l.remote, rejected); err != nil {
				return err
			}
			continue
		}
		out.refused = 0
		if err == nil || pulled.tells() {
			out.Pulled = pulled.after(out.Pulled)
		}
		if err != nil {
			return err
		}
		if err := e.planAgain(ctx, l, plan, out); err != nil {
			return err
		}
		// What the first attempt was to make exists by now, or is another's.
		opts.CreateInfoBranch, opts.Recreate = false, false
		if err := out.agreeTo(pulled); err != nil {
			return err
		}
		out.Reviews = pulled.Reviews
		if out.Attempts > 1 {
			if err := wait(ctx, pause.NextBackOff()); err != nil {
				return err
			}
		}
	}
}

// waitRefused waits before a push that the server refused is made once more,
// or ends it with the server's reason.
func (out *Pushed) waitRefused(ctx context.Context, remote Remote, reason error) error {
	if out.refused++; out.refused > maxRefused {
		return town.Fail("push to "+remote.Name,
			"ask whoever runs the repository: a lock that was left behind there or a rule of the server may be the reason",
			"the server refuses it, and no other Town published meanwhile: %w", reason)
	}
	return wait(ctx, time.Duration(out.refused*out.refused)*refusedPause)
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// agreeTo lets what was agreed include what a pull brought from the remote.
func (out *Pushed) agreeTo(p Pulled) error {
	if out.agreed == "" || p.merged == "" {
		return nil
	}
	if p.ours != out.agreed {
		return errUnseen
	}
	out.agreed = p.merged
	return nil
}

// tells reports that there is something a person must hear of a pull, however
// it ended.
func (p Pulled) tells() bool {
	return len(p.Notes) > 0 || p.FileReport.tells()
}

// after adds up what several pulls of one push brought.
func (p Pulled) after(earlier *Pulled) *Pulled {
	if earlier != nil {
		p.Commits += earlier.Commits
		p.Documents += earlier.Documents
		p.Notes = append(earlier.Notes, p.Notes...)
	}
	return &p
}

// foretell tells what a push would do. It contacts nobody.
func (e *Engine) foretell(ctx context.Context, remote Remote, out *Pushed) (err error) {
	l, err := e.lockRemote(ctx, remote)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.release()) }()
	if err := e.confirmed(l); err != nil {
		return err
	}
	out.Remote, out.DryRun = remote.Name, true
	if err := e.pushDry(ctx, remote, out); err != nil {
		return err
	}
	defer out.tell(l)
	return e.previewPush(ctx, l, out)
}

// tell adds what came up on the way.
func (p *Pushed) tell(l *remoteLock) { p.Recorded.Notes = append(p.Recorded.Notes, l.told()...) }

// pushDry counts what a push would record and send.
func (e *Engine) pushDry(ctx context.Context, remote Remote, out *Pushed) error {
	status, err := e.Status(ctx, []Remote{remote})
	if err != nil {
		return err
	}
	if e.opts.OnlyLedger {
		out.UpToDate = true
		return nil
	}
	out.Recorded.Edits = len(status.Edited)
	out.Recorded.Invalid = status.Invalid
	out.Commits = status.Remotes[0].Ahead
	out.Reviews = len(status.Reviews)
	out.UpToDate = out.Recorded.Edits == 0 && out.Commits == 0
	return nil
}
