package ledger

import "gastown/town"

// Layout is a graph in layers of ids. A bead waits for beads of earlier layers only,
// unless beads wait for each other: those are in the last layer.
type Layout struct {
	Nodes    map[string]*Placed
	Layers   [][]string
	MaxLayer int
	RootID   string
}

// Placed is a bead in a Layout.
type Placed struct {
	Issue town.Bead
	// Layer and Position are its place, counted from 0.
	Layer, Position int
	// DependsOn are the beads of the graph that block it.
	DependsOn []string
}

// Layout puts each bead of the graph into the layer after those of all that block it.
func (g Graph) Layout() *Layout {
	l := &Layout{Nodes: map[string]*Placed{}, RootID: g.Root.ID}
	waits, needed := map[string]int{}, map[string][]string{}
	for _, b := range g.Issues {
		l.Nodes[b.ID] = &Placed{Issue: b, DependsOn: []string{}}
	}
	for _, d := range g.Dependencies {
		if d.Type == town.DepBlocks {
			l.Nodes[d.Bead].DependsOn = append(l.Nodes[d.Bead].DependsOn, d.Target)
			needed[d.Target] = append(needed[d.Target], d.Bead)
			waits[d.Bead]++
		}
	}
	left := map[string]bool{}
	var layer []string
	for _, b := range g.Issues {
		left[b.ID] = true
		if waits[b.ID] == 0 {
			layer = append(layer, b.ID)
		}
	}
	for len(layer) > 0 {
		var next []string
		for _, id := range layer {
			delete(left, id)
			for _, other := range needed[id] {
				if waits[other]--; waits[other] == 0 {
					next = append(next, other)
				}
			}
		}
		l.add(layer)
		layer = next
	}
	var circular []string
	for _, b := range g.Issues {
		if left[b.ID] {
			circular = append(circular, b.ID)
		}
	}
	if len(circular) > 0 {
		l.add(circular)
	}
	l.MaxLayer = len(l.Layers) - 1
	return l
}

// add adds a layer.
func (l *Layout) add(layer []string) {
	for position, id := range layer {
		l.Nodes[id].Layer, l.Nodes[id].Position = len(l.Layers), position
	}
	l.Layers = append(l.Layers, layer)
}
