package town

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Sling says how a bead is to be worked on.
type Sling struct {
	// Preset is the agent program to start; "" is the rig's or the Town's own.
	Preset string `json:"agent,omitempty"`
	// Formula gives the bead its steps, with the values of Vars.
	Formula string            `json:"formula,omitempty"`
	Vars    map[string]string `json:"vars,omitempty"`
	// Message is handed to the agent beside the bead.
	Message string `json:"message,omitempty"`
	// UsePool takes a sandbox from the rig's pool. Parallel lets sessions start side
	// by side.
	UsePool  bool `json:"use_pool,omitempty"`
	Parallel bool `json:"parallel,omitempty"`
}

// stepLabel begins the label of the beads that are steps of a formula.
const stepLabel = "formula-"

// StepLabel is the label of the steps that a formula gives a bead.
func StepLabel(formula string) string { return stepLabel + formula }

// IsStep reports whether labels are those of a formula's step.
func IsStep(labels []string) bool {
	return slices.ContainsFunc(labels, func(l string) bool { return strings.HasPrefix(l, stepLabel) })
}

// ByChild compares ids of children of one bead by their numbers. Ids without one come
// last, in the order of their texts.
func ByChild(a, b string) int {
	number := func(id string) int {
		if _, n, ok := ParentID(id); ok {
			return n
		}
		return math.MaxInt
	}
	return cmp.Or(cmp.Compare(number(a), number(b)), strings.Compare(a, b))
}

// Limits of a Sling.
const (
	maxSlingVars = 64
	maxSlingVar  = 1 << 10  // bytes of a value
	maxMessage   = 16 << 10 // bytes
)

// Check reports whether every part is valid. Anything else is ErrUsage.
func (s Sling) Check() error {
	if s.Preset != "" {
		if err := CheckHandle("preset of an agent", s.Preset); err != nil {
			return err
		}
	}
	if s.Formula != "" {
		if err := CheckName(s.Formula); err != nil {
			return fmt.Errorf("%w: formula: %w", ErrUsage, err)
		}
	}
	if len(s.Vars) > maxSlingVars {
		return fmt.Errorf("%w: %d variables are more than %d", ErrUsage, len(s.Vars), maxSlingVars)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Vars)) {
		if err := CheckHandle("variable", name); err != nil {
			return err
		}
		if err := checkProse("the variable "+name, s.Vars[name], maxSlingVar); err != nil {
			return err
		}
	}
	return checkProse("the message", s.Message, maxMessage)
}

func checkProse(what, text string, most int) error {
	switch {
	case len(text) > most:
		return fmt.Errorf("%w: %s has %d bytes, more than %d", ErrUsage, what, len(text), most)
	case !utf8.ValidString(text):
		return fmt.Errorf("%w: %s is not UTF-8", ErrUsage, what)
	}
	return nil
}
