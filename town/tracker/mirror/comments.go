package mirror

import (
	"context"
	"fmt"
	"slices"

	"gastown/town"
	"gastown/town/tracker"
)

// maxComments is how many comments of one bead a pass sends.
const maxComments = 50

// comments sends the comments that were not sent before.
func (w *work) comments(ctx context.Context) error {
	if len(w.bead.Comments) == 0 {
		return nil
	}
	var known map[string]tracker.Comment
	if w.link.Issue != "" {
		var err error
		if known, err = w.o.Rows.Comments(ctx, w.bead.ID); err != nil {
			return err
		}
	}
	sent, refused := 0, 0
	list := slices.Clone(w.bead.Comments)
	slices.SortStableFunc(list, func(a, b town.Comment) int { return a.CreatedAt.Compare(b.CreatedAt) })
	for _, c := range list {
		switch known[c.ID].State {
		case tracker.CommentSent:
			continue
		case tracker.CommentRefused:
			refused++
			continue
		}
		if sent++; sent > maxComments {
			w.link.Next = w.o.Now()
			return errStop // the rest is for the next run
		}
		if err := w.comment(ctx, c, commentText(c), known); err != nil {
			return err
		}
	}
	if refused > 0 {
		w.reasons = append(w.reasons, fmt.Sprintf("%d comment(s) were refused before", refused))
	}
	return nil
}

// comment sends one comment, once.
func (w *work) comment(ctx context.Context, c town.Comment, text string, known map[string]tracker.Comment) error {
	if known == nil && !w.run.dry {
		var err error
		if known, err = w.o.Rows.Comments(ctx, w.link.Bead); err != nil {
			return err
		}
	}
	before, found := known[c.ID]
	before.ID = c.ID
	if found && before.State == tracker.CommentSent {
		return nil
	}
	if why := w.leak("a comment", map[string]string{"text": text}); why != "" {
		w.refuse(why)
		return nil
	}
	if w.run.dry {
		w.tell(Commented, text, "")
		return nil
	}
	now := w.o.Now()
	if found && before.State == tracker.CommentAsked {
		there, err := w.o.Tracker.Commented(ctx, w.link.Issue, w.mark(c.ID))
		if refused, err := w.settle(err); refused || err != nil {
			return err
		}
		if there {
			return w.o.Rows.SaveComment(context.WithoutCancel(ctx), w.link.Bead, tracker.Comment{ID: c.ID, State: tracker.CommentSent})
		}
		if early := before.Asked.Add(w.o.Settle); now.Before(early) {
			w.link.Next = early
			return errStop
		}
	}
	won, err := w.o.Rows.AskComment(ctx, w.link.Bead, before, now)
	if err != nil {
		return err
	}
	if !won {
		w.link.Next = now.Add(w.o.Settle)
		return errStop
	}
	err = w.o.Tracker.Comment(ctx, w.link.Issue, w.mark(c.ID), text)
	state := tracker.CommentSent
	if refused, e := w.settle(err); refused {
		state = tracker.CommentRefused
	} else if e != nil {
		return e
	} else {
		w.tell(Commented, text, "")
	}
	return w.o.Rows.SaveComment(context.WithoutCancel(ctx), w.link.Bead, tracker.Comment{ID: c.ID, State: state})
}
