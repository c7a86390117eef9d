package ledger

import (
	"slices"
	"time"

	"gastown/town"
)

// Detail is a bead with everything that belongs to it.
type Detail struct {
	Item
	// Dependencies are the beads it depends on, Dependents the beads that
	// depend on it, both sorted by id and type. Of a bead in another ledger
	// only the id is known.
	Dependencies []Linked `json:"dependencies,omitempty"`
	Dependents   []Linked `json:"dependents,omitempty"`
}

// Linked is a bead at the other end of a link.
type Linked struct {
	town.Bead
	Type town.DepType `json:"dependency_type"`
	// LinkedAt and LinkedBy say when and by whom the link was made.
	LinkedAt time.Time `json:"-"`
	LinkedBy string    `json:"-"`
	// LinkMetadata and Thread are those of the link.
	LinkMetadata string `json:"dependency_metadata,omitempty"`
	Thread       string `json:"thread_id,omitempty"`
}

func (d Detail) clone() Detail {
	d.Item = d.Item.clone()
	d.Dependencies = slices.Clone(d.Dependencies)
	d.Dependents = slices.Clone(d.Dependents)
	for i := range d.Dependencies {
		d.Dependencies[i].Bead = d.Dependencies[i].Bead.Clone()
	}
	for i := range d.Dependents {
		d.Dependents[i].Bead = d.Dependents[i].Bead.Clone()
	}
	return d
}
