package config

import (
	"cmp"
	"slices"
	"strings"

	"gastown/town"
)

// maxNearest is how many names an error suggests; maxCompared the longest word,
// in bytes, for which any are sought.
const (
	maxNearest  = 3
	maxCompared = 64
)

// nearest returns the settings a misspelt name may have meant, best first.
func nearest(name string) []string {
	name = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(name), "-", "_"))
	if len(name) < 2 || len(name) > maxCompared {
		return nil
	}
	type candidate struct {
		name     string
		distance int
	}
	var found []candidate
	for _, k := range keys {
		d := town.Distance(name, k.Name)
		switch _, last, _ := strings.Cut(k.Name, "."); {
		case d <= 2+len(name)/6:
		case last == name: // the section was left out
			d = 1
		case strings.HasPrefix(k.Name, name+"."): // only the section was named
		default:
			continue
		}
		found = append(found, candidate{k.Name, d})
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var names []string
	for _, f := range found[:min(maxNearest, len(found))] {
		names = append(names, f.name)
	}
	return names
}
