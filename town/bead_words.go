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

// ParseStatus accepts one of Statuses, with a dash or an underscore between words.
func ParseStatus(s string) (Status, error) {
	return ParseWord("status", s, Statuses)
}

// StatusWord accepts what may be a status: one of Statuses, or a word that may be a
// custom one. Which custom ones there are only a ledger knows.
func StatusWord(s string) (Status, error) {
	status, err := ParseStatus(s)
	if w := Status(strings.ToLower(strings.TrimSpace(s))); err != nil && statusPattern.MatchString(string(w)) {
		return w, nil
	}
	return status, err
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

// WorkTypes are the types of people's work. ProgramTypes are those of beads that programs
// use among themselves, which are no work to take up.
var (
	WorkTypes    = []BeadType{TypeTask, TypeBug, TypeFeature, TypeEpic, TypeChore, "decision", "spike", "story", "milestone"}
	ProgramTypes = []BeadType{"message", "merge-request", "molecule", "gate", "agent", "role", "rig", "convoy", "event"}
)

// BeadTypes lists the types that every ledger has. A ledger may have more.
var BeadTypes = slices.Concat(WorkTypes, ProgramTypes)

// typeNames are other names of types.
var typeNames = map[string]BeadType{
	"feat": TypeFeature, "enhancement": TypeFeature, "defect": TypeBug, "adr": "decision", "dec": "decision",
	"investigation": "spike", "timebox": "spike", "user-story": "story", "user_story": "story", "ms": "milestone",
	"mr": "merge-request", "mol": "molecule",
}

// ParseBeadType accepts one of BeadTypes, or another name of one.
func ParseBeadType(s string) (BeadType, error) {
	if t, ok := typeNames[strings.ToLower(strings.TrimSpace(s))]; ok {
		return t, nil
	}
	return ParseWord("type", s, BeadTypes)
}

// TypeWord accepts what may be a type, as StatusWord does for statuses.
func TypeWord(s string) (BeadType, error) {
	t, err := ParseBeadType(s)
	if w := BeadType(strings.ToLower(strings.TrimSpace(s))); err != nil && wordPattern.MatchString(string(w)) {
		return w, nil
	}
	return t, err
}

// IsWord reports whether s may be a type of beads or of links.
func IsWord(s string) bool { return wordPattern.MatchString(s) }

// DepType says how one bead is linked to another.
type DepType string

// The links that hold work up. A bead waits for an open bead that blocks it, for one
// that must fail first (DepConditional, see Failed), and for the children of another
// (DepWaitsFor, see AnyChild). DepParent hands waiting down: a child of a bead that
// waits or is deferred is not ready either.
const (
	DepBlocks      DepType = "blocks"
	DepParent      DepType = "parent-child"
	DepConditional DepType = "conditional-blocks"
	DepWaitsFor    DepType = "waits-for"
)

// Links that hold nothing up.
const (
	DepRelated    DepType = "related"
	DepDiscovered DepType = "discovered-from"
	DepRelates    DepType = "relates-to"
	DepDuplicates DepType = "duplicates"
	DepSupersedes DepType = "supersedes"
)

// DepTypes lists the links people may make. An import may bring others.
var DepTypes = []DepType{
	DepBlocks, DepParent, DepConditional, DepWaitsFor, DepRelated, DepDiscovered, DepRelates, DepDuplicates, DepSupersedes,
	"replies-to", "authored-by", "assigned-to", "approved-by", "attests", "tracks", "until", "caused-by", "validates", "delegated-from",
}

// ParseDepType accepts one of DepTypes.
func ParseDepType(s string) (DepType, error) {
	return ParseWord("dependency type", s, DepTypes)
}

// The gates of DepWaitsFor: a bead waits until all children of the other are closed,
// or until one is. Other metadata of such a link means all.
const (
	AllChildren = `{"gate":"all-children"}`
	AnyChild    = `{"gate":"any-children"}`
)

// FailureWords are the words of a close reason that say that a bead failed.
var FailureWords = []string{
	"failed", "rejected", "wontfix", "won't fix", "canceled", "cancelled", "abandoned", "blocked", "error", "timeout", "aborted",
}

// Failed reports whether a close reason says that the bead failed, which is what a
// DepConditional link waits for.
func Failed(reason string) bool {
	reason = strings.ToLower(reason)
	return slices.ContainsFunc(FailureWords, func(w string) bool { return strings.Contains(reason, w) })
}

// ParsePriority accepts 0 to 4, and P0 to P4.
func ParsePriority(s string) (int, error) {
	d := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(s), "P"), "p")
	if len(d) == 1 && d[0] >= '0' && d[0] <= '0'+MaxPriority {
		return int(d[0] - '0'), nil
	}
	return 0, fmt.Errorf("%w: priority %q: use 0 (most urgent) to %d", ErrUsage, Clip(s, 40), MaxPriority)
}

// ParseWord accepts one of the words, with a dash or an underscore between its parts. what
// names the kind of word in the error, which lists them.
func ParseWord[T ~string](what, s string, words []T) (T, error) {
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
