package install

import (
	"strings"

	"gastown/town"
)

// nameFrom derives a Town's name from the name of its directory.
func nameFrom(dir string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		default:
			return '-'
		}
	}, dir)
	name = strings.TrimLeft(name, "-._")
	name = strings.TrimRight(name[:min(len(name), 64)], "-._")
	if town.CheckName(name) != nil {
		return "town"
	}
	return name
}
