package federation

import (
	"strconv"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/federation"
	"gastown/sync/federate"
	"gastown/town"
)

// maxChanges is how many documents or records a report names as text; JSON has up to
// 1,000 documents and all records.
const maxChanges = 20

// changes is federate.Changes for printing.
type changes struct {
	Added     int               `json:"added"`
	Changed   int               `json:"changed"`
	Removed   int               `json:"removed"`
	Documents []changedDocument `json:"documents"`
}

type changedDocument struct {
	Document string `json:"document"`
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	// State is "added", "changed" or "removed".
	State  string `json:"state"`
	Author string `json:"author,omitempty"`
	Town   string `json:"town,omitempty"`
	TownID string `json:"town_id,omitempty"`
	// Unrecorded says that a push records the edit first.
	Unrecorded bool `json:"unrecorded,omitempty"`
	by         string
}

func newChanges(c federate.Changes, unrecorded map[town.Key]bool) *changes {
	out := &changes{Added: c.Added, Changed: c.Changed, Removed: c.Removed, Documents: []changedDocument{}}
	for _, d := range c.List {
		out.Documents = append(out.Documents, changedDocument{
			Document: d.Key.String(), Kind: string(d.Kind), Name: d.Name, State: d.State,
			Author: d.Author, Town: c.Towns[d.Town], TownID: string(d.Town), Unrecorded: unrecorded[d.Key], by: c.By(d),
		})
	}
	return out
}

func (c *changes) total() int {
	if c == nil {
		return 0
	}
	return c.Added + c.Changed + c.Removed
}

// printBy names the documents and who changed them.
func (c *changes) printBy(p *term.Printer) { c.print(p, true) }

func (c *changes) print(p *term.Printer, by bool) {
	if c == nil {
		return
	}
	shown := min(len(c.Documents), maxChanges)
	for _, d := range c.Documents[:shown] {
		note := ""
		if by {
			note = d.by
		}
		if d.Unrecorded {
			note += " (not recorded yet)"
		}
		p.Line("  %-8s %s%s", d.State, d.Document, note)
	}
	printMore(p, c.total()-shown)
}

// printMore says that more are not named.
func printMore(p *term.Printer, more int) {
	if more > 0 {
		p.Line("  and %d more (--json names them)", more)
	}
}

// leaving is federate.Leaving for printing.
type leaving struct {
	Address   string   `json:"address"`
	Documents *changes `json:"documents"`
	// Refused is why a push would send nothing; Next what to do about it.
	Refused string `json:"refused,omitempty"`
	Next    string `json:"next,omitempty"`
}

func newLeaving(l *federate.Leaving) *leaving {
	if l == nil {
		return nil
	}
	out := &leaving{Address: l.Address, Documents: newChanges(l.Documents, l.Unrecorded)}
	if l.Refused != nil {
		out.Refused, out.Next = shell.Message(l.Refused), town.Next(l.Refused)
	}
	return out
}

// print says what would leave, and to where.
func (l *leaving) print(p *term.Printer, s *shared) {
	if l != nil && l.Refused != "" {
		p.Styled(term.Bad, "  a push would be refused: %s", l.Refused)
		p.Line("  next: %s", l.Next)
	}
	records := 0
	if s != nil {
		records = s.Put + s.Removed
	}
	if l == nil || l.Documents.total()+records == 0 {
		return
	}
	p.Line("  to %s, for everyone who can read it:", l.Address)
	l.Documents.print(p, false)
	if s == nil {
		return
	}
	shown := min(len(s.Records), maxChanges)
	for _, r := range s.Records[:shown] {
		note := ""
		if r.State != federation.Removed {
			note = ", " + strconv.Itoa(r.Fields) + " fields"
		}
		p.Line("  %-8s record %s%s", r.State, r.ID, note)
	}
	printMore(p, len(s.Records)-shown)
}
