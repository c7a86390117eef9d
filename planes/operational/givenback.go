package operational

import (
	"fmt"
	"strings"

	"gastown/town"
)

// maxGivenBack bounds what is said about a request that was given back, in bytes.
const maxGivenBack = 8 << 10

// GivenBack says on a bead why its request was given back, and what helps. by is who did
// that. The text is "" for a request that was not. It depends on the decided row alone, so
// whoever says it says the same.
func (m MergeRequest) GivenBack() (by, text string) {
	d := m.Detail
	lines := []string{fmt.Sprintf("Merge request %d (%s at %.12s) was given back: %s.", m.Epoch, m.Branch, m.Head, strings.TrimRight(m.Result, "."))}
	switch m.State {
	case MergeConflicted:
		for _, f := range d.Files {
			lines = append(lines, "conflict: "+f)
		}
		for _, c := range d.Others {
			lines = append(lines, "on "+m.Target+": "+c)
		}
		lines = append(lines, fmt.Sprintf("Bring the branch up to date with %s and hand it in again. Its commits are kept: git fetch origin %s", m.Target, m.Branch))
	case MergeFailed:
		lines = append(lines, fmt.Sprintf("command: %s", strings.Join(d.Command, " ")),
			fmt.Sprintf("tested: %.12s, which is %.12s merged onto %s at %.12s", d.Tested, m.Head, m.Target, d.Tip),
			fmt.Sprintf("log: gt refinery log %d", m.Epoch))
	case MergeRejected:
	default:
		return "", ""
	}
	if by = d.By; by == "" {
		by = m.Agent.Rig + "/refinery"
	}
	return by, town.Clip(strings.Join(lines, "\n"), maxGivenBack)
}
