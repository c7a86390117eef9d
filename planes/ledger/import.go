package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"gastown/town"
)

// maxLine is the length limit of one line of an import, in bytes.
const maxLine = 16 << 20

// ImportOptions say what an import does with beads that exist, and with lines
// that are not quite right.
type ImportOptions struct {
	// Force lets a line replace a bead that was changed here later.
	Force bool
	// Revive restores beads that were deleted here; otherwise their lines are
	// skipped.
	Revive bool
	// DryRun checks and counts, and changes nothing.
	DryRun bool
	// Strict refuses what is otherwise mended, and unknown fields.
	Strict bool
	// SkipInvalid leaves out lines that cannot be read or hold no valid bead,
	// instead of refusing the whole import.
	SkipInvalid bool
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
	// Memories counts the memories that are new or changed.
	Memories int `json:"memories"`
	// Invalid lines were left out, see ImportOptions.SkipInvalid.
	Invalid int `json:"invalid"`
	// Warnings tell by line of what was mended, of links to beads that do not
	// exist, and the like. After the first maxWarnings one says how many more
	// there are.
	Warnings []string `json:"warnings,omitempty"`

	more int // warnings that are not listed
}

// errDryRun ends the transaction of a dry run.
var errDryRun = errors.New("dry run")

// Import reads an export, one JSON object a line, and creates or updates its
// beads and memories, all or none, in one commit. What can be mended is mended and
// listed among the warnings. The BatchError it returns lists every bad line:
// malformed JSON or an invalid value.
//
// A line replaces an existing bead when the line is newer. When both have the
// same date, the line's fields and the links of both are stored. A line without
// dates counts as older. Comments are always added to. Equal beads are not
// written. Fields that other programs use are stored and exported again.
func (s *Store) Import(ctx context.Context, r io.Reader, opts ImportOptions) (ImportResult, error) {
	lines, err := ReadLines(r, opts)
	var bad, more *BatchError
	if errors.As(err, &bad) && errors.As(s.CheckLines(ctx, lines, opts), &more) {
		err = (&batch{slices.Concat(bad.Entries, more.Entries)}).err()
	}
	if err != nil {
		return ImportResult{}, err
	}
	return s.ImportLines(ctx, lines, opts)
}

// Lines are the beads and memories of an export, read and checked. They can be
// imported once.
type Lines struct {
	beads    []town.Bead
	at       map[string]int  // the line of each bead
	undated  map[string]bool // beads whose lines have no dates
	memories []lineMemory
	result   ImportResult
}

// ReadLines is the part of Import that reads. With it, a caller need not have a
// ledger open while it waits for a pipe or a person. Beside a BatchError it
// returns the valid lines, for CheckLines.
func ReadLines(r io.Reader, opts ImportOptions) (*Lines, error) {
	read := reading{opts: opts, Lines: &Lines{at: map[string]int{}, undated: map[string]bool{}}, where: map[string]int{}}
	n, err := eachLine(r, read.take)
	if err != nil {
		return nil, fmt.Errorf("read the import after line %d: %w", n, err)
	}
	read.tellStrange()
	return read.Lines, read.bad.err()
}

// ImportLines is the part of Import that writes.
func (s *Store) ImportLines(ctx context.Context, l *Lines, opts ImportOptions) (ImportResult, error) {
	var result ImportResult
	beads := l.beads
	err := s.write(ctx, fmt.Sprintf("import %d beads", len(beads)), func(q txn) error {
		result = l.result
		result.Warnings = slices.Clone(result.Warnings)
		in := &importing{rows: s.change(), opts: opts, result: &result, lines: l.at, undated: l.undated}
		if err := in.run(ctx, q, beads); err != nil {
			return err
		}
		if err := in.remember(ctx, q, l.memories); err != nil {
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
	result.endWarnings()
	if !opts.DryRun {
		if _, err := s.MaybeGC(ctx); err != nil {
			result.Warnings = append(result.Warnings, fmt.Sprintf("imported, but the database was not compacted: %v", err))
		}
	}
	return result, nil
}

// CheckLines returns the error ImportLines would return, and changes nothing.
// The lines cannot be imported afterwards.
func (s *Store) CheckLines(ctx context.Context, l *Lines, opts ImportOptions) error {
	if l == nil || len(l.beads) == 0 {
		return nil
	}
	opts.DryRun = true
	_, err := s.ImportLines(ctx, l, opts)
	return err
}
