package federate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/sync/gitremote"
	"gastown/sync/records"
	"gastown/town"
)

// ErrUnrelated reports a remote whose history is not this Town's.
var ErrUnrelated = errors.New("the remote's history is not this Town's")

// errNone: the repository is there and has no federation on the ref.
var errNone = errors.New("the repository holds no federation yet")

// Pulled is the outcome of Pull.
type Pulled struct {
	Remote string
	// UpToDate: the remote had nothing new.
	UpToDate bool
	// Commits is how many commits arrived.
	Commits int
	// Documents is how many files were written, Removed how many were removed.
	Documents, Removed int
	// Arrived names the documents whose text in force changed here, or in a dry run
	// those that other Towns changed.
	Arrived Changes
	// Records counts records of other Towns' ledgers that arrived.
	Records int
	// Notes tell what became of conflicts; Reviews counts open proposals.
	Notes   []string
	Reviews int
	// DryRun: nothing was merged.
	DryRun bool
	FileReport
}

// pulled is a Pulled with the plane's tip before and after it; both are empty
// when the plane was not opened.
type pulled struct {
	Pulled
	ours, merged string
}

// Pull brings in what the remote has, decides conflicts by sync/policy, and
// writes the files that changed. Edits that were not recorded stay in their
// files. With dry set it only says what there is.
func (e *Engine) Pull(ctx context.Context, remote Remote, dry bool) (_ Pulled, err error) {
	s, err := e.begin(ctx, remote)
	if err != nil {
		return Pulled{}, e.advise("pull from "+remote.Name, remote, err)
	}
	defer func() { err = e.advise("pull from "+remote.Name, remote, s.end(err, &s.state.Pull)) }()
	out, err := s.pull(ctx, dry)
	return out.Pulled, err
}

// pull is Pull within a session. What it found is valid beside an error too.
func (s *session) pull(ctx context.Context, dry bool) (out pulled, err error) {
	var found fetched
	err = s.patiently(ctx, func() (err error) {
		found, err = s.fetch(ctx)
		return err
	})
	if err != nil {
		out.Remote, out.DryRun, out.Notes = s.remote.Name, dry, s.takeNotes()
		return out, err
	}
	return s.bringIn(ctx, found, dry)
}

// fetched is what a fetch found, and when.
type fetched struct {
	gitremote.FetchResult
	at time.Time
}

// fetch brings the mirrors to what the remote has.
func (s *session) fetch(ctx context.Context) (out fetched, err error) {
	defer s.step("fetch")()
	s.last, s.refused = nil, nil
	out.FetchResult, err = s.ask(ctx)
	if found := s.elsewhere("pull from "+s.remote.Name, out.FetchResult, err); found != nil {
		err = found
	}
	out.at = s.opts.Now()
	return out, err
}

// bringIn merges what a fetch found.
func (s *session) bringIn(ctx context.Context, fetched fetched, dry bool) (out pulled, err error) {
	out.Remote, out.DryRun, out.Notes = s.remote.Name, dry, s.takeNotes()
	found := lastPull{head: fetched.Head, records: s.records.Head(), at: fetched.at}
	if fetched.Empty {
		return out, s.none()
	}
	if out.UpToDate, err = s.unchanged(ctx, fetched.Head); err != nil {
		return out, err
	}
	if !out.UpToDate {
		if !fetched.Changed && !s.mirror.AtHead() {
			// What a push staged there and did not publish is not the remote's.
			if err := s.mirror.Reset(ctx); err != nil {
				return out, err
			}
		}
		err = s.with(ctx, func(w *workspace) error {
			return undisturbed(func() error { return s.merge(ctx, w, dry, &out) })
		})
		err = s.repairable(err)
		if err != nil {
			return out, err
		}
		if dry {
			s.pullRecords(ctx, dry, &out.Pulled)
			return out, nil
		}
		s.state.Plane = s.planeSign()
		if len(out.Kept) == 0 {
			s.state.Head = fetched.Head
		}
		s.tidy()
	}
	s.pullRecords(ctx, dry, &out.Pulled)
	err = s.verified(found.at, &s.state.Pull)
	if err == nil && s.refused == nil && !dry {
		s.last = &found
	}
	return out, err
}

