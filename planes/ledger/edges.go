package ledger

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/town"
)

// edges is the value from which a list reads what its beads depend on: per bead an
// array of [target, type, time, author, metadata, thread].
const edges = "JSON_ARRAYAGG(JSON_ARRAY(t.depends_on_id, t.type, CAST(t.created_at AS CHAR), t.created_by, " +
	"CAST(COALESCE(t.metadata, '') AS CHAR), CAST(COALESCE(t.thread_id, '') AS CHAR)))"

// wantsEdges reports whether a list has to read links, not only count them.
func (f Fields) wantsEdges() bool { return f.hasAny("dependencies", "parent") }

// edgesTo scans edges to an item: its links, their number, and its parent.
type edgesTo struct {
	item *Item
	// keep says that the links themselves are wanted.
	keep bool
}

func (s edgesTo) Scan(v any) error {
	var text string
	if err := (textTo{&text}).Scan(v); err != nil || text == "" || text == "[]" {
		return err
	}
	var rows [][]string
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return fmt.Errorf("read the links of %s: %w", s.item.ID, err)
	}
	list := make([]town.Dependency, 0, len(rows))
	for _, r := range rows {
		d, err := edge(s.item.ID, r)
		if err != nil {
			return err
		}
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b town.Dependency) int { return strings.Compare(linkKey(a), linkKey(b)) })
	s.item.DependencyCount = len(list)
	for _, d := range list {
		if d.Type == town.DepParent {
			s.item.Parent = d.Target
			break
		}
	}
	if s.keep {
		s.item.Dependencies = list
	}
	return nil
}

// edge is one element of edges.
func edge(bead string, r []string) (town.Dependency, error) {
	const parts = 6
	if len(r) != parts {
		return town.Dependency{}, fmt.Errorf("a link of %s has %d parts", bead, len(r))
	}
	at, err := time.Parse("2006-01-02 15:04:05.999999", r[2])
	if err != nil {
		return town.Dependency{}, fmt.Errorf("a link of %s: %w", bead, err)
	}
	return town.Dependency{
		Bead: bead, Target: r[0], Type: town.DepType(r[1]), CreatedAt: at, CreatedBy: r[3], Metadata: r[4], Thread: r[5],
	}, nil
}
