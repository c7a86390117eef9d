package cli

import (
	"bytes"
	"context"
	"io"

	"gastown/cmd/internal/term"
)

// defaultHeld is how many bytes of a result wait in memory for the ledger to be
// closed. A longer one goes on while it is open.
const defaultHeld = 64 << 20

// held is with for commands that print as they read; see later.
func (a *App) held(ctx context.Context, work func(*desk) error) error {
	return a.later(func() error { return a.with(ctx, work) })
}

// later writes what read prints after it has closed the ledger, for the pager or
// the pipe behind it may take its time and keep others waiting. What was to be
// printed before an error is not. A terminal takes what it is given, and is left
// to its printers.
func (a *App) later(read func() error) error {
	if term.IsTerminal(a.Stdout) {
		return read()
	}
	out := &holder{to: a.Stdout, most: defaultHeld}
	a.Stdout = out
	err := read()
	a.Stdout = out.to
	if err != nil {
		return err
	}
	return out.flush()
}

// holder keeps what is written until flush, or until it is too much.
type holder struct {
	to   io.Writer
	kept bytes.Buffer
	most int
	// over says that no more is kept.
	over bool
}

func (h *holder) Write(p []byte) (int, error) {
	if !h.over && h.kept.Len()+len(p) <= h.most {
		return h.kept.Write(p)
	}
	if err := h.flush(); err != nil {
		return 0, err
	}
	return h.to.Write(p)
}

// flush writes what was kept; later writes go through.
func (h *holder) flush() error {
	h.over = true
	_, err := h.kept.WriteTo(h.to)
	h.kept = bytes.Buffer{}
	return err
}
