package federation

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gastown/cmd/internal/term"
	"gastown/sync/federate"
	"gastown/sync/gitremote"
	"gastown/town"
)

// maxListed is how many names of one kind a preview lists.
const maxListed = 12

// preview is federate.Preview for printing.
type preview struct {
	Remote  string `json:"remote"`
	URL     string `json:"url"`
	Address string `json:"address"`
	// Refs is how the refs begin. Why is the reason when they are not the usual ones
	// because the server refuses those.
	Refs      string              `json:"refs"`
	Why       string              `json:"why,omitempty"`
	Store     string              `json:"store"`
	Documents map[string][]string `json:"documents"`
	// Former counts, by document, texts that leave although they are not in force.
	Former  map[string]int `json:"former"`
	Town    string         `json:"town"`
	TownID  string         `json:"town_id"`
	Commits int            `json:"commits"`
	Authors []string       `json:"authors"`
	Notes   []string       `json:"notes"`
	// Arrives counts the documents that a join brings.
	Arrives int `json:"arrives"`
}

func newPreview(p federate.Preview) *preview {
	out := &preview{
		Remote: p.Remote.Name, URL: p.Remote.URL, Address: p.Address, Refs: p.Remote.Space.Prefix(), Why: p.Why, Store: p.Store, Documents: map[string][]string{},
		Town: p.Member.Name, TownID: string(p.Member.ID), Commits: p.Commits, Authors: nonNil(p.Authors),
		Notes: nonNil(p.Notes), Arrives: p.Arrives,
	}
	for _, k := range town.Kinds {
		out.Documents[k.Dir()] = []string{}
	}
	out.Former = make(map[string]int, len(p.Former))
	for key, n := range p.Former {
		out.Former[key.String()] = n
	}
	for _, key := range p.Documents {
		out.Documents[key.Kind.Dir()] = append(out.Documents[key.Kind.Dir()], key.Name)
	}
	return out
}

func (out *preview) print(p *term.Printer) {
	p.Styled(term.Head, "This would leave the Town, for everyone who can read %s:", cmp.Or(out.Address, out.URL))
	if out.Address != "" && out.Address != out.URL {
		p.Line("  %-20s git's own configuration puts it in the place of %s", "address", out.URL)
	}
	out.printRefs(p)
	for _, k := range town.Kinds {
		names := out.Documents[k.Dir()]
		if len(names) == 0 {
			continue
		}
		p.Line("  %-20s %s", term.Plural(len(names), string(k), k.Dir()), clipped(names))
	}
	if len(out.Former) > 0 {
		texts, of := 0, make([]string, 0, len(out.Former))
		for _, name := range slices.Sorted(maps.Keys(out.Former)) {
			texts += out.Former[name]
			of = append(of, name+" ("+strconv.Itoa(out.Former[name])+")")
		}
		p.Line("  %-20s %s", term.Plural(texts, "former text", "former texts"), "superseded, removed or proposed: "+clipped(of))
	}
	p.Line("  %-20s %s (%s)", "registry entry", out.Town, out.TownID)
	p.Line("  %-20s %s", term.Plural(out.Commits, "commit", "commits"), "recorded under "+strings.Join(out.Authors, ", "))
	p.Line("  %-20s %s, as remote %s", "federation", out.Store, out.Remote)
	if out.Arrives > 0 {
		p.Line("In return %s, for the files in federation/.", term.Plural(out.Arrives, "document arrives", "documents arrive"))
	}
	if len(out.Notes) > 0 {
		p.Line("Where both sides have a document:")
		printNotes(p, out.Notes)
	}
}

// printRefs says which refs are used, if those are not the usual ones.
func (out *preview) printRefs(p *term.Printer) {
	if out.Refs != gitremote.SpaceDolt.Prefix() {
		p.Line("  %-20s %s, which everyone who clones the repository gets", "branches", strings.TrimPrefix(out.Refs, "refs/heads/")+"*")
	}
	if out.Why != "" {
		p.Line("  %-20s %s", "because", out.Why)
	}
}

// clipped joins names, and counts those beyond maxListed.
func clipped(names []string) string {
	if len(names) <= maxListed {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:maxListed], ", ") + ", and " + strconv.Itoa(len(names)-maxListed) + " more"
}

// names are keys in the form KIND/NAME.
func names(keys []town.Key) []string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = k.String()
	}
	return all
}
