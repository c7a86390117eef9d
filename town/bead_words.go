package town

import (
	"fmt"
	"slices"
	"strings"
)

// Status says where a bead stands.
type Status string

// The states of a bead.
const (
	StatusOpen       Status = "open"
	StatusInProgress Status = "in_progress"
	StatusBlocked    Status = "blocked"
	StatusDeferred   Status = "deferred" // put aside on purpose
	StatusClosed     Status = "closed"
	StatusPinned     Status = "pinned" // a standing note, never ready work
	StatusHooked     Status = "hooked" // on an agent's hook
)

// Statuses lists every status in the order people are shown them.
var Statuses = []Status{
	StatusOpen, StatusInProgress, StatusHooked, StatusBlocked, StatusDeferred, StatusPinned, StatusClosed,
}

// ParseStatus accepts a status, with a dash or an underscore between words.
func ParseStatus(s string) (Status, error) {
	return parseWord("status", s, Statuses)
}

// BeadType says what kind of work a bead is.
type BeadType string

// The usual types of a bead.
const (
	TypeTask    BeadType = "task"
	TypeBug     BeadType = "bug"
	TypeFeature BeadType = "feature"
	TypeEpic    BeadType = "epic"
	TypeChore   BeadType = "chore"
)

// BeadTypes lists the types people may give a bead. An import may bring others.
var BeadTypes = []BeadType{
	TypeTask, TypeBug, TypeFeature, TypeEpic, TypeChore, "decision", "spike", "story", "milestone",
	"message", "merge-request", "molecule", "gate", "agent", "role", "convoy", "event",
}

// ParseBeadType accepts one of BeadTypes.
func ParseBeadType(s string) (BeadType, error) {
	return parseWord("type", s, BeadTypes)
}

// DepType says how one bead is linked to another.
type DepType string

// The usual links. Only DepBlocks holds work up, and DepParent hands that down:
// a child of a blocked bead is not ready either.
const (
	DepBlocks     DepType = "blocks"
	DepParent     DepType = "parent-child"
	DepRelated    DepType = "related"
	DepDiscovered DepType = "discovered-from"
)

// DepTypes lists the links people may make. An import may bring others.
var DepTypes = []DepType{DepBlocks, DepParent, DepRelated, DepDiscovered, "duplicates", "supersedes", "replies-to", "tracks"}

// ParseDepType accepts one of DepTypes.
func ParseDepType(s string) (DepType, error) {
	return parseWord("dependency type", s, DepTypes)
}

// ParsePriority accepts 0 to 4, and P0 to P4.
func ParsePriority(s string) (int, error) {
	d := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(s), "P"), "p")
	if len(d) == 1 && d[0] >= '0' && d[0] <= '0'+MaxPriority {
		return int(d[0] - '0'), nil
	}
	return 0, fmt.Errorf("%w: priority %q: use 0 (most urgent) to %d", ErrUsage, Clip(s, 40), MaxPriority)
}

func parseWord[T ~string](what, s string, words []T) (T, error) {
	w := T(strings.ToLower(strings.TrimSpace(s)))
	for _, alike := range []T{w, T(strings.ReplaceAll(string(w), "-", "_")), T(strings.ReplaceAll(string(w), "_", "-"))} {
		if slices.Contains(words, alike) {
			return alike, nil
		}
	}
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return "", fmt.Errorf("%w: no %s %q; there are: %s", ErrUsage, what, Clip(s, 40), strings.Join(all, ", "))
}
