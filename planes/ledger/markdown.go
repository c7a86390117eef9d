package ledger

import (
	"fmt"
	"strings"

	"gastown/town"
)

// ReadMarkdown reads beads from Markdown. A heading of the second level begins a
// bead and is its title; the lines below it are its description. A heading of the
// third level begins a field: Priority, Type, Description, Design, Acceptance
// Criteria, Assignee, Labels or Dependencies. Labels and dependencies are separated
// by commas, spaces or lines. A dependency is ID or TYPE:ID. What stands under another
// heading of the third level belongs to the description. What stands before the first
// bead is ignored.
// The BatchError it returns lists every fault by its line.
func ReadMarkdown(text string) ([]NewBead, error) {
	m := markdown{}
	fence := ""
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		n++
		line = strings.TrimRight(line, "\r\n")
		title, isTitle := heading(line, "##")
		field, isField := heading(line, "###")
		switch mark := fenceMark(line); {
		case fence != "":
			if mark == fence {
				fence = ""
			}
			m.add(line)
		case isTitle:
			m.end()
			m.list = append(m.list, NewBead{Bead: town.Bead{Title: title}, NoPriority: true, Line: n})
		case isField:
			m.begin(field, n)
		default:
			fence = mark
			m.add(line)
		}
	}
	m.end()
	if len(m.list) == 0 {
		return nil, fmt.Errorf("%w: no line begins a bead: write ## and its title", town.ErrUsage)
	}
	return m.list, m.bad.err()
}

// heading returns the text of a heading of one level.
func heading(line, mark string) (text string, ok bool) {
	rest, ok := strings.CutPrefix(line, mark)
	if !ok || rest == "" || rest[0] != ' ' && rest[0] != '\t' {
		return "", false
	}
	text = strings.TrimSpace(rest)
	return text, text != ""
}

// fenceMark is what begins and ends a block of code, if the line does one of both.
func fenceMark(line string) string {
	for _, mark := range []string{"```", "~~~"} {
		if strings.HasPrefix(strings.TrimSpace(line), mark) {
			return mark
		}
	}
	return ""
}

// markdown is the state of ReadMarkdown.
type markdown struct {
	list  []NewBead
	bad   batch
	field string // of the lines that are being read; "" before the first one
	line  int    // where it begins
	lines []string
}

func (m *markdown) add(line string) { m.lines = append(m.lines, line) }

// begin begins a field of the present bead.
func (m *markdown) begin(field string, line int) {
	m.end()
	m.field, m.line = field, line
}

// end gives the present bead the field that was read.
func (m *markdown) end() {
	text := strings.TrimSpace(strings.Join(m.lines, "\n"))
	field := m.field
	m.field, m.lines = "", nil
	if len(m.list) == 0 {
		return
	}
	n := &m.list[len(m.list)-1]
	if text == "" {
		return
	}
	var err error
	switch strings.ToLower(field) {
	case "", "description":
		n.Description = paragraphs(n.Description, text)
	case "design":
		n.Design = text
	case "acceptance criteria", "acceptance":
		n.AcceptanceCriteria = text
	case "assignee":
		n.Assignee = text
	case "labels":
		n.Labels = items(text)
	case "type":
		n.Type, err = town.TypeWord(text)
	case "priority":
		n.NoPriority = false
		n.Priority, err = town.ParsePriority(text)
	case "dependencies", "deps":
		n.Dependencies, err = markdownLinks(items(text))
	default:
		n.Description = paragraphs(n.Description, "### "+field+"\n"+text)
	}
	m.bad.add(len(m.list)-1, m.line, "", err)
}

// paragraphs puts a text below another.
func paragraphs(above, text string) string {
	if above == "" {
		return text
	}
	return above + "\n\n" + text
}

// items are the words of a list; the marks of its lines are none.
func items(text string) (words []string) {
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' }) {
		if w != "-" && w != "*" {
			words = append(words, w)
		}
	}
	return words
}

// markdownLinks are the links of a bead to those it depends on.
func markdownLinks(words []string) (links []town.Dependency, err error) {
	for _, word := range words {
		d := town.Dependency{Target: word, Type: town.DepBlocks}
		if kind, id, ok := strings.Cut(word, ":"); ok && !External(word) {
			d.Target = id
			if kind != "blocked-by" && kind != "depends-on" {
				if d.Type, err = town.ParseDepType(kind); err != nil {
					return nil, err
				}
			}
		}
		links = append(links, d)
	}
	return links, nil
}
