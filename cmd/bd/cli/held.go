package cli

import (
	"bytes"
	"context"
	"io"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
)

// defaultHeld is how many bytes of a result wait in memory for the ledger to be
// closed. A longer one goes on while it is open.
const defaultHeld = 64 << 20

// held is with for commands that print as they read; see later.
func held(ctx context.Context, call *shell.Call, work func(*shell.Call, *desk) error) error {
	return later(call, func(call *shell.Call) error {
		return with(ctx, call, func(d *desk) error { return work(call, d) })
	})
}

// later writes what read prints after it has closed the ledger, for the pager or
// the pipe behind it may take its time and keep others waiting. What was to be
// printed before an error is not. A terminal takes what it is given, and is left
// to its printers.
func later(call *shell.Call, read func(*shell.Call) error) error {
	if term.IsTerminal(call.Stdout) {
		return read(call)
	}
	out := &holder{to: call.Stdout, most: defaultHeld}
	if err := read(call.WithStdout(out)); err != nil {
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
