package federate

import (
	"context"
	"errors"

	"gastown/planes/exchange"
	"gastown/planes/federation"
	"gastown/sync/records"
	"gastown/sync/share"
	"gastown/sync/sign"
)

// ErrRecords reports a call that did everything but take over the records that
// arrived, which were refused.
var ErrRecords = errors.New("the shared records were refused")

// recordsError is an ErrRecords with its reason.
type recordsError struct{ error }

func (e recordsError) Is(target error) bool { return target == ErrRecords }
func (e recordsError) Unwrap() error        { return e.error }

// withRefused is the error of a call whose own part ended with err.
func (s *session) withRefused(err error) error {
	if err == nil && s.refused != nil {
		return recordsError{s.refused}
	}
	return errors.Join(err, s.refused)
}

// sharing is the Town's sharing of ledger records.
func (e *Engine) sharing() *records.Sharing {
	return records.New(records.Options{
		Layout: e.opts.Layout, Town: exchange.Member{ID: e.opts.ID, Name: e.opts.Name}, Actor: e.opts.Actor,
		Membership: e.opts.Stores, Ledger: e.opts.Ledger, Approver: e.opts.Approver,
		Wait: e.opts.Wait, Command: e.opts.Command, Now: e.opts.Now, Step: e.step,
		Keys:    func() (*sign.Keys, error) { return sign.Load(e.opts.Layout.Keys(), e.opts.ID) },
		Checked: func(n int64) { e.progress(phases["check records"], n, 0, "records") },
	})
}

// keyRing is what the federation plane said of the keys of Towns. files is the sign that its
// files had then; see planeSign.
type keyRing struct {
	files string
	keys  sign.Ring
}

// readRing reads the keys of all Towns. A call that leaves the federation plane alone does not
// publish the keys in it, so for it those count that the remote is known to have.
func (s *session) readRing(ctx context.Context) (sign.Ring, error) {
	now := s.planeSign()
	if now != "" && now == s.ring.files {
		return s.ring.keys, nil
	}
	s.ring.files = now
	err := s.Read(ctx, func(plane *federation.Store) (err error) {
		revision := ""
		if s.opts.OnlyLedger && s.state.Commit != "" {
			if revision, err = plane.Known(ctx, s.state.Commit); err != nil {
				return err
			}
		}
		s.ring.keys, err = plane.Ring(ctx, revision)
		return err
	})
	return s.ring.keys, err
}

// pullRecords merges the records that arrived with the last fetch. Refused records
// do not undo the rest of the pull: see session.refused.
func (s *session) pullRecords(ctx context.Context, dry bool, out *Pulled) {
	if s.records == nil {
		return
	}
	got, err := s.records.Pull(ctx, dry)
	out.Records += got.Records
	out.Notes = append(out.Notes, got.Notes...)
	out.UpToDate = out.UpToDate && !got.Changed
	s.refused = err
}

// planRecords plans which records a push sends, after the records at the remote are
// merged. A pull of this session has merged them. Without one, the remote is asked
// if the known state does not say what a push of records would be added to. If
// records are refused, only records stop. A Town that leaves takes its records back.
func (s *session) planRecords(ctx context.Context, leaving bool) (*records.Plan, error) {
	if s.records == nil || s.refused != nil {
		return nil, nil
	}
	if s.self.CopyOf != nil || s.self.Other != nil {
		// Records of a Town that another directory speaks for are not adopted here. The
		// push stops when it stages.
		if speaks, err := s.speaksFor(ctx); err != nil || !speaks {
			return nil, err
		}
	}
	if s.last == nil {
		if err := s.lookAtRecords(ctx); err != nil || s.refused != nil {
			return nil, err
		}
	}
	decide := func() (*records.Plan, error) { return s.records.Plan(ctx, s.where()) }
	if leaving {
		decide = func() (*records.Plan, error) { return s.records.PlanLeaving(ctx) }
	}
	plan, err := decide()
	if err != nil {
		return nil, err
	}
	return plan, nil
}

func (s *session) lookAtRecords(ctx context.Context) error {
	ask, err := s.records.NeedsFetch()
	if err != nil {
		return err
	}
	if ask {
		if _, err := s.askPatiently(ctx); err != nil {
			return err
		}
	}
	got, err := s.records.Pull(ctx, false)
	if s.refused = err; err != nil || !got.Looked {
		return nil
	}
	s.notes = append(s.notes, got.Notes...)
	return s.save()
}

// PreviewShare returns what would leave by the present rules for sharing, approved
// or not. It contacts no remote and changes nothing.
func (e *Engine) PreviewShare(ctx context.Context) (p records.Preview, err error) {
	defer func() { err = e.disk(err) }()
	all, err := e.agreements()
	if err != nil {
		return p, err
	}
	remotes := map[Remote]records.State{}
	for _, a := range all {
		remotes[a.remote] = a.state.Shared
	}
	return e.sharing().Preview(ctx, remotes)
}

// WarnShare tells what the rules for sharing may say that was not meant: that they
// share everything, or ask for what no bead has. It contacts no remote.
func (e *Engine) WarnShare(ctx context.Context) (all []share.Warning, err error) {
	defer func() { err = e.disk(err) }()
	return e.sharing().Warnings(ctx)
}

// ForgetRules withdraws what a person agreed to share, with each of these
// remotes. Call it before the ledger is replaced by an empty one. Afterwards the
// rules wait for a person, who is shown what they select. Records that this Town
// shared come back into the ledger from the remotes.
// It contacts nobody, and fails with town.ErrBusy while a remote is in use.
func (e *Engine) ForgetRules(ctx context.Context, remotes []Remote) error {
	for _, r := range remotes {
		err := e.changeState(ctx, r, func(st *state) bool {
			changed := st.Shared.Approved()
			st.Shared.Withdraw()
			return changed
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// VerifyExchange opens the exchange with a remote, if there is one. An error that
// is not town.ErrBusy says that it cannot be used.
func (e *Engine) VerifyExchange(ctx context.Context, r Remote) error {
	return e.sharing().Verify(ctx, r.Name)
}

// VerifyRecords adds to v which records that Towns share through these remotes are signed
// by the Town that they name.
func (e *Engine) VerifyRecords(ctx context.Context, remotes []Remote, v *federation.Verification) (err error) {
	var ring sign.Ring
	err = e.Read(ctx, func(plane *federation.Store) error {
		ring, err = plane.Ring(ctx, "")
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range remotes {
		signed, err := e.sharing().VerifySigned(ctx, r.Name, ring, func(u exchange.Unsigned) {
			v.Add(federation.Unverified{Row: u.Row + " shared through " + r.Name, Town: u.Town, Author: u.Author, Reason: u.Reason})
		})
		if err != nil {
			return err
		}
		v.Signed += signed
	}
	return nil
}

// PutExchangeAside moves an exchange that cannot be used to the retired stores,
// and returns where it is. The next pull or push rebuilds it from the remote
// and the ledger. It contacts nobody, and fails with town.ErrBusy while the
// remote is in use.
func (e *Engine) PutExchangeAside(ctx context.Context, r Remote) (retired string, err error) {
	s, err := e.lockRemote(ctx, r)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.release()) }()
	return e.sharing().PutAside(r.Name)
}
