package ledger

import (
	"context"
	"slices"

	"gastown/town"
)

// Graph is beads that links connect, with the links among them.
type Graph struct {
	// Root is the bead that stands for all of them.
	Root         town.Bead
	Issues       []town.Bead
	Dependencies []town.Dependency
}

// Graph returns what links connect with a bead, which is the root, in three queries.
// The id may be short. Only the named fields of the beads are read.
func (s *Store) Graph(ctx context.Context, ref string, fields Fields) (g Graph, err error) {
	ids, err := s.Resolve(ctx, []string{ref})
	if err != nil {
		return g, err
	}
	links, err := s.Links(ctx)
	if err != nil {
		return g, err
	}
	details, err := s.Existing(ctx, Connected(links, ids[0]), fields)
	if err != nil || len(details) == 0 {
		return g, err
	}
	for _, d := range details {
		g.Issues = append(g.Issues, d.Bead)
	}
	g.Root = g.Issues[0]
	g.Dependencies = Between(links, beadIDs(g.Issues))
	return g, nil
}

// OpenGraphs returns the beads that are not closed, divided into those that links
// connect, the largest graph first. It takes two queries. Only the named fields are read.
func (s *Store) OpenGraphs(ctx context.Context, fields Fields) ([]Graph, error) {
	beads := map[string]town.Bead{}
	var order []string
	open := Filter{Not: []town.Status{town.StatusClosed}, Fields: fields}
	err := s.List(ctx, open, func(i Item) error {
		beads[i.ID] = i.Bead
		order = append(order, i.ID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	links, err := s.Links(ctx)
	if err != nil {
		return nil, err
	}
	links = Between(links, order)
	graphs := []Graph{}
	group := map[string]int{}
	for _, ids := range Groups(links, order) {
		g := Graph{Dependencies: []town.Dependency{}}
		for _, id := range ids {
			group[id] = len(graphs)
			g.Issues = append(g.Issues, beads[id])
		}
		g.Root = rootOf(g.Issues)
		graphs = append(graphs, g)
	}
	for _, link := range links {
		g := &graphs[group[link.Bead]]
		g.Dependencies = append(g.Dependencies, link)
	}
	slices.SortStableFunc(graphs, func(a, b Graph) int { return len(b.Issues) - len(a.Issues) })
	return graphs, nil
}

// rootOf chooses the bead that stands for a group: an epic, else the most urgent.
func rootOf(beads []town.Bead) town.Bead {
	return slices.MinFunc(beads, func(a, b town.Bead) int {
		if epic := a.Type == town.TypeEpic; epic != (b.Type == town.TypeEpic) {
			if epic {
				return -1
			}
			return 1
		}
		return a.Priority - b.Priority
	})
}

func beadIDs(beads []town.Bead) (ids []string) {
	for _, b := range beads {
		ids = append(ids, b.ID)
	}
	return ids
}
