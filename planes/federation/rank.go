package federation

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Rank is what a Town says about the place of an edit in the order in which edits of one
// document come into force. An edit has the place of its revision. Where a document was
// removed, or a merge put an edit in force over one with a higher revision, a Town gives
// it a rank. A row comes into force only over one that has a lower place, so Towns agree
// whatever they merge first, and what was superseded does not come back; see judge.go.
type Rank struct {
	town.Key
	// Level is compared with revisions.
	Level uint64
	// Edit is the statement of an edit; "" says that the document was removed.
	Edit town.Digest
	// Town and Author said it.
	Town   town.ID
	Author string
}

const rankColumns = "kind, name, level, edit, town, author"

func (v Rank) statement() town.Digest {
	return town.DigestOf("rank", string(v.Kind), v.Name, strconv.FormatUint(v.Level, 10), string(v.Edit), string(v.Town), v.Author)
}

func (v Rank) values() []any {
	return []any{string(v.Kind), v.Name, v.Level, string(v.Edit), string(v.Town), v.Author}
}

// key has the columns of the rank's key, as keyColumns names them.
func (v Rank) key() []any {
	return []any{string(v.Kind), v.Name, v.Level, string(v.Edit), string(v.Town)}
}

func scanRank(r scanner) (v Rank, err error) {
	err = r.Scan((*string)(&v.Kind), &v.Name, &v.Level, (*string)(&v.Edit), (*string)(&v.Town), &v.Author)
	return v, err
}

// levels are, for one document, the highest ranks of its edits, by their statements.
type levels map[town.Digest]Rank

// raise takes a rank into account. Of equal ones the one that better prefers stays.
func (l levels) raise(v Rank, better func(Rank) bool) {
	was := l[v.Edit]
	if v.Level > was.Level || v.Level == was.Level && !better(was) && better(v) {
		l[v.Edit] = v
	}
}

// top is the highest level there is. Whatever is written later has a higher one.
func (l levels) top() (top uint64) {
	for _, v := range l {
		top = max(top, v.Level)
	}
	return top
}

// stepsOfLevels is the logarithm of how many levels are one step. An edit or a rank counts
// only up to the step after the one of the highest rank there is; see reach.
const stepsOfLevels = 32

func step(level uint64) uint64 { return level >> stepsOfLevels }

// reach reports whether a level counts where top is the highest rank. Otherwise one row
// with the highest number there is would stand for good: nothing could be written above it.
// The ranks between are rows of the plane that every Town has, so all Towns judge alike; and
// the plane cannot have so many that they lead to the last level (limits.go).
func reach(top, level uint64) bool { return step(level) <= step(top)+1 }

// outOfReach is the reason why a number that is far too high does not count.
const outOfReach = "its number is too far above those that are here"

// place is where something stands in the order of a document.
type place struct {
	level uint64
	edit  town.Digest
}

// of is the place of an edit; nil is the absence of one.
func (l levels) of(e *town.Edit) place {
	if e == nil {
		return l.at(0, "")
	}
	return l.at(e.Revision, statement(*e))
}

// at is the place of what has a revision and a statement.
func (l levels) at(revision uint64, edit town.Digest) place {
	return place{level: max(revision, l[edit].Level), edit: edit}
}

// compare orders places. Different edits have different places.
func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.level, o.level), cmp.Compare(p.edit, o.edit))
}

// levelsOf reads the levels of documents at a revision of the plane; "" is the session's
// own state.
func (s *Store) levelsOf(ctx context.Context, tx *doltdb.Tx, k town.Kind, revision string, names []string) (map[string]levels, error) {
	asOf, err := at(revision)
	if err != nil {
		return nil, err
	}
	found := map[string]levels{}
	for part := range slices.Chunk(names, batchSize) {
		err := tx.Each(ctx, func(r *doltdb.Rows) error {
			v, err := scanRank(r)
			s.raise(found, v)
			return err
		}, "SELECT "+rankColumns+" FROM ranks"+asOf+" WHERE kind = ? AND name IN "+placeholders(len(part)), append([]any{string(k)}, anys(part)...)...)
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (s *Store) raise(found map[string]levels, v Rank) {
	if found[v.Name] == nil {
		found[v.Name] = levels{}
	}
	found[v.Name].raise(v, func(v Rank) bool { return s.Denies(Arrival{Key: v.Key, Town: v.Town, Author: v.Author}) == "" })
}
