package federate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gastown/planes/federation"
	"gastown/sync/files"
	"gastown/town"
)

// FileReport lists the files that a person must hear of.
type FileReport struct {
	// Invalid files are left alone; all others are handled.
	Invalid []files.Invalid
	// Kept files have an edit that is not recorded yet; a row that changed
	// meanwhile was not written over it.
	Kept []files.Skipped
	// Changing files were edited, renamed or removed while they were read, or another
	// program has them open for writing; the next Commit records them.
	Changing []town.Key
	// Rescued texts were found beside the file they belong to.
	Rescued []files.Rescue
	// Dropped texts were found there too and were removed, because the plane's
	// history has them.
	Dropped []files.Rescue
}

// tells reports that a person must hear of it.
func (r FileReport) tells() bool {
	return len(r.Invalid)+len(r.Kept)+len(r.Changing)+len(r.Rescued)+len(r.Dropped) > 0
}

// Recorded is the outcome of Commit.
type Recorded struct {
	// Commit is empty when there was nothing to record.
	Commit string
	// Edits counts documents recorded.
	Edits int
	// Notes tell what became of edits made against an older row.
	Notes []string
	// Reviews counts the proposals that await a person.
	Reviews int
	FileReport
	// onto is the parent of Commit.
	onto string
}

// Commit records edited files in the plane. It needs no network.
func (e *Engine) Commit(ctx context.Context, message string) (out Recorded, err error) {
	return e.commit(ctx, message, false)
}

// commit is Commit. publishing says that what is recorded is about to leave.
func (e *Engine) commit(ctx context.Context, message string, publishing bool) (out Recorded, err error) {
	record := func(w *workspace) error {
		w.publishing = publishing
		if out, err = w.record(ctx, message); err != nil {
			return err
		}
		reviews, err := w.postReviews(ctx)
		out.Reviews = len(reviews)
		return err
	}
	err = e.with(ctx, func(w *workspace) error {
		remotes, err := w.olderThan(ctx)
		if err == nil && len(remotes) > 0 {
			err = errOlder{remotes}
		}
		if err != nil {
			return err
		}
		return record(w)
	})
	var older errOlder
	if !errors.As(err, &older) {
		return out, err
	}
	notes, err := e.catchUp(ctx, older.remotes)
	if err == nil {
		err = e.with(ctx, record)
	}
	out.Notes = append(notes, out.Notes...)
	return out, err
}

// record makes edited files rows, and first shows rows that the files do not show
// yet, whoever wrote them.
func (w *workspace) record(ctx context.Context, message string) (out Recorded, err error) {
	if err := w.adoptForeign(ctx); err != nil {
		return out, err
	}
	defer func() {
		if err != nil && w.unfit != nil {
			err = w.unfit // the reason
		}
	}()
	if err := w.showFit(ctx); err != nil {
		return out, err
	}
	// What show could not write has an edit, which is recorded now.
	w.skipped = nil
	changes, err := w.scan(ctx)
	if err != nil {
		return out, err
	}
	out.Invalid, out.Changing = busyApart(changes.Invalid)
	edits, byKey := w.edits(&changes)
	if len(edits) == 0 {
		out.Rescued, out.Dropped = w.rescued, w.dropped
		if changes.Refreshed > 0 {
			w.saveLearnt()
		}
		return out, nil
	}
	if err := w.searchEdits(ctx, edits); err != nil {
		return out, err
	}
	if message == "" {
		message = describe(edits)
	}
	recorded := w.engine.step("record")
	w.engine.progress(phases["record"], 0, int64(len(edits)), "files")
	rec, err := w.store.Record(ctx, message, edits)
	recorded()
	if err != nil {
		return out, err
	}
	if err := w.settle(ctx, rec, byKey); err != nil {
		return out, err
	}
	collected := w.engine.step("collect")
	_, err = w.store.GCAfterWrite(ctx)
	collected()
	if err != nil {
		return out, err
	}
	out.Commit, out.Edits, out.Notes, out.onto = rec.Commit, rec.Edits, rec.Notes, w.recordedOn
	out.Changing = append(out.Changing, rec.Left...)
	out.Kept, out.Rescued, out.Dropped = w.skipped, w.rescued, w.dropped
	return out, nil
}

