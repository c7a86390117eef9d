package about

import (
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/cmd/internal/version"
)

// news is what bd info --whats-new prints.
type news struct {
	Current string    `json:"current_version"`
	Own     string    `json:"own_version"`
	Recent  []changes `json:"recent_changes"`
}

// changes are those of a version that matter to people and programs that call bd.
type changes struct {
	Version string   `json:"version"`
	Date    string   `json:"date"`
	Changes []string `json:"changes"`
}

// recent are the versions, the newest first. CHANGELOG.md has the whole list.
var recent = []changes{{
	version.Number, "", []string{
		"bd reads arguments as the public bd does, and ends with 1 after wrong usage.",
		"close refuses a bead that waits for open ones or has open children; --force closes it.",
		"ready --claim takes up the first bead that is ready.",
		"create --deps blocks:ID makes ID wait for the new bead.",
		"remember, memories, recall and forget keep facts for every session; prime shows them.",
		"import mends what is odd and lists it by line; --strict refuses the file instead.",
		"Custom statuses and types are settings: status.custom and types.custom.",
	},
}}

// showNews prints what is new. It reads nothing of the ledger.
func showNews(call *shell.Call) error {
	out := news{version.PublicLevel, version.Number, recent}
	return call.Show(out, func(p *term.Printer) {
		for _, v := range out.Recent {
			p.Line("New in %s:", v.Version)
			for _, c := range v.Changes {
				p.Line("  - %s", c)
			}
		}
	})
}
