package gitremote

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
)

// history bounds what the ref reaches. Commits are chained, so that git sends
// only what is new. A chain costs space: the dead table files, which later commits
// no longer name. A publish counts their bytes. It cuts the history (its commit has
// no parent) once the dead bytes exceed max(live bytes, SquashBytes) or the chain
// exceeds SquashCommits.
//
// So a ref never reaches more than twice its live bytes, or its live bytes plus
// SquashBytes, whichever is more, apart from one publish. A cut sends the live files
// again, but only after at least as many bytes have died, so it at most doubles the
// bytes sent. A peer that was behind a cut fetches with force, as every fetch does,
// and merges in Dolt, where nothing was cut.
//
// The two numbers travel in the commit message. They are hints: a wrong one can only
// make a cut come early or late. For commits without them (stock dolt writes none)
// the history is measured.
type history struct {
	// Commits in the chain, the newest included.
	Commits int `json:"commits"`
	// Dead bytes that history reaches and the newest tree does not.
	Dead int64 `json:"dead"`
}

var trailer = regexp.MustCompile(`(?m)^Gt-History: commits=(\d{1,7}) dead-bytes=(\d{1,15})$`)

func (h history) trailer() string {
	return fmt.Sprintf("Gt-History: commits=%d dead-bytes=%d", h.Commits, h.Dead)
}

// parseHistory reads the last trailer of a message, if it is plausible.
func parseHistory(message string) (history, bool) {
	all := trailer.FindAllStringSubmatch(message, -1)
	if len(all) == 0 {
		return history{}, false
	}
	m := all[len(all)-1]
	commits, err1 := strconv.Atoi(m[1])
	dead, err2 := strconv.ParseInt(m[2], 10, 64)
	if err1 != nil || err2 != nil || commits < 1 {
		return history{}, false
	}
	return history{Commits: commits, Dead: dead}, true
}

// foreignChain is the chain length assumed for commits of other programs; the
// stock dolt command cuts after as many.
const foreignChain = 64

// retrySquash is after how many commits a cut is tried again at a remote that
// refused one.
const retrySquash = 256

// historyOf finds the numbers for a commit with the given live bytes.
func (m *Mirror) historyOf(ctx context.Context, t *remoteTree, live int64) (history, error) {
	if len(t.commit.Parents) == 0 {
		return history{Commits: 1}, nil
	}
	if h, ok := parseHistory(t.commit.Message); ok {
		return h, nil
	}
	all, err := m.repo.HistoryBytes(ctx, t.commit.ID)
	if err != nil {
		return history{}, kinds(err, ErrCorrupt)
	}
	return history{Commits: foreignChain, Dead: max(0, all-live)}, nil
}

// live is the size of everything the state's tree holds.
func (s state) live() int64 {
	n := treeBytes(s.Tables)
	for _, t := range s.Tables {
		n += t.Size
	}
	return n
}

// next decides what follows the state's commit when the tree gets these tables:
// the numbers of the new commit, and whether the history is cut.
func (s state) next(o Options, tables []table) (history, bool) {
	now := state{Tables: tables}
	h := s.chained(tables)
	if s.Head != "" && (!s.KeepHistory || h.Commits%retrySquash == 0) && (h.Commits > o.SquashCommits || h.Dead > max(now.live(), o.SquashBytes)) {
		return history{Commits: 1}, true
	}
	return h, false
}

// chained is the numbers of a commit with these tables on top of the state's.
func (s state) chained(tables []table) history {
	if s.Head == "" {
		return history{Commits: 1}
	}
	kept := map[string]bool{}
	for _, t := range tables {
		kept[t.ID] = true
	}
	h := history{Commits: s.History.Commits + 1, Dead: s.History.Dead + treeBytes(s.Tables)}
	for _, t := range s.Tables {
		if !kept[t.ID] {
			h.Dead += t.Size
		}
	}
	return h
}
