package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

// traceEnv asks for the duration of each step and the number of SQL queries on
// standard error: for those who measure.
const traceEnv = "GT_TRACE"

// desk is the Town's ledger, open, for one command.
type desk struct {
	*ledger.Store
	*host.Host
}

// with opens the ledger of the Town for work, and closes it after. Of the
// errors of both it tells both.
func with(ctx context.Context, call *shell.Call, work func(*desk) error) (err error) {
	began := time.Now()
	h, leave, err := arrive(ctx, call, call.Town)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	n := patience(call, "bd waits for the ledger", 0)
	defer n.stop()
	s, release, err := h.Ledger(ctx, n.tell)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	opened := time.Now()
	err = work(&desk{s, h})
	if call.Getenv(traceEnv) != "" {
		fmt.Fprintf(call.Stderr, "trace open %d\ntrace work %d\ntrace queries %d\n",
			opened.Sub(began).Microseconds(), time.Since(opened).Microseconds(), s.Queries())
	}
	return err
}

// arrive finds the Town that here names and waits for a place to work in it.
func arrive(ctx context.Context, call *shell.Call, here string) (h *host.Host, leave func() error, err error) {
	t, err := shell.FindTown(call.Dir, here)
	if err != nil {
		return nil, nil, err
	}
	cfg, err := config.Load(t.Config())
	if err != nil {
		return nil, nil, err
	}
	cfg.In(call.Getenv)
	if leave, err = enter(ctx, call, t, cfg); err != nil {
		return nil, nil, err
	}
	return host.New(call, t, cfg), leave, nil
}

// rigOf is the project a working directory lies in, if its name can be one.
func rigOf(dir string, t layout.Town) string {
	rel, err := filepath.Rel(t.Root, dir)
	if err != nil || rel == "." || strings.HasPrefix(rel, "..") {
		return ""
	}
	first, _, _ := strings.Cut(rel, string(filepath.Separator))
	return first
}

// full calls fn with ids as they were written and, when that finds no such
// bead, once more with what they are short for. So full ids cost no query.
func (d *desk) full(ctx context.Context, refs []string, fn func(ids []string) error) error {
	err := fn(refs)
	if !errors.Is(err, ledger.ErrUnknown) {
		return err
	}
	ids, rerr := d.Resolve(ctx, refs)
	switch {
	case errors.Is(rerr, ledger.ErrAmbiguous):
		return rerr
	case rerr != nil:
		return err
	}
	return fn(ids)
}

// failed says what failed, on what, and the next step for what can be helped.
func failed(op string, err error) error {
	var known *town.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	next := ""
	var unknown *ledger.UnknownError
	var field *ledger.FieldError
	if errors.As(err, &unknown) && strings.Contains(unknown.ID, "/") {
		return town.Fail(op, "bd show reads it; ask that Town to change it",
			"%w: %s is another Town's, if anybody's, and cannot be changed here", town.ErrRefused, town.Clip(unknown.ID, 80))
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
	case errors.Is(err, ledger.ErrTaken):
		next = "bd ready shows what is free"
	case errors.As(err, &field):
		next = "use one of: " + strings.Join(field.Known, ", ")
	}
	return town.Fail(op, next, "%w", worded(err))
}

// worded puts the errors of a batch on lines of their own.
func worded(err error) error {
	var b *ledger.BatchError
	switch {
	case !errors.As(err, &b):
		return err
	case len(b.Entries) == 1 && b.Entries[0].Line == 0: // the operation names the bead already
		return b.Entries[0].Err
	}
	return fmt.Errorf("%s, and nothing was changed:\n%w", term.Plural(len(b.Entries), "error", "errors"), b)
}

// some words ids for a message.
func some(ids []string) string {
	const most = 3
	if len(ids) > most {
		return fmt.Sprintf("%d beads", len(ids))
	}
	return town.Clip(strings.Join(ids, ", "), 200)
}
