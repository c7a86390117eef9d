package federate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"gastown/planes/federation"
	"gastown/sync/records"
	"gastown/town"
	"gastown/town/instance"
)

// ErrInstance reports a Town that did not publish because another directory with its
// identity does. It is a town.ErrRefused.
var ErrInstance = fmt.Errorf("another directory publishes as this Town: %w", town.ErrRefused)

// InstanceAdvice is the next step where another directory speaks for the Town.
const InstanceAdvice = "if the Town goes on here: gt federation instance continue (the other one then stops); " +
	"if this is another Town: gt federation instance new --name NAME"

// Instance says which directory speaks for the Town, as of the last contact.
type Instance struct {
	// Note is this directory's own, as Verdict says: a copy gets an instance of its
	// own before it exchanges anything.
	instance.Note
	Verdict instance.Verdict
	// Entry is the Town's entry in the registry. It has no ID when there is none.
	Entry federation.Member
	// Other is the instance that speaks; empty when it is this directory, or when none
	// does yet. Nobody when the one that spoke stepped down.
	Other string
	// Epoch is the highest epoch of the Town that is known.
	Epoch uint64
}

// Nobody stands for the instance that speaks when the last one stepped down and none was
// promoted since.
const Nobody = "none"

// here is the directory that the engine works in.
func (e *Engine) here() instance.Dir {
	return instance.Dir{
		Root: e.opts.Layout.Root, File: e.opts.Layout.Instance(), Lock: e.opts.Layout.Lock("instance"),
		Wait: e.opts.Wait, Now: e.opts.Now, Machine: e.opts.Machine,
	}
}

// Instance compares this directory's instance with the registry. It contacts nobody
// and changes nothing.
func (e *Engine) Instance(ctx context.Context) (out Instance, err error) {
	if out.Note, out.Verdict, err = e.here().Look(); err != nil {
		return out, err
	}
	if err := e.readEntry(ctx, &out); err != nil {
		return out, err
	}
	if out.Verdict == instance.Copied && out.Other == "" {
		out.Other = out.Entry.Instance
	}
	return out, nil
}

// ErrStandby reports a directory that does not publish because it stands by for another
// one. It is a town.ErrRefused.
var ErrStandby = fmt.Errorf("this directory stands by for another one: %w", town.ErrRefused)

// mayPublish refuses a directory that stands by, unless it is being promoted or is about
// to step down.
func (s *session) mayPublish() error {
	if by := s.self.Standby; by != nil && !by.Promoting && !by.Yields {
		return town.Fail("publish at "+s.remote.Name, "gt town promote makes this the active one", "%w", ErrStandby)
	}
	return nil
}

// Agree notes that a person agreed to exchange with a remote, as Init and Join do after
// they asked. It is for a directory that stands by for a Town that exchanges with it.
func (e *Engine) Agree(ctx context.Context, remote Remote) (err error) {
	s, err := e.lockRemote(ctx, remote)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.release()) }()
	if err := s.load(); err != nil || s.state.Confirmed == remote.URL {
		return err
	}
	if err := s.firstContact(ctx); err != nil {
		return e.advise("exchange with "+remote.Name, remote, err)
	}
	return s.confirm()
}

// StepDown publishes what this directory has that the remote lacks, and with it that no
// directory speaks for the Town any more. After an interruption the next call goes on.
func (e *Engine) StepDown(ctx context.Context, remote Remote) (out Pushed, err error) {
	s, err := e.begin(ctx, remote)
	if err != nil {
		return out, e.advise("step down at "+remote.Name, remote, err)
	}
	defer func() { err = e.advise("step down at "+remote.Name, remote, s.end(err, &s.state.Push)) }()
	out.Remote = remote.Name
	err = s.push(ctx, pushOptions{yielding: true}, &out)
	return out, err
}

// readEntry reads the Town's entry, and who else speaks.
func (e *Engine) readEntry(ctx context.Context, out *Instance) (err error) {
	return e.Read(ctx, func(s *federation.Store) error {
		if out.Entry, err = s.Self(ctx); err != nil {
			return err
		}
		mine := federation.Entry{Instance: out.Instance, Epoch: out.Note.Epoch, Any: out.Decided}
		out.Epoch = out.Entry.Epoch
		if o := out.Note.Other; o != nil {
			out.Epoch = max(out.Epoch, o.Epoch)
			if !mine.MayReplace(federation.Member{Instance: o.Instance, Epoch: o.Epoch}) {
				out.Other = cmp.Or(o.Instance, Nobody)
			}
		}
		if !mine.MayReplace(out.Entry) {
			out.Other = cmp.Or(out.Entry.Instance, Nobody)
		}
		return nil
	})
}

// ContinueHere makes this directory the one that speaks for the Town, from its next
// publication on. The one that spoke before stops at its own. It contacts nobody. It
// changes nothing when no other directory is known to speak.
func (e *Engine) ContinueHere(ctx context.Context) (out Instance, err error) {
	dir := e.here()
	if out.Note, err = dir.Ensure(ctx); err != nil {
		return out, err
	}
	out.Verdict = instance.Same
	if err := e.readEntry(ctx, &out); err != nil || out.Other == "" && !out.Damaged {
		return out, err
	}
	out.Other = cmp.Or(out.Other, Nobody)
	out.Note, err = dir.Replace(ctx, out.Epoch+1)
	return out, err
}

