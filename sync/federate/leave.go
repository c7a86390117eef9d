package federate

import (
	"context"
	"errors"

	"gastown/sync/gitremote"
	"gastown/town"
	"gastown/town/lockfile"
)

// LeaveOptions say how a Town leaves a remote.
type LeaveOptions struct {
	// Others are the Town's other remotes. While a person's agreement with one of them
	// stands, the Town stays in the federation and leaves only this remote.
	Others []Remote
	// KeepRecords leaves the records that the Town shared there as they are. So does an
	// engine without Options.Ledger.
	KeepRecords bool
	// Dry: nothing is changed, and nobody is contacted.
	Dry bool
	// Confirm asks a person. Its error ends the call with nothing changed. It is not
	// called in a dry run.
	Confirm func(Departure) error
}

// Departure is what Leave is about to do, as far as is known here, or has done.
type Departure struct {
	Remote Remote
	// Address is where the remote is.
	Address string
	// Already: the Town exchanges nothing with the remote any more.
	Already bool
	// Last: the registry says that the Town left, because no other remote remains.
	Last bool
	// Records are the ids of those that the Town shares there. They are taken back,
	// unless KeepRecords.
	Records     []string
	KeepRecords bool
	// Commits is how many commits the remote lacks. They leave with the note in the
	// registry. Edits counts edited files, which stay here as they are.
	Commits, Edits int
	Pushed         Pushed
}

// Leave ends the exchange with a remote: it takes shared records back, notes in the
// registry that the Town left, and, once the remote has confirmed that, forgets that a
// person agreed to exchange with it. Everything local stays. After an interruption,
// the next call continues. Join takes the Town back in.
func (e *Engine) Leave(ctx context.Context, remote Remote, opts LeaveOptions) (out Departure, err error) {
	out.Remote, out.KeepRecords = remote, opts.KeepRecords || e.opts.Ledger == nil
	if !opts.Dry {
		// Two that leave at once, from two remotes, would each take the other's for one
		// in which the Town stays.
		var leaving *lockfile.Lock
		leaving, err = lockfile.Acquire(ctx, e.opts.Layout.Lock("leave"), lockfile.Options{
			Command: e.opts.Command, Wait: e.opts.Wait, Op: "leave " + remote.Name,
		})
		if err != nil {
			return out, err
		}
		defer func() { err = errors.Join(err, leaving.Release()) }()
	}
	if out.Last, err = e.noneConfirmed(opts.Others); err != nil {
		return out, err
	}
	own := e.opts
	if out.KeepRecords {
		own.Ledger = nil
	}
	own.OnlyLedger = !out.Last
	s, err := (&Engine{opts: own, exchange: e.exchange}).lockRemote(ctx, remote)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, s.release()) }()
	if err := s.load(); err != nil {
		return out, err
	}
	if out.Already = s.state.Confirmed == "" && !s.state.damaged; out.Already {
		return out, nil
	}
	if err := s.confirmed(); err != nil {
		return out, err
	}
	if err := s.foretellLeaving(ctx, e, &out); err != nil || opts.Dry {
		return out, err
	}
	if err := opts.Confirm(out); err != nil {
		return out, err
	}
	if err := s.publishLeaving(ctx, &out); err != nil {
		s.noteFailure(err, &s.state.Push)
		return out, e.adviseLeaving(remote, err)
	}
	s.state.forget()
	return out, s.save()
}

// noneConfirmed reports that a person's agreement stands with none of the remotes.
func (e *Engine) noneConfirmed(remotes []Remote) (bool, error) {
	for _, r := range remotes {
		st, err := e.loadState(r.Name)
		if err != nil || st.Confirmed == r.URL {
			return false, err
		}
	}
	return true, nil
}

// foretellLeaving tells what would happen. It contacts no remote. with is the engine
// that knows of the ledger, also where records stay.
func (s *session) foretellLeaving(ctx context.Context, with *Engine, out *Departure) (err error) {
	out.Address = s.where()
	if out.Records, err = with.sharing().Published(ctx, s.remote, s.state.Shared); err != nil {
		return err
	}
	status, err := s.Status(ctx, []Remote{s.remote})
	if err != nil {
		return err
	}
	out.Edits = len(status.Edited)
	if out.Last {
		out.Commits = status.Remotes[0].Ahead
	}
	return nil
}

// publishLeaving has the remote confirm what leaving changes there.
func (s *session) publishLeaving(ctx context.Context, out *Departure) error {
	if !out.Last && out.KeepRecords {
		return nil
	}
	if err := s.openMirror(ctx); err != nil {
		return err
	}
	// What a person has not recorded stays here.
	out.Pushed.Remote = s.remote.Name
	err := s.push(ctx, pushOptions{leaving: true, asRecorded: true}, &out.Pushed)
	return s.withRefused(err)
}

// adviseLeaving is advise. A sync would enter the Town in the registry again.
func (e *Engine) adviseLeaving(r Remote, err error) error {
	op := "leave " + r.Name
	if town.Next(err) == "" && errors.Is(err, gitremote.ErrUnknownOutcome) {
		return &town.Error{Op: op, Err: err, Next: "run it again: it finds out, and continues"}
	}
	return e.advise(op, r, err)
}
