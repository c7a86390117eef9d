package ledger

import (
	"strings"

	"gastown/town"
)

// What the texts of a bead are expected to have, as headings.
const (
	lacksSteps      = "## Steps to Reproduce"
	lacksAcceptance = "## Acceptance Criteria"
	lacksSuccess    = "## Success Criteria"
)

// expected are the headings for each type.
var expected = map[town.BeadType][]string{
	town.TypeBug: {lacksSteps, lacksAcceptance}, town.TypeTask: {lacksAcceptance}, town.TypeFeature: {lacksAcceptance}, town.TypeEpic: {lacksSuccess},
}

// Lacks lists the headings that the bead's type should have and its description does
// not. Acceptance criteria also serve an epic, and a field of their own any type.
func Lacks(b town.Bead) (missing []string) {
	text := strings.ToLower(b.Description)
	has := func(heading string) bool {
		return strings.Contains(text, strings.ToLower(strings.TrimPrefix(heading, "## ")))
	}
	for _, heading := range expected[b.Type] {
		criteria := heading != lacksSteps && (strings.TrimSpace(b.AcceptanceCriteria) != "" || has(lacksAcceptance))
		if !criteria && !has(heading) {
			missing = append(missing, heading)
		}
	}
	return missing
}