// StartOver prepares this directory to become another Town: what it shared of its
// ledger through these remotes is left to the directory that goes on as the present
// Town. The caller then gives the Town another id. It contacts nobody, and fails with
// town.ErrBusy while a remote is in use.
func (e *Engine) StartOver(ctx context.Context, remotes []Remote) error {
	for _, r := range remotes {
		if err := e.leaveRecords(ctx, r); err != nil {
			return err
		}
	}
	_, err := e.here().Renew(ctx)
	return err
}

func (e *Engine) leaveRecords(ctx context.Context, r Remote) (err error) {
	s, err := e.lockRemote(ctx, r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.release()) }()
	if err := s.load(); err != nil || s.state.damaged {
		return err
	}
	if _, err := e.sharing().PutAside(r.Name); err != nil {
		return err
	}
	s.state.Shared = records.State{Agreed: s.state.Shared.Agreed, At: s.state.Shared.At}
	return s.save()
}

// entry is what this Town writes about itself into the registry.
func (s *session) entry() federation.Entry {
	return federation.Entry{Name: s.opts.Name, Instance: s.self.Instance, Epoch: s.self.Epoch, Any: s.self.Decided}
}

// register brings the Town's entry in the registry up to date, or notes there that the
// Town left.
func (p *push) register(ctx context.Context, w *workspace) error {
	write := func() (string, error) { return w.store.Register(ctx, p.entry()) }
	if p.leaving {
		if err := w.store.MayRegister(ctx, p.entry()); err != nil {
			return err
		}
		write = func() (string, error) { return w.store.Leave(ctx) }
	}
	if p.yielding {
		var other *federation.InstanceError
		err := w.store.MayRegister(ctx, p.entry())
		if err != nil && (!errors.As(err, &other) || other.Member.Instance != "") { // "": it stepped down already
			return err
		}
		write = func() (string, error) { return w.store.StepDown(ctx, p.self.Instance) }
	}
	commit, err := write()
	if commit != "" {
		w.tip, w.recordedOn = commit, ""
	}
	return err
}

// maybeOutdated reports that another directory spoke for the Town when the remote was
// last asked, which was before this push.
func (p *push) maybeOutdated(err error) bool {
	var other *federation.InstanceError
	return errors.As(err, &other) && !p.fetched && p.last == nil
}

// speaks fails with a *federation.InstanceError when another directory speaks for the
// Town, as far as is known: also by what was fetched and is not merged, because the
// call is about records alone.
func (s *session) speaks(ctx context.Context) error {
	return s.Read(ctx, func(plane *federation.Store) error {
		if err := plane.MayRegister(ctx, s.entry()); err != nil || s.mirror.Head() == "" || s.mirror.Head() == s.state.Head {
			return err
		}
		theirs, err := plane.Fetch(ctx, s.remote.Name, s.mirror.Dir())
		if err != nil {
			return err
		}
		return plane.MayRegisterAt(ctx, s.entry(), theirs)
	})
}

// speaksFor reports whether this directory speaks for the Town.
func (s *session) speaksFor(ctx context.Context) (bool, error) {
	err := s.speaks(ctx)
	var other *federation.InstanceError
	if errors.As(err, &other) {
		return false, nil
	}
	return err == nil, err
}

// spokenFor turns the error of an entry that names another instance into one for
// people, and notes that instance for those who decide.
func (s *session) spokenFor(ctx context.Context, op string, err error) error {
	var other *federation.InstanceError
	if !errors.As(err, &other) {
		return err
	}
	m := other.Member
	text := fmt.Sprintf("as Town %s (instance %s, epoch %d", m.Name, town.Clip(cmp.Or(m.Instance, Nobody), 8), m.Epoch)
	if !other.Since.IsZero() {
		text += ", since " + other.Since.UTC().Format(time.RFC3339)
	}
	text += ")"
	if from := s.self.CopyOf; from != nil && from.Instance == m.Instance {
		text += "; this directory is a copy of " + from.Place.String()
	}
	return errors.Join(town.Fail(op, InstanceAdvice, "%w: %s; nothing was published", ErrInstance, text), s.met(ctx, m))
}

// met notes the instance that the Town's entry at the remote names.
func (s *session) met(ctx context.Context, m federation.Member) error {
	return s.here().Met(ctx, &instance.Other{Instance: m.Instance, Epoch: m.Epoch, Remote: s.remote.Name, Seen: s.opts.Now().UTC()})
}

// whoSpeaks notes, after a merge, that another directory speaks for the Town: a pull
// tells as well as a push.
func (s *session) whoSpeaks(ctx context.Context, w *workspace) error {
	err := w.store.MayRegister(ctx, s.entry())
	var other *federation.InstanceError
	if errors.As(err, &other) {
		return s.met(ctx, other.Member)
	}
	return err
}

// heard notes that the remote took a publication: no other instance speaks there. A
// decision of a person that was made before has had its effect.
func (s *session) heard(ctx context.Context) error {
	if !s.self.Decided && !s.self.Damaged && (s.self.Other == nil || s.self.Other.Remote != s.remote.Name) {
		return nil
	}
	s.self.Decided, s.self.Damaged = false, false
	return s.here().Met(ctx, nil)
}