// none is the error for a repository without a federation. When an attempt to publish
// there failed, that is the reason.
func (s *session) none() error {
	op, next := "pull from "+s.remote.Name, "gt federation push publishes this Town's federation there"
	if last := s.state.Push; last.Failing {
		return town.Fail(op, next, "%w: %w; the last attempt failed: %s", town.ErrRefused, errNone, town.Clip(last.Error, 500))
	}
	return town.Fail(op, next, "%w: %w", town.ErrRefused, errNone)
}

// unchanged reports that everything at the remote's commit head is merged.
func (s *session) unchanged(ctx context.Context, head string) (bool, error) {
	if s.opts.OnlyLedger || s.state.Head != head {
		return s.opts.OnlyLedger, nil
	}
	return s.holds(ctx)
}

// merge brings the mirror's tip into the plane and the files.
func (s *session) merge(ctx context.Context, w *workspace, dry bool, out *pulled) error {
	name := s.remote.Name
	held, err := w.holds(ctx, s.state)
	if err != nil {
		return err
	}
	theirs, err := s.take(ctx, w, held)
	if err != nil {
		return err
	}
	if !dry {
		if err := w.adoptForeign(ctx); err != nil {
			return err
		}
	}
	c, err := w.store.Compare(ctx, theirs)
	if err != nil {
		return err
	}
	base, ours := c.Base, c.Ours
	out.Commits = c.Commits
	switch {
	case base == theirs:
		if err := s.completeMerge(ctx, w, theirs, dry); err != nil {
			return err
		}
	case base == "":
		if err := s.checkIncoming(ctx, w, theirs, theirs); err != nil {
			return err
		}
		return fmt.Errorf("%w", ErrUnrelated)
	default:
		if err := s.checkIncoming(ctx, w, base, theirs); err != nil {
			return err
		}
		if dry {
			if out.Arrived, err = changesBetween(ctx, w.store, base, theirs); err != nil {
				return err
			}
			return w.foresee(ctx, base, ours, theirs, out)
		}
		if err := s.mergeTip(ctx, w, base, ours, theirs, out); err != nil {
			return err
		}
	}
	if dry {
		return nil
	}
	if !held && c.Commits > 0 {
		out.Notes = append(out.Notes, broughtBack(name, c.Commits))
	}
	s.state.Commit = theirs
	out.ours = ours
	if out.merged, err = w.store.Head(ctx); err != nil {
		return err
	}
	if out.Arrived, err = changesBetween(ctx, w.store, ours, out.merged); err != nil {
		return err
	}
	return errors.Join(w.finish(ctx, &out.Pulled), s.whoSpeaks(ctx, w))
}

// take copies the mirror's commits into the plane and returns their tip. held says
// that the plane contains what was exchanged earlier.
func (s *session) take(ctx context.Context, w *workspace, held bool) (theirs string, err error) {
	defer s.step("take")()
	theirs, err = w.store.Fetch(ctx, s.remote.Name, s.mirror.Dir())
	if held || !errors.Is(err, doltdb.ErrCorrupt) {
		return theirs, err
	}
	// The plane's database lost the end of its journal. It may still have files with
	// commits whose parents are lost, and the engine does not fetch what comes before
	// a commit that it has. A collection removes them.
	if err := w.store.GC(ctx); err != nil {
		return "", err
	}
	return w.store.Fetch(ctx, s.remote.Name, s.mirror.Dir())
}

// checkIncoming refuses, and forgets, commits that may not be merged.
func (s *session) checkIncoming(ctx context.Context, w *workspace, base, theirs string) error {
	defer s.step("check")()
	uuid, _ := s.opts.Stores.Federation()
	if err := w.store.CheckIncoming(ctx, s.remote.Name, uuid, base, theirs); err != nil {
		return errors.Join(err, w.store.Forget(ctx, s.remote.Name))
	}
	return nil
}

