package about

import (
	"regexp"
	"strings"

	"gastown"
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

// changes are those of a version that concern people and programs who call bd.
type changes struct {
	Version string   `json:"version"`
	Date    string   `json:"date"`
	Changes []string `json:"changes"`
}

var (
	// newVersion is the heading of a version: "## 1.2.0 - 2026-01-31", or "## Unreleased".
	newVersion = regexp.MustCompile(`^## \[?([^\]\s]+)\]?(?: - (\S+))?$`)
	aboutBd    = regexp.MustCompile("`bd\\b")
	mdLink     = regexp.MustCompile(`\[([^\]]+)\]\([^)]+\)`)
)

// changesOfBd reads what a changelog says about bd, by version.
func changesOfBd(changelog string) (all []changes) {
	var entry string
	end := func() {
		if len(all) > 0 && aboutBd.MatchString(entry) {
			last := &all[len(all)-1]
			last.Changes = append(last.Changes, strings.ReplaceAll(mdLink.ReplaceAllString(entry, "$1"), "`", ""))
		}
		entry = ""
	}
	for l := range strings.Lines(changelog) {
		l = strings.TrimRight(l, "\r\n")
		switch m := newVersion.FindStringSubmatch(l); {
		case m != nil:
			end()
			all = append(all, changes{Version: m[1], Date: m[2], Changes: []string{}})
		case strings.HasPrefix(l, "- "):
			end()
			entry = l[2:]
		case entry != "" && strings.HasPrefix(l, "  "):
			entry += " " + strings.TrimSpace(l)
		default:
			end()
		}
	}
	end()
	return all
}

// showNews prints what is new. It reads nothing of the ledger.
func showNews(call *shell.Call) error {
	out := news{version.PublicLevel, version.Number, changesOfBd(gastown.Changelog)}
	for i, c := range out.Recent {
		if c.Version == "Unreleased" {
			out.Recent[i].Version = version.Number
		}
	}
	return call.Show(out, func(p *term.Printer) {
		for _, v := range out.Recent {
			p.Line("New in %s:", v.Version)
			for _, c := range v.Changes {
				p.Line("  - %s", c)
			}
		}
	})
}
