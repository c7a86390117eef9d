package session

import (
	"bytes"
	"io"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
)

// defaultDeferred is how many bytes of a result are held in memory until the
// ledger is closed. A longer result is written while the ledger is open.
const defaultDeferred = 64 << 10

// Deferred runs read, which opens the ledger and prints to the call it is given,
// and writes what was printed after the ledger is closed. A pager or a slow pipe
// therefore does not make others wait for the ledger. After an error of read the
// part that is still held is not written. What goes to a terminal is not held.
func Deferred(call *shell.Call, read func(*shell.Call) error) error {
	if term.IsTerminal(call.Stdout) {
		return read(call)
	}
	out := &deferredWriter{to: call.Stdout, limit: defaultDeferred}
	if err := read(call.WithStdout(out)); err != nil {
		return err
	}
	return out.flush()
}

// deferredWriter holds what is written until flush, or until it is more than limit.
type deferredWriter struct {
	to    io.Writer
	held  bytes.Buffer
	limit int
	// direct says that nothing is held any more.
	direct bool
}

func (d *deferredWriter) Write(p []byte) (int, error) {
	if !d.direct && d.held.Len()+len(p) <= d.limit {
		return d.held.Write(p)
	}
	if err := d.flush(); err != nil {
		return 0, err
	}
	return d.to.Write(p)
}

// flush writes what is held; later writes go through.
func (d *deferredWriter) flush() error {
	d.direct = true
	_, err := d.held.WriteTo(d.to)
	d.held = bytes.Buffer{}
	return err
}
