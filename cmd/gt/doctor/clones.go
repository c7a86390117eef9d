package doctor

import (
	"context"
	"strings"

	"gastown/cmd/internal/term"
)

// clones finds settings in the clones of rigs that gt's git does not read and others do.
func (d *doctor) clones(ctx context.Context) (found []finding, err error) {
	rigs, err := d.host.SomeRigs("")
	if err != nil {
		return nil, err
	}
	for _, r := range rigs {
		planted, err := r.Planted(ctx)
		if err != nil {
			return found, err
		}
		for _, p := range planted {
			keys := strings.Join(p.Keys[:min(len(p.Keys), maxShown)], ", ")
			found = append(found, finding{
				Severity: warning, What: p.File + " sets " + keys + " (" + term.Plural(len(p.Keys), "setting", "settings") + " of this kind)",
				Why:  "it names programs, files or places for git; whoever works in the clone may have set it. gt's own git does not read it, but yours does there",
				Next: "look at it: git config --file " + p.File + " --list, and unset what you did not set",
			})
		}
	}
	return found, nil
}
