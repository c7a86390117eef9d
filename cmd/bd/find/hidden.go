package find

import (
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"gastown/planes/ledger"
	"gastown/town"
)

// hidden says which beads bd list leaves out: what programs keep among the beads, and
// is no work of people. The zero value leaves nothing out.
type hidden struct {
	on                      bool
	gates, infra, templates bool // that are listed all the same
}

// gateType is the type of beads that hold others up until something happens, and
// infraTypes are those of agents and their mail.
const gateType = town.BeadType("gate")

var infraTypes = []town.BeadType{"agent", "role", "message"}

func (h *hidden) flags(c *kingpin.CmdClause) {
	h.on = true
	c.Flag("include-gates", "Gates too.").BoolVar(&h.gates)
	c.Flag("include-infra", "Beads of agents too, and messages and short-lived beads.").BoolVar(&h.infra)
	c.Flag("include-templates", "Templates too.").BoolVar(&h.templates)
}

// hide narrows a filter. What its flags name by type or id is listed.
func (h hidden) hide(f *ledger.Filter) {
	if !h.on || len(f.IDs) > 0 {
		return
	}
	named := func(t town.BeadType) bool { return slices.Contains(f.Types, t) }
	f.NotTypes = slices.Clone(f.NotTypes)
	if !h.gates && !named(gateType) {
		f.NotTypes = append(f.NotTypes, gateType)
	}
	if !h.infra && !slices.ContainsFunc(infraTypes, named) {
		f.NotTypes = append(f.NotTypes, infraTypes...)
		if f.Ephemeral == nil {
			f.Ephemeral = new(bool)
		}
	}
	f.NoTemplates = !h.templates
}
