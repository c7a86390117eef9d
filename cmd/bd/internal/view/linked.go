package view

import (
	"fmt"
	"slices"

	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
)

// Linked shows the beads at the other ends of links with the fields that were read;
// nil means all. Of a bead that is not in this ledger only the id is known.
func Linked(list []ledger.Linked, fields ledger.Fields) []any {
	all := []any{}
	for _, l := range list {
		switch {
		case fields != nil:
			all = append(all, Pick(l, append(slices.Clone(fields), "dependency_type")))
		case l.Title == "":
			all = append(all, Pick(l, ledger.Fields{"dependency_type"}))
		default:
			all = append(all, l)
		}
	}
	return all
}

// Link prints the bead at the other end of a link.
func Link(p *term.Printer, l ledger.Linked) {
	if l.Title == "" {
		p.Line("  %s (%s, not in this ledger)", l.ID, l.Type)
		return
	}
	Bead(p, "  ", l.Bead, fmt.Sprintf(" (%s)", l.Type))
}