// busyApart takes documents that another program has open for writing out of the files
// that are invalid.
func busyApart(all []files.Invalid) (invalid []files.Invalid, busy []town.Key) {
	for _, f := range all {
		if key, err := town.ParsePath(f.Path); err == nil && errors.Is(f.Err, town.ErrBusy) {
			busy = append(busy, key)
		} else {
			invalid = append(invalid, f)
		}
	}
	return invalid, busy
}

// edits turns what Scan found into what Record takes.
func (w *workspace) edits(changes *files.Changes) ([]federation.FileEdit, map[town.Key]files.Change) {
	n := len(changes.Added) + len(changes.Modified) + len(changes.Deleted)
	edits := make([]federation.FileEdit, 0, n)
	byKey := make(map[town.Key]files.Change, n)
	for _, list := range [][]files.Change{changes.Added, changes.Modified, changes.Deleted} {
		for _, c := range list {
			entry, _ := w.index.Get(c.Key)
			edits = append(edits, federation.FileEdit{
				Key: c.Key, Removed: c.Deleted, Text: c.Text, Read: w.again(c), Size: c.Size, Version: c.Meta.Version,
				Base: c.Base, BaseContent: entry.Content,
			})
			byKey[c.Key] = c
		}
	}
	return edits, byKey
}

// again returns how to read a text that the scan did not hold in memory; nil for
// one that it did. A file that has changed by then is left for the next call.
func (w *workspace) again(c files.Change) func(context.Context) (string, bool, error) {
	if !c.Unread {
		return nil
	}
	return func(ctx context.Context) (string, bool, error) {
		text, err := w.tree.Text(ctx, c)
		if errors.Is(err, files.ErrEdited) || errors.Is(err, town.ErrBusy) {
			return "", false, nil
		}
		return text, err == nil, err
	}
}

// rowsAtOnce bounds the rows in memory; each may have a text of 1 MiB.
const rowsAtOnce = 32

// settle notes in the index which row each file now shows. Over a file whose text
// is not in force it writes the row; the text itself is archived or proposed by
// then.
func (w *workspace) settle(ctx context.Context, rec federation.Recorded, byKey map[town.Key]files.Change) error {
	for key, digest := range rec.Rows {
		if err := w.index.Record(byKey[key], digest); err != nil {
			return err
		}
	}
	if len(rec.Lost) > 0 {
		var failed error
		out, err := w.tree.Apply(ctx, w.index, func(yield func(files.Write) bool) {
			for keys := range slices.Chunk(rec.Lost, rowsAtOnce) {
				var current map[town.Key]federation.State
				if current, failed = w.store.Current(ctx, keys); failed != nil {
					return
				}
				for _, key := range keys {
					s := current[key]
					if !yield(files.Write{Key: key, Text: s.Text, Remove: s.Absent, Base: s.Digest, Expect: byKey[key].Content}) {
						return
					}
				}
			}
		}, files.ApplyOptions{})
		w.note(ctx, out)
		if err = errors.Join(failed, err); err != nil {
			return err
		}
	}
	for _, key := range rec.Left {
		delete(byKey, key) // it is as far behind as it was
	}
	for key := range byKey {
		delete(w.behind, key)
	}
	for _, skip := range w.skipped {
		w.behind[skip.Key] = true // edited once more since it was read
	}
	if rec.Commit != "" {
		w.recordedOn, w.tip = rec.Parent, rec.Commit
	}
	return w.saveShown(w.tip)
}

// describe is the commit message when nobody gave one.
func describe(edits []federation.FileEdit) string {
	verb := func(e federation.FileEdit) string {
		switch {
		case e.Removed:
			return "remove "
		case e.Base == "":
			return "add "
		default:
			return "edit "
		}
	}
	if len(edits) == 1 {
		return verb(edits[0]) + edits[0].Key.String()
	}
	return fmt.Sprintf("%s%s and %d more", verb(edits[0]), edits[0].Key, len(edits)-1)
}
