package find

import (
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"gastown/planes/ledger"
	"gastown/town"
)

// hidden leaves beads out of bd list that programs keep there and that are no work of
// people. The zero value leaves nothing out.
type hidden struct {
	on                      bool
	gates, infra, templates bool // what is listed nevertheless
}

func (h *hidden) flags(c *kingpin.CmdClause) {
	h.on = true
	c.Flag("include-gates", "Gates too.").BoolVar(&h.gates)
	c.Flag("include-infra", "Beads of agents too, and messages and short-lived beads.").BoolVar(&h.infra)
	c.Flag("include-templates", "Templates too.").BoolVar(&h.templates)
}

// hide narrows a filter. It leaves out no type and no id that the filter names.
func (h hidden) hide(f *ledger.Filter) {
	if !h.on || len(f.IDs) > 0 {
		return
	}
	named := func(t town.BeadType) bool { return slices.Contains(f.Types, t) }
	f.NotTypes = slices.Clone(f.NotTypes)
	if !h.gates && !named(ledger.GateType) {
		f.NotTypes = append(f.NotTypes, ledger.GateType)
	}
	if !h.infra && !slices.ContainsFunc(ledger.InfraTypes, named) {
		f.NotTypes = append(f.NotTypes, ledger.InfraTypes...)
		if f.Ephemeral == nil {
			f.Ephemeral = new(bool)
		}
	}
	f.NoTemplates = !h.templates
}
