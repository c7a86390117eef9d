package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gastown/town"
)

// maxWarnings is how many warnings an import lists. The others are counted.
const maxWarnings = 200

// maxStrange is how many unknown fields the warning about them names.
const maxStrange = 10

// reading collects the lines of an import.
type reading struct {
	*Lines
	opts  ImportOptions
	where map[string]int // the position in beads
	bad   batch

	// Unknown fields, the line of the first one, and how many lines have some.
	strange      []string
	strangeFirst int
	strangeLines int
}

// take takes one line.
func (r *reading) take(p *parsed) {
	b := p.bead
	switch {
	case errors.Is(p.err, errOtherLine):
		r.result.Other++
	case errors.Is(p.err, errMemoryLine):
		r.tell(p)
		if p.memory.Name != "" {
			r.memories = append(r.memories, lineMemory{p.memory, p.line})
		}
	case p.err != nil:
		r.refuse(p, p.err)
	case b.Status == tombstone:
		r.result.Deleted++
	case p.invalid != nil:
		if r.at[b.ID] == 0 {
			r.at[b.ID] = p.line // links to it do not lead to nothing
		}
		r.refuse(p, p.invalid)
	default:
		r.takeBead(p)
	}
}

// refuse records a line of which nothing can be made.
func (r *reading) refuse(p *parsed, err error) {
	if !r.opts.SkipInvalid || r.opts.Strict {
		r.bad.add(p.line-1, p.line, p.bead.ID, err)
		return
	}
	r.result.Invalid++
	r.warn(p, "left out: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
}

func (r *reading) takeBead(p *parsed) {
	b := p.bead
	if i, twice := r.where[b.ID]; twice {
		p.mended("line %d has this id too; the newer of the two is taken", r.at[b.ID])
		r.tell(p)
		// Of two without dates, or with the same, the later line is the newer one.
		other, older := r.beads[i], b.UpdatedAt.Before(r.beads[i].UpdatedAt)
		if older {
			b, other = other, b
		} else {
			r.at[b.ID], r.undated[b.ID] = p.line, p.undated
		}
		b.Comments = mergeComments(b.Comments, other.Comments)
		arrange(&b)
		r.beads[i] = b
		return
	}
	r.tell(p)
	r.where[b.ID], r.at[b.ID] = len(r.beads), p.line
	if p.undated {
		r.undated[b.ID] = true
	}
	r.beads = append(r.beads, b)
}

// tell lists what was mended; with Strict it is a fault.
func (r *reading) tell(p *parsed) {
	for _, odd := range p.odd {
		if r.opts.Strict {
			r.bad.add(p.line-1, p.line, p.bead.ID, fmt.Errorf("%w: %s", town.ErrBadBead, odd))
			continue
		}
		r.warn(p, "%s", odd)
	}
	if len(p.strange) == 0 {
		return
	}
	if r.opts.Strict {
		for _, name := range p.strange {
			r.bad.add(p.line-1, p.line, p.bead.ID, unknownField(name, slices.Concat(fieldNames(), foreign)))
		}
		return
	}
	if r.strangeLines++; r.strangeLines == 1 {
		r.strangeFirst = p.line
	}
	for _, name := range p.strange {
		if len(r.strange) <= maxStrange && !slices.Contains(r.strange, name) {
			r.strange = append(r.strange, name)
		}
	}
}

// tellStrange warns once of all unknown fields.
func (r *reading) tellStrange() {
	if r.strangeLines == 0 {
		return
	}
	names := make([]string, 0, len(r.strange))
	for _, name := range r.strange[:min(len(r.strange), maxStrange)] {
		names = append(names, town.Clip(name, 40))
	}
	if len(r.strange) > maxStrange {
		names = append(names, "and more")
	}
	what := fmt.Sprintf("%d lines have", r.strangeLines)
	if r.strangeLines == 1 {
		what = "it has"
	}
	r.result.warn("line %d: %s fields that this bd does not know: %s; they are kept and exported again", r.strangeFirst, what, strings.Join(names, ", "))
}

func (r *reading) warn(p *parsed, format string, args ...any) {
	where := fmt.Sprintf("line %d: ", p.line)
	if p.bead.ID != "" {
		where += town.Clip(p.bead.ID, 80) + ": "
	}
	r.result.warn("%s%s", where, fmt.Sprintf(format, args...))
}

func (r *ImportResult) warn(format string, args ...any) {
	if len(r.Warnings) == maxWarnings {
		r.more++
		return
	}
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

// endWarnings says how many warnings are not listed.
func (r *ImportResult) endWarnings() {
	if r.more > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("and %d more", r.more))
	}
}
