package about

import (
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/cmd/internal/version"
)

// news is what bd info --whats-new prints. Programs expect the list; what changed is
// told by a document, not by the program.
type news struct {
	Current string   `json:"current_version"`
	Own     string   `json:"own_version"`
	Recent  []string `json:"recent_changes"`
}

// showNews says which version this is and where its changes are told. It reads nothing
// of the ledger.
func showNews(call *shell.Call) error {
	out := news{version.PublicLevel, version.Number, []string{}}
	return call.Show(out, func(p *term.Printer) {
		p.Line("gt %s, which speaks the language of bd %s", out.Own, out.Current)
		p.Line("What is new: CHANGELOG.md, beside the README of this version")
	})
}
