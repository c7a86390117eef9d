package prime

import (
	"fmt"
	"strings"

	"gastown/cmd/internal/primer"
	"gastown/town"
	"gastown/town/layout"
)

// Bounds of the text, in bytes. Agents pay for each word of it in every session.
const (
	maxText   = 4000
	maxRules  = 900
	maxMemory = 240
	maxNames  = 160
	maxTitle  = 80
)

// rulesTemplate is the template whose text is the Town's own rules for agents. It
// travels with the federation, as every template does.
const rulesTemplate = "prime.md"

// loop teaches the way of work and the commands. A test runs each command in it.
const loop = `
## The loop
1. Take up what is ready, one bead at a time.
2. Claim it before you begin. If the claim fails, another has it: take the next one.
3. Make a bead of what you find on the way; do not do it silently.
4. Close the bead with the reason when it is done and tested. Then look what is ready now.
Plans, findings and what is left to do stand in beads, not in files or lists of your own.

## Commands
    bd ready                                       # what can be taken up now
    bd show ID                                     # all about one bead
    bd update ID --claim                           # it is yours, and in progress
    bd create "TITLE" -t bug -p 1 -d "TEXT"        # priority 0 is the most urgent, 4 the least
    bd create "TITLE" --deps discovered-from:ID    # found while you worked on ID
    bd dep add ID OTHER                            # ID waits for OTHER
    bd note ID "TEXT"                              # append to its notes
    bd close ID --reason "TEXT"                    # done
    bd search "WORDS"                              # look before you create
    bd remember "TEXT"                             # tell all sessions to come
--json works everywhere; bd COMMAND --help has examples.
`

// text is everything, the vital lines first.
func (f facts) text(withMemories bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Work in this Town goes through bd\nYou are %s%s in the Town %s (%s). Your changes carry this name.\n",
		primer.Clip(f.Actor, maxTitle), f.rig(), primer.Clip(f.Town, maxTitle), primer.Clip(f.Path, maxNames))
	for _, h := range f.Held {
		fmt.Fprintf(&b, "You have begun %s: %s\n", h.ID, primer.Clip(h.Title, maxTitle))
	}
	if len(f.Held) > 0 {
		b.WriteString("Go on with that, or give it back: bd update ID --status open\n")
	}
	for _, m := range f.Missing {
		fmt.Fprintf(&b, "Not known now: %s\n", primer.Clip(m, maxMemory))
	}
	b.WriteString(loop)
	b.WriteString(f.rules())
	if withMemories {
		b.WriteString(f.memories(maxText - b.Len()))
	}
	return b.String()
}

func (f facts) rig() string {
	if f.Rig == "" {
		return ""
	}
	return ", in the rig " + primer.Clip(f.Rig, maxTitle) + ","
}

// rules names the Town's documents and gives its own text for agents.
func (f facts) rules() string {
	var b strings.Builder
	b.WriteString("\n## Rules of the Town\n")
	for _, k := range town.Kinds {
		if names := f.Documents[k.Dir()]; len(names) > 0 {
			fmt.Fprintf(&b, "- federation/%s/: %s\n", k.Dir(), primer.Clip(strings.Join(names, ", "), maxNames))
		}
	}
	b.WriteString("Read your role before you begin. Never touch .gt/ and .beads/.\n")
	if f.Rules != "" {
		fmt.Fprintf(&b, "%s\n", strings.TrimSpace(primer.Whole(f.Rules, maxRules, "federation/templates/"+rulesTemplate)))
	}
	return b.String()
}

// memories lists the newest ones, in at most so many bytes.
func (f facts) memories(room int) string {
	if len(f.Memories) == 0 {
		return ""
	}
	more := func(n int) string { return fmt.Sprintf("%d more: bd memories\n", n) }
	room -= len(more(len(f.Memories)))
	var b strings.Builder
	b.WriteString("\n## Memories\n")
	for i, m := range f.Memories {
		name := primer.Clip(m.Name, maxTitle)
		line := fmt.Sprintf("- %s: %s\n", name, primer.Clip(m.Text, maxMemory))
		if len(m.Text) > maxMemory {
			line = fmt.Sprintf("- %s: %s (clipped: bd recall %s)\n", name, primer.Clip(m.Text, maxMemory), name)
		}
		if b.Len()+len(line) > room {
			b.WriteString(more(len(f.Memories) - i))
			break
		}
		b.WriteString(line)
	}
	return b.String()
}

// readDocuments lists the Town's documents and reads its text for agents. It says
// what cannot be read.
func (f *facts) readDocuments(t layout.Town) {
	names, missing := primer.Documents(t, rulesTemplate)
	f.Documents, f.Missing = names, append(f.Missing, missing...)
	// A text that cannot be read is as good as none.
	f.Rules, _ = primer.Document(t, town.Key{Kind: town.KindTemplate, Name: rulesTemplate})
}
