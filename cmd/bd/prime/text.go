package prime

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gastown/cmd/internal/term"
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
		clip(f.Actor, maxTitle), f.rig(), clip(f.Town, maxTitle), clip(f.Path, maxNames))
	for _, h := range f.Held {
		fmt.Fprintf(&b, "You have begun %s: %s\n", h.ID, clip(h.Title, maxTitle))
	}
	if len(f.Held) > 0 {
		b.WriteString("Go on with that, or give it back: bd update ID --status open\n")
	}
	for _, m := range f.Missing {
		fmt.Fprintf(&b, "Not known now: %s\n", clip(m, maxMemory))
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
	return ", in the rig " + clip(f.Rig, maxTitle) + ","
}

// rules names the Town's documents and gives its own text for agents.
func (f facts) rules() string {
	var b strings.Builder
	b.WriteString("\n## Rules of the Town\n")
	for _, k := range town.Kinds {
		if names := f.Documents[k.Dir()]; len(names) > 0 {
			fmt.Fprintf(&b, "- federation/%s/: %s\n", k.Dir(), clip(strings.Join(names, ", "), maxNames))
		}
	}
	b.WriteString("Read your role before you begin. Never touch .gt/ and .beads/.\n")
	if f.Rules != "" {
		fmt.Fprintf(&b, "%s\n", strings.TrimSpace(whole(f.Rules, maxRules, "federation/templates/"+rulesTemplate)))
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
		name := clip(m.Name, maxTitle)
		line := fmt.Sprintf("- %s: %s\n", name, clip(m.Text, maxMemory))
		if len(m.Text) > maxMemory {
			line = fmt.Sprintf("- %s: %s (clipped: bd recall %s)\n", name, clip(m.Text, maxMemory), name)
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
	for _, k := range town.Kinds {
		entries, err := os.ReadDir(filepath.Join(t.Files(), k.Dir()))
		if err != nil {
			if !os.IsNotExist(err) {
				f.Missing = append(f.Missing, k.Dir()+": "+err.Error())
			}
			continue
		}
		for _, e := range entries {
			key, err := town.ParsePath(k.Dir() + "/" + e.Name())
			if err == nil && e.Type().IsRegular() && e.Name() != rulesTemplate {
				f.Documents[k.Dir()] = append(f.Documents[k.Dir()], key.Name)
			}
		}
	}
	path := filepath.Join(t.Files(), town.KindTemplate.Dir(), rulesTemplate)
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > town.MaxDocumentBytes {
		return
	}
	if text, err := os.ReadFile(path); err == nil {
		f.Rules = string(text)
	}
}

// clip is text on one line, shortened to about n bytes.
func clip(text string, n int) string {
	return term.Clean(town.Clip(strings.Join(strings.Fields(text), " "), n))
}

// whole is text of several lines in at most n bytes. where has all of it.
func whole(text string, n int, where string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = term.Clean(strings.TrimRight(line, "\r\n"))
		if b.Len()+len(line) >= n {
			fmt.Fprintf(&b, "%s\n(clipped: %s has the rest)", town.Clip(line, n-b.Len()), where)
			break
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}
