package mirror

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gastown/town"
	"gastown/town/tracker"
)

const (
	// firstDelay is when a request that failed by accident is tried again; it doubles up
	// to longestDelay.
	firstDelay, longestDelay = time.Minute, time.Hour
	// clocks is by how much the clocks of the two sides may differ.
	clocks = time.Hour
)

// work is what is to be done for one link.
type work struct {
	*Mirror
	link   tracker.Link
	bead   town.Bead
	exists bool
	rep    *Report
	// reasons are why something was refused.
	reasons []string
}

// do does it. A *tracker.LaterError and tracker.ErrDenied are about the tracker; other
// refusals stand in the link and are no errors.
func (w *work) do(ctx context.Context) error {
	err := w.steps(ctx)
	if w.run.dry {
		return nil
	}
	// The row is written also when the time is over: it says what was done.
	ctx = context.WithoutCancel(ctx)
	var later *tracker.LaterError
	switch {
	case err == nil && w.link.State == "", errors.Is(err, errLeave):
		return nil
	case err == nil:
		w.link.Next, w.link.Attempts = time.Time{}, 0
		w.link.Reason = town.Clip(strings.Join(w.reasons, "; "), 500)
	case errors.Is(err, errStop): // it goes on at Next
		w.link.Reason, err = "", nil
	case errors.As(err, &later):
		delay := min(firstDelay<<min(w.link.Attempts, 10), longestDelay)
		w.link.Attempts++
		w.link.Next, w.link.Reason = w.o.Now().Add(max(delay, later.After)), town.Clip(later.Why, 500)
	case errors.Is(err, tracker.ErrDenied):
		w.link.Reason = town.Clip(err.Error(), 500)
	default: // of a plane, or the end of ctx: it stays due
		return err
	}
	if e := w.save(ctx); e != nil && !errors.Is(e, errLeave) {
		return e
	}
	return err
}

// save stores the link. It is errLeave when another process has changed it.
func (w *work) save(ctx context.Context) error {
	w.link.Changed = w.o.Now()
	stored, saved, err := w.o.Rows.Save(ctx, w.link)
	if err == nil && !saved {
		err = errLeave
	}
	if err == nil {
		w.link.Version = stored.Version
	}
	return err
}

func (w *work) tell(what, text, reason string) {
	w.rep.Did = append(w.rep.Did, Did{Bead: w.link.Bead, What: what, Title: tracker.Line(w.bead.Title, 120), URL: w.link.URL, Text: text, Reason: reason})
}

// refuse notes why something was not sent.
func (w *work) refuse(reason string) {
	w.reasons = append(w.reasons, reason)
	w.tell(Refused, "", reason)
}

// settle sorts the outcome of a request on an issue that exists: refusals are noted.
func (w *work) settle(err error) (refused bool, _ error) {
	if errors.Is(err, tracker.ErrRefused) && !errors.Is(err, tracker.ErrDenied) {
		w.refuse(err.Error())
		return true, nil
	}
	return false, err
}

func (w *work) mark(comment string) tracker.Mark {
	return tracker.MarkOf(w.o.Ledger, w.link.Bead, comment)
}

// steps brings issue, text, comments and state to what the bead is, in this order.
func (w *work) steps(ctx context.Context) error {
	if w.link.State != tracker.Linked {
		if there, err := w.issue(ctx); !there || err != nil {
			return err
		}
	}
	if !w.exists {
		if w.link.Theirs { // the issue goes on without the bead
			return nil
		}
		return w.closed(ctx, true, "The bead was deleted.")
	}
	if err := w.text(ctx); err != nil {
		return err
	}
	if err := w.comments(ctx); err != nil {
		return err
	}
	if err := w.closed(ctx, !w.bead.Open(), closingText(w.bead)); err != nil {
		return err
	}
	if w.bead.ExternalRef != "" || w.link.URL == "" || w.run.dry {
		return nil
	}
	return w.o.Beads.SetRef(ctx, w.bead.ID, w.link.URL)
}

// issue makes the issue, or finds the one that an earlier request made. there reports
// whether there is one.
func (w *work) issue(ctx context.Context) (there bool, err error) {
	asked := w.link.State == tracker.Asked
	if !asked && w.exists && w.owned() {
		return w.recover(ctx)
	}
	wanted := w.exists && w.o.Select.Takes(w.bead) && (w.link.State == tracker.Wanted || w.bead.Open())
	if asked {
		if there, err = w.find(ctx); there || err != nil {
			return there, err
		}
		if early := w.link.Asked.Add(w.o.Settle); w.o.Now().Before(early) && !w.run.dry {
			w.link.Next = early
			return false, errStop
		}
		wanted = w.exists && w.o.Select.Takes(w.bead)
	}
	if !wanted {
		return false, w.drop(ctx)
	}
	draft := draftOf(w.bead)
	if why := w.leak("the bead", map[string]string{"title": draft.Title, "text": draft.Body}); why != "" {
		w.refuse(why)
		if asked { // and there is no issue
			w.link.State, w.link.Asked = tracker.Wanted, time.Time{}
		}
		return false, nil
	}
	if w.run.dry {
		w.tell(Created, draft.Title+"\n\n"+draft.Body, "")
		w.link.Sent = digest(draft)
		return true, nil
	}
	before := w.link.State
	if asked {
		before = tracker.Wanted
	}
	// Only one process gets its row stored, and asks.
	w.link.State, w.link.Asked, w.link.Next = tracker.Asked, w.o.Now(), w.o.Now()
	if err := w.save(ctx); err != nil {
		return false, err
	}
	made, err := w.o.Tracker.Create(ctx, w.mark(""), draft)
	if errors.Is(err, tracker.ErrRefused) {
		// It was not made, so nothing has to be looked for.
		w.link.State, w.link.Asked = before, time.Time{}
		if e := w.save(context.WithoutCancel(ctx)); e != nil {
			return false, e
		}
		_, err = w.settle(err)
		return false, err
	}
	if err != nil {
		return false, err
	}
	return w.linked(ctx, made, Created, digest(draft))
}

