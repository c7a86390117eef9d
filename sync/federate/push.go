package federate

import (
	"context"
	"errors"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/sync/gitcmd"
	"gastown/sync/gitremote"
	"gastown/sync/records"
	"gastown/sync/turns"
	"gastown/town"
)

const (
	// maxLost bounds the attempts of a push that does not arrive.
	maxLost = 3
	// maxRefused bounds how often in a row a push is repeated that the server
	// refused although the ref had not moved. refusedPause is the pause before the
	// first repetition; a server that was only busy needs no longer one.
	maxRefused   = 2
	refusedPause = 250 * time.Millisecond
	// crowdedFor is for how long a push that met others makes the next ones expect
	// that too.
	crowdedFor = time.Minute
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
	// Leaving names what would leave; only a dry run has it.
	Leaving *Leaving
	// Shared is about records of the ledger; nil when the push had nothing to do
	// with them.
	Shared *records.Shared
}

// errUnseen: the plane has more than what a person agreed to publish. Nothing
// was sent.
var errUnseen = errors.New("documents were recorded since the preview")

// Push records edited files, publishes what the remote lacks, and returns only
// when the remote has confirmed that it holds this Town's tip. It merges first
// whatever other Towns published meanwhile. With dry set nothing is recorded or
// sent.
func (e *Engine) Push(ctx context.Context, remote Remote, dry bool) (out Pushed, err error) {
	if dry {
		err = e.foretell(ctx, remote, &out)
		return out, err
	}
	s, err := e.begin(ctx, remote)
	if err != nil {
		return out, e.advise("push to "+remote.Name, remote, err)
	}
	defer func() { err = e.advise("push to "+remote.Name, remote, s.end(err, &s.state.Push)) }()
	out.Remote = remote.Name
	err = s.push(ctx, pushOptions{}, &out)
	return out, err
}

// pushOptions say how a push within a session differs from Push.
type pushOptions struct {
	publish gitremote.PublishOptions
	// agreed is the plane's commit that a person agreed to publish, in init and
	// in a join of the Town's own federation; empty where no question was asked.
	agreed string
	// asRecorded: files are not looked at, as a join has just written them all.
	// A later edit waits for the next push.
	asRecorded bool
	// leaving: the registry gets the note that the Town left, and shared records are
	// taken back.
	leaving bool
	// yielding: the registry gets the note that no directory speaks for the Town.
	yielding bool
}

// push is one push on its way.
type push struct {
	*session
	pushOptions
	out *Pushed
	// plan is for the records of the ledger; nil when none travel.
	plan *records.Plan
	// recorded is when the edits were recorded.
	recorded time.Time
	// lost counts attempts that did not arrive, refusals those in a row that the
	// server rejected while the ref stayed where it was.
	lost, refusals int

	// turn decides what comes next.
	turn *turns.Push
	// arrived is what a look found and the next attempt merges; nil when there is
	// nothing to merge.
	arrived *fetched
	// fetched: this push has looked at the remote.
	fetched bool
	// behind: the last attempt found that what is known here is out of date, so a look
	// comes first.
	behind bool
	// rejected is the server's answer to the last attempt, if it gave one, and before
	// what the remote had then.
	rejected error
	before   [2]string
	// unserved is the last refusal of a server that was too busy.
	unserved error
	// waiting are the turns that the last look found, and absorbed those that the
	// mirror has merged.
	waiting, absorbed []gitremote.Turn
	// tip is what the last attempt staged.
	tip stagedTip
	// left is how many commits the remote lacked when the Town left its turn.
	left int
}

// push is Push within a session.
func (s *session) push(ctx context.Context, opts pushOptions, out *Pushed) (err error) {
	if err := s.mayPublish(); err != nil {
		return err
	}
	p := s.newPush(opts, out)
	defer func() {
		out.Recorded.Notes = append(out.Recorded.Notes, s.takeNotes()...)
		out.Shared = p.plan.Shared()
	}()
	if p.plan, err = s.planRecords(ctx, p.leaving); err != nil {
		return err
	}
	if p.leaving && s.refused != nil {
		return nil // the Town does not leave while its records would stay; see withRefused
	}
	err = p.spokenFor(ctx, "push to "+p.remote.Name, p.compete(ctx))
	err = errors.Join(err, s.mirror.DropTurn())
	if errors.Is(err, gitcmd.ErrForbidden) {
		return p.forbidden(err)
	}
	return err
}

func (s *session) newPush(opts pushOptions, out *Pushed) *push {
	p := &push{session: s, pushOptions: opts, out: out}
	p.publish.AuthorName, p.publish.AuthorEmail = s.opts.Actor.Name, s.opts.Actor.Email
	p.publish.Message = "federation of Town " + s.opts.Name
	s.withTurns = true
	return p
}

// heads are the commits of both refs as last seen.
func (p *push) heads() [2]string { return [2]string{p.mirror.Head(), p.records.Head()} }

// attempt stages and publishes once. It is done when the remote has confirmed.
// Otherwise the caller merges what is there and tries again; rejected is then
// the server's answer, if it gave one.
func (p *push) attempt(ctx context.Context, absorb []turns.Turn) (done bool, rejected, err error) {
	if err = p.stageAll(ctx); errors.Is(err, doltdb.ErrBehind) || p.maybeOutdated(err) {
		p.behind = true
		return false, nil, nil
	}
	if err == nil {
		err = p.absorb(ctx, absorb)
	}
	if err != nil {
		return false, nil, err
	}
	p.publish.Absorbed, p.publish.Guard = p.absorbed, !p.fetched && p.last == nil
	done, err = p.send(ctx, p.tip)
	if errors.Is(err, gitremote.ErrRejected) && !done {
		return false, err, nil
	}
	p.behind = !done && err == nil
	return done, nil, err
}

