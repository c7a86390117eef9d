package mirror

import (
	"fmt"
	"slices"
	"strings"

	"gastown/town"
	"gastown/town/tracker"
)

// Selection says which beads get issues. An empty list selects all.
type Selection struct {
	// Types are types of beads; none means people's work.
	Types []town.BeadType
	// Labels: a bead has one of them. Prefixes: its id begins with one of them and a dash.
	Labels, Prefixes []string
}

// Takes reports whether a bead is selected. Beads that are no work never are.
func (s Selection) Takes(b town.Bead) bool {
	types := s.Types
	if len(types) == 0 {
		types = town.WorkTypes
	}
	has := func(list []string, fn func(string) bool) bool { return len(list) == 0 || slices.ContainsFunc(list, fn) }
	return !b.Ephemeral && !b.Template && !b.Pinned && slices.Contains(types, b.Type) &&
		has(s.Labels, func(l string) bool { return slices.Contains(b.Labels, l) }) &&
		has(s.Prefixes, func(p string) bool { return strings.HasPrefix(b.ID, p+"-") })
}

// draftOf is what is sent of a bead.
func draftOf(b town.Bead) tracker.Draft {
	parts := []string{tracker.Text(b.Description, tracker.MaxBody)}
	for _, s := range []struct{ title, text string }{{"Design", b.Design}, {"Acceptance criteria", b.AcceptanceCriteria}} {
		if text := tracker.Text(s.text, tracker.MaxBody); text != "" {
			parts = append(parts, "## "+s.title+"\n\n"+text)
		}
	}
	body := town.Clip(strings.Join(parts, "\n\n"), tracker.MaxBody-500)
	body = strings.TrimLeft(body+fmt.Sprintf("\n\nBead %s (%s, P%d)", b.ID, b.Type, b.Priority), "\n")
	title := tracker.Line(b.Title, tracker.MaxTitle)
	if title == "" {
		title = b.ID
	}
	return tracker.Draft{Title: title, Body: body}
}

// digest stands for a draft.
func digest(d tracker.Draft) string { return string(town.DigestOf("draft", d.Title, d.Body)) }

// commentText is what is sent of a comment.
func commentText(c town.Comment) string {
	return tracker.Text(c.Author, 100) + ":\n\n" + tracker.Text(c.Text, tracker.MaxComment)
}

// closingText is the comment about why a bead was closed; "" when there is nothing to say.
func closingText(b town.Bead) string {
	if reason := tracker.Text(b.CloseReason, tracker.MaxComment); reason != "" {
		return "Closed: " + reason
	}
	return ""
}

// leak says why a text does not leave, or "".
func (m *Mirror) leak(what string, fields map[string]string) string {
	found := m.run.scanner.Scan(fields)
	if len(found) == 0 {
		return ""
	}
	return fmt.Sprintf("%s is not sent: its %s looks like a secret (%s); remove it there, and make the secret invalid if others read it",
		what, found[0].Field, found[0].Rule)
}
