package setup

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// body is what every agent is told. Everything else comes from bd prime, which knows
// the Town.
const body = `## Work is tracked with bd

Run ` + "`bd prime`" + ` before you begin, unless its text is above: it says who you are here, how work goes, and what the
Town remembers. In short:

- ` + "`bd ready`" + ` lists what can be taken up; ` + "`bd show ID`" + ` says all about one bead.
- ` + "`bd update ID --claim`" + ` before you begin, ` + "`bd close ID --reason \"TEXT\"`" + ` when it is done and tested.
- ` + "`bd create \"TITLE\" --deps discovered-from:ID`" + ` for what you find on the way. Keep no other lists of tasks.
`

// The section's first line names the agents it is for and a checksum of what follows,
// so that a change by a person is noticed.
var beginLine = regexp.MustCompile(`(?m)^<!-- BEGIN BD SETUP ([a-z ]+) ([0-9a-f]{12}): .*-->\r?\n`)

const (
	beginMark = "<!-- BEGIN BD SETUP "
	endMark   = "<!-- END BD SETUP -->\n"
)

func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:6])
}

// section is a text file in three parts. With no section in it, before is all of it.
type section struct {
	before, body, after string
	agents              []string
	found               bool
	sum                 string
}

// parseSection finds the section. It fails when what is there is not exactly one.
func parseSection(text string) (section, error) {
	begins, ends := strings.Count(text, beginMark), strings.Count(text, strings.TrimSpace(endMark))
	if begins == 0 && ends == 0 {
		return section{before: text}, nil
	}
	at := beginLine.FindStringSubmatchIndex(text)
	if begins != 1 || ends != 1 || at == nil {
		return section{}, fault("the lines that mark the section of bd setup do not form one pair")
	}
	rest := text[at[1]:]
	end := strings.Index(rest, strings.TrimSpace(endMark))
	if end < 0 || end > 0 && rest[end-1] != '\n' {
		return section{}, fault("the lines that mark the section of bd setup are not in order")
	}
	after := rest[end+len(strings.TrimSpace(endMark)):]
	after = strings.TrimPrefix(strings.TrimPrefix(after, "\r"), "\n")
	return section{
		before: text[:at[0]], body: rest[:end], after: after, found: true,
		agents: strings.Fields(text[at[2]:at[3]]), sum: text[at[4]:at[5]],
	}, nil
}

// state says how the section stands for an agent.
func (s section) state(name string) state {
	switch {
	case !s.found:
		return absent
	case sum(s.body) != s.sum:
		return changed
	case !slices.Contains(s.agents, name):
		return absent
	case s.body != body:
		return stale
	}
	return current
}

// with is the text with the section for one more agent, in the present words.
func (s section) with(name string) string {
	if !slices.Contains(s.agents, name) {
		s.agents = append(slices.Clone(s.agents), name)
		slices.Sort(s.agents)
	}
	if !s.found && s.before != "" {
		if !strings.HasSuffix(s.before, "\n") {
			s.before += "\n"
		}
		s.before += "\n"
	}
	return s.before + s.String() + s.after
}

// without is the text for one agent less; the section goes with the last one.
func (s section) without(name string) string {
	s.agents = slices.DeleteFunc(slices.Clone(s.agents), func(a string) bool { return a == name })
	if len(s.agents) > 0 {
		return s.before + s.String() + s.after
	}
	if s.after == "" {
		s.before = strings.TrimSuffix(s.before, "\n")
		if s.before != "" && !strings.HasSuffix(s.before, "\n") {
			s.before += "\n"
		}
	}
	return s.before + s.after
}

// String is the section itself.
func (s section) String() string {
	return fmt.Sprintf("%s%s %s: written by bd setup; bd setup AGENT --remove takes it out -->\n%s%s",
		beginMark, strings.Join(s.agents, " "), sum(body), body, endMark)
}