// completeMerge completes a merge whose call ended before the digests of foreign
// rows were written: everything that arrived is in the plane already.
func (s *session) completeMerge(ctx context.Context, w *workspace, theirs string, dry bool) error {
	if dry || s.state.Commit == theirs {
		return nil
	}
	from, err := w.store.Known(ctx, s.state.Commit)
	if err != nil {
		return err
	}
	_, err = w.store.Mend(ctx, from, theirs)
	return err
}

func (s *session) mergeTip(ctx context.Context, w *workspace, base, ours, theirs string, out *pulled) error {
	// Files and index first agree on our own tip, so that what the merge changes
	// is not taken for edits when the index was lost.
	if err := w.showFit(ctx); err != nil {
		return err
	}
	w.skipped = nil
	defer s.step("merge")()
	s.progress(phases["merge"], 0, int64(out.Commits), "commits")
	merged, err := w.store.Merge(ctx, base, ours, theirs, "merge "+s.remote.Name)
	if err != nil {
		return err
	}
	out.Notes = append(append(out.Notes, merged.Notes...), refusedNotes(merged.Refused)...)
	if _, err = w.store.Mend(ctx, base, theirs); err != nil || !s.wasLeft {
		return err
	}
	// Another Town has published the turn and merged what this one merged since.
	_, err = w.store.AdoptEqual(ctx, theirs)
	return err
}

// maxRefusedNotes bounds the rows that were not taken and that a pull names.
const maxRefusedNotes = 20

// refusedNotes tell which rows were not taken, and why.
func refusedNotes(list []federation.Refusal) (notes []string) {
	for i, r := range list {
		if i == maxRefusedNotes {
			return append(notes, fmt.Sprintf("and %d more were not taken", len(list)-i))
		}
		note := records.NotTaken(r.Row, r.Town, r.Reason)
		if r.Review != "" {
			note += "; it waits as review " + r.Review.Short()
		}
		notes = append(notes, note)
	}
	return notes
}

// maxForeseen is how many documents a dry run names.
const maxForeseen = 20

// foresee notes the documents that both sides changed. Edits that are not
// recorded are not among them: a pull leaves those alone.
func (w *workspace) foresee(ctx context.Context, base, ours, theirs string, out *pulled) error {
	both, err := w.store.Both(ctx, base, ours, theirs)
	if err != nil {
		return err
	}
	for i, key := range both {
		if i == maxForeseen {
			out.Notes = append(out.Notes, fmt.Sprintf("and %d more", len(both)-i))
			break
		}
		out.Notes = append(out.Notes, key.String()+": changed here and there; the merge will decide by the rule for its kind")
	}
	return nil
}

// finish shows the merged rows as files and counts what awaits a person.
func (w *workspace) finish(ctx context.Context, out *Pulled) error {
	w.unshown = false
	if err := w.show(ctx); err != nil {
		return err
	}
	out.Documents += w.written
	out.Removed += w.removed
	out.FileReport = w.report()
	reviews, err := w.postReviews(ctx)
	out.Reviews = len(reviews)
	return err
}

// worthTelling reports that a person must hear of a pull, however it ended.
func (p Pulled) worthTelling() bool { return len(p.Notes) > 0 || p.FileReport.tells() }

// after adds up what several pulls of one push brought.
func (p Pulled) after(earlier *Pulled) *Pulled {
	if earlier != nil {
		p.Commits += earlier.Commits
		p.Documents += earlier.Documents
		p.Removed += earlier.Removed
		var arrived Changes
		arrived.Add(earlier.Arrived)
		arrived.Add(p.Arrived)
		p.Arrived = arrived
		p.Notes = append(earlier.Notes, p.Notes...)
	}
	return &p
}
