package ledger

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"gastown/town"
)

// maxLine is the length limit of one line of an import, in bytes.
const maxLine = 16 << 20

// ImportOptions say what an import does with beads that exist.
type ImportOptions struct {
	// Force lets a line replace a bead that was changed here later.
	Force bool
	// KeepUnknown stores fields that this program does not know, instead of
	// refusing their lines.
	KeepUnknown bool
	// Revive restores beads that were deleted here; otherwise their lines are
	// skipped.
	Revive bool
	// DryRun checks and counts, and changes nothing.
	DryRun bool
}

// ImportResult counts the lines by what was done with them.
type ImportResult struct {
	Created   int `json:"created"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	// Older lines are of beads that were changed here after the export. Deleted
	// lines are of beads that were deleted here, or mark a deletion there.
	// Other lines are not about beads.
	Older   int `json:"older"`
	Deleted int `json:"deleted"`
	Other   int `json:"other"`
	// Warnings tell of links to beads that do not exist, and the like.
	Warnings []string `json:"warnings,omitempty"`
}

// errDryRun ends the transaction of a dry run.
var errDryRun = errors.New("dry run")

// Import reads an export, one JSON object a line, and creates or updates its
// beads, all or none, in one commit. The BatchError it returns lists every bad
// line: malformed JSON, an unknown field, an invalid value, a repeated id, a
// cycle.
//
// A line replaces an existing bead when the line is newer. When both have the
// same date, the line's fields and the links of both are stored. Comments are
// always added to. Equal beads are not written. Fields that other programs use
// are stored and exported again.
func (s *Store) Import(ctx context.Context, r io.Reader, opts ImportOptions) (ImportResult, error) {
	lines, err := ReadLines(r, opts.KeepUnknown)
	var bad, more *BatchError
	if errors.As(err, &bad) && errors.As(s.CheckLines(ctx, lines), &more) {
		err = (&batch{slices.Concat(bad.Entries, more.Entries)}).err()
	}
	if err != nil {
		return ImportResult{}, err
	}
	return s.ImportLines(ctx, lines, opts)
}

// Lines are the beads of an export, read and checked. They can be imported
// once.
type Lines struct {
	beads  []town.Bead
	at     map[string]int
	result ImportResult
}

// ReadLines is the part of Import that reads. With it, a caller need not have a
// ledger open while it waits for a pipe or a person. Beside a BatchError it
// returns the valid lines, for CheckLines.
func ReadLines(r io.Reader, keepUnknown bool) (*Lines, error) {
	var l Lines
	var err error
	l.beads, l.at, err = readLines(r, keepUnknown, &l.result)
	return &l, err
}

// ImportLines is the part of Import that writes.
func (s *Store) ImportLines(ctx context.Context, l *Lines, opts ImportOptions) (ImportResult, error) {
	var result ImportResult
	beads := l.beads
	err := s.write(ctx, fmt.Sprintf("import %d beads", len(beads)), func(q txn) error {
		result = l.result
		in := &importing{rows: s.change(), opts: opts, result: &result, lines: l.at}
		if err := in.run(ctx, q, beads); err != nil {
			return err
		}
		if opts.DryRun {
			return errDryRun
		}
		return in.store(ctx, q)
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return ImportResult{}, err
	}
	if !opts.DryRun {
		if _, err := s.MaybeGC(ctx); err != nil {
			result.Warnings = append(result.Warnings, fmt.Sprintf("imported, but the database was not compacted: %v", err))
		}
	}
	return result, nil
}

// CheckLines returns the error ImportLines would return, and changes nothing.
// The lines cannot be imported afterwards.
func (s *Store) CheckLines(ctx context.Context, l *Lines) error {
	if l == nil || len(l.beads) == 0 {
		return nil
	}
	_, err := s.ImportLines(ctx, l, ImportOptions{DryRun: true})
	return err
}

// readLines parses and checks every line, and maps each bead to its line
// number.
func readLines(r io.Reader, keep bool, result *ImportResult) ([]town.Bead, map[string]int, error) {
	var beads []town.Bead
	lines := map[string]int{}
	var bad batch
	took := func(p parsed) {
		b, n := p.bead, p.line
		switch {
		case errors.Is(p.err, errOtherLine):
			result.Other++
		case p.err != nil:
			bad.add(n-1, n, b.ID, p.err)
		case b.Status == tombstone:
			result.Deleted++
		case lines[b.ID] > 0:
			bad.add(n-1, n, b.ID, fmt.Errorf("%w: line %d has it too", ErrExists, lines[b.ID]))
		default:
			if p.unknown != "" {
				result.warn("line %d: %s: the status %q is unknown here; the bead is imported as open", n, town.Clip(b.ID, 80), p.unknown)
			}
			lines[b.ID] = n
			if p.invalid != nil {
				bad.add(n-1, n, b.ID, p.invalid)
				break
			}
			beads = append(beads, b)
		}
	}
	n, err := eachLine(r, keep, took)
	if errors.Is(err, bufio.ErrTooLong) {
		bad.add(n, n+1, "", fmt.Errorf("%w: the line is longer than %d bytes", town.ErrBadBead, maxLine))
	} else if err != nil {
		return nil, nil, fmt.Errorf("read the import after line %d: %w", n, err)
	}
	return beads, lines, bad.err()
}
