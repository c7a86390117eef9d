package cli

import (
	"strconv"
	"strings"

	"gastown/sync/federate"
	"gastown/town"
)

// maxListed is how many names of one kind a preview spells out.
const maxListed = 12

// preview is federate.Preview for printing.
type preview struct {
	Remote    string              `json:"remote"`
	URL       string              `json:"url"`
	Store     string              `json:"store"`
	Documents map[string][]string `json:"documents"`
	Town      string              `json:"town"`
	TownID    string              `json:"town_id"`
	Commits   int                 `json:"commits"`
	Authors   []string            `json:"authors"`
	Notes     []string            `json:"notes"`
	// Arrives counts the documents a join brings.
	Arrives int `json:"arrives"`
}

func newPreview(p federate.Preview) *preview {
	out := &preview{
		Remote: p.Remote.Name, URL: p.Remote.URL, Store: p.Store, Documents: map[string][]string{},
		Town: p.Member.Name, TownID: string(p.Member.ID), Commits: p.Commits, Authors: list(p.Authors),
		Notes: list(p.Notes), Arrives: p.Arrives,
	}
	for _, k := range town.Kinds {
		out.Documents[k.Dir()] = []string{}
	}
	for _, key := range p.Documents {
		out.Documents[key.Kind.Dir()] = append(out.Documents[key.Kind.Dir()], key.Name)
	}
	return out
}

func (out *preview) say(p *printer) {
	p.styled(styleHead, "This would leave the Town, for everyone who can read %s:", out.URL)
	for _, k := range town.Kinds {
		names := out.Documents[k.Dir()]
		if len(names) == 0 {
			continue
		}
		shown, more := names, ""
		if len(names) > maxListed {
			shown, more = names[:maxListed], ", and "+strconv.Itoa(len(names)-maxListed)+" more"
		}
		p.line("  %-20s %s%s", plural(len(names), string(k), k.Dir()), strings.Join(shown, ", "), more)
	}
	p.line("  %-20s %s (%s)", "registry entry", out.Town, out.TownID)
	p.line("  %-20s %s", plural(out.Commits, "commit", "commits"), "recorded under "+strings.Join(out.Authors, ", "))
	p.line("  %-20s %s, as remote %s", "federation", out.Store, out.Remote)
	if out.Arrives > 0 {
		p.line("In return %s, for the files in federation/.", plural(out.Arrives, "document arrives", "documents arrive"))
	}
	if len(out.Notes) > 0 {
		p.line("Where both sides have a document:")
		sayNotes(p, out.Notes)
	}
}

// names words keys.
func names(keys []town.Key) []string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = k.String()
	}
	return all
}