// owned reports whether the bead says that it has an issue at this tracker.
func (w *work) owned() bool {
	ref := w.bead.ExternalRef
	return ref != "" && (w.o.Tracker.Owns(ref) || strings.HasPrefix(ref, w.o.Plugin+":"))
}

// recover finds the issue of a bead that says that it has one, although no row tells of it:
// the rows were set back, and the issue is found, or the bead is being imported, and its
// row comes. No further issue is made.
func (w *work) recover(ctx context.Context) (bool, error) {
	if w.run.dry {
		return false, nil
	}
	found, ok, err := w.o.Tracker.Find(ctx, w.mark(""), w.bead.CreatedAt.Add(-clocks))
	if err != nil {
		return false, err
	}
	// The bead says which issue is its own. Another one can have a copy of the mark.
	if issue, _ := found.Checked(); !ok || w.o.Tracker.Owns(w.bead.ExternalRef) && issue.URL != w.bead.ExternalRef {
		return false, w.drop(ctx)
	}
	return w.linked(ctx, found, Found, "")
}

// drop removes a link for which there is nothing to do.
func (w *work) drop(ctx context.Context) error {
	if w.run.dry {
		return nil
	}
	w.link.State = ""
	return w.o.Rows.Drop(ctx, w.link)
}

// errLeave ends the work for a link without a change of its row.
var errLeave = fmt.Errorf("%w: another process does it", errStop)

// find looks for the issue of a creation with an unknown outcome.
func (w *work) find(ctx context.Context) (bool, error) {
	if w.run.dry {
		w.tell(Found, "", "whether the issue was made is looked up first")
		return false, errStop
	}
	found, ok, err := w.o.Tracker.Find(ctx, w.mark(""), w.link.Asked.Add(-clocks))
	if err != nil || !ok {
		return false, err
	}
	return w.linked(ctx, found, Found, "")
}

// linked notes the issue of the bead. It stays due until everything is as the bead is.
func (w *work) linked(ctx context.Context, i tracker.Issue, what, sent string) (bool, error) {
	i, ok := i.Checked()
	if !ok {
		return false, &tracker.LaterError{After: time.Minute, Why: "the tracker told of an issue without an id or a title"}
	}
	w.link.State, w.link.Issue, w.link.URL, w.link.Closed, w.link.Sent = tracker.Linked, i.ID, i.URL, i.Closed, sent
	w.link.Asked, w.link.Next = time.Time{}, w.o.Now()
	w.tell(what, "", "")
	return true, w.save(context.WithoutCancel(ctx))
}

// text sends title and text, if they are not those that were sent last.
func (w *work) text(ctx context.Context) error {
	draft := draftOf(w.bead)
	if w.link.Theirs || w.link.Sent == digest(draft) {
		return nil
	}
	if why := w.leak("the bead", map[string]string{"title": draft.Title, "text": draft.Body}); why != "" {
		w.refuse(why)
		return nil
	}
	if !w.run.dry {
		if refused, err := w.settle(w.o.Tracker.Update(ctx, w.link.Issue, w.mark(""), draft)); refused || err != nil {
			return err
		}
		w.link.Sent = digest(draft)
	}
	w.tell(Updated, draft.Title+"\n\n"+draft.Body, "")
	return nil
}

// closed closes or reopens the issue, if it is not so already. why becomes a comment.
func (w *work) closed(ctx context.Context, closed bool, why string) error {
	if w.link.Closed == closed {
		return nil
	}
	what, change := Reopened, w.o.Tracker.Reopen
	if closed {
		what, change = Closed, w.o.Tracker.Close
	}
	if w.run.dry {
		w.tell(what, why, "")
		return nil
	}
	if closed && why != "" {
		// One comment for each time that the bead was closed.
		id := "closed " + why
		if w.bead.ClosedAt != nil {
			id = "closed " + w.bead.ClosedAt.UTC().Format(time.RFC3339Nano)
		}
		if err := w.comment(ctx, town.Comment{ID: string(town.DigestOf(w.link.Bead, id))[:32], Text: why}, why, nil); err != nil {
			return err
		}
	}
	if refused, err := w.settle(change(ctx, w.link.Issue)); refused || err != nil {
		return err
	}
	w.link.Closed = closed
	w.tell(what, "", "")
	return nil
}
