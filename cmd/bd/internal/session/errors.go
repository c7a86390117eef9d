package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
)

// Fail says which operation failed, and the next step where one helps. An error
// that says so already stays as it is.
func Fail(op string, err error) error {
	var known *town.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	next := ""
	var unknown *ledger.UnknownError
	var field *ledger.FieldError
	if errors.As(err, &unknown) && strings.Contains(unknown.ID, "/") {
		return town.Fail(op, "bd show "+town.Clip(unknown.ID, 80)+" reads it; ask that Town to change it",
			"%w: %s belongs to another Town, if it exists, and cannot be changed here", town.ErrRefused, town.Clip(unknown.ID, 80))
	}
	switch {
	case errors.As(err, &unknown) && unknown.Deleted:
		next = "bd restore " + unknown.ID + " brings it back"
	case errors.Is(err, ledger.ErrUnknown):
		next = "bd list --all --limit 0 shows every bead, bd search TEXT finds some"
	case errors.Is(err, ledger.ErrAmbiguous):
		next = "give more of the id"
	case errors.Is(err, ledger.ErrExists):
		next = "give it another id; bd show ID and bd list --deleted tell what has this one"
	case errors.Is(err, ledger.ErrCycle):
		next = "bd dep tree ID shows what a bead waits for"
	case errors.Is(err, ledger.ErrRevision):
		next = "bd history ID --versions lists the commits that changed a bead"
	case errors.Is(err, ledger.ErrHeld):
		next = "close those first, or close it anyway with --force"
	case errors.Is(err, ledger.ErrClosed):
		next = "bd reopen ID opens it again"
	case errors.Is(err, ledger.ErrDiffers):
		next = "bd show ID shows how it is"
	case errors.Is(err, ledger.ErrTaken):
		next = "bd ready shows what is free"
	case errors.As(err, &field):
		next = "use one of: " + strings.Join(field.Known, ", ")
	}
	return town.Fail(op, next, "%w", eachOnItsLine(err))
}

// FailNext is Fail with a next step of the caller's.
func FailNext(op, next string, err error) error { return town.Fail(op, next, "%w", eachOnItsLine(err)) }

// eachOnItsLine puts the errors of a batch on lines of their own.
func eachOnItsLine(err error) error {
	var b *ledger.BatchError
	switch {
	case !errors.As(err, &b):
		return err
	case len(b.Entries) == 1 && b.Entries[0].Line == 0: // the operation names the bead already
		return b.Entries[0].Err
	}
	return fmt.Errorf("%s, and nothing was changed:\n%w", term.Plural(len(b.Entries), "error", "errors"), b)
}

// FailBatch is the error for a batch with faults that its text alone shows. It
// adds the faults that check finds in the ledger, in the order of the lines; check
// changes nothing. next replaces the usual next step; it may be "".
func FailBatch(ctx context.Context, call *shell.Call, op, next string, bad *ledger.BatchError, check func(*Ledger) error) error {
	err := Use(ctx, call, check)
	var more *ledger.BatchError
	switch {
	case errors.As(err, &more):
		all := slices.Concat(bad.Entries, more.Entries)
		slices.SortStableFunc(all, func(a, b ledger.Entry) int { return cmp.Compare(a.Line, b.Line) })
		bad = &ledger.BatchError{Entries: all}
	case err != nil:
		return town.Fail(op, town.Next(err), "%w\nthe other lines were not looked up: %v", eachOnItsLine(bad), err)
	}
	if next != "" {
		return town.Fail(op, next, "%w", eachOnItsLine(bad))
	}
	return Fail(op, bad)
}

// Names puts a few ids into a message; of many it gives the number.
func Names(ids []string) string {
	const most = 3
	if len(ids) > most {
		return fmt.Sprintf("%d beads", len(ids))
	}
	return town.Clip(strings.Join(ids, ", "), 200)
}
