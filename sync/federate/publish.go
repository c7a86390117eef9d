package federate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"gastown/planes/doltdb"
	"gastown/sync/gitremote"
	"gastown/town"
)

// stagedTip is the plane's tip that a push is about to publish.
type stagedTip struct {
	// commit is empty when the push is about records of the ledger alone.
	commit string
	// shown: the files show it.
	shown bool
	// sign is that of the plane's files when the plane was closed.
	sign string
}

// stage records edits and puts the plane's tip into the mirror. If the push does
// not concern the federation plane, the mirror gets the remote's state.
func (p *push) stage(ctx context.Context) (tip stagedTip, err error) {
	if p.opts.OnlyLedger {
		if err := p.speaks(ctx); err != nil {
			return tip, err
		}
		return tip, p.mirror.Reset(ctx)
	}
	if !p.mirror.AtHead() {
		// Otherwise the engine could not tell that the plane lacks what is there.
		if err := p.mirror.Reset(ctx); err != nil {
			return tip, err
		}
	}
	err = p.with(ctx, func(w *workspace) error {
		if err := p.catchUp(ctx, w); err != nil {
			return err
		}
		if err := p.recordEdits(ctx, w); err != nil {
			return err
		}
		if tip.commit, err = p.onlyAgreed(ctx, w); err != nil {
			return err
		}
		tip.shown = len(w.behind) == 0
		if err := p.countUnpublished(ctx, w, tip.commit); err != nil {
			return err
		}
		if err := p.checkUnpublished(ctx, w, tip.commit); err != nil {
			return err
		}
		defer p.step("stage")()
		if err := w.store.Push(ctx, p.remote.Name, p.mirror.Dir()); err != nil {
			return err
		}
		return p.onlyChecked(ctx, w, tip.commit)
	})
	if errors.Is(err, doltdb.ErrBehind) {
		// Whatever is noted of it, the plane lacks commits of the remote.
		p.state.Head = ""
	}
	tip.sign = p.planeSign()
	return tip, err
}

// recordEdits records edited files, unless the push does not concern files.
func (p *push) recordEdits(ctx context.Context, w *workspace) (err error) {
	var rec Recorded
	if p.asRecorded {
		err = w.show(ctx)
	} else {
		w.publishing = true
		rec, err = w.record(ctx, "")
	}
	if err != nil {
		return err
	}
	if p.recorded.IsZero() {
		p.recorded = time.Now()
	}
	first := p.out.Attempts == 1
	if rec.Commit != "" || first {
		p.out.Recorded = rec
		p.out.Recorded.Notes = append(p.takeNotes(), rec.Notes...)
	}
	if len(rec.Notes) > 0 || first {
		reviews, err := w.postReviews(ctx)
		if err != nil {
			return err
		}
		p.out.Reviews = len(reviews)
	}
	return nil
}

// countUnpublished counts the commits up to tip that the remote does not have.
func (p *push) countUnpublished(ctx context.Context, w *workspace, tip string) (err error) {
	defer p.step("count")()
	switch {
	case p.state.Commit == tip:
		p.out.Commits = 0
		return nil
	case p.recordedLast(w, tip):
		p.out.Commits = 1
		return nil
	}
	p.out.Commits, err = w.store.Ahead(ctx, p.state.Commit)
	return err
}

// fewDocuments are so few that no limit of a reader is near.
const fewDocuments = 100_000

// checkUnpublished refuses to publish what a peer would refuse, by the rules of a
// pull. Where the only new commit is the one that this call recorded, all of its rows
// are gt's own and were checked as edits.
func (p *push) checkUnpublished(ctx context.Context, w *workspace, tip string) error {
	if tip == p.state.Commit || w.unfit == nil && p.recordedLast(w, tip) && w.index.Len() < fewDocuments {
		return nil
	}
	defer p.step("check outgoing")()
	base, err := w.store.Known(ctx, p.state.Commit)
	if err != nil {
		return err
	}
	if err := w.fit(ctx, p.remote.Name, base); err != nil {
		return err
	}
	if tip == p.searched {
		return nil
	}
	return p.searchUnpublished(ctx, w.store, cmp.Or(base, p.searched))
}

