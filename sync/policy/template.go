package policy

import (
	"fmt"
	"maps"
	"strconv"

	"gastown/town"
)

// Templates merges the issues of one template. Issue n is an edit whose Version is
// "n". The issue with the highest number is the file people see; if it is marked
// Deleted, there is no file. The lists may have any order.
//
// Issues are only appended. Theirs keep their numbers. Those of ours that theirs
// do not have are issued again after them, in our order, with the next numbers
// and every other field unchanged. A number that another Town may have seen keeps
// its meaning, even when a hostile list omits or rewrites an issue of the base:
// the issue of the base stays, and the rewritten one follows at the end. An issue
// whose number is unusable or taken gets a new number too.
//
// An edit survives a removal made on the other side: our removal is dropped;
// theirs keeps its number, and our edit follows it.
//
// The result is ordered by number, and merging it with itself over the same base
// gives the same result. The notes, one line each, tell people what was issued
// again or dropped; of many the first, and how many more there are.
func Templates(base, ours, theirs []town.Edit) (merged []town.Edit, notes []string) {
	base, ours, theirs = sorted(base), sorted(ours), sorted(theirs)

	m := &merge{at: byNumber{}}
	strayBase := m.place(base)
	agreed := maps.Clone(m.at)
	strayTheirs := m.place(theirs)

	m.noteRestored(agreed, theirs)
	elsewhere := contents(m.at.list(), theirs, ours)
	for _, e := range strayBase {
		if !e.Deleted && !elsewhere[contentOf(e)] {
			m.append(e, "%s: issue %s of the base is kept as issue %d")
		}
	}
	for _, e := range strayTheirs {
		m.append(e, "%s: their issue %s is now issue %d")
	}
	m.reissue(agreed.since(ours), agreed.since(theirs))
	merged = m.at.list()
	if m.more > 0 {
		m.notes = append(m.notes, fmt.Sprintf("%s: and %d more issues likewise", label(merged[0].Key), m.more))
	}
	return merged, m.notes
}

// merge is the list under construction.
type merge struct {
	at    byNumber
	last  uint64
	notes []string
	// more counts the notes that were left out.
	more int
}

// maxNotes is how many notes there are about one template.
const maxNotes = 20

// place puts each issue at its own number and returns the rest: issues whose number
// is unusable, or taken by an issue that says something else. An issue replaces
// one that says the same, so that of such a pair theirs stands.
func (m *merge) place(list []town.Edit) (stray []town.Edit) {
	for _, e := range list {
		n, ok := number(e)
		held, taken := m.at[n]
		if !ok || taken && !alike(held, e) {
			stray = append(stray, e)
			continue
		}
		m.at[n] = e
		m.last = max(m.last, n)
	}
	return stray
}

// append gives e the next number, unless the newest issue says the same. The note's
// format takes the document, the old number and the new one.
func (m *merge) append(e town.Edit, format string) {
	if newest, ok := m.at[m.last]; ok && alike(newest, e) {
		return
	}
	m.last++
	old := e.Version
	e.Version = strconv.FormatUint(m.last, 10)
	m.at[m.last] = e
	if old == e.Version {
		return
	}
	if _, err := strconv.ParseUint(old, 10, 64); err != nil {
		old = strconv.Quote(town.Clip(old, 20))
	}
	m.note(format, label(e.Key), old, m.last)
}

// reissue appends the issues that only we have. Our leading issues that theirs
// have too, in the same order, are skipped: they are the same work done twice, or
// a push whose answer was lost. From the first issue that theirs lack, all of
// ours follow, so that the order in which we wrote them stays.
func (m *merge) reissue(ours, theirs []town.Edit) {
	if len(ours) == 0 {
		return
	}
	ourLast := ours[len(ours)-1]
	theirEdit := len(theirs) > 0 && !theirs[len(theirs)-1].Deleted
	theirRemoval := len(theirs) > 0 && !theirEdit

	for _, e := range ours[shared(ours, theirs):] {
		if e.Deleted && theirEdit {
			m.note("%s: our removal gives way to their edit", label(e.Key))
			continue
		}
		m.append(e, "%s: our issue %s is now issue %d")
	}
	switch {
	case ourLast.Deleted && theirEdit:
		m.append(theirs[len(theirs)-1], "%s: their issue %s survives our removal as issue %d")
	case !ourLast.Deleted && theirRemoval && m.at[m.last].Deleted:
		m.append(ourLast, "%s: our issue %s survives their removal as issue %d")
	}
}

// shared counts the leading issues of ours that occur in theirs in the same order.
func shared(ours, theirs []town.Edit) int {
	n := 0
	for _, e := range theirs {
		if n < len(ours) && alike(ours[n], e) {
			n++
		}
	}
	return n
}

// noteRestored notes the issues of the base that theirs omit.
func (m *merge) noteRestored(agreed byNumber, theirs []town.Edit) {
	held := map[uint64]bool{}
	for _, e := range theirs {
		held[numberOr(e)] = true
	}
	for _, e := range agreed.list() {
		if !held[numberOr(e)] {
			m.note("%s: issue %s is missing from theirs and was kept", label(e.Key), e.Version)
		}
	}
}

func (m *merge) note(format string, args ...any) {
	if len(m.notes) == maxNotes {
		m.more++
		return
	}
	m.notes = append(m.notes, fmt.Sprintf(format, args...))
}