// stageAll puts what the push publishes into the mirrors.
func (p *push) stageAll(ctx context.Context) (err error) {
	if p.tip, err = p.stage(ctx); err != nil {
		return err
	}
	err = p.plan.Stage(ctx)
	if errors.Is(err, records.ErrUnfit) {
		p.refused = err // the rest goes on without records
		err = p.plan.Reset(ctx)
		p.plan = nil
	}
	p.publish.Beside = p.plan.Staged()
	return err
}

// mergeOthers merges what the last look found.
func (p *push) mergeOthers(ctx context.Context) (err error) {
	got, err := p.bringIn(ctx, *p.arrived, false)
	p.arrived = nil
	if p.refused != nil && p.plan != nil {
		// The records there cannot be merged: the rest goes on without records.
		p.plan = nil
	}
	if err == nil || got.worthTelling() {
		p.out.Pulled = got.after(p.out.Pulled)
	}
	if err != nil {
		return err
	}
	if err := p.plan.Adapt(ctx); err != nil {
		return err
	}
	// The first attempt has already created what it was asked to create.
	p.publish.CreateInfoBranch, p.publish.Recreate = false, false
	p.out.Reviews = got.Reviews
	p.agreed, err = got.agreedWith(p.agreed)
	return err
}

// waitRefused waits before a push that the server refused is made once more,
// or ends it with the server's reason.
func (p *push) waitRefused(ctx context.Context, reason error) error {
	if p.refusals++; p.refusals > maxRefused {
		return town.Fail("push to "+p.remote.Name,
			"ask the repository's administrator: a lock that was left behind there or a rule of the server may be the reason",
			"the server refuses it, and no other Town published meanwhile: %w", reason)
	}
	return wait(ctx, time.Duration(p.refusals*p.refusals)*refusedPause)
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// agreedWith extends an agreement to publish the commit agreed to what a pull
// merged into it. It fails with errUnseen if the pull started from another commit.
// If no person was asked, agreed is empty and stays so.
func (p pulled) agreedWith(agreed string) (string, error) {
	switch {
	case agreed == "" || p.merged == "":
		return agreed, nil
	case p.ours != agreed:
		return agreed, errUnseen
	}
	return p.merged, nil
}

// foretell reports what a push would do. It contacts no remote.
func (e *Engine) foretell(ctx context.Context, remote Remote, out *Pushed) (err error) {
	s, err := e.lockRemote(ctx, remote)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.release()) }()
	if err := s.confirmed(); err != nil {
		return err
	}
	out.Remote, out.DryRun = remote.Name, true
	out.Leaving = &Leaving{Address: s.where()}
	if err := s.foretellEdits(ctx, out); err != nil {
		return err
	}
	if err := s.foretellRefusal(ctx); errors.Is(err, town.ErrRefused) {
		out.Leaving.Refused = err
	} else if err != nil {
		return err
	}
	if e.opts.Ledger == nil {
		return nil
	}
	out.Shared, err = e.sharing().Foretell(ctx, remote, s.state.Shared)
	out.UpToDate = out.UpToDate && !out.Shared.Moved()
	return err
}

// foretellEdits tells what a push would record and send of the federation.
func (s *session) foretellEdits(ctx context.Context, out *Pushed) error {
	status, err := s.Status(ctx, []Remote{s.remote})
	if err != nil {
		return err
	}
	if s.opts.OnlyLedger {
		out.UpToDate = true
		return nil
	}
	err = s.Read(ctx, func(plane *federation.Store) error {
		known, err := plane.Known(ctx, s.state.Commit)
		if err == nil {
			out.Leaving.Documents, err = changesBetween(ctx, plane, known, status.Head)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range status.Edited {
		out.Leaving.addEdit(f, s.opts.Actor, s.opts.ID)
	}
	out.Recorded.Edits = len(status.Edited)
	out.Recorded.Invalid, out.Recorded.Changing = status.Invalid, status.Changing
	out.Commits = status.Remotes[0].Ahead
	out.Reviews = len(status.Reviews)
	out.UpToDate = out.Recorded.Edits == 0 && out.Commits == 0
	return nil
}

// foretellRefusal fails as a push would before it contacts the remote: because of
// something that looks like a secret, of what other Towns would refuse, or of another
// directory that speaks for the Town.
func (s *session) foretellRefusal(ctx context.Context) (err error) {
	if s.opts.OnlyLedger {
		return nil
	}
	if s.self, err = s.here().Ensure(ctx); err != nil {
		return err
	}
	err = s.with(ctx, func(w *workspace) error {
		if err := w.store.MayRegister(ctx, s.entry()); err != nil {
			return err
		}
		changes, err := w.scan(ctx)
		if err != nil {
			return err
		}
		w.publishing = true
		edits, _ := w.edits(&changes)
		if err := w.searchEdits(ctx, edits); err != nil {
			return err
		}
		tip, err := w.store.Head(ctx)
		if err != nil {
			return err
		}
		return s.newPush(pushOptions{}, &Pushed{}).checkUnpublished(ctx, w, tip)
	})
	return s.spokenFor(ctx, "push to "+s.remote.Name, err)
}