// onlyChecked fails when the mirror may hold a later commit than tip: a program other
// than gt has made one meanwhile. The push then begins again.
func (p *push) onlyChecked(ctx context.Context, w *workspace, tip string) error {
	head, err := w.store.Head(ctx)
	if err == nil && head != tip {
		err = fmt.Errorf("%w: %s was committed while the push went on", doltdb.ErrBehind, head)
	}
	return err
}

// recordedLast reports that all the remote lacks is the commit just recorded.
func (p *push) recordedLast(w *workspace, tip string) bool {
	return w.recordedOn != "" && w.recordedOn == p.state.Commit && tip == w.tip
}

// onlyAgreed returns the plane's tip, which was just recorded or shown and is
// about to be published, with the Town's entry in the registry. Where a person was
// asked, what was recorded must be the commit that person saw; then the agreement is
// saved.
func (p *push) onlyAgreed(ctx context.Context, w *workspace) (tip string, err error) {
	if p.agreed == "" {
		err := p.register(ctx, w)
		return w.tip, err
	}
	if tip, err = w.store.Head(ctx); err != nil {
		return "", err
	}
	if tip != p.agreed {
		return "", errUnseen
	}
	if err := p.register(ctx, w); err != nil {
		return "", err
	}
	if p.agreed, err = w.store.Head(ctx); err != nil {
		return "", err
	}
	return p.agreed, p.confirm()
}

// send publishes the mirror. done is false when the caller should merge and try
// again: after gitremote.ErrRejected, and without an error where what was sent
// did not arrive or the remote has changed.
func (p *push) send(ctx context.Context, tip stagedTip) (done bool, err error) {
	published := p.step("publish")
	p.progress("send to "+p.remote.Name+" and wait for its server", 0, 0, "")
	res, err := p.mirror.Publish(ctx, p.publish)
	published()
	recordsArrived := true
	switch {
	case errors.Is(err, gitremote.ErrUnknownOutcome):
		var arrived bool
		if res.Head, arrived, recordsArrived, err = p.findOut(ctx, err); err != nil || !arrived {
			return false, err
		}
	case err != nil:
		return false, err
	}
	when := p.opts.Now()
	switch {
	case res.Unchanged && p.unmoved():
		res.Head, p.out.UpToDate, when = p.mirror.Head(), true, p.last.at
	case res.Unchanged:
		// Nothing was sent, so the remote has confirmed nothing yet: ask it.
		before := p.heads()
		if _, err := p.ask(ctx); err != nil {
			return false, err
		}
		if p.heads() != before {
			return false, nil
		}
		res.Head, p.out.UpToDate = p.mirror.Head(), true
	}
	p.out.Sent += res.Sent
	if tip.commit != "" {
		p.state.Commit, p.state.Plane = tip.commit, tip.sign
	}
	if tip.shown {
		p.state.Head = res.Head
	}
	if recordsArrived {
		p.plan.Published()
	}
	p.tidy()
	if err := errors.Join(p.heard(ctx), p.verified(when, &p.state.Push)); err != nil {
		return false, err
	}
	if !p.recorded.IsZero() {
		p.took("sync", p.recorded)
	}
	return true, nil
}

// findOut looks at the remote after a push whose answer was lost, with the error
// lost. arrived is false, without an error, when the caller should merge what is there
// and push again. When the remote is as it was, the error tells whether the reason may
// pass.
func (p *push) findOut(ctx context.Context, lost error) (head string, arrived, records bool, err error) {
	before := p.heads()
	fetched, err := p.askPatiently(ctx)
	first := fetched.Empty || p.publish.Recreate && errors.Is(err, gitremote.ErrGone)
	if err != nil && !first {
		return "", false, false, fmt.Errorf("%w: %w", errUnknown, errors.Join(lost, err))
	}
	records = p.records.Arrived()
	if !first && (fetched.PublishedEarlier || records) {
		return fetched.Head, true, records, nil
	}
	p.lost++
	if first || passing(lost) && p.heads() == before || p.lost == maxLost {
		return "", false, false, town.Fail("publish the federation at "+p.remote.Name, "run it again", "%w, and nothing has arrived", lost)
	}
	return "", false, false, nil
}

// errUnknown: nobody knows whether a push has arrived, after all that was tried.
var errUnknown = errors.New("the remote cannot be asked what has arrived")
