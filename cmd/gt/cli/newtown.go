package cli

import (
	"fmt"
	"strings"

	"gastown/town"
)

// nameFrom makes a Town's name from a directory's.
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

// accessText is the access control a new Town begins with.
func accessText(admin town.Actor) string {
	return fmt.Sprintf(`# Who may do what in this Town.
#
# A permission is AREA:ACTION, and * stands for any. A restriction, no:PATTERN,
# beats every permission. For example:
#
#   - email: "contractor@example.com"
#     role: "developer"
#     permissions:
#       - "rig:read"
#       - "crew:*"
#     restrictions:
#       - "no:*polecat*"

users:
  - email: %q
    role: "admin"
    permissions:
      - "*"
`, admin.Email)
}
