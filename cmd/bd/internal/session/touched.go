package session

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/town"
)

// A command that names no bead means the one that its author last made, showed or
// changed. Each author has a file of its own in the Town's private directory, which
// no other Town gets: with one file for all, an agent could close what another one
// has just made.

// Touch notes that the call's author works on a bead. A note that cannot be written
// is left out, since only convenience is lost.
func (l *Ledger) Touch(id string) {
	if id == "" || l.call.ReadOnly {
		return
	}
	path := touchedFile(l.Host)
	if last, err := os.ReadFile(path); err == nil && string(last) == id {
		return
	}
	if os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return
	}
	_, err = f.WriteString(id)
	if f.Close() != nil || err != nil || os.Rename(f.Name(), path) != nil {
		_ = os.Remove(f.Name())
	}
}

// Touch notes that the author of a reader's call works on a bead.
func Touch(r Reader, id string) {
	if l, ok := r.(*Ledger); ok {
		l.Touch(id)
	}
}

// Named returns the ids that a command was given or, if there are none, the one bead
// that its author last touched. None of ids is empty: shell.Program.Prepare refuses that.
func Named(call *shell.Call, verb string, ids []string) ([]string, error) {
	if len(ids) > 0 {
		return ids, nil
	}
	h, err := host.Open(call)
	if err != nil {
		return nil, err
	}
	last, err := os.ReadFile(touchedFile(h))
	id := strings.TrimSpace(string(last))
	if err != nil || id == "" {
		return nil, fmt.Errorf("%s: %w: which bead? %s has touched none here", verb, town.ErrUsage, h.Actor.Name)
	}
	call.Hint("%s %s, the bead that %s touched last", verb, id, h.Actor.Name)
	return []string{id}, nil
}

// touchedFile is the file with the bead that the host's author last touched.
func touchedFile(h *host.Host) string {
	sum := sha256.Sum256([]byte(h.Actor.Name))
	return filepath.Join(h.Layout.Touched(), hex.EncodeToString(sum[:8]))
}
