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
}

// errUnseen: the plane has more than what a person agreed to publish. Nothing
// was sent.
var errUnseen = errors.New("documents were recorded since the preview")

// Push records edited files, publishes what the remote lacks, and returns only
// when the remote has confirmed that it holds this Town's tip. Whatever other
// Towns published meanwhile is merged first. With dry set nothing is recorded
// or sent.
func (e *Engine) Push(ctx context.Context, remote Remote, dry bool) (out Pushed, err error) {
	l, err := e.lockRemote(ctx, remote)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, l.release()) }()
	if err := e.confirmed(l); err != nil {
		return out, err
	}
	out.Remote, out.DryRun = remote.Name, dry
	if dry {
		if err := e.pushDry(ctx, remote, &out); err != nil {
			return out, err
		}
		return out, e.previewPush(ctx, l, &out)
	}
	m, err := e.mirror(ctx, l)
	if err == nil {
		err = e.push(ctx, l, m, gitremote.PublishOptions{}, &out)
	}
	if err != nil {
		e.noteFailure(remote.Name, err)
		return out, e.advise("push to "+remote.Name, err)
	}
	return out, nil
}

// push is Push with the remote locked and its mirror open.
func (e *Engine) push(ctx context.Context, l *remoteLock, m *gitremote.Mirror, opts gitremote.PublishOptions, out *Pushed) error {
	opts.AuthorName, opts.AuthorEmail = e.opts.Actor.Name, e.opts.Actor.Email
	opts.Message = "federation of Town " + e.opts.Name
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = pushPause, 20*pushPause
	plan, err := e.planShare(ctx, l, out)
	if err != nil {
		return err
	}
	for {
		out.Attempts++
		staged, err := e.stage(ctx, l, m, out)
		if err == nil {
			err = e.stageShare(ctx, l, plan, out)
		}
		if err != nil && !errors.Is(err, doltdb.ErrBehind) {
			return err
		}
		var rejected error
		head, records := m.Head(), l.recordsHead()
		if err == nil {
			opts.Beside, staged.plan = plan.staged(), plan
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
	return len(p.Notes)+len(p.Invalid)+len(p.Kept)+len(p.Rescued) > 0
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

// staged is what a push is about to publish.
type staged struct {
	// head is the plane's tip; shown says that the files show it.
	head  string
	shown bool
	// plan is for the records of the ledger.
	plan *sharePlan
}

// stage records edits and puts the plane's tip into the mirror.
func (e *Engine) stage(ctx context.Context, l *remoteLock, m *gitremote.Mirror, out *Pushed) (s staged, err error) {
	err = e.with(ctx, func(w *workspace) error {
		rec, err := w.record(ctx, "")
		if err != nil {
			return err
		}
		if out.recorded.IsZero() {
			out.recorded = time.Now()
		}
		if rec.Commit != "" || out.Attempts == 1 {
			out.Recorded = rec
			out.Recorded.Notes = append(l.told(), rec.Notes...)
		}
		if len(rec.Notes) > 0 || out.Attempts == 1 {
			reviews, err := e.tellReviews(ctx, w.store)
			if err != nil {
				return err
			}
			out.Reviews = len(reviews)
		}
		if s.head, err = e.onlyAgreed(ctx, w, l, out); err != nil {
			return err
		}
		s.shown = len(w.behind) == 0
		st, err := e.loadState(l.remote.Name)
		if err != nil {
			return err
		}
		counted := e.step("count")
		err = w.store.View(ctx, func(tx *doltdb.Tx) error {
			if st.Commit == s.head {
				out.Commits = 0
				return nil
			}
			from, err := w.known(ctx, st.Commit)
			if err != nil {
				return err
			}
			out.Commits, err = tx.Count(ctx, from, s.head)
			return err
		})
		counted()
		if err != nil {
			return err
		}
		defer e.step("stage")()
		return w.store.Push(ctx, l.remote.Name, m.Dir())
	})
	return s, err
}

// onlyAgreed returns the plane's tip, which is about to be published. Where a
// person was asked it must be what that person saw; then the agreement is noted
// and the Town enters the registry.
func (e *Engine) onlyAgreed(ctx context.Context, w *workspace, l *remoteLock, out *Pushed) (head string, err error) {
	head, err = w.store.Head(ctx)
	if err != nil || out.agreed == "" {
		return head, err
	}
	if head != out.agreed {
		return "", errUnseen
	}
	if _, err := w.store.Register(ctx, e.opts.Name); err != nil {
		return "", err
	}
	if out.agreed, err = w.store.Head(ctx); err != nil {
		return "", err
	}
	return out.agreed, e.confirm(l)
}

// publish sends the mirror to the remote. done is false when the caller should
// merge and try again: after gitremote.ErrRejected, and without an error where
// what was sent did not arrive or the remote has changed.
func (e *Engine) publish(ctx context.Context, l *remoteLock, m *gitremote.Mirror, opts gitremote.PublishOptions, s staged, out *Pushed) (done bool, err error) {
	name := l.remote.Name
	published := e.step("publish")
	res, err := m.Publish(ctx, opts)
	published()
	known := true // that the records arrived too
	switch {
	case errors.Is(err, gitremote.ErrUnknownOutcome):
		// The answer was lost. Look at the ref before saying anything.
		fetched, ferr := m.Fetch(ctx)
		if fetched.Empty || opts.Recreate && errors.Is(ferr, gitremote.ErrGone) {
			// It was the first push, and there is nothing to merge before another.
			return false, town.Fail("publish the federation at "+name, "run it again", "%w, and nothing has arrived", err)
		}
		if ferr != nil {
			return false, errors.Join(err, ferr)
		}
		known = l.recordsArrived()
		if !fetched.PublishedEarlier && !known {
			if out.lost++; out.lost == maxLost {
				return false, err
			}
			return false, nil
		}
		res.Head = fetched.Head
	case err != nil:
		return false, err
	}
	st, err := e.loadState(name)
	if err != nil {
		return false, err
	}
	if res.Unchanged {
		// Nothing was sent, so nobody has confirmed anything yet: ask.
		before, records := m.Head(), l.recordsHead()
		fetched, err := m.Fetch(ctx)
		if err != nil {
			return false, err
		}
		if fetched.Head != before || l.recordsHead() != records {
			return false, nil
		}
		res.Head, out.UpToDate = before, true
	}
	out.Sent += res.Sent
	st.Commit = s.head
	if s.shown {
		st.Head = res.Head
	}
	if known {
		e.noteShare(l, s.plan, &st)
	}
	e.tidy(m)
	if err := e.verified(name, st); err != nil {
		return false, err
	}
	e.took("sync", out.recorded)
	return true, nil
}

// pushDry counts what a push would record and send.
func (e *Engine) pushDry(ctx context.Context, remote Remote, out *Pushed) error {
	status, err := e.Status(ctx, []Remote{remote})
	if err != nil {
		return err
	}
	out.Recorded.Edits = len(status.Edited)
	out.Recorded.Invalid = status.Invalid
	out.Commits = status.Remotes[0].Ahead
	out.Reviews = len(status.Reviews)
	out.UpToDate = out.Recorded.Edits == 0 && out.Commits == 0
	return nil
}

// Synced is the outcome of Sync.
type Synced struct {
	// Recorded is what was recorded first.
	Recorded Recorded
	Pulled   Pulled
	Pushed   Pushed
}

// Sync records edits, pulls, and pushes.
func (e *Engine) Sync(ctx context.Context, remote Remote, dry bool) (out Synced, err error) {
	if !dry {
		// First, so that an edit and what arrives meet in a merge, by policy.
		if out.Recorded, err = e.Commit(ctx, ""); err != nil {
			return out, err
		}
	}
	if out.Pulled, err = e.Pull(ctx, remote, dry); err != nil {
		return out, err
	}
	out.Pushed, err = e.Push(ctx, remote, dry)
	return out, err
}
