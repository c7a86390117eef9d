package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gastown/town"
	"gastown/town/durable"
	"gastown/town/layout"
)

// ignored are the paths that a Town's own Git repository must not track.
const ignored = "/.gt"

// Complete makes everything that a Town with a configuration is missing: access
// control, planes, files. It overwrites nothing. made lists what it made, for
// people. The caller holds the lock "install".
func (h *Host) Complete(ctx context.Context) (made []string, err error) {
	if _, err := os.Lstat(h.Layout.Access()); errors.Is(err, os.ErrNotExist) {
		if err := durable.WritePrivate(h.Layout.Access(), []byte(accessText(h.Actor))); err != nil {
			return made, err
		}
		made = append(made, "config/access.yaml")
	} else if err != nil {
		return made, err
	}
	planes, err := h.makePlanes(ctx)
	if err != nil {
		return made, err
	}
	for _, plane := range planes {
		made = append(made, "the "+plane+" plane")
	}
	_, err = os.Lstat(h.Layout.Index())
	if slices.Contains(planes, layout.Federation) || errors.Is(err, os.ErrNotExist) {
		// Writes the rows to files, and records files that already exist.
		recorded, err := h.Engine(EngineOptions{}).Commit(ctx, "")
		if err != nil {
			return made, err
		}
		for _, k := range recorded.Kept {
			made = append(made, k.Path()+" was left as it is")
		}
		for _, k := range recorded.Changing {
			made = append(made, k.Path()+" changed while it was read; gt federation commit takes it")
		}
		return made, nil
	}
	return made, err
}

// IgnorePrivate makes sure that Git does not track the Town's private directory.
// changed reports whether it changed .gitignore.
func IgnorePrivate(t layout.Town) (changed bool, err error) {
	path := filepath.Join(t.Root, ".gitignore")
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	text := string(data)
	for line := range strings.Lines(text) {
		// With a slash at the end the line would mean a directory, and not the link to
		// one.
		if strings.TrimPrefix(strings.TrimSpace(line), "/") == strings.TrimPrefix(ignored, "/") {
			return false, nil
		}
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return true, durable.WritePrivate(path, []byte(text+"# Private to gt: databases and caches.\n"+ignored+"\n"))
}

// accessText is the access control of a new Town.
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
